// lane_order: in one direction no beat is lost, duplicated or reordered, whatever users and consumers do.
//
//   A shadow says how many private and plain beats are inside and where, and carries one bit of each
//   private beat's tag, and last. The engine's ready and valid equal the shadow's in every clock, so
//   none is lost or made up, and the payload of a private beat comes out in its turn. What plain beats
//   carry is fifo_order's. Unbounded (signal correspondence); the environment is entirely free, with
//   keys, wipes and stalls. Abstraction: data of private beats (stub_exit, stub_sbox) and two slots.
module lane_order #(
  parameter DEPTH = 11,
  parameter BIT   = 0  // of the tag
) (
  input clk,
  input         valid,
  input [127:0] data,
  input         bypass,
  input         last,
  input [7:0]   tag,
  input         out_ready,
  input [9:0]   slot,
  input         key_valid,
  input         key_clear,
  input         zeroise
);

  reg started = 1'b0;
  always @(posedge clk) started <= 1'b1;

  wire         ready, out_valid, out_last;
  wire [127:0] out_data;
  wire [7:0]   out_tag;
  wire [1:0]   out_error;

  aes_engine #(.KEY_SLOTS(2)) u_engine (
    .clk_i(clk), .rst_ni(started),
    .enc_valid_i(valid), .enc_ready_o(ready), .enc_data_i(data), .enc_addr_i(48'h0),
    .enc_slot_i(slot), .enc_bypass_i(bypass), .enc_last_i(last), .enc_tag_i(tag),
    .enc_valid_o(out_valid), .enc_ready_i(out_ready), .enc_data_o(out_data),
    .enc_last_o(out_last), .enc_tag_o(out_tag), .enc_error_o(out_error),
    .dec_valid_i(1'b0), .dec_data_i(128'h0), .dec_addr_i(48'h0), .dec_slot_i(10'h0),
    .dec_bypass_i(1'b0), .dec_last_i(1'b0), .dec_tag_i(8'h0), .dec_ready_i(1'b0),
    .dec_ready_o(), .dec_valid_o(), .dec_data_o(), .dec_last_o(), .dec_tag_o(), .dec_error_o(),
    .key_valid_i(key_valid), .key_ready_o(), .key_slot_i(slot), .key_clear_i(key_clear),
    .key_i(128'h0), .tweak_valid_i(1'b0), .tweak_index_i(6'h0), .tweak_data_i(128'h0),
    .cfg_xe_i(1'b0), .zeroise_i(zeroise), .zeroise_busy_o(), .fault_o());

  // ---- the shadow: what a lane is said to do ------------------------------------------------------

  reg [DEPTH-1:0] stages = 0;   // a private beat in stage i
  reg [4:0]       around = 0;   // plain beats waiting
  reg             stuck  = 0;   // a plain beat was offered and not taken
  reg             first  = 1;
  reg             plain_line = 0;

  wire done      = stages[DEPTH-1];
  wire from_pipe = done && !stuck;
  wire from_fifo = (around != 0) && !from_pipe;
  wire take      = from_pipe && out_ready;
  wire pop       = from_fifo && out_ready;
  wire move      = !done || take;
  wire s_ready   = move && ((around != DEPTH) || pop);
  wire accept    = valid && s_ready && started;
  wire plain     = first ? bypass : plain_line;

  always @(posedge clk) if (started) begin
    if (move) stages <= {stages[DEPTH-2:0], accept && !plain};
    around <= around + (accept && plain) - pop;
    stuck  <= from_fifo && !out_ready;
    if (accept) first <= last;
    if (accept && first) plain_line <= bypass;
  end

  // ---- a private beat's payload: one bit of the tag, and last, in every stage ---------------------

  reg [DEPTH-1:0] tags = 0;
  reg [DEPTH-1:0] lasts = 0;
  always @(posedge clk) if (started && move) begin
    tags  <= {tags[DEPTH-2:0], tag[BIT]};
    lasts <= {lasts[DEPTH-2:0], last};
  end

  always @* if (started) begin
    assert (ready == s_ready);
    assert (out_valid == (from_pipe || from_fifo));
    assert (!from_pipe || (out_tag[BIT] == tags[DEPTH-1]));
    assert (!from_pipe || (out_last == lasts[DEPTH-1]));
    assert (!from_fifo || (out_error == 0));
  end

endmodule
