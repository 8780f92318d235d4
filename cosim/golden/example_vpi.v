// The golden model called from a Verilog bench in Icarus:
//   $ iverilog -o example example_vpi.v && vvp -M <folder of cbit_golden.vpi> -m cbit_golden example
module example_vpi;
  integer golden;
  integer bad;
  reg [127:0] secret;
  reg [127:0] plain;
  reg [127:0] unknown;

  task expect_block;
    input [127:0] is;
    input [127:0] wanted;
    if (is !== wanted) begin
      $display("%h, expected %h", is, wanted);
      bad = bad + 1;
    end
  endtask

  initial begin
    bad = 0;
    golden = $cbit_golden_new(16, 0);
    bad = bad + $cbit_golden_key(golden, 3, 128'h000102030405060708090a0b0c0d0e0f);
    bad = bad + $cbit_golden_encrypt(golden, 3, 64'h0, 128'h00112233445566778899aabbccddeeff, secret);
    expect_block(secret, 128'h69c4e0d86a7b0430d8cdb78070b4c55a);
    bad = bad + $cbit_golden_tweak(golden, 12, 128'h00ff00ff00ff00ff00ff00ff00ff00ff);
    bad = bad + $cbit_golden_encrypt(golden, 3, 64'h1000, 128'h00112233445566778899aabbccddeeff, secret);
    bad = bad + $cbit_golden_decrypt(golden, 3, 64'h1000, secret, plain);
    expect_block(plain, 128'h00112233445566778899aabbccddeeff);
    if ($cbit_golden_encrypt(golden, 4, 64'h0, plain, secret) != 1) bad = bad + 1;
    if ($cbit_golden_encrypt(golden, 3, 64'h0, unknown, secret) != 3) bad = bad + 1;
    if ($cbit_golden_free(golden) != 0) bad = bad + 1;
    $display("%0s: %0d wrong", bad == 0 ? "good" : "bad", bad);
    $finish;
  end
endmodule
