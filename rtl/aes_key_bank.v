// aes_key_bank: one 128-bit key per slot; one write port, one read port with an output register.
//
//   A read on the clock of a write of the same slot sees the old key. The output register stays until
//   the next read; wipe_i clears it at once. A read that is not of a loaded slot gives zero, so that a
//   word which was never written cannot show.
`default_nettype none

module aes_key_bank #(
  parameter KEY_SLOTS = 16,
  parameter SLOT_W    = 4,
  parameter PARITY    = 0
) (
  input  wire              clk_i,
  input  wire              rst_ni,

  input  wire              write_i,
  input  wire [SLOT_W-1:0] write_slot_i,
  input  wire [127:0]      write_key_i,

  input  wire              read_i,
  input  wire              read_loaded_i,
  input  wire [SLOT_W-1:0] read_slot_i,
  input  wire              wipe_i,
  output wire [127:0]      key_o,
  output wire              fault_o
);

  reg [127+PARITY:0] bank_q [0:KEY_SLOTS-1];
  reg [127+PARITY:0] key_q;

  wire [127+PARITY:0] write_word;

  assign key_o = key_q[127:0];

  always @(posedge clk_i) begin
    if (write_i) bank_q[write_slot_i] <= write_word;
  end

  generate
    if (PARITY != 0) begin : gen_parity
      assign write_word = {^write_key_i, write_key_i};
      assign fault_o    = ^key_q;
      always @(posedge clk_i or negedge rst_ni) begin
        if (!rst_ni) key_q <= 129'h0;
        else if (wipe_i || (read_i && !read_loaded_i)) key_q <= 129'h0;
        else if (read_i) key_q <= bank_q[read_slot_i];
      end
    end else begin : gen_plain
      wire unused_reset = rst_ni;
      assign write_word = write_key_i;
      assign fault_o    = 1'b0;
      always @(posedge clk_i) begin
        if (wipe_i || (read_i && !read_loaded_i)) key_q <= 128'h0;
        else if (read_i) key_q <= bank_q[read_slot_i];
      end
    end
  endgenerate

endmodule

`default_nettype wire
