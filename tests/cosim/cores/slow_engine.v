// An engine with our ports and clocks of its own: one beat inside each lane, a round a clock, decryption expands its key
// first, a key write takes three clocks, a wipe one. FAULT_... plant what the tests look for.
`default_nettype none
module slow_lane #(
  parameter BACK = 0
) (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         zeroise_i,
  input  wire         xe_i,
  input  wire         valid_i,
  output wire         ready_o,
  input  wire [127:0] data_i,
  input  wire [127:0] tweak_i,
  input  wire [127:0] key_i,     // of the slot, and whether it is loaded
  input  wire         loaded_i,
  input  wire         bypass_i,
  input  wire         last_i,
  input  wire [7:0]   tag_i,
  output wire         valid_o,
  input  wire         ready_i,
  output wire [127:0] data_o,
  output reg          last_o,
  output reg  [7:0]   tag_o,
  output wire [1:0]   error_o
);
  wire         clk   = clk_i;
  wire         reset = !rst_ni;
  reg          open, line_plain;       // the line that is entering
  reg  [1:0]   line_error;
  reg  [127:0] line_key;
  reg          plain, waits;           // the beat inside; it is finished
  reg  [1:0]   error;
  reg  [3:0]   expand;                 // 0: none
  reg  [127:0] block, key, tweak;

  wire         take = valid_i && ready_o;
  wire         is_plain = open ? line_plain : bypass_i;
  wire         lost     = zeroise_i && !line_plain && line_error == 2'd0;
  wire [1:0]   is_error = open ? (lost ? 2'd2 : line_error)
                               : (bypass_i || (loaded_i && !zeroise_i) ? 2'd0 : 2'd1);
`ifdef FAULT_KEY_PER_BEAT
  wire [127:0] is_key   = key_i;
`else
  wire [127:0] is_key   = open ? line_key : key_i;
`endif
  wire [127:0] is_tweak = tweak_i;
  wire [127:0] whitened = BACK != 0 && xe_i ? data_i : data_i ^ is_tweak;
  wire         computes = take && !is_plain && is_error == 2'd0;

  wire [31:0]  expand_sub;
  aes_sub_word #(.WORDS(1), .INVERSE(0)) u_expand (.bytes_i(rot_word(key[31:0])), .bytes_o(expand_sub));
  wire [127:0] expanded = key_step(key, expand_sub, round_constant(expand));
  wire         start_in = BACK != 0 ? expand == 4'd10 : computes;
  wire         back_in  = BACK != 0;
  wire [127:0] data_in  = BACK != 0 ? block : whitened;
  wire [127:0] key_in   = BACK != 0 ? expanded : is_key;
  `include "iterative.vh"

`ifdef FAULT_LOSES
  assign ready_o = !busy && expand == 4'd0; // an answer that waits is written over
`else
  assign ready_o = !busy && expand == 4'd0 && (!waits || ready_i);
`endif
  always @(posedge clk or negedge rst_ni) begin
    if (!rst_ni) begin
      open   <= 1'b0;
      waits  <= 1'b0;
      expand <= 4'd0;
    end else begin
      if (take) open <= !last_i;
      waits  <= take ? !computes : busy ? last : waits && !ready_i;
      expand <= computes && BACK != 0 ? 4'd1 : expand == 4'd0 || expand == 4'd10 ? 4'd0 : expand + 4'd1;
    end
  end
  always @(posedge clk) begin
    key <= take ? is_key : expanded;
    if (take) begin
      line_plain <= is_plain;
      line_error <= is_error;
      line_key   <= is_key;
      plain      <= is_plain;
      error      <= is_error;
      block      <= is_plain ? data_i : whitened;
      tweak      <= BACK != 0 || !xe_i ? is_tweak : 128'd0;
      last_o     <= last_i;
      tag_o      <= tag_i;
    end else if (zeroise_i) begin
      if (open && lost) line_error <= 2'd2;
      if (!waits && !plain && error == 2'd0) error <= 2'd2;
    end
  end
  assign valid_o = waits;
  assign error_o = error;
  assign data_o  = plain ? block : error != 2'd0 ? 128'd0 : state ^ tweak;
endmodule

module slow_engine #(
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

  reg  [127:0]          key [0:KEY_SLOTS-1];
  reg  [KEY_SLOTS-1:0]  loaded;
  reg  [1:0]            key_clocks;
  reg                   busy;
  wire [255:0]          tweak;
  aes_tweak u_tweak (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .write_valid_i(tweak_valid_i),
    .write_index_i(tweak_index_i),
    .write_data_i (tweak_data_i),
    .addr_i       ({dec_addr_i, enc_addr_i}),
    .tweak_o      (tweak),
    .fault_o      ()
  );

  assign zeroise_busy_o = busy;
  assign fault_o        = 1'b0;
  assign key_ready_o    = key_clocks == 2'd3 && !busy && !zeroise_i;
  wire switch = key_valid_i && key_ready_o && key_slot_i < KEY_SLOTS;
  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      loaded     <= 0;
      key_clocks <= 2'd0;
      busy       <= 1'b0;
    end else begin
      busy       <= zeroise_i;
      key_clocks <= !key_valid_i || key_ready_o ? 2'd0 : key_clocks == 2'd3 ? 2'd3 : key_clocks + 2'd1;
      if (zeroise_i) loaded <= 0;
      else if (switch) loaded[key_slot_i[3:0]] <= !key_clear_i;
    end
  end
  always @(posedge clk_i) if (switch) key[key_slot_i[3:0]] <= key_i;


  slow_lane #(.BACK(0)) u_enc (
    .clk_i    (clk_i),
    .rst_ni   (rst_ni),
    .zeroise_i(zeroise_i),
    .xe_i     (cfg_xe_i),
    .valid_i  (enc_valid_i),
    .ready_o  (enc_ready_o),
    .data_i   (enc_data_i),
    .tweak_i  (tweak[127:0]),
    .key_i    (key[enc_slot_i[3:0]]),
    .loaded_i (enc_slot_i < KEY_SLOTS && loaded[enc_slot_i[3:0]]),
    .bypass_i (enc_bypass_i),
    .last_i   (enc_last_i),
    .tag_i    (enc_tag_i),
    .valid_o  (enc_valid_o),
    .ready_i  (enc_ready_i),
    .data_o   (enc_data_o),
    .last_o   (enc_last_o),
    .tag_o    (enc_tag_o),
    .error_o  (enc_error_o)
  );

  slow_lane #(.BACK(1)) u_dec (
    .clk_i    (clk_i),
    .rst_ni   (rst_ni),
    .zeroise_i(zeroise_i),
    .xe_i     (cfg_xe_i),
    .valid_i  (dec_valid_i),
    .ready_o  (dec_ready_o),
    .data_i   (dec_data_i),
    .tweak_i  (tweak[255:128]),
    .key_i    (key[dec_slot_i[3:0]]),
    .loaded_i (dec_slot_i < KEY_SLOTS && loaded[dec_slot_i[3:0]]),
    .bypass_i (dec_bypass_i),
    .last_i   (dec_last_i),
    .tag_i    (dec_tag_i),
    .valid_o  (dec_valid_o),
    .ready_i  (dec_ready_i),
    .data_o   (dec_data_o),
    .last_o   (dec_last_o),
    .tag_o    (dec_tag_o),
    .error_o  (dec_error_o)
  );
endmodule
`default_nettype wire
