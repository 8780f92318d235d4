// fifo_order: what goes into the way around comes out unchanged and in order.
//
//   A freely chosen word is followed from its push: it comes out when as many words have left as were
//   in front of it, with its bits as they were. Full depth; W bits are stored alike, two stand for all.
module fifo_order #(
  parameter DEPTH = 11
) (
  input       clk,
  input       push,
  input       pop,
  input [1:0] data,
  input       choose
);

  reg started = 1'b0;
  always @(posedge clk) started <= 1'b1;

  wire       room, valid;
  wire [1:0] out;
  wire       do_push = push && room && started;
  wire       do_pop  = pop && valid && started;

  aes_fifo #(.W(2), .DEPTH(DEPTH)) u_fifo (
    .clk_i(clk), .rst_ni(started), .push_i(do_push), .data_i(data), .room_o(room),
    .pop_i(do_pop), .valid_o(valid), .data_o(out), .fault_o());

  reg [4:0] count  = 0;
  reg       follow = 0;
  reg [4:0] ahead  = 0;
  reg [1:0] word   = 0;

  always @(posedge clk) if (started) begin
    count <= count + do_push - do_pop;
    if (!follow && do_push && choose) begin
      follow <= 1;
      ahead  <= count - do_pop;
      word   <= data;
    end else if (follow && do_pop) begin
      if (ahead == 0) follow <= 0;
      else ahead <= ahead - 1;
    end
  end

  always @* if (started) begin
    assert (valid == (count != 0));
    assert (room == ((count != DEPTH) || do_pop));
    assert (!(follow && do_pop && (ahead == 0)) || (out == word));
  end

endmodule
