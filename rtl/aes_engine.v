// aes_engine: inline AES-128 XEX (or XE) engine of one memory channel.
//
//   Latency     10 x STAGES_PER_ROUND + 1 clocks from accept edge to earliest transfer edge, both
//               directions; a plain beat 1 clock when the output is free (BYPASS_IN_ORDER: as others).
//   Throughput  one 16-byte beat a clock in each direction (SHARED_LANE: both together), whatever the
//               mix of keys, lines and back-pressure.
//   Lines       four beats, contiguous in their lane, gaps allowed, last_i on the fourth. Key, loaded
//               and bypass are sampled on the first accepted beat.
//   Byte order  data[127:120] is byte 0 of FIPS-197; addr is the block's own system physical address.
//   Errors      0 ok, 1 slot not loaded (data zero), 2 fault: the key was wiped while the beat was
//               inside (data zero).
//   cfg_xe_i    is sampled with each accepted beat.
//   fault_o     stays high from the clock in which a stored bit was seen to be wrong; PARITY only.
//
//   docs/engine.md has the waveforms.
`default_nettype none

module aes_engine #(
  parameter KEY_SLOTS        = 16,
  parameter STAGES_PER_ROUND = 1,
  parameter SHARED_LANE      = 0,
  parameter BYPASS_IN_ORDER  = 0,
  parameter PARITY           = 0,
  parameter TAG_W            = 8,
  parameter SBOX_COMPOSITE   = 0
) (
  input  wire             clk_i,
  input  wire             rst_ni,

  // Plaintext to ciphertext.
  input  wire             enc_valid_i,
  output wire             enc_ready_o,
  input  wire [127:0]     enc_data_i,
  input  wire [51:4]      enc_addr_i,
  input  wire [9:0]       enc_slot_i,
  input  wire             enc_bypass_i,
  input  wire             enc_last_i,
  input  wire [TAG_W-1:0] enc_tag_i,
  output wire             enc_valid_o,
  input  wire             enc_ready_i,
  output wire [127:0]     enc_data_o,
  output wire             enc_last_o,
  output wire [TAG_W-1:0] enc_tag_o,
  output wire [1:0]       enc_error_o,

  // Ciphertext to plaintext.
  input  wire             dec_valid_i,
  output wire             dec_ready_o,
  input  wire [127:0]     dec_data_i,
  input  wire [51:4]      dec_addr_i,
  input  wire [9:0]       dec_slot_i,
  input  wire             dec_bypass_i,
  input  wire             dec_last_i,
  input  wire [TAG_W-1:0] dec_tag_i,
  output wire             dec_valid_o,
  input  wire             dec_ready_i,
  output wire [127:0]     dec_data_o,
  output wire             dec_last_o,
  output wire [TAG_W-1:0] dec_tag_o,
  output wire [1:0]       dec_error_o,

  // Key slots: valid and payload stay until ready.
  input  wire             key_valid_i,
  output wire             key_ready_o,
  input  wire [9:0]       key_slot_i,
  input  wire             key_clear_i,
  input  wire [127:0]     key_i,

  // Configuration.
  input  wire             tweak_valid_i,
  input  wire [5:0]       tweak_index_i,
  input  wire [127:0]     tweak_data_i,
  input  wire             cfg_xe_i,

  // Safety.
  input  wire             zeroise_i,
  output wire             zeroise_busy_o,
  output wire             fault_o
);

  localparam DEPTH  = 10 * STAGES_PER_ROUND + 1;
  localparam META_W = TAG_W + 1;

  wire         enc_loaded, dec_loaded, enc_key_read, dec_key_read;
  wire [127:0] enc_key, dec_key;
  wire         fault_tweak, fault_keys, fault_pipes, fault_enc, fault_dec;

  aes_key_store #(.KEY_SLOTS(KEY_SLOTS), .COMPOSITE(SBOX_COMPOSITE), .PARITY(PARITY)) u_keys (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .zeroise_i   (zeroise_i),
    .busy_o      (zeroise_busy_o),
    .key_valid_i (key_valid_i),
    .key_ready_o (key_ready_o),
    .key_slot_i  (key_slot_i),
    .key_clear_i (key_clear_i),
    .key_i       (key_i),
    .enc_read_i  (enc_key_read),
    .enc_slot_i  (enc_slot_i),
    .enc_loaded_o(enc_loaded),
    .enc_key_o   (enc_key),
    .dec_read_i  (dec_key_read),
    .dec_slot_i  (dec_slot_i),
    .dec_loaded_o(dec_loaded),
    .dec_key_o   (dec_key),
    .fault_o     (fault_keys)
  );

  // ---- the two ports ------------------------------------------------------------------------------

  wire              enc_wants, enc_pipe_ready, enc_pipe_valid, enc_pipe_plain;
  wire [1:0]        enc_pipe_error;
  wire              enc_done_valid, enc_done_take;
  wire [1:0]        enc_done_error;
  wire [META_W-1:0] enc_done_meta;
  wire [127:0]      enc_done_data;

  aes_port #(.IN_ORDER(BYPASS_IN_ORDER), .DEPTH(DEPTH), .PARITY(PARITY), .TAG_W(TAG_W)) u_enc (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .zeroise_i   (zeroise_i),
    .valid_i     (enc_valid_i),
    .ready_o     (enc_ready_o),
    .data_i      (enc_data_i),
    .bypass_i    (enc_bypass_i),
    .last_i      (enc_last_i),
    .tag_i       (enc_tag_i),
    .loaded_i    (enc_loaded),
    .key_read_o  (enc_key_read),
    .wants_o     (enc_wants),
    .pipe_ready_i(enc_pipe_ready),
    .pipe_valid_o(enc_pipe_valid),
    .pipe_error_o(enc_pipe_error),
    .pipe_plain_o(enc_pipe_plain),
    .pipe_valid_i(enc_done_valid),
    .pipe_take_o (enc_done_take),
    .pipe_error_i(enc_done_error),
    .pipe_meta_i (enc_done_meta),
    .pipe_data_i (enc_done_data),
    .valid_o     (enc_valid_o),
    .ready_i     (enc_ready_i),
    .data_o      (enc_data_o),
    .last_o      (enc_last_o),
    .tag_o       (enc_tag_o),
    .error_o     (enc_error_o),
    .fault_o     (fault_enc)
  );

  wire              dec_wants, dec_pipe_ready, dec_pipe_valid, dec_pipe_plain;
  wire [1:0]        dec_pipe_error;
  wire              dec_done_valid, dec_done_take;
  wire [1:0]        dec_done_error;
  wire [META_W-1:0] dec_done_meta;
  wire [127:0]      dec_done_data;

  aes_port #(.IN_ORDER(BYPASS_IN_ORDER), .DEPTH(DEPTH), .PARITY(PARITY), .TAG_W(TAG_W)) u_dec (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .zeroise_i   (zeroise_i),
    .valid_i     (dec_valid_i),
    .ready_o     (dec_ready_o),
    .data_i      (dec_data_i),
    .bypass_i    (dec_bypass_i),
    .last_i      (dec_last_i),
    .tag_i       (dec_tag_i),
    .loaded_i    (dec_loaded),
    .key_read_o  (dec_key_read),
    .wants_o     (dec_wants),
    .pipe_ready_i(dec_pipe_ready),
    .pipe_valid_o(dec_pipe_valid),
    .pipe_error_o(dec_pipe_error),
    .pipe_plain_o(dec_pipe_plain),
    .pipe_valid_i(dec_done_valid),
    .pipe_take_o (dec_done_take),
    .pipe_error_i(dec_done_error),
    .pipe_meta_i (dec_done_meta),
    .pipe_data_i (dec_done_data),
    .valid_o     (dec_valid_o),
    .ready_i     (dec_ready_i),
    .data_o      (dec_data_o),
    .last_o      (dec_last_o),
    .tag_o       (dec_tag_o),
    .error_o     (dec_error_o),
    .fault_o     (fault_dec)
  );

  // Tweak of a plain beat: that of address zero, which is none.
  wire [51:4] enc_addr = enc_addr_i & {48{!enc_pipe_plain}};
  wire [51:4] dec_addr = dec_addr_i & {48{!dec_pipe_plain}};

  // ---- one pipeline, or two -----------------------------------------------------------------------

  generate
    if (SHARED_LANE != 0) begin : gen_shared
      // Ties alternate; after reset the decrypt side wins the first one.
      wire              en, done_valid, done_decrypt, last_decrypt, fault_pipe, fault_last;
      wire [127:0]      tweak;
      wire [1:0]        done_error;
      wire [META_W-1:0] done_meta;
      wire [127:0]      done_data;
      wire              enc_grant = !(dec_wants && !last_decrypt);
      wire              dec_grant = !(enc_wants && last_decrypt);
      wire              dec_accept = dec_valid_i && dec_ready_o;
      wire              enc_accept = enc_valid_i && enc_ready_o;

      // XE has no tweak on the ciphertext's side.
      wire [127:0] pre  = (dec_accept && cfg_xe_i) ? 128'h0 : tweak;
      wire [127:0] post = (!dec_accept && cfg_xe_i) ? 128'h0 : tweak;

      aes_tweak #(.LANES(1), .PARITY(PARITY)) u_tweak (
        .clk_i        (clk_i),
        .rst_ni       (rst_ni),
        .write_valid_i(tweak_valid_i),
        .write_index_i(tweak_index_i),
        .write_data_i (tweak_data_i),
        .addr_i       (dec_accept ? dec_addr : enc_addr),
        .tweak_o      (tweak),
        .fault_o      (fault_tweak)
      );

      aes_flag #(.W(1), .PARITY(PARITY)) u_last (
        .clk_i  (clk_i),
        .rst_ni (rst_ni),
        .en_i   (enc_accept || dec_accept),
        .d_i    (dec_accept),
        .q_o    (last_decrypt),
        .fault_o(fault_last)
      );

      aes_pipe #(
        .ENCRYPT         (1),
        .DECRYPT         (1),
        .STAGES_PER_ROUND(STAGES_PER_ROUND),
        .IN_ORDER        (BYPASS_IN_ORDER),
        .COMPOSITE       (SBOX_COMPOSITE),
        .PARITY          (PARITY),
        .META_W          (META_W)
      ) u_pipe (
        .clk_i    (clk_i),
        .rst_ni   (rst_ni),
        .zeroise_i(zeroise_i),
        .en_o     (en),
        .valid_i  (enc_pipe_valid || dec_pipe_valid),
        .error_i  (dec_accept ? dec_pipe_error : enc_pipe_error),
        .plain_i  (dec_accept ? dec_pipe_plain : enc_pipe_plain),
        .decrypt_i(dec_accept),
        .meta_i   (dec_accept ? {dec_last_i, dec_tag_i} : {enc_last_i, enc_tag_i}),
        .state_i  ((dec_accept ? dec_data_i : enc_data_i) ^ pre),
        .tweak_i  (post),
        .enc_key_i(enc_key),
        .dec_key_i(dec_key),
        .valid_o  (done_valid),
        .take_i   (enc_done_take || dec_done_take),
        .error_o  (done_error),
        .decrypt_o(done_decrypt),
        .meta_o   (done_meta),
        .state_o  (done_data),
        .fault_o  (fault_pipe)
      );

      assign enc_pipe_ready = en && enc_grant;
      assign dec_pipe_ready = en && dec_grant;
      assign enc_done_valid = done_valid && !done_decrypt;
      assign dec_done_valid = done_valid && done_decrypt;
      assign enc_done_error = done_error;
      assign dec_done_error = done_error;
      assign enc_done_meta  = done_meta;
      assign dec_done_meta  = done_meta;
      assign enc_done_data  = done_data;
      assign dec_done_data  = done_data;
      assign fault_pipes    = fault_pipe || fault_last;
    end else begin : gen_separate
      wire fault_enc_pipe, fault_dec_pipe, unused_enc_decrypt, unused_dec_decrypt;
      wire unused_wants = enc_wants ^ dec_wants;

      wire [127:0] enc_tweak, dec_tweak;
      // XE has no tweak on the ciphertext's side.
      wire [127:0] cipher_mask = {128{!cfg_xe_i}};

      aes_tweak #(.LANES(2), .PARITY(PARITY)) u_tweak (
        .clk_i        (clk_i),
        .rst_ni       (rst_ni),
        .write_valid_i(tweak_valid_i),
        .write_index_i(tweak_index_i),
        .write_data_i (tweak_data_i),
        .addr_i       ({dec_addr, enc_addr}),
        .tweak_o      ({dec_tweak, enc_tweak}),
        .fault_o      (fault_tweak)
      );

      aes_pipe #(
        .ENCRYPT         (1),
        .DECRYPT         (0),
        .STAGES_PER_ROUND(STAGES_PER_ROUND),
        .IN_ORDER        (BYPASS_IN_ORDER),
        .COMPOSITE       (SBOX_COMPOSITE),
        .PARITY          (PARITY),
        .META_W          (META_W)
      ) u_enc_pipe (
        .clk_i    (clk_i),
        .rst_ni   (rst_ni),
        .zeroise_i(zeroise_i),
        .en_o     (enc_pipe_ready),
        .valid_i  (enc_pipe_valid),
        .error_i  (enc_pipe_error),
        .plain_i  (enc_pipe_plain),
        .decrypt_i(1'b0),
        .meta_i   ({enc_last_i, enc_tag_i}),
        .state_i  (enc_data_i ^ enc_tweak),
        .tweak_i  (enc_tweak & cipher_mask),
        .enc_key_i(enc_key),
        .dec_key_i(128'h0),
        .valid_o  (enc_done_valid),
        .take_i   (enc_done_take),
        .error_o  (enc_done_error),
        .decrypt_o(unused_enc_decrypt),
        .meta_o   (enc_done_meta),
        .state_o  (enc_done_data),
        .fault_o  (fault_enc_pipe)
      );

      aes_pipe #(
        .ENCRYPT         (0),
        .DECRYPT         (1),
        .STAGES_PER_ROUND(STAGES_PER_ROUND),
        .IN_ORDER        (BYPASS_IN_ORDER),
        .COMPOSITE       (SBOX_COMPOSITE),
        .PARITY          (PARITY),
        .META_W          (META_W)
      ) u_dec_pipe (
        .clk_i    (clk_i),
        .rst_ni   (rst_ni),
        .zeroise_i(zeroise_i),
        .en_o     (dec_pipe_ready),
        .valid_i  (dec_pipe_valid),
        .error_i  (dec_pipe_error),
        .plain_i  (dec_pipe_plain),
        .decrypt_i(1'b1),
        .meta_i   ({dec_last_i, dec_tag_i}),
        .state_i  (dec_data_i ^ (dec_tweak & cipher_mask)),
        .tweak_i  (dec_tweak),
        .enc_key_i(128'h0),
        .dec_key_i(dec_key),
        .valid_o  (dec_done_valid),
        .take_i   (dec_done_take),
        .error_o  (dec_done_error),
        .decrypt_o(unused_dec_decrypt),
        .meta_o   (dec_done_meta),
        .state_o  (dec_done_data),
        .fault_o  (fault_dec_pipe)
      );

      assign fault_pipes = fault_enc_pipe || fault_dec_pipe;
    end
  endgenerate

  // ---- faults -------------------------------------------------------------------------------------

  wire fault_now = fault_tweak || fault_keys || fault_pipes || fault_enc || fault_dec;
  wire fault_seen, fault_flag;

  aes_flag #(.W(1), .PARITY(PARITY)) u_fault (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .en_i   (1'b1),
    .d_i    (fault_now || fault_seen),
    .q_o    (fault_seen),
    .fault_o(fault_flag)
  );

  assign fault_o = fault_now || fault_seen || fault_flag;

endmodule

`default_nettype wire
