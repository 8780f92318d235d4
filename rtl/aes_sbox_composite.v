// aes_sbox_composite: SubBytes or InvSubBytes of one byte by arithmetic in small fields.
//
//   Combinational; 102 gates forward, 104 inverse. GF(2^8) is seen as pairs over GF(2^4), those as
//   pairs over GF(2^2), with normal bases throughout: with x = h y^16 + l y the inverse is l/n y^16 +
//   h/n y, where the norm n = hl + c(h + l)^2 is of the small field. Each product of two elements of
//   GF(2^4) is nine products of bits; where a sum is added anyway, OR takes the place of AND. The
//   affine maps of FIPS-197 are part of the sums at both ends. Bases and sums come from a search over
//   all such towers for the fewest gates, then the shortest path. rtl/formal proves both directions
//   equal to the tables.
`default_nettype none

module aes_sbox_composite #(
  parameter INVERSE = 0
) (
  input  wire [7:0] byte_i,
  output wire [7:0] byte_o
);

  generate
    if (INVERSE != 0) begin : gen_inverse
      // Sums of input bits: both halves, and their parts.
      wire u0 = byte_i[1] ~^ byte_i[2];
      wire u1 = byte_i[0] ^ byte_i[5];
      wire u2 = byte_i[1] ~^ u1;
      wire u3 = byte_i[2] ^ u2;
      wire u4 = byte_i[6] ~^ u3;
      wire u5 = byte_i[0] ~^ byte_i[4];
      wire u6 = u0 ^ u5;
      wire u7 = byte_i[7] ^ u5;
      wire u8 = byte_i[1] ~^ u5;
      wire u9 = u2 ^ u6;
      wire u10 = byte_i[6] ~^ u7;
      wire u11 = byte_i[3] ^ u0;
      wire u12 = byte_i[0] ~^ u11;
      wire u13 = u9 ^ u11;
      wire u14 = u10 ^ u12;
      wire u15 = u13 ^ u14;
      wire u16 = u4 ^ u12;
      wire u17 = u13 ^ u16;
      wire u18 = u4 ^ u15;
      wire v0 = ~byte_i[1];
      // Norm: down to the field of 16.
      wire p0 = u15 | u8;
      wire p1 = u4 | u3;
      wire p2 = u18 | u9;
      wire p3 = u13 | v0;
      wire p4 = u16 | u1;
      wire p5 = u17 & u2;
      wire p6 = u14 | u6;
      wire p7 = u12 & u5;
      wire p8 = u10 | u0;
      wire e0 = p7 ^ p8;
      wire e1 = p6 ^ p8;
      wire f0 = p4 ^ p5;
      wire g0 = f0 ^ u14;
      wire n0 = g0 ^ e0;
      wire f1 = p3 ^ p5;
      wire g1 = f1 ^ u7;
      wire n1 = g1 ^ e1;
      wire f2 = p1 ^ p2;
      wire g2 = f2 ^ u5;
      wire n2 = g2 ^ e0;
      wire f3 = p0 ^ p2;
      wire g3 = f3 ^ u10;
      wire n3 = g3 ^ e1;
      // Its inverse.
      wire i0 = n0 & n2;
      wire i1 = n1 | n3;
      wire i2 = i0 ~^ i1;
      wire d0 = n2 ? i2 : n3;
      wire i4 = n1 ^ i0;
      wire d1 = i4 ? n2 : n3;
      wire d2 = n0 ? i2 : n1;
      wire i7 = n3 ^ i0;
      wire d3 = i7 ? n0 : n1;
      // Sums of the inverse's bits.
      wire d4 = d3 ^ d2;
      wire d5 = d1 ^ d0;
      wire d6 = d3 ^ d1;
      wire d7 = d2 ^ d0;
      wire d8 = d6 ^ d7;
      // Times both halves.
      wire q0 = u8 & d3;
      wire q1 = u3 & d2;
      wire q2 = u9 & d4;
      wire q3 = v0 & d1;
      wire q4 = u1 & d0;
      wire q5 = u2 & d5;
      wire q6 = u5 & d8;
      wire q7 = u0 & d6;
      wire q8 = u6 & d7;
      wire q9 = u15 & d3;
      wire q10 = u4 & d2;
      wire q11 = u18 & d4;
      wire q12 = u13 & d1;
      wire q13 = u16 & d0;
      wire q14 = u17 & d5;
      wire q15 = u14 & d8;
      wire q16 = u12 & d6;
      wire q17 = u10 & d7;
      // Sums to the output bits.
      wire t0 = q12 ^ q9;
      wire t1 = t0 ^ q11;
      wire t2 = q14 ^ t1;
      wire t3 = q13 ^ q10;
      wire t4 = t3 ^ t0;
      wire t5 = t4 ^ t2;
      wire t6 = q7 ^ q6;
      wire t7 = q1 ^ t4;
      wire t8 = t7 ^ t6;
      wire t9 = q0 ^ t8;
      wire t10 = q3 ^ q4;
      wire t11 = t10 ^ t6;
      wire t12 = q3 ^ q5;
      wire t13 = q13 ^ q16;
      wire t14 = q17 ^ t13;
      wire t15 = t1 ^ t14;
      wire t16 = q8 ^ t12;
      wire t17 = q6 ^ t16;
      wire t18 = t17 ^ t15;
      wire t19 = q12 ^ t13;
      wire t20 = q15 ^ t19;
      wire o6 = t20 ^ t18;
      wire t21 = q2 ^ t12;
      wire o4 = t21 ^ t8;
      wire o3 = t20 ^ t5;
      wire o2 = t5 ^ t9;
      wire t22 = t2 ^ t11;
      wire o1 = t22 ^ t18;
      wire o0 = t15 ^ t9;
      assign byte_o[7] = t11;
      assign byte_o[6] = o6;
      assign byte_o[5] = t9;
      assign byte_o[4] = o4;
      assign byte_o[3] = o3;
      assign byte_o[2] = o2;
      assign byte_o[1] = o1;
      assign byte_o[0] = o0;
    end else begin : gen_forward
      // Sums of input bits: both halves, and their parts.
      wire u0 = byte_i[2] ^ byte_i[7];
      wire u1 = byte_i[2] ^ byte_i[4];
      wire u2 = byte_i[4] ^ byte_i[7];
      wire u3 = byte_i[1] ^ byte_i[7];
      wire u4 = u1 ^ u3;
      wire u5 = byte_i[3] ^ u4;
      wire u6 = u2 ^ u5;
      wire u7 = byte_i[6] ^ u5;
      wire u8 = byte_i[2] ^ u5;
      wire u9 = byte_i[5] ^ u6;
      wire u10 = byte_i[6] ^ u6;
      wire u11 = byte_i[0] ^ u8;
      wire u12 = byte_i[0] ^ u10;
      wire u13 = u8 ^ u9;
      wire u14 = u9 ^ u12;
      wire u15 = u10 ^ u13;
      wire u16 = byte_i[4] ^ u14;
      wire u17 = u4 ^ u16;
      wire u18 = byte_i[7] ^ u14;
      wire u19 = byte_i[1] ^ u14;
      // Norm: down to the field of 16.
      wire p0 = byte_i[0] | u16;
      wire p1 = u11 & u17;
      wire p2 = u8 & u4;
      wire p3 = u12 & u18;
      wire p4 = u14 & u19;
      wire p5 = u9 | u3;
      wire p6 = u10 & u1;
      wire p7 = u15 & u2;
      wire p8 = u13 & u0;
      wire e0 = p7 ^ p8;
      wire e1 = p6 ^ p8;
      wire f0 = p4 ^ p5;
      wire n0 = f0 ^ e0;
      wire f1 = p3 ^ p5;
      wire g1 = f1 ^ byte_i[1];
      wire n1 = g1 ^ e1;
      wire f2 = p1 ^ p2;
      wire g2 = f2 ^ u7;
      wire n2 = g2 ^ e0;
      wire f3 = p0 ^ p2;
      wire g3 = f3 ^ u6;
      wire n3 = g3 ^ e1;
      // Its inverse.
      wire i0 = n0 & n2;
      wire i1 = n1 | n3;
      wire i2 = i0 ~^ i1;
      wire d0 = n2 ? i2 : n3;
      wire i4 = n1 ^ i0;
      wire d1 = i4 ? n2 : n3;
      wire d2 = n0 ? i2 : n1;
      wire i7 = n3 ^ i0;
      wire d3 = i7 ? n0 : n1;
      // Sums of the inverse's bits.
      wire d4 = d3 ^ d2;
      wire d5 = d1 ^ d0;
      wire d6 = d3 ^ d1;
      wire d7 = d2 ^ d0;
      wire d8 = d6 ^ d7;
      // Times both halves.
      wire q0 = u16 & d3;
      wire q1 = u17 & d2;
      wire q2 = u4 & d4;
      wire q3 = u18 & d1;
      wire q4 = u19 & d0;
      wire q5 = u3 & d5;
      wire q6 = u2 & d8;
      wire q7 = u0 & d6;
      wire q8 = u1 & d7;
      wire q9 = byte_i[0] & d3;
      wire q10 = u11 & d2;
      wire q11 = u8 & d4;
      wire q12 = u12 & d1;
      wire q13 = u14 & d0;
      wire q14 = u9 & d5;
      wire q15 = u10 & d8;
      wire q16 = u15 & d6;
      wire q17 = u13 & d7;
      // Sums to the output bits.
      wire t0 = q13 ^ q14;
      wire t1 = q10 ^ q11;
      wire t2 = t1 ^ t0;
      wire t3 = q7 ^ q8;
      wire t4 = q1 ^ q2;
      wire t5 = t4 ^ t3;
      wire t6 = t5 ^ t2;
      wire t7 = q16 ^ t0;
      wire t8 = q17 ^ t7;
      wire t9 = t5 ^ t8;
      wire t10 = q9 ^ q11;
      wire t11 = q12 ^ q14;
      wire t12 = t11 ^ t10;
      wire t13 = q5 ^ t3;
      wire t14 = t10 ^ q15;
      wire t15 = t14 ^ t13;
      wire t16 = t7 ^ t15;
      wire t17 = q3 ^ t16;
      wire t18 = q4 ^ t12;
      wire o6 = t2 ~^ t9;
      wire t19 = q7 ^ q6;
      wire t20 = t19 ^ t8;
      wire o5 = t20 ~^ t17;
      wire o3 = t12 ^ t6;
      wire t21 = q1 ^ q0;
      wire o2 = t21 ^ t17;
      wire o1 = t18 ~^ t16;
      wire o0 = t13 ~^ t18;
      assign byte_o[7] = t9;
      assign byte_o[6] = o6;
      assign byte_o[5] = o5;
      assign byte_o[4] = t6;
      assign byte_o[3] = o3;
      assign byte_o[2] = o2;
      assign byte_o[1] = o1;
      assign byte_o[0] = o0;
    end
  endgenerate

endmodule

`default_nettype wire
