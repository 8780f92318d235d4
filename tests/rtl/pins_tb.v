// pins_tb: what rtl_bench record wrote, clock by clock, through the engine in a four-state simulator.
//
//   +file=NAME +clocks=N [+x]: with +x, inputs that mean nothing (payload without valid) are X instead of
//   what the file has. Every output pin has to be as the golden model has it, with no X and no Z,
//   from the end of the first reset on; payload under valid only.
`timescale 1ns / 1ps
`default_nettype none

module pins_tb;
  parameter KEY_SLOTS        = 16;
  parameter STAGES_PER_ROUND = 1;
  parameter SHARED_LANE      = 0;
  parameter BYPASS_IN_ORDER  = 0;
  parameter PARITY           = 0;
  parameter SBOX_COMPOSITE   = 0;
  localparam LANE_W = 344, LINE_W = 288 + 2 * LANE_W, MAX_CLOCKS = 8192;

  reg [LINE_W-1:0]   line_q [0:MAX_CLOCKS-1];
  reg [LINE_W-1:0]   line;
  reg [8*256-1:0]    file;
  reg                clk, started, unknown;
  integer            clocks, t, wrong;

  wire [287:0]       head = line[LINE_W-1 -: 288];
  wire [LANE_W-1:0]  enc  = line[2*LANE_W-1 -: LANE_W];
  wire [LANE_W-1:0]  dec  = line[LANE_W-1 -: LANE_W];

  wire         reset       = head[284];
  wire         zeroise     = head[285];
  wire         xe          = head[286];
  wire         tweak_valid = head[287];
  wire         key_valid   = head[280];
  wire         key_clear   = head[281];

  // A lane: flags 343:340, address, slot, tag, data; then what is expected: flags, error, tag, data.
  wire         enc_ready, enc_valid, enc_last, dec_ready, dec_valid, dec_last;
  wire [127:0] enc_data, dec_data;
  wire [7:0]   enc_tag, dec_tag;
  wire [1:0]   enc_error, dec_error;
  wire         key_ready, busy, fault;

  // All ones where an input means something, X elsewhere.
  wire enc_x = (enc[340] || !unknown) ? 1'b1 : 1'bx;
  wire dec_x = (dec[340] || !unknown) ? 1'b1 : 1'bx;
  wire key_x = (key_valid || !unknown) ? 1'b1 : 1'bx;
  wire tweak_x = (tweak_valid || !unknown) ? 1'b1 : 1'bx;

  aes_engine #(
    .KEY_SLOTS(KEY_SLOTS), .STAGES_PER_ROUND(STAGES_PER_ROUND), .SHARED_LANE(SHARED_LANE),
    .BYPASS_IN_ORDER(BYPASS_IN_ORDER), .PARITY(PARITY), .SBOX_COMPOSITE(SBOX_COMPOSITE)
  ) u_engine (
    .clk_i(clk), .rst_ni(!reset),
    .enc_valid_i(enc[340]), .enc_ready_o(enc_ready), .enc_data_i(enc[271:144] & {128{enc_x}}),
    .enc_addr_i(enc[339:292] & {48{enc_x}}), .enc_slot_i(enc[289:280] & {10{enc_x}}),
    .enc_bypass_i(enc[341] & enc_x), .enc_last_i(enc[342] & enc_x), .enc_tag_i(enc[279:272] & {8{enc_x}}),
    .enc_valid_o(enc_valid), .enc_ready_i(enc[343]), .enc_data_o(enc_data), .enc_last_o(enc_last),
    .enc_tag_o(enc_tag), .enc_error_o(enc_error),
    .dec_valid_i(dec[340]), .dec_ready_o(dec_ready), .dec_data_i(dec[271:144] & {128{dec_x}}),
    .dec_addr_i(dec[339:292] & {48{dec_x}}), .dec_slot_i(dec[289:280] & {10{dec_x}}),
    .dec_bypass_i(dec[341] & dec_x), .dec_last_i(dec[342] & dec_x), .dec_tag_i(dec[279:272] & {8{dec_x}}),
    .dec_valid_o(dec_valid), .dec_ready_i(dec[343]), .dec_data_o(dec_data), .dec_last_o(dec_last),
    .dec_tag_o(dec_tag), .dec_error_o(dec_error),
    .key_valid_i(key_valid), .key_ready_o(key_ready), .key_slot_i(head[269:260] & {10{key_x}}),
    .key_clear_i(key_clear), .key_i(head[259:132] & {128{key_x}}),
    .tweak_valid_i(tweak_valid), .tweak_index_i(head[277:272] & {6{tweak_x}}),
    .tweak_data_i(head[131:4] & {128{tweak_x}}), .cfg_xe_i(xe),
    .zeroise_i(zeroise), .zeroise_busy_o(busy), .fault_o(fault)
  );

  // Compared with === : an X is equal to nothing that is expected.
  task check;
    input         ok;
    input [8*8:1] pin;
    if (ok !== 1'b1) begin
      if (wrong < 10) $display("clock %0d: %0s is not what the model has", t, pin);
      wrong = wrong + 1;
    end
  endtask

  task check_lane;
    input [LANE_W-1:0] expected;
    input              ready, valid, last;
    input [1:0]        error;
    input [7:0]        tag;
    input [127:0]      data;
    begin
      check(ready === expected[140], "ready_o");
      check(valid === expected[141], "valid_o");
      if (expected[141]) begin
        check(last === expected[142], "last_o");
        check(error === expected[137:136], "error_o");
        check(tag === expected[135:128], "tag_o");
        check(data === expected[127:0], "data_o");
      end
    end
  endtask

  initial begin
    unknown = $test$plusargs("x");
    if (!$value$plusargs("file=%s", file) || !$value$plusargs("clocks=%d", clocks)) $finish;
    $readmemh(file, line_q, 0, clocks - 1);
    clk     = 1'b0;
    started = 1'b0;
    wrong   = 0;
    for (t = 0; t < clocks; t = t + 1) begin
      line = line_q[t];
      #5;
      started = started || !reset;
      if (started) begin
        check(key_ready === head[0], "key_ready_o");
        check(busy === head[1], "busy_o");
        check(fault === head[2], "fault_o");
        check_lane(enc, enc_ready, enc_valid, enc_last, enc_error, enc_tag, enc_data);
        check_lane(dec, dec_ready, dec_valid, dec_last, dec_error, dec_tag, dec_data);
      end
      clk = 1'b1;
      #5;
      clk = 1'b0;
    end
    $display("%0d clocks, %0d wrong pins", clocks, wrong);
  end

endmodule

`default_nettype wire
