// aes_checks: what holds on the pins of one direction of aes_engine, and at both ends of a plain beat's
// way around; bound to them, so that the engine itself knows nothing of it.
//
//   user_* are duties of whoever drives the engine, the others are the engine's own.
`default_nettype none

// Assertions sample the reset that the engine uses asynchronously; three small checkers share a file.
/* verilator lint_off SYNCASYNCNET */
/* verilator lint_off DECLFILENAME */

module aes_lane_checks #(
  parameter TAG_W = 8
) (
  input wire             clk_i,
  input wire             rst_ni,
  input wire             in_valid,
  input wire             in_ready,
  input wire [127:0]     in_data,
  input wire             in_bypass,
  input wire             in_last,
  input wire [TAG_W-1:0] in_tag,
  input wire             out_valid,
  input wire             out_ready,
  input wire [127:0]     out_data,
  input wire             out_last,
  input wire [TAG_W-1:0] out_tag,
  input wire [1:0]       out_error
);

  user_holds_valid: assert property (@(posedge clk_i) disable iff (!rst_ni)
    (in_valid && !in_ready) |=> in_valid);
  user_holds_payload: assert property (@(posedge clk_i) disable iff (!rst_ni)
    (in_valid && !in_ready) |=> $stable({in_data, in_bypass, in_last, in_tag}));
  valid_is_held: assert property (@(posedge clk_i) disable iff (!rst_ni)
    (out_valid && !out_ready) |=> out_valid);
  payload_is_held: assert property (@(posedge clk_i) disable iff (!rst_ni)
    (out_valid && !out_ready) |=> $stable({out_data, out_last, out_tag, out_error}));
  errors_carry_no_data: assert property (@(posedge clk_i) disable iff (!rst_ni)
    (out_valid && (out_error != 2'd0)) |-> (out_data == 128'h0));
  errors_are_known: assert property (@(posedge clk_i) disable iff (!rst_ni)
    out_valid |-> (out_error != 2'd3));

endmodule

module aes_key_checks (
  input wire         clk_i,
  input wire         rst_ni,
  input wire         valid,
  input wire         ready,
  input wire [9:0]   slot,
  input wire         clear,
  input wire [127:0] key,
  input wire         zeroise,
  input wire         busy,
  input wire         fault
);

  user_holds_key: assert property (@(posedge clk_i) disable iff (!rst_ni)
    (valid && !ready) |=> (valid && $stable({slot, clear, key})));
  no_key_while_wiping: assert property (@(posedge clk_i) disable iff (!rst_ni)
    (zeroise || busy) |-> !ready);
  zeroise_is_busy: assert property (@(posedge clk_i) disable iff (!rst_ni) zeroise |=> busy);
  fault_stays: assert property (@(posedge clk_i) disable iff (!rst_ni) fault |=> fault);

endmodule

module aes_fifo_checks (
  input wire clk_i,
  input wire rst_ni,
  input wire push,
  input wire room,
  input wire pop,
  input wire valid
);

  push_has_room: assert property (@(posedge clk_i) disable iff (!rst_ni) push |-> room);
  pop_has_a_word: assert property (@(posedge clk_i) disable iff (!rst_ni) pop |-> valid);

endmodule

bind aes_engine aes_lane_checks #(.TAG_W(TAG_W)) u_enc_checks (
  .clk_i(clk_i), .rst_ni(rst_ni), .in_valid(enc_valid_i), .in_ready(enc_ready_o),
  .in_data(enc_data_i), .in_bypass(enc_bypass_i), .in_last(enc_last_i), .in_tag(enc_tag_i),
  .out_valid(enc_valid_o), .out_ready(enc_ready_i), .out_data(enc_data_o),
  .out_last(enc_last_o), .out_tag(enc_tag_o), .out_error(enc_error_o));

bind aes_engine aes_lane_checks #(.TAG_W(TAG_W)) u_dec_checks (
  .clk_i(clk_i), .rst_ni(rst_ni), .in_valid(dec_valid_i), .in_ready(dec_ready_o),
  .in_data(dec_data_i), .in_bypass(dec_bypass_i), .in_last(dec_last_i), .in_tag(dec_tag_i),
  .out_valid(dec_valid_o), .out_ready(dec_ready_i), .out_data(dec_data_o),
  .out_last(dec_last_o), .out_tag(dec_tag_o), .out_error(dec_error_o));

bind aes_engine aes_key_checks u_key_checks (
  .clk_i(clk_i), .rst_ni(rst_ni), .valid(key_valid_i), .ready(key_ready_o), .slot(key_slot_i),
  .clear(key_clear_i), .key(key_i), .zeroise(zeroise_i), .busy(zeroise_busy_o), .fault(fault_o));

bind aes_fifo aes_fifo_checks u_checks (
  .clk_i(clk_i), .rst_ni(rst_ni), .push(push_i), .room(room_o), .pop(pop_i), .valid(valid_o));

`default_nettype wire
