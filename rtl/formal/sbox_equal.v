// sbox_equal: the composite S-boxes are the tables, the tables are inverse to each other.
module sbox_equal (input [7:0] byte_i);
  wire [7:0] table_f, table_i, composite_f, composite_i, back;
  aes_sbox #(.INVERSE(0), .COMPOSITE(0)) u_tf (.byte_i(byte_i), .byte_o(table_f));
  aes_sbox #(.INVERSE(1), .COMPOSITE(0)) u_ti (.byte_i(byte_i), .byte_o(table_i));
  aes_sbox #(.INVERSE(0), .COMPOSITE(1)) u_cf (.byte_i(byte_i), .byte_o(composite_f));
  aes_sbox #(.INVERSE(1), .COMPOSITE(1)) u_ci (.byte_i(byte_i), .byte_o(composite_i));
  aes_sbox #(.INVERSE(1), .COMPOSITE(0)) u_bk (.byte_i(table_f), .byte_o(back));
  always @* begin
    assert (table_f == composite_f);
    assert (table_i == composite_i);
    assert (back == byte_i);
  end
endmodule
