// aes_stage: everything that travels with a block between two clocks.
//
//   en_i low holds. zeroise_i wipes the key whether or not en_i is high, and gives the block that
//   would have needed it error 2; a plain block and one that has an error already are left alone.
`default_nettype none

module aes_stage #(
  parameter PARITY  = 0,
  parameter META_W  = 9,
  parameter HAS_KEY = 1  // 0: the key is kept elsewhere, key_o is zero
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
  input  wire [127:0]      key_i,
  input  wire [127:0]      tweak_i,

  output wire              valid_o,
  output wire [1:0]        error_o,
  output wire              plain_o,
  output wire              decrypt_o,
  output wire [META_W-1:0] meta_o,
  output wire [127:0]      state_o,
  output wire [127:0]      key_o,
  output wire [127:0]      tweak_o,
  output wire              fault_o
);

  localparam [1:0] ERROR_OK    = 2'd0;
  localparam [1:0] ERROR_FAULT = 2'd2;

  wire       fault_valid, fault_error, fault_meta, fault_state, fault_key, fault_tweak;
  wire [1:0] error_next = en_i ? error_i : error_o;
  wire       plain_next = en_i ? plain_i : plain_o;
  wire       loses_key  = zeroise_i && !plain_next && (error_next == ERROR_OK);

  aes_flag #(.W(1), .PARITY(PARITY)) u_valid (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .en_i   (en_i),
    .d_i    (valid_i),
    .q_o    (valid_o),
    .fault_o(fault_valid)
  );

  aes_reg #(.W(2), .PARITY(PARITY)) u_error (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .en_i   (en_i || zeroise_i),
    .clear_i(1'b0),
    .d_i    (loses_key ? ERROR_FAULT : error_next),
    .q_o    (error_o),
    .fault_o(fault_error)
  );

  aes_reg #(.W(META_W + 2), .PARITY(PARITY)) u_meta (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .en_i   (en_i),
    .clear_i(1'b0),
    .d_i    ({plain_i, decrypt_i, meta_i}),
    .q_o    ({plain_o, decrypt_o, meta_o}),
    .fault_o(fault_meta)
  );

  aes_reg #(.W(128), .PARITY(PARITY)) u_state (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .en_i   (en_i),
    .clear_i(1'b0),
    .d_i    (state_i),
    .q_o    (state_o),
    .fault_o(fault_state)
  );

  generate
    if (HAS_KEY != 0) begin : gen_key
      aes_reg #(.W(128), .PARITY(PARITY), .CLEAR(1)) u_key (
        .clk_i  (clk_i),
        .rst_ni (rst_ni),
        .en_i   (en_i),
        .clear_i(zeroise_i),
        .d_i    (key_i),
        .q_o    (key_o),
        .fault_o(fault_key)
      );
    end else begin : gen_no_key
      wire unused_key = ^key_i;
      assign key_o     = 128'h0;
      assign fault_key = 1'b0;
    end
  endgenerate

  aes_reg #(.W(128), .PARITY(PARITY)) u_tweak (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .en_i   (en_i),
    .clear_i(1'b0),
    .d_i    (tweak_i),
    .q_o    (tweak_o),
    .fault_o(fault_tweak)
  );

  assign fault_o = fault_valid || fault_error || fault_meta || fault_state || fault_key || fault_tweak;

endmodule

`default_nettype wire
