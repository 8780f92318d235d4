// Spoken to like the encryptor of the OpenCores aes_core: key and block with one load pulse, a pulse when
// done, reset low. Ours in every line but the port list. FAULT_... plant what the tests look for.
`default_nettype none
module aes_cipher_top (
  input  wire         clk,
  input  wire         rst,
  input  wire         ld,
  output wire         done,
  input  wire [127:0] key,
  input  wire [127:0] text_in,
  output wire [127:0] text_out
);
  wire reset = !rst;
  wire         start_in = ld;
  wire [127:0] data_in  = text_in;
`ifdef FAULT_STICKY_KEY
  // A key is taken on every other block only.
  reg  [127:0] kept;
  reg          odd;
  always @(posedge clk) begin
    if (reset) odd <= 1'b0;
    else if (ld) begin
      odd  <= !odd;
      kept <= key_in;
    end
  end
  wire [127:0] key_in = odd ? kept : key;
`else
  wire [127:0] key_in = key;
`endif
  wire         back_in = 1'b0;
  `include "iterative.vh"
`ifdef FAULT_NEVER_ANSWERS
  assign done = 1'b0;
`elsif FAULT_EARLY
  assign done = busy && last;
`else
  assign done = done_pulse;
`endif
`ifdef FAULT_BYTE_ORDER
  genvar k;
  generate
    for (k = 0; k < 16; k = k + 1) begin : gen_swap
      assign text_out[8*k +: 8] = state[127 - 8*k -: 8];
    end
  endgenerate
`else
  assign text_out = state;
`endif
endmodule
`default_nettype wire
