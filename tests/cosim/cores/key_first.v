// Spoken to like secworks' aes_core: init loads the key, next starts a block, ready and result_valid are
// levels, 128-bit keys in the upper half. Round keys are kept in a memory, so it decrypts too.
`default_nettype none
module aes_core (
  input  wire         clk,
  input  wire         reset_n,
  input  wire         encdec,
  input  wire         init,
  input  wire         next,
  output wire         ready,
  input  wire [255:0] key,
  input  wire [1:0]   keylen,
  input  wire [127:0] block,
  output wire [127:0] result,
  output reg          result_valid
);
  wire reset = !reset_n;
  reg  [127:0] first_key;  // round keys 0 and 10
  reg  [127:0] last_key;
  reg  [3:0]   expand;     // 0: none
  wire [31:0]  expand_sub;
  aes_sub_word #(.WORDS(1), .INVERSE(0)) u_expand (.bytes_i(rot_word(last_key[31:0])), .bytes_o(expand_sub));

  wire         start_in = next && ready;
  wire [127:0] data_in  = block;
  wire [127:0] key_in   = encdec ? first_key : last_key;
  wire         back_in  = !encdec;
  `include "iterative.vh"

  always @(posedge clk) begin
    if (reset) begin
      expand       <= 4'd0;
      result_valid <= 1'b0;
    end else begin
      if (init && keylen == 2'd0) begin
        first_key <= key[255:128];
        last_key  <= key[255:128];
        expand    <= 4'd1;
      end else if (expand != 4'd0) begin
        last_key <= key_step(last_key, expand_sub, round_constant(expand));
        expand   <= expand == 4'd10 ? 4'd0 : expand + 4'd1;
      end
      if (start_in) begin
        result_valid <= 1'b0;
      end else if (busy && last) begin
        result_valid <= 1'b1;
      end
    end
  end
  // As where each direction has a datapath of its own: the pin chooses whose block shows.
  assign result = back == !encdec ? state : block;
  assign ready  = expand == 4'd0 && !busy;
endmodule
`default_nettype wire
