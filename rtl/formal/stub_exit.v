// aes_exit without data, for proofs about control: everything but state_o is the real one's.
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
  aes_exit_real #(.PARITY(PARITY), .META_W(META_W)) u_exit (
    .clk_i(clk_i), .rst_ni(rst_ni), .en_i(en_i), .zeroise_i(zeroise_i), .valid_i(valid_i),
    .error_i(error_i), .plain_i(plain_i), .decrypt_i(decrypt_i), .meta_i(meta_i),
    .state_i(128'h0), .valid_o(valid_o), .error_o(error_o), .decrypt_o(decrypt_o),
    .meta_o(meta_o), .state_o(), .fault_o(fault_o));
  assign state_o = 128'h0;
endmodule
