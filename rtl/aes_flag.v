// aes_flag: a control register with enable and asynchronous reset to RESET, and with a parity bit
// beside it if PARITY (see aes_reg).
`default_nettype none

module aes_flag #(
  parameter         W      = 1,
  parameter         PARITY = 0,
  parameter [W-1:0] RESET  = {W{1'b0}}
) (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         en_i,
  input  wire [W-1:0] d_i,
  output wire [W-1:0] q_o,
  output wire         fault_o
);

  reg [W-1:0] value_q;
  assign q_o = value_q;

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) value_q <= RESET;
    else if (en_i) value_q <= d_i;
  end

  generate
    if (PARITY != 0) begin : gen_parity
      reg parity_q;
      always @(posedge clk_i or negedge rst_ni) begin
        if (!rst_ni) parity_q <= ^RESET;
        else if (en_i) parity_q <= ^d_i;
      end
      assign fault_o = (^value_q) ^ parity_q;
    end else begin : gen_plain
      assign fault_o = 1'b0;
    end
  endgenerate

endmodule

`default_nettype wire
