// Stands in for aes_sub_word.v where a proof is about control, order or whose key is used: cheap for
// the prover, not linear, and it keeps the influence of every key bit to the end (a linear stub lets
// the key cancel after two rounds and hides bugs). Never part of the engine.
`default_nettype none
module aes_sub_word #(
  parameter WORDS     = 1,
  parameter INVERSE   = 0,
  parameter COMPOSITE = 0
) (
  input  wire [32*WORDS-1:0] bytes_i,
  output wire [32*WORDS-1:0] bytes_o
);
  genvar k;
  generate
    for (k = 0; k < 4 * WORDS; k = k + 1) begin : gen_byte
      wire [7:0] b = bytes_i[8*k +: 8];
      assign bytes_o[8*k +: 8] = {b[6:0], b[7]} ^ {7'h0, b[0] & b[1]} ^ 8'h63;
    end
  endgenerate
endmodule
`default_nettype wire
