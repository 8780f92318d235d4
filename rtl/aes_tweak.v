// aes_tweak: the 48 constants of the address tweak, and T(a) for one or two addresses.
//
//   T(a) is the XOR of constant i over the set bits i of a, 4..51. Combinational; a write counts from
//   the clock after it. Constants are not reset: all are written before a set address bit is used.
`default_nettype none

module aes_tweak #(
  parameter LANES  = 2,
  parameter PARITY = 0
) (
  input  wire                 clk_i,
  input  wire                 rst_ni,

  input  wire                 write_valid_i,
  input  wire [5:0]           write_index_i,  // 4..51, others are ignored
  input  wire [127:0]         write_data_i,

  // An address and its tweak per lane, lane 0 lowest.
  input  wire [48*LANES-1:0]  addr_i,
  output wire [128*LANES-1:0] tweak_o,
  output wire                 fault_o
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
        .clear_i(1'b0),
        .d_i    (write_data_i),
        .q_o    (constant[i]),
        .fault_o(fault[i])
      );
    end
  endgenerate

  // A chain: synthesis balances it.
  genvar lane;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : gen_sum
      wire [51:4]  addr = addr_i[48*lane +: 48];
      reg  [127:0] sum;
      integer      k;
      always @* begin
        sum = 128'h0;
        for (k = 4; k <= 51; k = k + 1) sum = sum ^ (constant[k] & {128{addr[k]}});
      end
      assign tweak_o[128*lane +: 128] = sum;
    end
  endgenerate

endmodule

`default_nettype wire
