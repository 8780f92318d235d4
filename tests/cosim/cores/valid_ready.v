// Valid and ready on both sides, the key beside the block, a pipeline with one enable.
`default_nettype none
module stream_aes #(
  parameter LATE = 0
) (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         valid_i,
  output wire         ready_o,
  input  wire [127:0] data_i,
  input  wire [127:0] key_i,
  output wire         valid_o,
  input  wire         ready_i,
  output wire [127:0] data_o
);
  `include "aes_functions.vh"
  reg [127:0] s [0:10];
  reg [127:0] k [0:10];
  reg [10:0]  v;
  wire enable = ready_i || !v[10];
`ifdef FAULT_UNRESET
  // Nothing sets the pause: it begins wherever the power left it.
  reg [3:0] pause;
  always @(posedge clk_i) pause <= pause + 4'd1;
  assign ready_o = enable && pause != 4'd3;
`else
  assign ready_o = enable;
`endif
  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) v <= 11'd0;
    else if (enable) v <= {v[9:0], valid_i && ready_o};
`ifdef FAULT_VALID_DROPPED
    else v[10] <= 1'b0;
`endif
  end
  always @(posedge clk_i) begin
    if (enable) begin
      s[0] <= data_i ^ key_i;
      k[0] <= key_i;
    end
  end
  genvar r;
  generate
    for (r = 1; r <= 10; r = r + 1) begin : gen_round
      wire [127:0] sub;
      wire [31:0]  key_sub;
      wire [127:0] next_key = key_step(k[r-1], key_sub, round_constant(r));
      aes_sub_word #(.WORDS(4), .INVERSE(0)) u_sub (.bytes_i(s[r-1]), .bytes_o(sub));
      aes_sub_word #(.WORDS(1), .INVERSE(0)) u_key (.bytes_i(rot_word(k[r-1][31:0])), .bytes_o(key_sub));
      always @(posedge clk_i) begin
`ifdef FAULT_PAYLOAD_CHANGED
        if (enable || r == 10) begin
`else
        if (enable) begin
`endif
          s[r] <= (r == 10 ? shift_rows(sub) : mix_columns(shift_rows(sub))) ^ next_key;
          k[r] <= next_key;
        end
      end
    end
  endgenerate
  assign valid_o = v[10];
  assign data_o  = s[10];
  wire unused = LATE != 0;
endmodule
`default_nettype wire
