// key_isolation: the key that a line gets does not depend on what is written to another slot.
//
//   Two key stores with equal inputs, but for the keys (and nothing else) written to slot SECRET. The
//   key register beside the pipeline's entry is equal in both whenever the line that it belongs to is
//   of another slot, and ready, loaded and busy are always equal. Behind that register a key only meets
//   its own block: every aes_round sees one stage. Unbounded, four slots. Abstraction: SubWord is zero
//   (stub_no_sub_word), so that key bits 32 apart meet only each other, and one such bit is looked at; the
//   store treats all alike.
module key_isolation #(
  parameter SECRET = 2,
  parameter BIT    = 0
) (
  input         clk,
  input         zeroise,
  input         key_valid,
  input [9:0]   key_slot,
  input         key_clear,
  input [127:0] key,
  input [127:0] secret,
  input         enc_read,
  input [9:0]   enc_slot,
  input         dec_read,
  input [9:0]   dec_slot
);

  reg started = 1'b0;
  always @(posedge clk) started <= 1'b1;

  wire         a_busy, b_busy, a_ready, b_ready, a_enc, b_enc, a_dec, b_dec;
  wire [127:0] a_enc_key, b_enc_key, a_dec_key, b_dec_key;

  aes_key_store #(.KEY_SLOTS(4)) u_a (
    .clk_i(clk), .rst_ni(started), .zeroise_i(zeroise), .busy_o(a_busy),
    .key_valid_i(key_valid), .key_ready_o(a_ready), .key_slot_i(key_slot), .key_clear_i(key_clear),
    .key_i(key), .enc_read_i(enc_read), .enc_slot_i(enc_slot), .enc_loaded_o(a_enc),
    .enc_key_o(a_enc_key), .dec_read_i(dec_read), .dec_slot_i(dec_slot), .dec_loaded_o(a_dec),
    .dec_key_o(a_dec_key), .fault_o());

  aes_key_store #(.KEY_SLOTS(4)) u_b (
    .clk_i(clk), .rst_ni(started), .zeroise_i(zeroise), .busy_o(b_busy),
    .key_valid_i(key_valid), .key_ready_o(b_ready), .key_slot_i(key_slot), .key_clear_i(key_clear),
    .key_i((key_slot == SECRET) ? secret : key), .enc_read_i(enc_read), .enc_slot_i(enc_slot),
    .enc_loaded_o(b_enc), .enc_key_o(b_enc_key), .dec_read_i(dec_read), .dec_slot_i(dec_slot),
    .dec_loaded_o(b_dec), .dec_key_o(b_dec_key), .fault_o());

  // Whose key stands in the register; nothing is known before the first read.
  reg enc_other = 0, dec_other = 0;
  always @(posedge clk) if (started) begin
    if (zeroise) begin
      enc_other <= 1;
      dec_other <= 1;
    end else begin
      if (enc_read) enc_other <= (enc_slot != SECRET);
      if (dec_read) dec_other <= (dec_slot != SECRET);
    end
  end

  // A write's payload stays until it is taken: docs/engine.md. Without that an expansion begun for the
  // secret could end in another slot.
  reg         waits = 0;
  reg [9:0]   slot_q = 0;
  always @(posedge clk) begin
    waits  <= started && key_valid && !a_ready;
    slot_q <= key_slot;
  end
  always @* if (waits) assume (key_valid && (key_slot == slot_q));

  always @* if (started) begin
    assert (a_busy == b_busy);
    assert (a_ready == b_ready);
    assert ((a_enc == b_enc) && (a_dec == b_dec));
    assert (!enc_other || (a_enc_key[BIT] == b_enc_key[BIT]));
    assert (!dec_other || (a_dec_key[BIT] == b_dec_key[BIT]));
  end
endmodule
