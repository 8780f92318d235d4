// aes_port: one direction's input and output, around a pipeline.
//
//   Input       A beat is taken when valid_i and ready_o are high. Key, loaded and bypass are decided
//               on a line's first beat; last_i ends the line.
//   Output      A finished block has the output, unless a plain beat was offered in the clock before
//               and not taken: what is offered stays. Plain beats leave in order among themselves,
//               at the earliest one clock after they were taken.
//   ready_o     depends on ready_i of the same clock, valid_o never does.
`default_nettype none

module aes_port #(
  parameter IN_ORDER = 0,
  parameter DEPTH    = 11,  // of the way around; as deep as the pipeline is enough at full rate
  parameter PARITY   = 0,
  parameter TAG_W    = 8
) (
  input  wire             clk_i,
  input  wire             rst_ni,
  input  wire             zeroise_i,

  // Beats in.
  input  wire             valid_i,
  output wire             ready_o,
  input  wire [127:0]     data_i,
  input  wire             bypass_i,
  input  wire             last_i,
  input  wire [TAG_W-1:0] tag_i,

  // Key store: reads the line's key on this edge.
  input  wire             loaded_i,
  output wire             key_read_o,

  // Into the pipeline.
  output wire             wants_o,        // a beat is here and nothing but the pipeline can hold it
  input  wire             pipe_ready_i,
  output wire             pipe_valid_o,
  output wire [1:0]       pipe_error_o,
  output wire             pipe_plain_o,

  // Out of the pipeline.
  input  wire             pipe_valid_i,
  output wire             pipe_take_o,
  input  wire [1:0]       pipe_error_i,
  input  wire [TAG_W:0]   pipe_meta_i,
  input  wire [127:0]     pipe_data_i,

  // Beats out.
  output wire             valid_o,
  input  wire             ready_i,
  output wire [127:0]     data_o,
  output wire             last_o,
  output wire [TAG_W-1:0] tag_o,
  output wire [1:0]       error_o,
  output wire             fault_o
);

  localparam [1:0] ERROR_OK         = 2'd0;
  localparam [1:0] ERROR_NOT_LOADED = 2'd1;
  localparam [1:0] ERROR_FAULT      = 2'd2;

  // ---- the line at the input ----------------------------------------------------------------------

  wire       accept = valid_i && ready_o;
  wire       first;          // the next beat begins a line
  wire       line_plain;     // of the line under way
  wire [1:0] line_error;
  wire       fault_first, fault_line;

  wire       plain = first ? bypass_i : line_plain;
  wire [1:0] fresh = (bypass_i || (loaded_i && !zeroise_i)) ? ERROR_OK : ERROR_NOT_LOADED;
  wire [1:0] error = first ? fresh : line_error;
  wire       loses = zeroise_i && !first && !plain && (line_error == ERROR_OK);

  aes_flag #(.W(1), .PARITY(PARITY), .RESET(1'b1)) u_first (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .en_i   (accept),
    .d_i    (last_i),
    .q_o    (first),
    .fault_o(fault_first)
  );

  aes_flag #(.W(3), .PARITY(PARITY)) u_line (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .en_i   ((accept && first) || loses),
    .d_i    (loses ? {line_plain, ERROR_FAULT} : {plain, error}),
    .q_o    ({line_plain, line_error}),
    .fault_o(fault_line)
  );

  wire around = (IN_ORDER == 0) && plain;

  assign key_read_o   = accept && first && !plain;
  assign pipe_valid_o = accept && !around;
  assign pipe_error_o = error;
  assign pipe_plain_o = plain;

  // ---- the output ---------------------------------------------------------------------------------

  wire             room;
  wire             fifo_valid;
  wire [127:0]     fifo_data;
  wire             fifo_last;
  wire [TAG_W-1:0] fifo_tag;
  wire             fault_fifo, fault_held;
  wire             held;      // a plain beat was offered and not taken
  wire             from_pipe = pipe_valid_i && !held;
  wire             from_fifo = fifo_valid && !from_pipe;

  assign wants_o     = valid_i && room;
  assign ready_o     = pipe_ready_i && room;
  assign pipe_take_o = from_pipe && ready_i;

  generate
    if (IN_ORDER == 0) begin : gen_around
      aes_fifo #(.W(129 + TAG_W), .DEPTH(DEPTH), .PARITY(PARITY)) u_fifo (
        .clk_i  (clk_i),
        .rst_ni (rst_ni),
        .push_i (accept && around),
        .data_i ({last_i, tag_i, data_i}),
        .room_o (room),
        .pop_i  (from_fifo && ready_i),
        .valid_o(fifo_valid),
        .data_o ({fifo_last, fifo_tag, fifo_data}),
        .fault_o(fault_fifo)
      );
      aes_flag #(.W(1), .PARITY(PARITY)) u_held (
        .clk_i  (clk_i),
        .rst_ni (rst_ni),
        .en_i   (1'b1),
        .d_i    (from_fifo && !ready_i),
        .q_o    (held),
        .fault_o(fault_held)
      );
    end else begin : gen_in_order
      wire unused_in_order = ^{data_i, tag_i, DEPTH[0], from_fifo};
      assign room       = 1'b1;
      assign fifo_valid = 1'b0;
      assign fifo_data  = 128'h0;
      assign fifo_last  = 1'b0;
      assign fifo_tag   = {TAG_W{1'b0}};
      assign held       = 1'b0;
      assign fault_fifo = 1'b0;
      assign fault_held = 1'b0;
    end
  endgenerate

  assign valid_o = from_pipe || from_fifo;
  assign data_o  = from_pipe ? pipe_data_i : fifo_data;
  assign last_o  = from_pipe ? pipe_meta_i[TAG_W] : fifo_last;
  assign tag_o   = from_pipe ? pipe_meta_i[TAG_W-1:0] : fifo_tag;
  assign error_o = from_pipe ? pipe_error_i : ERROR_OK;
  assign fault_o = fault_first || fault_line || fault_fifo || fault_held;

endmodule

`default_nettype wire
