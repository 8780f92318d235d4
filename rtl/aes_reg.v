// aes_reg: a register with enable, and with a parity bit beside it if PARITY.
//
//   clear_i, where CLEAR allows it, puts zeros on the next edge whatever en_i is.
//   Without PARITY there is no reset: whoever reads the value knows from a valid bit whether it means
//   anything. With PARITY the bits are reset (their parity must be right from the start), and fault_o
//   is high in every clock in which an odd number of the stored bits, parity included, is wrong.
`default_nettype none

module aes_reg #(
  parameter W      = 1,
  parameter PARITY = 0,
  parameter CLEAR  = 0
) (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         en_i,
  input  wire         clear_i,
  input  wire [W-1:0] d_i,
  output wire [W-1:0] q_o,
  output wire         fault_o
);

  reg [W-1:0] value_q;
  assign q_o = value_q;

  wire clear = (CLEAR != 0) && clear_i;

  generate
    if (PARITY != 0) begin : gen_parity
      reg parity_q;
      always @(posedge clk_i or negedge rst_ni) begin
        if (!rst_ni) begin
          value_q  <= {W{1'b0}};
          parity_q <= 1'b0;
        end else if (clear) begin
          value_q  <= {W{1'b0}};
          parity_q <= 1'b0;
        end else if (en_i) begin
          value_q  <= d_i;
          parity_q <= ^d_i;
        end
      end
      assign fault_o = (^value_q) ^ parity_q;
    end else begin : gen_plain
      wire unused_reset = rst_ni;
      always @(posedge clk_i) begin
        if (clear) value_q <= {W{1'b0}};
        else if (en_i) value_q <= d_i;
      end
      assign fault_o = 1'b0;
    end
  endgenerate

endmodule

`default_nettype wire
