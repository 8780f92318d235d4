// Valid and ready on both sides, one block at a time, both directions: decryption expands its key first. The answer
// stays until it is taken; the next block goes in on the clock that takes it. FAULT_... plant what the tests look for.
`default_nettype none
module held_aes (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         valid_i,
  output wire         ready_o,
  input  wire         decrypt_i,
  input  wire [127:0] data_i,
  input  wire [127:0] key_i,
  output wire         valid_o,
  input  wire         ready_i,
  output wire [127:0] data_o
);
  wire         clk   = clk_i;
  wire         reset = !rst_ni;
  reg          waits;       // an answer that nobody has taken
  reg  [3:0]   expand;      // 0: none
  reg  [127:0] block, key;
  wire [31:0]  expand_sub;
  aes_sub_word #(.WORDS(1), .INVERSE(0)) u_expand (.bytes_i(rot_word(key[31:0])), .bytes_o(expand_sub));
  wire [127:0] expanded = key_step(key, expand_sub, round_constant(expand));

  wire         take     = valid_i && ready_o;
  wire         start_in = (take && !decrypt_i) || expand == 4'd10;
  wire         back_in  = expand == 4'd10;
  wire [127:0] data_in  = back_in ? block : data_i;
`ifdef FAULT_KEY_ORDER
  wire [127:0] key_in   = back_in ? key : key_i; // decryption begins with round key 9
`else
  wire [127:0] key_in   = back_in ? expanded : key_i;
`endif
  `include "iterative.vh"

  assign ready_o = !busy && expand == 4'd0 && (!waits || ready_i);
  always @(posedge clk or negedge rst_ni) begin
    if (!rst_ni) begin
      waits  <= 1'b0;
      expand <= 4'd0;
    end else begin
`ifdef FAULT_ROUNDS
      waits <= busy ? round == 4'd9 : waits && !ready_i;
`else
      waits <= busy ? last : waits && !ready_i;
`endif
      if (take && decrypt_i) expand <= 4'd1;
      else if (expand != 4'd0) expand <= expand == 4'd10 ? 4'd0 : expand + 4'd1;
    end
  end
  always @(posedge clk) begin
    if (take) block <= data_i;
    if (take) key <= key_i;
    else key <= expanded;
  end
  assign valid_o = waits;
`ifdef FAULT_NEXT
  assign data_o  = waits ? state ^ {127'd0, valid_i} : block; // a block that waits outside changes the answer
`else
  assign data_o  = state;
`endif
endmodule
`default_nettype wire
