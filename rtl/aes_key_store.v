// aes_key_store: the key slots: round key 0 for encryption, round key 10 for decryption.
//
//   Write       key_ready_o is high when round key 10 is made (ten clocks after key_valid_i was first
//               seen; a clear needs none). Both directions switch on the edge of the transfer; a line
//               that enters on it gets the old key. A slot that does not exist is ignored.
//   Zeroise     No slot is loaded from the next clock on; KEY_SLOTS more clocks wipe the words, in
//               which busy_o is high and no key is taken.
//   Reset       No slot is loaded. The words stay until they are written or wiped.
`default_nettype none

module aes_key_store #(
  parameter KEY_SLOTS = 16,
  parameter COMPOSITE = 0,
  parameter PARITY    = 0
) (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         zeroise_i,
  output wire         busy_o,

  input  wire         key_valid_i,
  output wire         key_ready_o,
  input  wire [9:0]   key_slot_i,
  input  wire         key_clear_i,
  input  wire [127:0] key_i,

  input  wire         enc_read_i,
  input  wire [9:0]   enc_slot_i,
  output wire         enc_loaded_o,  // of enc_slot_i, now
  output wire [127:0] enc_key_o,     // of the latest read

  input  wire         dec_read_i,
  input  wire [9:0]   dec_slot_i,
  output wire         dec_loaded_o,
  output wire [127:0] dec_key_o,
  output wire         fault_o
);

  localparam SLOT_W = (KEY_SLOTS > 1) ? $clog2(KEY_SLOTS) : 1;
  localparam [10:0] SLOTS = KEY_SLOTS[10:0];
  localparam [9:0]  LAST  = KEY_SLOTS[9:0] - 10'd1;

  // ---- writes -------------------------------------------------------------------------------------

  wire         expand_done;
  wire [127:0] expand_key;
  wire         transfer = key_valid_i && key_ready_o;
  wire         write    = transfer && ({1'b0, key_slot_i} < SLOTS);
  wire [5:0]   fault;

  assign key_ready_o = (key_clear_i || expand_done) && !zeroise_i && !busy_o;
  assign fault_o     = |fault;

  aes_key_expand #(.COMPOSITE(COMPOSITE), .PARITY(PARITY)) u_expand (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .clear_i(zeroise_i || busy_o),
    .start_i(key_valid_i && !key_clear_i),
    .key_i  (key_i),
    .done_o (expand_done),
    .key_o  (expand_key),
    .fault_o(fault[0])
  );

  // ---- zeroise ------------------------------------------------------------------------------------

  wire [9:0] wipe_slot;

  aes_flag #(.W(1), .PARITY(PARITY)) u_busy (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .en_i   (1'b1),
    .d_i    (zeroise_i || (busy_o && (wipe_slot != LAST))),
    .q_o    (busy_o),
    .fault_o(fault[1])
  );

  aes_flag #(.W(10), .PARITY(PARITY)) u_wipe (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .en_i   (1'b1),
    .d_i    ((busy_o && !zeroise_i) ? wipe_slot + 10'd1 : 10'd0),
    .q_o    (wipe_slot),
    .fault_o(fault[2])
  );

  wire              bank_write = write || busy_o;
  wire [SLOT_W-1:0] bank_slot  = busy_o ? wipe_slot[SLOT_W-1:0] : key_slot_i[SLOT_W-1:0];
  wire              bank_zero  = busy_o || key_clear_i;

  // ---- which slots are loaded ---------------------------------------------------------------------

  reg  [KEY_SLOTS-1:0] loaded_q;
  wire [SLOT_W-1:0]    write_slot = key_slot_i[SLOT_W-1:0];

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) loaded_q <= {KEY_SLOTS{1'b0}};
    else if (zeroise_i) loaded_q <= {KEY_SLOTS{1'b0}};
    else if (write) loaded_q[write_slot] <= !key_clear_i;
  end

  generate
    if (PARITY != 0) begin : gen_twin
      // A parity bit over the whole vector would need the old bit on every write: a twin is simpler.
      reg [KEY_SLOTS-1:0] empty_q;
      always @(posedge clk_i or negedge rst_ni) begin
        if (!rst_ni) empty_q <= {KEY_SLOTS{1'b1}};
        else if (zeroise_i) empty_q <= {KEY_SLOTS{1'b1}};
        else if (write) empty_q[write_slot] <= key_clear_i;
      end
      assign fault[3] = (loaded_q != ~empty_q);
    end else begin : gen_no_twin
      assign fault[3] = 1'b0;
    end
  endgenerate

  assign enc_loaded_o = ({1'b0, enc_slot_i} < SLOTS) && loaded_q[enc_slot_i[SLOT_W-1:0]];
  assign dec_loaded_o = ({1'b0, dec_slot_i} < SLOTS) && loaded_q[dec_slot_i[SLOT_W-1:0]];

  // ---- the keys -----------------------------------------------------------------------------------

  aes_key_bank #(.KEY_SLOTS(KEY_SLOTS), .SLOT_W(SLOT_W), .PARITY(PARITY)) u_encrypt (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .write_i      (bank_write),
    .write_slot_i (bank_slot),
    .write_key_i  (bank_zero ? 128'h0 : key_i),
    .read_i       (enc_read_i),
    .read_loaded_i(enc_loaded_o),
    .read_slot_i  (enc_slot_i[SLOT_W-1:0]),
    .wipe_i       (zeroise_i),
    .key_o        (enc_key_o),
    .fault_o      (fault[4])
  );

  aes_key_bank #(.KEY_SLOTS(KEY_SLOTS), .SLOT_W(SLOT_W), .PARITY(PARITY)) u_decrypt (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .write_i      (bank_write),
    .write_slot_i (bank_slot),
    .write_key_i  (bank_zero ? 128'h0 : expand_key),
    .read_i       (dec_read_i),
    .read_loaded_i(dec_loaded_o),
    .read_slot_i  (dec_slot_i[SLOT_W-1:0]),
    .wipe_i       (zeroise_i),
    .key_o        (dec_key_o),
    .fault_o      (fault[5])
  );

endmodule

`default_nettype wire
