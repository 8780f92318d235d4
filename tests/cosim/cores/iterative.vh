// One AES-128 round a clock, both directions, for the cores of this folder: they differ in how they are
// spoken to. Included inside a module with clk, state/key wires declared by it.
//   start_in   a block goes in             key_in, data_in, back_in   what goes in
//   busy, done_pulse, state                 what comes of it
`include "aes_functions.vh"

  reg  [127:0] state;
  reg  [127:0] round_key;
  reg  [3:0]   round;
  reg          busy;
  reg          back;
  reg          done_pulse;

  wire [127:0] enc_sub;
  wire [127:0] dec_sub;
  wire [31:0]  key_sub;
  aes_sub_word #(.WORDS(4), .INVERSE(0)) u_enc (.bytes_i(state), .bytes_o(enc_sub));
  aes_sub_word #(.WORDS(4), .INVERSE(1)) u_dec (.bytes_i(inv_shift_rows(state)), .bytes_o(dec_sub));
  aes_sub_word #(.WORDS(1), .INVERSE(0)) u_key (
    .bytes_i(back ? rot_word(round_key[31:0] ^ round_key[63:32]) : rot_word(round_key[31:0])),
    .bytes_o(key_sub)
  );

  wire [127:0] next_key = back ? inv_key_step(round_key, key_sub, round_constant(4'd11 - round))
                               : key_step(round_key, key_sub, round_constant(round));
  wire         last     = round == 4'd10;
  wire [127:0] enc_next = (last ? shift_rows(enc_sub) : mix_columns(shift_rows(enc_sub))) ^ next_key;
  wire [127:0] dec_mix  = dec_sub ^ next_key;
  wire [127:0] dec_next = last ? dec_mix : inv_mix_columns(dec_mix);

  always @(posedge clk) begin
    done_pulse <= 1'b0;
`ifdef FAULT_RESET
    if (1'b0) begin // a reset ends nothing: the block inside is answered all the same
`else
    if (reset) begin
`endif
      busy <= 1'b0;
    end else if (start_in) begin
      state     <= data_in ^ key_in;
      round_key <= key_in;
      back      <= back_in;
      round     <= 4'd1;
      busy      <= 1'b1;
    end else if (busy) begin
      state     <= back ? dec_next : enc_next;
`ifdef FAULT_ROUND
      if (round == 4'd6) state[3] <= !(back ? dec_next[3] : enc_next[3]);
`endif
      round_key <= next_key;
      round     <= round + 4'd1;
      busy      <= !last;
      done_pulse <= last;
    end
  end
