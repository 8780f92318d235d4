// Control of one engine, both lanes, proved by induction for all time and at full width: nothing is
// lost or made up, and what is offered stays until it is taken.
//
//   The rounds' S-boxes are stubs (stub_sub_word.v): no claim here depends on data. The prove script
//   connects probe_* to the valid bits, the fifo's pointers and the held flag inside the engine; that
//   the sum of what is inside equals accepted minus delivered makes the claim inductive.
`default_nettype none

module control_lane #(
  parameter DEPTH = 11,
  parameter TAG_W = 8
) (
  input wire             clk_i,
  input wire             rst_ni,
  input wire             in_valid_i,
  input wire             in_ready_i,
  input wire             out_valid_i,
  input wire             out_ready_i,
  input wire [127:0]     out_data_i,
  input wire             out_last_i,
  input wire [TAG_W-1:0] out_tag_i,
  input wire [1:0]       out_error_i,
  input wire [10:0]      probe_valid_i,
  input wire [3:0]       probe_count_i,
  input wire [3:0]       probe_head_i,
  input wire [3:0]       probe_tail_i,
  input wire             probe_held_i
);
  reg [5:0]       inside_q;  // accepted and not delivered
  reg             stalled_q;
  reg [127:0]     data_q;
  reg             last_q;
  reg [TAG_W-1:0] tag_q;
  reg [1:0]       error_q;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      inside_q  <= 6'd0;
      stalled_q <= 1'b0;
    end else begin
      inside_q  <= inside_q + {5'd0, in_valid_i && in_ready_i} - {5'd0, out_valid_i && out_ready_i};
      stalled_q <= out_valid_i && !out_ready_i;
    end
    data_q  <= out_data_i;
    last_q  <= out_last_i;
    tag_q   <= out_tag_i;
    error_q <= out_error_i;
  end

  reg [5:0] held;
  integer   k;
  always @* begin
    held = {2'd0, probe_count_i};
    for (k = 0; k < 11; k = k + 1) held = held + {5'd0, probe_valid_i[k]};
  end

  wire [4:0] end_of_fifo = {1'b0, probe_head_i} + {1'b0, probe_count_i};

  always @* begin
    if (rst_ni) begin
      assert (inside_q == held);
      assert (probe_count_i <= DEPTH);
      assert (probe_head_i < DEPTH);
      assert (probe_tail_i < DEPTH);
      assert ({1'b0, probe_tail_i} == ((end_of_fifo >= DEPTH) ? end_of_fifo - DEPTH : end_of_fifo));
      assert (!probe_held_i || (probe_count_i != 4'd0));
      assert (!probe_held_i || stalled_q);
      if (stalled_q) begin
        assert (out_valid_i);
        assert (out_data_i == data_q);
        assert (out_last_i == last_q);
        assert (out_tag_i == tag_q);
        assert (out_error_i == error_q);
      end
      // Nothing leaves an empty lane.
      if (inside_q == 6'd0) assert (!out_valid_i);
    end
  end
endmodule

module control (
  input wire         clk_i,
  input wire         rst_ni,
  input wire         enc_valid_i,
  input wire [127:0] enc_data_i,
  input wire [51:4]  enc_addr_i,
  input wire [9:0]   enc_slot_i,
  input wire         enc_bypass_i,
  input wire         enc_last_i,
  input wire [7:0]   enc_tag_i,
  input wire         enc_ready_i,
  input wire         dec_valid_i,
  input wire [127:0] dec_data_i,
  input wire [51:4]  dec_addr_i,
  input wire [9:0]   dec_slot_i,
  input wire         dec_bypass_i,
  input wire         dec_last_i,
  input wire [7:0]   dec_tag_i,
  input wire         dec_ready_i,
  input wire         key_valid_i,
  input wire [9:0]   key_slot_i,
  input wire         key_clear_i,
  input wire [127:0] key_i,
  input wire         cfg_xe_i,
  input wire         zeroise_i
);
  wire         enc_ready_o, enc_valid_o, enc_last_o, dec_ready_o, dec_valid_o, dec_last_o;
  wire [127:0] enc_data_o, dec_data_o;
  wire [7:0]   enc_tag_o, dec_tag_o;
  wire [1:0]   enc_error_o, dec_error_o;

  aes_engine #(.KEY_SLOTS(2)) u_engine (
    .clk_i(clk_i), .rst_ni(rst_ni),
    .enc_valid_i(enc_valid_i), .enc_ready_o(enc_ready_o), .enc_data_i(enc_data_i),
    .enc_addr_i(enc_addr_i), .enc_slot_i(enc_slot_i), .enc_bypass_i(enc_bypass_i),
    .enc_last_i(enc_last_i), .enc_tag_i(enc_tag_i), .enc_valid_o(enc_valid_o),
    .enc_ready_i(enc_ready_i), .enc_data_o(enc_data_o), .enc_last_o(enc_last_o),
    .enc_tag_o(enc_tag_o), .enc_error_o(enc_error_o),
    .dec_valid_i(dec_valid_i), .dec_ready_o(dec_ready_o), .dec_data_i(dec_data_i),
    .dec_addr_i(dec_addr_i), .dec_slot_i(dec_slot_i), .dec_bypass_i(dec_bypass_i),
    .dec_last_i(dec_last_i), .dec_tag_i(dec_tag_i), .dec_valid_o(dec_valid_o),
    .dec_ready_i(dec_ready_i), .dec_data_o(dec_data_o), .dec_last_o(dec_last_o),
    .dec_tag_o(dec_tag_o), .dec_error_o(dec_error_o),
    .key_valid_i(key_valid_i), .key_ready_o(), .key_slot_i(key_slot_i),
    .key_clear_i(key_clear_i), .key_i(key_i),
    .tweak_valid_i(1'b0), .tweak_index_i(6'd0), .tweak_data_i(128'h0), .cfg_xe_i(cfg_xe_i),
    .zeroise_i(zeroise_i), .zeroise_busy_o(), .fault_o()
  );

  wire [10:0] probe_enc_valid, probe_dec_valid;
  wire [3:0]  probe_enc_count, probe_enc_head, probe_enc_tail;
  wire [3:0]  probe_dec_count, probe_dec_head, probe_dec_tail;
  wire        probe_enc_held, probe_dec_held;

  control_lane u_enc_lane (
    .clk_i(clk_i), .rst_ni(rst_ni), .in_valid_i(enc_valid_i), .in_ready_i(enc_ready_o),
    .out_valid_i(enc_valid_o), .out_ready_i(enc_ready_i), .out_data_i(enc_data_o),
    .out_last_i(enc_last_o), .out_tag_i(enc_tag_o), .out_error_i(enc_error_o),
    .probe_valid_i(probe_enc_valid), .probe_count_i(probe_enc_count),
    .probe_head_i(probe_enc_head), .probe_tail_i(probe_enc_tail), .probe_held_i(probe_enc_held)
  );
  control_lane u_dec_lane (
    .clk_i(clk_i), .rst_ni(rst_ni), .in_valid_i(dec_valid_i), .in_ready_i(dec_ready_o),
    .out_valid_i(dec_valid_o), .out_ready_i(dec_ready_i), .out_data_i(dec_data_o),
    .out_last_i(dec_last_o), .out_tag_i(dec_tag_o), .out_error_i(dec_error_o),
    .probe_valid_i(probe_dec_valid), .probe_count_i(probe_dec_count),
    .probe_head_i(probe_dec_head), .probe_tail_i(probe_dec_tail), .probe_held_i(probe_dec_held)
  );

  // Reset in the first step; after it, any further reset at any time.
  always @* if ($initstate) assume (!rst_ni);
endmodule
`default_nettype wire
