// The golden model called from a SystemVerilog bench:
//   $ verilator --cc --exe --build --main -I<include>/cbit/cosim example_dpi.sv libcbit_golden.so
// Here it is compared with FIPS-197; a bench compares its own engine with it in the same way.
`include "cbit_golden.svh"
module example_dpi;
  chandle golden;
  bit [127:0] secret, plain;
  int bad = 0;

  function automatic void expect_block(input string what, input bit [127:0] is, input bit [127:0] wanted);
    if (is !== wanted) begin
      $display("%s: %h, expected %h", what, is, wanted);
      bad++;
    end
  endfunction

  initial begin
    golden = cbit_golden_new(16, 0);
    bad += cbit_golden_key(golden, 3, 128'h000102030405060708090a0b0c0d0e0f);
    bad += cbit_golden_encrypt(golden, 3, 0, 128'h00112233445566778899aabbccddeeff, secret);
    expect_block("FIPS-197 C.1", secret, 128'h69c4e0d86a7b0430d8cdb78070b4c55a);
    // A tweak constant changes what address bit 12 sees, and decryption takes it back.
    bad += cbit_golden_tweak(golden, 12, 128'h00ff00ff00ff00ff00ff00ff00ff00ff);
    bad += cbit_golden_encrypt(golden, 3, 64'h1000, 128'h00112233445566778899aabbccddeeff, secret);
    bad += cbit_golden_decrypt(golden, 3, 64'h1000, secret, plain);
    expect_block("back again", plain, 128'h00112233445566778899aabbccddeeff);
    if (secret == 128'h69c4e0d86a7b0430d8cdb78070b4c55a) bad++;
    if (cbit_golden_encrypt(golden, 4, 0, plain, secret) != 1) bad++;
    expect_block("a slot without key", secret, 128'h0);
    cbit_golden_free(golden);
    $display("%s: %0d wrong", bad == 0 ? "good" : "bad", bad);
    $finish;
  end
endmodule
