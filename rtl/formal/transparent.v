// Registers as wires: stands in for aes_reg.v and aes_flag.v where a proof is about what is computed
// and not about when. Never part of the engine.
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
  assign q_o     = (CLEAR != 0 && clear_i) ? {W{1'b0}} : d_i;
  assign fault_o = 1'b0;
endmodule

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
  assign q_o     = d_i;
  assign fault_o = 1'b0;
endmodule
`default_nettype wire
