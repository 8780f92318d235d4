// aes_engine with one fault in front of it, for the tests of what is said about wrong engines:
//   FAULT_TWEAK   one bit of one tweak constant is wrong
//   FAULT_KEY     the key comes one beat late: a line has that of the line before it
//   FAULT_READY   ready is low on one clock in 256, although a beat could enter
`default_nettype none
module faulty_engine #(
  parameter KEY_SLOTS = 16
) (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         enc_valid_i,
  output wire         enc_ready_o,
  input  wire [127:0] enc_data_i,
  input  wire [51:4]  enc_addr_i,
  input  wire [9:0]   enc_slot_i,
  input  wire         enc_bypass_i,
  input  wire         enc_last_i,
  input  wire [7:0]   enc_tag_i,
  output wire         enc_valid_o,
  input  wire         enc_ready_i,
  output wire [127:0] enc_data_o,
  output wire         enc_last_o,
  output wire [7:0]   enc_tag_o,
  output wire [1:0]   enc_error_o,
  input  wire         dec_valid_i,
  output wire         dec_ready_o,
  input  wire [127:0] dec_data_i,
  input  wire [51:4]  dec_addr_i,
  input  wire [9:0]   dec_slot_i,
  input  wire         dec_bypass_i,
  input  wire         dec_last_i,
  input  wire [7:0]   dec_tag_i,
  output wire         dec_valid_o,
  input  wire         dec_ready_i,
  output wire [127:0] dec_data_o,
  output wire         dec_last_o,
  output wire [7:0]   dec_tag_o,
  output wire [1:0]   dec_error_o,
  input  wire         key_valid_i,
  output wire         key_ready_o,
  input  wire [9:0]   key_slot_i,
  input  wire         key_clear_i,
  input  wire [127:0] key_i,
  input  wire         tweak_valid_i,
  input  wire [5:0]   tweak_index_i,
  input  wire [127:0] tweak_data_i,
  input  wire         cfg_xe_i,
  input  wire         zeroise_i,
  output wire         zeroise_busy_o,
  output wire         fault_o
);

  wire [127:0] tweak_data;
  wire [9:0]   enc_slot;
  wire         enc_go;
  wire         enc_ready;

`ifdef FAULT_TWEAK
  assign tweak_data = tweak_index_i == 6'd17 ? tweak_data_i ^ 128'h40 : tweak_data_i;
`else
  assign tweak_data = tweak_data_i;
`endif

`ifdef FAULT_KEY
  // Only where the slot before is loaded: its key, not an error.
  reg [9:0]  slot_q;
  reg [15:0] loaded_q;
  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) loaded_q <= 16'd0;
    else if (zeroise_i) loaded_q <= 16'd0;
    else if (key_valid_i && key_ready_o && key_slot_i < 10'd16) loaded_q[key_slot_i[3:0]] <= !key_clear_i;
  end
  always @(posedge clk_i) if (enc_valid_i && enc_ready_o) slot_q <= enc_slot_i;
  assign enc_slot = slot_q < 10'd16 && loaded_q[slot_q[3:0]] ? slot_q : enc_slot_i;
`else
  assign enc_slot = enc_slot_i;
`endif

`ifdef FAULT_READY
  reg [7:0] clock_q;
  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) clock_q <= 8'd0;
    else clock_q <= clock_q + 8'd1;
  end
  assign enc_go = clock_q != 8'd255;
`else
  assign enc_go = 1'b1;
`endif
  assign enc_ready_o = enc_ready && enc_go;

  aes_engine #(.KEY_SLOTS(KEY_SLOTS)) u_engine (
    .enc_valid_i(enc_valid_i && enc_go),
    .enc_ready_o(enc_ready),
    .enc_slot_i(enc_slot),
    .tweak_data_i(tweak_data),
    .clk_i(clk_i), .rst_ni(rst_ni), .cfg_xe_i(cfg_xe_i), .zeroise_i(zeroise_i),
    .zeroise_busy_o(zeroise_busy_o), .fault_o(fault_o),
    .enc_data_i(enc_data_i), .enc_addr_i(enc_addr_i), .enc_bypass_i(enc_bypass_i),
    .enc_last_i(enc_last_i), .enc_tag_i(enc_tag_i), .enc_valid_o(enc_valid_o),
    .enc_ready_i(enc_ready_i), .enc_data_o(enc_data_o), .enc_last_o(enc_last_o),
    .enc_tag_o(enc_tag_o), .enc_error_o(enc_error_o),
    .dec_valid_i(dec_valid_i), .dec_ready_o(dec_ready_o), .dec_data_i(dec_data_i),
    .dec_addr_i(dec_addr_i), .dec_slot_i(dec_slot_i), .dec_bypass_i(dec_bypass_i),
    .dec_last_i(dec_last_i), .dec_tag_i(dec_tag_i), .dec_valid_o(dec_valid_o),
    .dec_ready_i(dec_ready_i), .dec_data_o(dec_data_o), .dec_last_o(dec_last_o),
    .dec_tag_o(dec_tag_o), .dec_error_o(dec_error_o),
    .key_valid_i(key_valid_i), .key_ready_o(key_ready_o), .key_slot_i(key_slot_i),
    .key_clear_i(key_clear_i), .key_i(key_i),
    .tweak_valid_i(tweak_valid_i), .tweak_index_i(tweak_index_i)
  );
endmodule
`default_nettype wire
