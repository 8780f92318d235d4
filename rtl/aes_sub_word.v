// aes_sub_word: the S-box on the WORDS x 4 bytes of a vector, each byte in its place.
//
//   Combinational.
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
      aes_sbox #(
        .INVERSE  (INVERSE),
        .COMPOSITE(COMPOSITE)
      ) u_sbox (
        .byte_i(bytes_i[8*k +: 8]),
        .byte_o(bytes_o[8*k +: 8])
      );
    end
  endgenerate

endmodule

`default_nettype wire
