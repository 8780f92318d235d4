// aes_sbox_composite: SubBytes or InvSubBytes of one byte by arithmetic in small fields.
//
//   Combinational. GF(2^8) is seen as a tower: GF(2^2) = GF(2)[w]/(w^2+w+1), GF(2^4) =
//   GF(2^2)[z]/(z^2+z+w), GF(2^8) = GF(2^4)[x]/(x^2+x+1001). An inversion there costs multiplications
//   of two bits. The affine maps of FIPS-197 are merged into the changes of basis, whose 106 ones are
//   the fewest of all roots. rtl/formal proves it equal to the tables.
`default_nettype none

module aes_sbox_composite #(
  parameter INVERSE = 0
) (
  input  wire [7:0] byte_i,
  output wire [7:0] byte_o
);

  function automatic [1:0] mul2;
    input [1:0] a;
    input [1:0] b;
    mul2 = {((^a) & (^b)) ^ (a[0] & b[0]), (a[1] & b[1]) ^ (a[0] & b[0])};
  endfunction

  // Times w.
  function automatic [1:0] scale2;
    input [1:0] a;
    scale2 = {^a, a[1]};
  endfunction

  // Squaring, which is also inverting.
  function automatic [1:0] square2;
    input [1:0] a;
    square2 = {a[1], ^a};
  endfunction

  function automatic [3:0] mul4;
    input [3:0] a;
    input [3:0] b;
    reg   [1:0] low;
    begin
      low  = mul2(a[1:0], b[1:0]);
      mul4 = {mul2(a[3:2] ^ a[1:0], b[3:2] ^ b[1:0]) ^ low, low ^ scale2(mul2(a[3:2], b[3:2]))};
    end
  endfunction

  function automatic [3:0] square4;
    input [3:0] a;
    square4 = {square2(a[3:2]), square2(a[1:0]) ^ scale2(square2(a[3:2]))};
  endfunction

  function automatic [3:0] invert4;
    input [3:0] a;
    reg   [1:0] sum, d;
    begin
      sum     = a[3:2] ^ a[1:0];
      d       = square2(scale2(square2(a[3:2])) ^ mul2(sum, a[1:0]));
      invert4 = {mul2(a[3:2], d), mul2(sum, d)};
    end
  endfunction

  wire [7:0] tower;
  wire [3:0] high = tower[7:4];
  wire [3:0] low  = tower[3:0];
  wire [3:0] sum  = high ^ low;
  wire [3:0] norm = mul4(4'd9, square4(high)) ^ mul4(sum, low);
  wire [3:0] d    = invert4(norm);
  wire [7:0] inverse = {mul4(high, d), mul4(sum, d)};

  generate
    if (INVERSE != 0) begin : gen_inverse
      wire in0 = byte_i[1] ^ byte_i[2];
      wire in1 = byte_i[3] ^ byte_i[5];
      wire in2 = byte_i[6] ^ in0;
      wire in3 = byte_i[6] ^ in1;
      assign tower[7] = byte_i[7] ^ in2;
      assign tower[6] = ~(byte_i[0] ^ byte_i[3]);
      assign tower[5] = byte_i[4] ^ in3;
      assign tower[4] = ~(byte_i[7] ^ in0);
      assign tower[3] = ~(byte_i[5] ^ byte_i[7]);
      assign tower[2] = in2;
      assign tower[1] = byte_i[2] ^ in3;
      assign tower[0] = byte_i[3];
      wire out0 = inverse[1] ^ inverse[4];
      wire out1 = inverse[6] ^ inverse[7];
      wire out2 = inverse[1] ^ inverse[2];
      wire out3 = inverse[5] ^ out2;
      assign byte_o[7] = out3;
      assign byte_o[6] = inverse[2] ^ inverse[3] ^ out1;
      assign byte_o[5] = inverse[7] ^ out3;
      assign byte_o[4] = inverse[3] ^ out0;
      assign byte_o[3] = out0 ^ out1;
      assign byte_o[2] = inverse[5] ^ out0;
      assign byte_o[1] = inverse[4] ^ out1;
      assign byte_o[0] = inverse[0] ^ inverse[2] ^ out0;
    end else begin : gen_forward
      wire in0 = byte_i[4] ^ byte_i[6];
      wire in1 = byte_i[1] ^ byte_i[2];
      wire in2 = byte_i[3] ^ in0;
      wire in3 = byte_i[7] ^ in1;
      assign tower[7] = byte_i[5] ^ byte_i[7];
      assign tower[6] = byte_i[5] ^ in1 ^ in2;
      assign tower[5] = byte_i[1] ^ byte_i[7] ^ in0;
      assign tower[4] = byte_i[2] ^ byte_i[7] ^ in2;
      assign tower[3] = byte_i[6] ^ in3;
      assign tower[2] = in2;
      assign tower[1] = byte_i[1] ^ byte_i[3];
      assign tower[0] = byte_i[0] ^ byte_i[3] ^ in3;
      wire out0 = inverse[0] ^ inverse[3];
      wire out1 = inverse[1] ^ out0;
      wire out2 = inverse[2] ^ inverse[4];
      wire out3 = inverse[2] ^ inverse[7];
      assign byte_o[7] = out3;
      assign byte_o[6] = ~(inverse[4] ^ inverse[7]);
      assign byte_o[5] = ~(inverse[3] ^ out3);
      assign byte_o[4] = inverse[5] ^ out0 ^ out2;
      assign byte_o[3] = inverse[0];
      assign byte_o[2] = out1 ^ out2;
      assign byte_o[1] = ~(inverse[7] ^ out1);
      assign byte_o[0] = ~(inverse[0] ^ inverse[6]);
    end
  endgenerate

endmodule

`default_nettype wire
