// aes_key_expand: makes round key 10 out of a key, one round a clock.
//
//   start_i stays high with a stable key until done_o; done_o is high in the eleventh clock and goes
//   away with the next edge. start_i low, clear_i and reset put it back to the beginning, wiped.
`default_nettype none

module aes_key_expand #(
  parameter COMPOSITE = 0,
  parameter PARITY    = 0
) (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         clear_i,
  input  wire         start_i,
  input  wire [127:0] key_i,
  output wire         done_o,
  output wire [127:0] key_o,    // round key 10 while done_o
  output wire         fault_o
);

  `include "aes_functions.vh"

  wire [3:0]   round;  // which round key key_o is
  wire         fault_round, fault_key;
  wire         run  = start_i && !clear_i && !done_o;
  wire [127:0] from = (round == 4'd0) ? key_i : key_o;
  wire [31:0]  sub;

  assign done_o  = (round == 4'd10);
  assign fault_o = fault_round || fault_key;

  aes_sub_word #(.WORDS(1), .INVERSE(0), .COMPOSITE(COMPOSITE)) u_sub (
    .bytes_i(rot_word(from[31:0])),
    .bytes_o(sub)
  );

  aes_flag #(.W(4), .PARITY(PARITY)) u_round (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .en_i   (1'b1),
    .d_i    (run ? round + 4'd1 : 4'd0),
    .q_o    (round),
    .fault_o(fault_round)
  );

  aes_reg #(.W(128), .PARITY(PARITY), .CLEAR(1)) u_key (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .en_i   (run),
    .clear_i(clear_i || done_o),
    .d_i    (key_step(from, sub, round_constant(round + 4'd1))),
    .q_o    (key_o),
    .fault_o(fault_key)
  );

endmodule

`default_nettype wire
