// For rtl/synth/size: an XNOR is one cell, as in the gates that abc uses; Yosys alone makes two of it.
(* techmap_celltype = "$xnor" *)
module map_xnor (A, B, Y);
  parameter A_SIGNED = 0, B_SIGNED = 0, A_WIDTH = 1, B_WIDTH = 1, Y_WIDTH = 1;
  input  [A_WIDTH-1:0] A;
  input  [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;
  wire _TECHMAP_FAIL_ = A_WIDTH != Y_WIDTH || B_WIDTH != Y_WIDTH;
  genvar i;
  generate
    for (i = 0; i < Y_WIDTH; i = i + 1) begin : gen_bit
      \$_XNOR_ gate (.A(A[i]), .B(B[i]), .Y(Y[i]));
    end
  endgenerate
endmodule
