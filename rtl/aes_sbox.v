// aes_sbox: SubBytes or InvSubBytes of one byte.
//
//   Combinational. COMPOSITE chooses between the table (default: simulation, FPGA) and arithmetic in
//   a tower of small fields (a third of the gates, twice the depth). rtl/formal proves them equal.
`default_nettype none

module aes_sbox #(
  parameter INVERSE   = 0,
  parameter COMPOSITE = 0
) (
  input  wire [7:0] byte_i,
  output wire [7:0] byte_o
);

  generate
    if (COMPOSITE != 0) begin : gen_composite
      aes_sbox_composite #(.INVERSE(INVERSE)) u_sbox (.byte_i(byte_i), .byte_o(byte_o));
    end else if (INVERSE != 0) begin : gen_inverse
      aes_inv_sbox_table u_sbox (.byte_i(byte_i), .byte_o(byte_o));
    end else begin : gen_forward
      aes_sbox_table u_sbox (.byte_i(byte_i), .byte_o(byte_o));
    end
  endgenerate

endmodule

`default_nettype wire
