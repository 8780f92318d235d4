// aes_wipe_checks: that zeroise really wipes. Keys that may not be used any more do not show on the pins, so these
// checks look inside; they ask the engine's own pins when. Not in the engine that the tool has built in:
// a compare of each key register on each clock costs speed.
`default_nettype none

/* verilator lint_off SYNCASYNCNET */
/* verilator lint_off DECLFILENAME */

module aes_wipe_checks (
  input wire         clk_i,
  input wire         rst_ni,
  input wire         wipe,
  input wire [127:0] key
);

  key_is_wiped: assert property (@(posedge clk_i) disable iff (!rst_ni) wipe |=> (key == 128'h0));

endmodule

module aes_bank_checks #(
  parameter SLOT_W = 4
) (
  input wire         clk_i,
  input wire         rst_ni,
  input wire         busy,
  input wire         cleared,
  input wire         not_loaded,
  input wire [127:0] key,
  input wire [SLOT_W-1:0] slot,
  input wire [127:0] word,
  input wire [127:0] last_word  // at the slot of the clock before
);

  reg [SLOT_W-1:0] last_slot_q, look_q = '0;
  always @(posedge clk_i) last_slot_q <= slot;
  always @(posedge clk_i) look_q <= look_q + 1'b1;

  word_is_wiped: assert property (@(posedge clk_i) disable iff (!rst_ni) $fell(busy) |-> (word == 128'h0));
  cleared_word_is_wiped: assert property (@(posedge clk_i) disable iff (!rst_ni)
    cleared |=> (last_word == 128'h0));
  no_key_of_an_empty_slot: assert property (@(posedge clk_i) disable iff (!rst_ni)
    not_loaded |=> (key == 128'h0));

endmodule

bind aes_stage aes_wipe_checks u_wipe_checks (
  .clk_i(clk_i), .rst_ni(rst_ni), .wipe(aes_engine.zeroise_i), .key(key_o));

// What a round has of its key between its two stages.
bind aes_round aes_wipe_checks u_wipe_checks (
  .clk_i(clk_i), .rst_ni(rst_ni), .wipe(aes_engine.zeroise_i && (STAGES_PER_ROUND == 2)), .key({96'h0, sub_m}));

bind aes_key_expand aes_wipe_checks u_wipe_checks (
  .clk_i(clk_i), .rst_ni(rst_ni), .wipe(aes_engine.zeroise_i || done_o), .key(key_o));

bind aes_key_bank aes_wipe_checks u_wipe_checks (
  .clk_i(clk_i), .rst_ni(rst_ni), .wipe(aes_engine.zeroise_i), .key(key_o));

// After a wipe one of the words is looked at, which one depends on the clock.
bind aes_key_bank aes_bank_checks #(.SLOT_W(SLOT_W)) u_bank_checks (
  .clk_i(clk_i), .rst_ni(rst_ni), .busy(aes_engine.zeroise_busy_o),
  .cleared(aes_engine.key_valid_i && aes_engine.key_ready_o && aes_engine.key_clear_i &&
           ({1'b0, aes_engine.key_slot_i} < KEY_SLOTS[10:0])),
  .not_loaded(read_i && !read_loaded_i), .key(key_o), .slot(aes_engine.key_slot_i[SLOT_W-1:0]),
  .word(bank_q[u_bank_checks.look_q][127:0]), .last_word(bank_q[u_bank_checks.last_slot_q][127:0]));

`default_nettype wire
