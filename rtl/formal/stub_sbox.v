// aes_sbox for proofs about control: addition keeps every key bit's influence, and its carries stop
// neighbouring rounds from cancelling it.
module aes_sbox #(
  parameter INVERSE   = 0,
  parameter COMPOSITE = 0
) (
  input  wire [7:0] byte_i,
  output wire [7:0] byte_o
);
  assign byte_o = (INVERSE != 0) ? byte_i - 8'h53 : byte_i + 8'h53;
endmodule
