// aes_fifo: the way of plain beats around the pipeline.
//
//   Latency     1 clock. Full and empty at once are impossible; a pop makes room in the same clock.
//   Depth       any, not only powers of two. Nothing is reset but the pointers.
`default_nettype none

module aes_fifo #(
  parameter W      = 137,
  parameter DEPTH  = 11,
  parameter PARITY = 0
) (
  input  wire         clk_i,
  input  wire         rst_ni,

  input  wire         push_i,   // only while room_o
  input  wire [W-1:0] data_i,
  output wire         room_o,

  input  wire         pop_i,    // only while valid_o
  output wire         valid_o,
  output wire [W-1:0] data_o,
  output wire         fault_o
);

  localparam PTR_W = $clog2(DEPTH + 1);
  localparam IDX_W = $clog2(DEPTH);
  localparam [PTR_W-1:0] LAST = DEPTH[PTR_W-1:0] - 1'b1;

  reg  [W+PARITY-1:0] store_q [0:DEPTH-1];
  wire [PTR_W-1:0]    head, tail, count;
  wire [2:0]          fault;

  wire [PTR_W-1:0] count_next = (count + {{PTR_W-1{1'b0}}, push_i}) - {{PTR_W-1{1'b0}}, pop_i};

  aes_flag #(.W(PTR_W), .PARITY(PARITY)) u_head (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .en_i   (pop_i),
    .d_i    ((head == LAST) ? {PTR_W{1'b0}} : head + 1'b1),
    .q_o    (head),
    .fault_o(fault[0])
  );

  aes_flag #(.W(PTR_W), .PARITY(PARITY)) u_tail (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .en_i   (push_i),
    .d_i    ((tail == LAST) ? {PTR_W{1'b0}} : tail + 1'b1),
    .q_o    (tail),
    .fault_o(fault[1])
  );

  aes_flag #(.W(PTR_W), .PARITY(PARITY)) u_count (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .en_i   (push_i || pop_i),
    .d_i    (count_next),
    .q_o    (count),
    .fault_o(fault[2])
  );

  wire [W+PARITY-1:0] word = store_q[head[IDX_W-1:0]];

  generate
    if (PARITY != 0) begin : gen_parity
      always @(posedge clk_i) begin
        if (push_i) store_q[tail[IDX_W-1:0]] <= {^data_i, data_i};
      end
      assign fault_o = (|fault) || (valid_o && (^word));
    end else begin : gen_plain
      always @(posedge clk_i) begin
        if (push_i) store_q[tail[IDX_W-1:0]] <= data_i;
      end
      assign fault_o = 1'b0;
      wire unused_fault = |fault;
    end
  endgenerate

  assign valid_o = (count != {PTR_W{1'b0}});
  assign room_o  = (count != DEPTH[PTR_W-1:0]) || pop_i;
  assign data_o  = word[W-1:0];

endmodule

`default_nettype wire
