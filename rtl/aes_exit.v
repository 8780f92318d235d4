// aes_exit: the last register of a pipeline. What stands here is finished: it needs no key, and
// zeroise leaves it as it is, because an offered payload must not change.
//
//   A block that enters with an error, or on the clock of a zeroise, enters as zero.
`default_nettype none

module aes_exit #(
  parameter PARITY = 0,
  parameter META_W = 9
) (
  input  wire              clk_i,
  input  wire              rst_ni,
  input  wire              en_i,
  input  wire              zeroise_i,

  input  wire              valid_i,
  input  wire [1:0]        error_i,
  input  wire              plain_i,
  input  wire              decrypt_i,
  input  wire [META_W-1:0] meta_i,
  input  wire [127:0]      state_i,

  output wire              valid_o,
  output wire [1:0]        error_o,
  output wire              decrypt_o,
  output wire [META_W-1:0] meta_o,
  output wire [127:0]      state_o,
  output wire              fault_o
);

  localparam [1:0] ERROR_OK    = 2'd0;
  localparam [1:0] ERROR_FAULT = 2'd2;

  wire       fault_valid, fault_meta, fault_state;
  wire       loses_key  = zeroise_i && !plain_i && (error_i == ERROR_OK);
  wire [1:0] error_next = loses_key ? ERROR_FAULT : error_i;

  aes_flag #(.W(1), .PARITY(PARITY)) u_valid (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .en_i   (en_i),
    .d_i    (valid_i),
    .q_o    (valid_o),
    .fault_o(fault_valid)
  );

  aes_reg #(.W(META_W + 3), .PARITY(PARITY)) u_meta (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .en_i   (en_i),
    .clear_i(1'b0),
    .d_i    ({error_next, decrypt_i, meta_i}),
    .q_o    ({error_o, decrypt_o, meta_o}),
    .fault_o(fault_meta)
  );

  aes_reg #(.W(128), .PARITY(PARITY), .CLEAR(1)) u_state (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .en_i   (en_i),
    .clear_i(en_i && (error_next != ERROR_OK)),
    .d_i    (state_i),
    .q_o    (state_o),
    .fault_o(fault_state)
  );

  assign fault_o = fault_valid || fault_meta || fault_state;

endmodule

`default_nettype wire
