// ice40_round: one encryption round with its registers between shift registers, for rtl/synth/size --ice40.
`default_nettype none

module ice40_round (
  input  wire clk_i,
  input  wire bit_i,
  output wire bit_o
);

  reg  [255:0] in_q;
  reg  [255:0] out_q;
  wire [127:0] state, key;

  aes_round #(.ROUND(2), .ENCRYPT(1), .DECRYPT(0), .COMPOSITE(1)) u_round (
    .clk_i(clk_i), .rst_ni(1'b1), .en_i(1'b1), .zeroise_i(1'b0), .valid_i(1'b1), .error_i(2'd0),
    .plain_i(1'b0), .decrypt_i(1'b0), .meta_i(9'd0), .state_i(in_q[127:0]), .key_i(in_q[255:128]),
    .tweak_i(128'h0), .valid_o(), .error_o(), .plain_o(), .decrypt_o(), .meta_o(),
    .state_o(state), .key_o(key), .tweak_o(), .fault_o()
  );

  // Loads what the round made every 256 clocks' worth of a marker bit: nothing is optimised away.
  always @(posedge clk_i) begin
    in_q  <= {in_q[254:0], bit_i};
    out_q <= in_q[0] ? {key, state} : {out_q[254:0], 1'b0};
  end
  assign bit_o = out_q[255];

endmodule

`default_nettype wire
