// aes_pipe: entry register, ten rounds, and one enable for all of them.
//
//   Latency     10 x STAGES_PER_ROUND + 1 clocks from accept edge to earliest transfer edge.
//   Throughput  one block a clock; it halts (en_o low) only while a finished block is not taken.
//   Keys        key_i belongs to the block in the entry register: the key store reads it on the edge
//               on which the first beat of a line enters and keeps it for the line.
`default_nettype none

module aes_pipe #(
  parameter ENCRYPT          = 1,
  parameter DECRYPT          = 0,
  parameter STAGES_PER_ROUND = 1,
  parameter IN_ORDER         = 0,
  parameter COMPOSITE        = 0,
  parameter PARITY           = 0,
  parameter META_W           = 9
) (
  input  wire              clk_i,
  input  wire              rst_ni,
  input  wire              zeroise_i,

  output wire              en_o,        // a block offered now enters on the next edge
  input  wire              valid_i,
  input  wire [1:0]        error_i,
  input  wire              plain_i,
  input  wire              decrypt_i,
  input  wire [META_W-1:0] meta_i,
  input  wire [127:0]      state_i,     // entry tweak added
  input  wire [127:0]      tweak_i,     // to be added at the exit

  input  wire [127:0]      enc_key_i,   // of the line in the entry register
  input  wire [127:0]      dec_key_i,

  output wire              valid_o,     // a finished block, held until taken
  input  wire              take_i,
  output wire [1:0]        error_o,
  output wire              decrypt_o,
  output wire [META_W-1:0] meta_o,
  output wire [127:0]      state_o,
  output wire              fault_o
);

  localparam ROUNDS = 10;

  assign en_o = !valid_o || take_i;

  // Index r: what stands between round r and round r + 1; 0 is the entry register.
  wire              valid   [0:ROUNDS];
  wire [1:0]        error   [0:ROUNDS];
  wire              plain   [0:ROUNDS];
  wire              decrypt [0:ROUNDS];
  wire [META_W-1:0] meta    [0:ROUNDS];
  wire [127:0]      state   [0:ROUNDS];
  wire [127:0]      key     [0:ROUNDS];
  wire [127:0]      tweak   [0:ROUNDS];
  wire [ROUNDS:0]   fault;

  // The entry's key register is the key store's output.
  wire [127:0] unused_entry_key;

  aes_stage #(.PARITY(PARITY), .META_W(META_W), .HAS_KEY(0)) u_entry (
    .clk_i    (clk_i),
    .rst_ni   (rst_ni),
    .en_i     (en_o),
    .zeroise_i(zeroise_i),
    .valid_i  (valid_i),
    .error_i  (error_i),
    .plain_i  (plain_i),
    .decrypt_i(decrypt_i),
    .meta_i   (meta_i),
    .state_i  (state_i),
    .key_i    (128'h0),
    .tweak_i  (tweak_i),
    .valid_o  (valid[0]),
    .error_o  (error[0]),
    .plain_o  (plain[0]),
    .decrypt_o(decrypt[0]),
    .meta_o   (meta[0]),
    .state_o  (state[0]),
    .key_o    (unused_entry_key),
    .tweak_o  (tweak[0]),
    .fault_o  (fault[0])
  );

  wire decrypt_0 = (ENCRYPT == 0) || ((DECRYPT != 0) && decrypt[0]);
  assign key[0] = decrypt_0 ? dec_key_i : enc_key_i;

  genvar r;
  generate
    for (r = 1; r <= ROUNDS; r = r + 1) begin : gen_round
      aes_round #(
        .ROUND           (r),
        .ENCRYPT         (ENCRYPT),
        .DECRYPT         (DECRYPT),
        .STAGES_PER_ROUND(STAGES_PER_ROUND),
        .IN_ORDER        (IN_ORDER),
        .COMPOSITE       (COMPOSITE),
        .PARITY          (PARITY),
        .META_W          (META_W)
      ) u_round (
        .clk_i    (clk_i),
        .rst_ni   (rst_ni),
        .en_i     (en_o),
        .zeroise_i(zeroise_i),
        .valid_i  (valid[r-1]),
        .error_i  (error[r-1]),
        .plain_i  (plain[r-1]),
        .decrypt_i(decrypt[r-1]),
        .meta_i   (meta[r-1]),
        .state_i  (state[r-1]),
        .key_i    (key[r-1]),
        .tweak_i  (tweak[r-1]),
        .valid_o  (valid[r]),
        .error_o  (error[r]),
        .plain_o  (plain[r]),
        .decrypt_o(decrypt[r]),
        .meta_o   (meta[r]),
        .state_o  (state[r]),
        .key_o    (key[r]),
        .tweak_o  (tweak[r]),
        .fault_o  (fault[r])
      );
    end
  endgenerate

  assign valid_o   = valid[ROUNDS];
  assign error_o   = error[ROUNDS];
  assign decrypt_o = decrypt[ROUNDS];
  assign meta_o    = meta[ROUNDS];
  assign state_o   = state[ROUNDS];
  assign fault_o   = |fault;

endmodule

`default_nettype wire
