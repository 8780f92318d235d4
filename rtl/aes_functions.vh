// The linear steps of FIPS-197, for inclusion into a module.
//
//   Byte order  state[127:120] is byte 0 (s[0,0]), state[7:0] is byte 15 (s[3,3]); a 32-bit word is
//               one column, its top byte is row 0.

// Multiplication of each byte of a column by x.
function automatic [31:0] xtime;
  input [31:0] w;
  reg   [31:0] carry;
  begin
    carry = (w >> 7) & 32'h01010101;
    xtime = ((w << 1) & 32'hfefefefe) ^ carry ^ (carry << 1) ^ (carry << 3) ^ (carry << 4);
  end
endfunction

// Row r of the result is 2(a + b) + b + (c + d), where a to d are rows r to r + 3: the sum of each
// neighbouring pair serves two rows.
function automatic [31:0] mix_column;
  input [31:0] w;
  reg   [31:0] up, pair;
  begin
    up         = {w[23:0], w[31:24]};
    pair       = w ^ up;
    mix_column = xtime(pair) ^ up ^ {pair[15:0], pair[31:16]};
  end
endfunction

// The inverse matrix is the forward one times {05,00,04,00}.
function automatic [31:0] inv_mix_column;
  input [31:0] w;
  inv_mix_column = mix_column(w ^ xtime(xtime(w ^ {w[15:0], w[31:16]})));
endfunction

function automatic [127:0] mix_columns;
  input [127:0] s;
  mix_columns = {mix_column(s[127:96]), mix_column(s[95:64]),
                 mix_column(s[63:32]), mix_column(s[31:0])};
endfunction

function automatic [127:0] inv_mix_columns;
  input [127:0] s;
  inv_mix_columns = {inv_mix_column(s[127:96]), inv_mix_column(s[95:64]),
                     inv_mix_column(s[63:32]), inv_mix_column(s[31:0])};
endfunction

// Row r moves r columns to the left.
function automatic [127:0] shift_rows;
  input [127:0] s;
  shift_rows = {s[127:120], s[87:80],   s[47:40],   s[7:0],
                s[95:88],   s[55:48],   s[15:8],    s[103:96],
                s[63:56],   s[23:16],   s[111:104], s[71:64],
                s[31:24],   s[119:112], s[79:72],   s[39:32]};
endfunction

function automatic [127:0] inv_shift_rows;
  input [127:0] s;
  inv_shift_rows = {s[127:120], s[23:16],   s[47:40],   s[71:64],
                    s[95:88],   s[119:112], s[15:8],    s[39:32],
                    s[63:56],   s[87:80],   s[111:104], s[7:0],
                    s[31:24],   s[55:48],   s[79:72],   s[103:96]};
endfunction

// What SubWord sees: RotWord of the last word of key r to make key r + 1; to make key r - 1 that word
// is first the XOR of the last two of key r.
function automatic [31:0] rot_word;
  input [31:0] w;
  rot_word = {w[23:0], w[31:24]};
endfunction

// Round key r + 1 out of key r; sub is SubWord of the above, rcon that of round r + 1.
function automatic [127:0] key_step;
  input [127:0] k;
  input [31:0]  sub;
  input [7:0]   rcon;
  reg   [31:0]  w0, w1, w2, w3;
  begin
    w0       = k[127:96] ^ sub ^ {rcon, 24'h0};
    w1       = k[95:64] ^ w0;
    w2       = k[63:32] ^ w1;
    w3       = k[31:0] ^ w2;
    key_step = {w0, w1, w2, w3};
  end
endfunction

// Round key r - 1 out of key r; rcon that of round r.
function automatic [127:0] inv_key_step;
  input [127:0] k;
  input [31:0]  sub;
  input [7:0]   rcon;
  inv_key_step = {k[127:96] ^ sub ^ {rcon, 24'h0}, k[95:64] ^ k[127:96],
                  k[63:32] ^ k[95:64], k[31:0] ^ k[63:32]};
endfunction

// Constant of round 1..10.
function automatic [7:0] round_constant;
  input [3:0] round;
  case (round)
    4'd1:    round_constant = 8'h01;
    4'd2:    round_constant = 8'h02;
    4'd3:    round_constant = 8'h04;
    4'd4:    round_constant = 8'h08;
    4'd5:    round_constant = 8'h10;
    4'd6:    round_constant = 8'h20;
    4'd7:    round_constant = 8'h40;
    4'd8:    round_constant = 8'h80;
    4'd9:    round_constant = 8'h1b;
    4'd10:   round_constant = 8'h36;
    default: round_constant = 8'h00;
  endcase
endfunction
