// aes_tweak: the 48 constants of the address tweak, and T(a) for both inputs.
//
//   T(a) is the XOR of constant i over the set bits i of a, 4..51. Combinational; a write counts from
//   the clock after it. Constants are not reset: all are written before a set address bit is used.
`default_nettype none

module aes_tweak #(
  parameter PARITY = 0
) (
  input  wire         clk_i,
  input  wire         rst_ni,

  input  wire         write_valid_i,
  input  wire [5:0]   write_index_i,  // 4..51, others are ignored
  input  wire [127:0] write_data_i,

  input  wire [51:4]  enc_addr_i,
  output wire [127:0] enc_tweak_o,
  input  wire [51:4]  dec_addr_i,
  output wire [127:0] dec_tweak_o,
  output wire         fault_o
);

  wire [127:0] constant [4:51];
  wire [51:4]  fault;

  assign fault_o = |fault;

  genvar i;
  generate
    for (i = 4; i <= 51; i = i + 1) begin : gen_bit
      aes_reg #(.W(128), .PARITY(PARITY)) u_constant (
        .clk_i  (clk_i),
        .rst_ni (rst_ni),
        .en_i   (write_valid_i && (write_index_i == i)),
        .d_i    (write_data_i),
        .q_o    (constant[i]),
        .fault_o(fault[i])
      );
    end
  endgenerate

  // A chain: synthesis balances it.
  reg [127:0] enc_sum, dec_sum;
  integer     k;
  always @* begin
    enc_sum = 128'h0;
    dec_sum = 128'h0;
    for (k = 4; k <= 51; k = k + 1) begin
      enc_sum = enc_sum ^ (constant[k] & {128{enc_addr_i[k]}});
      dec_sum = dec_sum ^ (constant[k] & {128{dec_addr_i[k]}});
    end
  end
  assign enc_tweak_o = enc_sum;
  assign dec_tweak_o = dec_sum;

endmodule

`default_nettype wire
