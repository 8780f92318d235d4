// Combinational lemmas: what one round, and with it the whole cipher, stands on.
//
//   Each module is one claim about all values of its inputs. Composed (README.md) they say that the
//   decryption pipeline undoes the encryption pipeline, round by round, with the round keys that the
//   hardware makes in both directions.
`default_nettype none

// FIPS-197 section 5.1.1: the S-box is the affine map of the inverse in GF(2^8) mod x^8+x^4+x^3+x+1.
module lemma_sbox_is_fips197 (input wire [7:0] x);
  wire [7:0] y;
  aes_sbox u_sbox (.byte_i(x), .byte_o(y));

  // y = A(i) + 63h, hence i = A^-1(y + 63h): bit k is the XOR of bits k+2, k+5 and k+7.
  wire [7:0] z       = y ^ 8'h63;
  wire [7:0] inverse = {z[6:0], z[7]} ^ {z[4:0], z[7:5]} ^ {z[1:0], z[7:2]};

  function automatic [7:0] times;
    input [7:0] a;
    input [7:0] b;
    integer     k;
    begin
      times = 8'h0;
      for (k = 7; k >= 0; k = k - 1) begin
        times = {times[6:0], 1'b0} ^ (times[7] ? 8'h1b : 8'h00) ^ (b[k] ? a : 8'h00);
      end
    end
  endfunction

  always @* assert ((x == 8'h0) ? (inverse == 8'h0) : (times(x, inverse) == 8'h1));
endmodule

module lemma_inverse_sbox (input wire [7:0] x);
  wire [7:0] y, back;
  aes_sbox #(.INVERSE(0)) u_sbox (.byte_i(x), .byte_o(y));
  aes_sbox #(.INVERSE(1)) u_inverse (.byte_i(y), .byte_o(back));
  always @* assert (back == x);
endmodule

`ifdef COMPOSITE
module lemma_composite_sboxes (input wire [7:0] x);
  wire [7:0] table_y, table_z, composite_y, composite_z;
  aes_sbox #(.INVERSE(0), .COMPOSITE(0)) u_table (.byte_i(x), .byte_o(table_y));
  aes_sbox #(.INVERSE(1), .COMPOSITE(0)) u_inverse_table (.byte_i(x), .byte_o(table_z));
  aes_sbox #(.INVERSE(0), .COMPOSITE(1)) u_composite (.byte_i(x), .byte_o(composite_y));
  aes_sbox #(.INVERSE(1), .COMPOSITE(1)) u_inverse_composite (.byte_i(x), .byte_o(composite_z));
  always @* assert (table_y == composite_y);
  always @* assert (table_z == composite_z);
endmodule
`endif

module lemma_shift_rows (input wire [127:0] s);
  `include "aes_functions.vh"
  always @* assert (inv_shift_rows(shift_rows(s)) == s);
endmodule

module lemma_mix_columns (input wire [127:0] s);
  `include "aes_functions.vh"
  always @* assert (inv_mix_columns(mix_columns(s)) == s);
endmodule

// FIPS-197 section 5.1.3, one column: {02 03 01 01} and its rotations.
module lemma_mix_column_is_fips197 (input wire [31:0] w);
  `include "aes_functions.vh"

  function automatic [7:0] two;
    input [7:0] a;
    two = {a[6:0], 1'b0} ^ (a[7] ? 8'h1b : 8'h00);
  endfunction

  wire [7:0]  a = w[31:24], b = w[23:16], c = w[15:8], d = w[7:0];
  wire [31:0] mixed = mix_column(w);
  always @* assert (mixed[31:24] == (two(a) ^ two(b) ^ b ^ c ^ d));
  always @* assert (mixed[23:16] == (a ^ two(b) ^ two(c) ^ c ^ d));
  always @* assert (mixed[15:8] == (a ^ b ^ two(c) ^ two(d) ^ d));
  always @* assert (mixed[7:0] == (two(a) ^ a ^ b ^ c ^ two(d)));
endmodule

// The backward key step undoes the forward one, with SubWord as each direction applies it.
module lemma_key_step (input wire [127:0] k, input wire [3:0] round);
  `include "aes_functions.vh"
  wire [31:0]  forward_sub, backward_sub;
  wire [127:0] next = key_step(k, forward_sub, round_constant(round));
  wire [127:0] back = inv_key_step(next, backward_sub, round_constant(round));
  aes_sub_word #(.WORDS(1), .INVERSE(0)) u_forward (
    .bytes_i(rot_word(k[31:0])), .bytes_o(forward_sub)
  );
  aes_sub_word #(.WORDS(1), .INVERSE(0)) u_backward (
    .bytes_i(rot_word(next[31:0] ^ next[63:32])), .bytes_o(backward_sub)
  );
  always @* assert (back == k);
endmodule

// FIPS-197 section 5.2: the constant of round r is x^(r-1) in GF(2^8).
module lemma_key_step_constants (input wire [3:0] round);
  `include "aes_functions.vh"
  wire [7:0] here = round_constant(round), next = round_constant(round + 4'd1);
  always @* assert (round != 4'd1 || here == 8'h01);
  // 0 and 10 to 15 have no successor.
  wire no_next = (round == 4'd0) || (round[3] && (round[2] || round[1]));
  always @* assert (no_next || next == ({here[6:0], 1'b0} ^ (here[7] ? 8'h1b : 8'h00)));
endmodule

// What an encryption round of the hardware computes, written as FIPS-197 has it. The registers are
// wires here (transparent.v): when a value arrives is the matter of the control proofs.
module lemma_encrypt_round #(
  parameter ROUND = 1
) (
  input wire [127:0] state,
  input wire [127:0] key,
  input wire [127:0] tweak
);
  `include "aes_functions.vh"
  wire [127:0] out, next_key, substituted;
  wire [31:0]  key_sub;
  wire [127:0] start   = (ROUND == 1) ? state ^ key : state;
  wire [127:0] shifted = shift_rows(substituted);
  wire [127:0] made    = key_step(key, key_sub, round_constant(ROUND[3:0]));
  aes_sub_word #(.WORDS(4)) u_sub (.bytes_i(start), .bytes_o(substituted));
  aes_sub_word #(.WORDS(1)) u_key_sub (.bytes_i(rot_word(key[31:0])), .bytes_o(key_sub));
  formal_round #(.ROUND(ROUND), .ENCRYPT(1), .DECRYPT(0)) u_round (
    .decrypt_i(1'b0), .state_i(state), .key_i(key), .tweak_i(tweak), .state_o(out), .key_o(next_key)
  );
  generate
    if (ROUND == 10) begin : gen_last
      always @* assert (out == (shifted ^ made ^ tweak));
    end else begin : gen_round
      always @* assert (out == (mix_columns(shifted) ^ made));
      always @* assert (next_key == made);
    end
  endgenerate
endmodule

// The same for a decryption round: the inverse steps in the order of FIPS-197 section 5.3, the key
// addition of one round drawn to the front of the next.
module lemma_decrypt_round #(
  parameter ROUND = 1
) (
  input wire [127:0] state,
  input wire [127:0] key,
  input wire [127:0] tweak
);
  `include "aes_functions.vh"
  wire [127:0] out, next_key, substituted;
  wire [31:0]  key_sub;
  wire [127:0] start = (ROUND == 1) ? state ^ key : state;
  wire [127:0] made  = inv_key_step(key, key_sub, round_constant(4'd11 - ROUND[3:0]));
  aes_sub_word #(.WORDS(4), .INVERSE(1)) u_sub (
    .bytes_i(inv_shift_rows(start)), .bytes_o(substituted)
  );
  aes_sub_word #(.WORDS(1)) u_key_sub (
    .bytes_i(rot_word(key[31:0] ^ key[63:32])), .bytes_o(key_sub)
  );
  formal_round #(.ROUND(ROUND), .ENCRYPT(0), .DECRYPT(1)) u_round (
    .decrypt_i(1'b0), .state_i(state), .key_i(key), .tweak_i(tweak), .state_o(out), .key_o(next_key)
  );
  generate
    if (ROUND == 10) begin : gen_last
      always @* assert (out == (substituted ^ made ^ tweak));
    end else begin : gen_round
      always @* assert (out == inv_mix_columns(substituted ^ made));
      always @* assert (next_key == made);
    end
  endgenerate
endmodule

// The first decryption round takes the last encryption round back, key step included: all bits, as
// one problem. (A middle round as one problem is beyond the provers; it is composed of the lemmas.)
module lemma_last_round_back (
  input wire [127:0] state,
  input wire [127:0] key
);
  `include "aes_functions.vh"
  wire [127:0] cipher, plain, key_10, key_9, unused_key;
  wire [31:0]  key_sub;
  aes_sub_word #(.WORDS(1)) u_key_sub (.bytes_i(rot_word(key[31:0])), .bytes_o(key_sub));
  assign key_10 = key_step(key, key_sub, round_constant(4'd10));
  formal_round #(.ROUND(10), .ENCRYPT(1), .DECRYPT(0)) u_encrypt (
    .decrypt_i(1'b0), .state_i(state), .key_i(key), .tweak_i(128'h0), .state_o(cipher), .key_o(unused_key)
  );
  formal_round #(.ROUND(1), .ENCRYPT(0), .DECRYPT(1)) u_decrypt (
    .decrypt_i(1'b0), .state_i(cipher), .key_i(key_10), .tweak_i(128'h0), .state_o(plain), .key_o(key_9)
  );
  always @* assert (key_9 == key);
  always @* assert (plain == inv_mix_columns(state ^ key));
endmodule

// A round that serves both directions computes what the round of the block's direction computes.
module lemma_shared_round #(
  parameter ROUND = 1
) (
  input wire [127:0] state,
  input wire [127:0] key,
  input wire [127:0] tweak,
  input wire         decrypt
);
  wire [127:0] both, both_key, forward, forward_key, backward, backward_key;
  formal_round #(.ROUND(ROUND), .ENCRYPT(1), .DECRYPT(1)) u_both (
    .decrypt_i(decrypt), .state_i(state), .key_i(key), .tweak_i(tweak), .state_o(both), .key_o(both_key)
  );
  formal_round #(.ROUND(ROUND), .ENCRYPT(1), .DECRYPT(0)) u_forward (
    .decrypt_i(1'b0), .state_i(state), .key_i(key), .tweak_i(tweak), .state_o(forward), .key_o(forward_key)
  );
  formal_round #(.ROUND(ROUND), .ENCRYPT(0), .DECRYPT(1)) u_backward (
    .decrypt_i(1'b0), .state_i(state), .key_i(key), .tweak_i(tweak), .state_o(backward), .key_o(backward_key)
  );
  always @* assert (both == (decrypt ? backward : forward));
  always @* assert (both_key == (decrypt ? backward_key : forward_key));
endmodule

// With BYPASS_IN_ORDER a plain block leaves each round as it came; the last adds its tweak, which is zero
// because the engine takes a plain beat's address for zero.
module lemma_plain_round #(
  parameter ROUND = 1
) (
  input wire [127:0] state,
  input wire [127:0] key,
  input wire [127:0] tweak,
  input wire         decrypt
);
  wire [127:0] out, unused_key;
  formal_round #(.ROUND(ROUND), .ENCRYPT(1), .DECRYPT(1), .IN_ORDER(1), .PLAIN(1)) u_round (
    .decrypt_i(decrypt), .state_i(state), .key_i(key), .tweak_i(tweak), .state_o(out), .key_o(unused_key)
  );
  always @* assert (out == ((ROUND == 10) ? state ^ tweak : state));
endmodule

// A round of the hardware with everything that is not the cipher tied to the running case.
module formal_round #(
  parameter ROUND    = 1,
  parameter ENCRYPT  = 1,
  parameter DECRYPT  = 0,
  parameter IN_ORDER = 0,
  parameter PLAIN    = 0
) (
  input  wire         decrypt_i,
  input  wire [127:0] state_i,
  input  wire [127:0] key_i,
  input  wire [127:0] tweak_i,
  output wire [127:0] state_o,
  output wire [127:0] key_o
);
  aes_round #(.ROUND(ROUND), .ENCRYPT(ENCRYPT), .DECRYPT(DECRYPT), .IN_ORDER(IN_ORDER)) u_round (
    .clk_i(1'b0), .rst_ni(1'b1), .en_i(1'b1), .zeroise_i(1'b0), .valid_i(1'b1), .error_i(2'd0),
    .plain_i(PLAIN != 0), .decrypt_i(decrypt_i), .meta_i(9'd0), .state_i(state_i), .key_i(key_i),
    .tweak_i(tweak_i), .valid_o(), .error_o(), .plain_o(), .decrypt_o(), .meta_o(),
    .state_o(state_o), .key_o(key_o), .tweak_o(), .fault_o()
  );
endmodule
`default_nettype wire
