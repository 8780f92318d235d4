// aes_round: one round of AES-128 with its register(s), for encryption, decryption or both.
//
//   Latency     STAGES_PER_ROUND clocks in which en_i is high.
//   Throughput  one block a clock; en_i low holds everything.
//   Keys        key_i is round key ROUND - 1 (decryption: 11 - ROUND); the next one is computed beside
//               the round and leaves with the block. Round 1 also adds the key that it starts from.
//   Exit        Round 10 adds the tweak and replaces the data of a beat with an error by zero.
//   Zeroise     wipes the keys at once and marks the blocks that lose theirs (error 2), stalled or not.
//   Byte order  state[127:120] is byte 0 of FIPS-197.
`default_nettype none

module aes_round #(
  parameter ROUND            = 1,
  parameter ENCRYPT          = 1,
  parameter DECRYPT          = 0,
  parameter STAGES_PER_ROUND = 1,
  parameter IN_ORDER         = 0,  // plain beats pass through unchanged
  parameter COMPOSITE        = 0,
  parameter PARITY           = 0,
  parameter META_W           = 9
) (
  input  wire              clk_i,
  input  wire              rst_ni,
  input  wire              en_i,
  input  wire              zeroise_i,

  input  wire              valid_i,
  input  wire [1:0]        error_i,
  input  wire              plain_i,
  input  wire              decrypt_i,
  input  wire [META_W-1:0] meta_i,
  input  wire [127:0]      state_i,
  input  wire [127:0]      key_i,
  input  wire [127:0]      tweak_i,

  output wire              valid_o,
  output wire [1:0]        error_o,
  output wire              plain_o,
  output wire              decrypt_o,
  output wire [META_W-1:0] meta_o,
  output wire [127:0]      state_o,
  output wire [127:0]      key_o,
  output wire [127:0]      tweak_o,
  output wire              fault_o
);

  `include "aes_functions.vh"

  localparam LAST = (ROUND == 10);

  // Which way and whether at all: constants wherever the parameters leave no choice.
  wire decrypt_a = (ENCRYPT == 0) || ((DECRYPT != 0) && decrypt_i);
  wire plain_a   = (IN_ORDER != 0) && plain_i;

  // ---- first half: S-boxes of the state and of the key ------------------------------------------

  wire [127:0] start = (ROUND == 1) ? state_i ^ key_i : state_i;
  wire [127:0] enc_sub;
  wire [127:0] dec_sub;
  wire [31:0]  key_sub;

  generate
    if (ENCRYPT != 0) begin : gen_encrypt_sub
      aes_sub_word #(.WORDS(4), .INVERSE(0), .COMPOSITE(COMPOSITE)) u_sub (
        .bytes_i(start),
        .bytes_o(enc_sub)
      );
    end else begin : gen_no_encrypt_sub
      assign enc_sub = 128'h0;
    end
    if (DECRYPT != 0) begin : gen_decrypt_sub
      aes_sub_word #(.WORDS(4), .INVERSE(1), .COMPOSITE(COMPOSITE)) u_sub (
        .bytes_i(inv_shift_rows(start)),
        .bytes_o(dec_sub)
      );
    end else begin : gen_no_decrypt_sub
      assign dec_sub = 128'h0;
    end
  endgenerate

  aes_sub_word #(.WORDS(1), .INVERSE(0), .COMPOSITE(COMPOSITE)) u_key_sub (
    .bytes_i(decrypt_a ? rot_word(key_i[31:0] ^ key_i[63:32]) : rot_word(key_i[31:0])),
    .bytes_o(key_sub)
  );

  wire [127:0] state_a = plain_a ? state_i : (decrypt_a ? dec_sub : enc_sub);

  // ---- between the halves -----------------------------------------------------------------------

  wire              valid_m;
  wire [1:0]        error_m;
  wire              plain_m;
  wire              decrypt_m;
  wire [META_W-1:0] meta_m;
  wire [127:0]      state_m;
  wire [127:0]      key_m;
  wire [31:0]       sub_m;
  wire [127:0]      tweak_m;
  wire              fault_m;

  generate
    if (STAGES_PER_ROUND == 2) begin : gen_middle
      wire fault_sub;
      wire fault_stage;
      aes_stage #(.PARITY(PARITY), .META_W(META_W)) u_stage (
        .clk_i    (clk_i),
        .rst_ni   (rst_ni),
        .en_i     (en_i),
        .zeroise_i(zeroise_i),
        .valid_i  (valid_i),
        .error_i  (error_i),
        .plain_i  (plain_a),
        .decrypt_i(decrypt_a),
        .meta_i   (meta_i),
        .state_i  (state_a),
        .key_i    (key_i),
        .tweak_i  (tweak_i),
        .valid_o  (valid_m),
        .error_o  (error_m),
        .plain_o  (plain_m),
        .decrypt_o(decrypt_m),
        .meta_o   (meta_m),
        .state_o  (state_m),
        .key_o    (key_m),
        .tweak_o  (tweak_m),
        .fault_o  (fault_stage)
      );
      aes_reg #(.W(32), .PARITY(PARITY), .CLEAR(1)) u_sub (
        .clk_i  (clk_i),
        .rst_ni (rst_ni),
        .en_i   (en_i),
        .clear_i(zeroise_i),
        .d_i    (key_sub),
        .q_o    (sub_m),
        .fault_o(fault_sub)
      );
      assign fault_m = fault_stage || fault_sub;
    end else begin : gen_through
      assign valid_m   = valid_i;
      assign error_m   = error_i;
      assign plain_m   = plain_a;
      assign decrypt_m = decrypt_a;
      assign meta_m    = meta_i;
      assign state_m   = state_a;
      assign key_m     = key_i;
      assign sub_m     = key_sub;
      assign tweak_m   = tweak_i;
      assign fault_m   = 1'b0;
    end
  endgenerate

  // ---- second half: the linear steps ------------------------------------------------------------

  wire decrypt_b = (ENCRYPT == 0) || ((DECRYPT != 0) && decrypt_m);
  wire plain_b   = (IN_ORDER != 0) && plain_m;

  wire [127:0] next_key = decrypt_b ? inv_key_step(key_m, sub_m, round_constant(4'd11 - ROUND[3:0]))
                                    : key_step(key_m, sub_m, round_constant(ROUND[3:0]));

  wire [127:0] enc_shifted = shift_rows(state_m);
  wire [127:0] enc_state   = (LAST ? enc_shifted : mix_columns(enc_shifted)) ^ next_key;
  wire [127:0] dec_added   = state_m ^ next_key;
  wire [127:0] dec_state   = LAST ? dec_added : inv_mix_columns(dec_added);
  wire [127:0] state_b     = plain_b ? state_m : (decrypt_b ? dec_state : enc_state);

  wire fault_b;

  // ---- the round's register ---------------------------------------------------------------------

  generate
    if (LAST) begin : gen_exit
      aes_exit #(.PARITY(PARITY), .META_W(META_W)) u_exit (
        .clk_i    (clk_i),
        .rst_ni   (rst_ni),
        .en_i     (en_i),
        .zeroise_i(zeroise_i),
        .valid_i  (valid_m),
        .error_i  (error_m),
        .plain_i  (plain_b),
        .decrypt_i(decrypt_b),
        .meta_i   (meta_m),
        .state_i  (state_b ^ tweak_m),
        .valid_o  (valid_o),
        .error_o  (error_o),
        .decrypt_o(decrypt_o),
        .meta_o   (meta_o),
        .state_o  (state_o),
        .fault_o  (fault_b)
      );
      assign plain_o = 1'b0;
      assign key_o   = 128'h0;
      assign tweak_o = 128'h0;
    end else begin : gen_stage
      aes_stage #(.PARITY(PARITY), .META_W(META_W)) u_stage (
        .clk_i    (clk_i),
        .rst_ni   (rst_ni),
        .en_i     (en_i),
        .zeroise_i(zeroise_i),
        .valid_i  (valid_m),
        .error_i  (error_m),
        .plain_i  (plain_b),
        .decrypt_i(decrypt_b),
        .meta_i   (meta_m),
        .state_i  (state_b),
        .key_i    (next_key),
        .tweak_i  (tweak_m),
        .valid_o  (valid_o),
        .error_o  (error_o),
        .plain_o  (plain_o),
        .decrypt_o(decrypt_o),
        .meta_o   (meta_o),
        .state_o  (state_o),
        .key_o    (key_o),
        .tweak_o  (tweak_o),
        .fault_o  (fault_b)
      );
    end
  endgenerate

  assign fault_o = fault_m || fault_b;

endmodule

`default_nettype wire
