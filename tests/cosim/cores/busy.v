// Spoken to like the cores of the SASEBO boards: a key is loaded by itself and for one direction, ready is the
// opposite of busy, an answer is the edge of a level that the direction's own datapath holds.
`default_nettype none
module AES_Comp (
  input  wire         CLK,
  input  wire         RSTn,
  input  wire         EN,
  input  wire         EncDec,
  input  wire         Krdy,
  input  wire [127:0] Kin,
  input  wire         Drdy,
  input  wire [127:0] Din,
  output wire [127:0] Dout,
  output wire         Dvld,
  output wire         BSY
);
  wire         clk   = CLK;
  wire         reset = !RSTn;
  reg  [127:0] key [0:1];    // of each direction: round key 0, round key 10
  reg  [3:0]   expand;       // 0: none
  reg  [1:0]   answered;     // of each direction, until the next block or key
  reg          was_answered;
  wire [31:0]  expand_sub;
  aes_sub_word #(.WORDS(1), .INVERSE(0)) u_expand (.bytes_i(rot_word(key[1][31:0])), .bytes_o(expand_sub));

  wire         start_in = EN && Drdy && !Krdy && !BSY;
  wire [127:0] data_in  = Din;
  wire [127:0] key_in   = key[EncDec];
  wire         back_in  = EncDec;
  `include "iterative.vh"

  always @(posedge CLK) begin
    was_answered <= !reset && answered[EncDec];
    if (reset) begin
      expand   <= 4'd0;
      answered <= 2'd0;
    end else if (EN && Krdy && !BSY) begin
      key[EncDec]      <= Kin;
      expand           <= EncDec ? 4'd1 : 4'd0;
      answered[EncDec] <= 1'b0;
    end else if (expand != 4'd0) begin
      key[1] <= key_step(key[1], expand_sub, round_constant(expand));
      expand <= expand == 4'd10 ? 4'd0 : expand + 4'd1;
    end else if (start_in) begin
      answered[EncDec] <= 1'b0;
    end else if (busy && last) begin
      answered[back] <= 1'b1;
    end
  end
  assign BSY  = busy || expand != 4'd0;
  assign Dout = state;
  assign Dvld = answered[EncDec] && !was_answered;
endmodule
`default_nettype wire
