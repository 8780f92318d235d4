// Spoken to like load_pulse.v; the state is sixteen registers of a byte, as in the original aes_core of OpenCores, and
// no signal has it as a whole. FAULT_RCON: the constant of round 9 has a wrong bit.
`default_nettype none
module aes_cipher_top (
  input  wire         clk,
  input  wire         rst,
  input  wire         ld,
  output reg          done,
  input  wire [127:0] key,
  input  wire [127:0] text_in,
  output wire [127:0] text_out
);
  `include "aes_functions.vh"
  reg  [3:0]   round; // 0: none
  reg  [127:0] round_key;
  wire [31:0]  key_sub;
  aes_sub_word #(.WORDS(1), .INVERSE(0)) u_key (.bytes_i(rot_word(round_key[31:0])), .bytes_o(key_sub));
`ifdef FAULT_RCON
  wire [7:0]   constant = round_constant(round) ^ (round == 4'd9 ? 8'h06 : 8'h00);
`else
  wire [7:0]   constant = round_constant(round);
`endif
  wire [127:0] next_key = key_step(round_key, key_sub, constant);

  // 2 a + 3 b + c + d
  function [7:0] mix(input [7:0] a, input [7:0] b, input [7:0] c, input [7:0] d);
    mix = {a[6:0] ^ b[6:0], 1'b0} ^ (8'h1b & {8{a[7] ^ b[7]}}) ^ b ^ c ^ d;
  endfunction

  genvar k;
  generate
    for (k = 0; k < 16; k = k + 1) begin : gen_byte
      reg  [7:0] s;
      wire [7:0] sub;
      aes_sbox #(.INVERSE(0)) u_sub (.byte_i(s), .byte_o(sub));
    end
    for (k = 0; k < 16; k = k + 1) begin : gen_next
      // Row r of column c comes from column c + r.
      wire [7:0] a = gen_byte[(k + 4 * (k % 4)) % 16].sub;
      wire [7:0] b = gen_byte[(k - k % 4 + (k + 1) % 4 + 4 * ((k + 1) % 4)) % 16].sub;
      wire [7:0] c = gen_byte[(k - k % 4 + (k + 2) % 4 + 4 * ((k + 2) % 4)) % 16].sub;
      wire [7:0] d = gen_byte[(k - k % 4 + (k + 3) % 4 + 4 * ((k + 3) % 4)) % 16].sub;
      always @(posedge clk) begin
        if (ld) gen_byte[k].s <= text_in[127-8*k-:8] ^ key[127-8*k-:8];
        else if (round != 4'd0) gen_byte[k].s <= (round == 4'd10 ? a : mix(a, b, c, d)) ^ next_key[127-8*k-:8];
      end
      assign text_out[127-8*k-:8] = done ? gen_byte[k].s : 8'h00;
    end
  endgenerate

  always @(posedge clk) begin
    done  <= rst && !ld && round == 4'd10;
    round <= !rst ? 4'd0 : ld ? 4'd1 : round == 4'd10 || round == 4'd0 ? 4'd0 : round + 4'd1;
    round_key <= ld ? key : next_key;
  end
endmodule
`default_nettype wire
