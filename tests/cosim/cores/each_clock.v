// Spoken to like the tiny_aes of OpenCores: a pipeline that takes a block and a key each clock, without
// reset, valid or ready.
`default_nettype none
module aes_128 (
  input  wire         clk,
  input  wire [127:0] state,
  input  wire [127:0] key,
  output wire [127:0] out
);
  `include "aes_functions.vh"
  reg [127:0] s [0:10];
  reg [127:0] k [0:10];
  always @(posedge clk) begin
    s[0] <= state ^ key;
    k[0] <= key;
  end
  genvar r;
  generate
    for (r = 1; r <= 10; r = r + 1) begin : gen_round
      wire [127:0] sub;
      wire [31:0]  key_sub;
      aes_sub_word #(.WORDS(4), .INVERSE(0)) u_sub (.bytes_i(s[r-1]), .bytes_o(sub));
      aes_sub_word #(.WORDS(1), .INVERSE(0)) u_key (.bytes_i(rot_word(k[r-1][31:0])), .bytes_o(key_sub));
      wire [127:0] next_key = key_step(k[r-1], key_sub, round_constant(r));
      always @(posedge clk) begin
        s[r] <= (r == 10 ? shift_rows(sub) : mix_columns(shift_rows(sub))) ^ next_key;
        k[r] <= next_key;
      end
    end
  endgenerate
  wire [127:0] do = s[10]; // a word that SystemVerilog has taken since
  assign out = do;
endmodule
`default_nettype wire
