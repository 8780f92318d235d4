// The golden model in SystemVerilog: link libcbit_golden. What each does: cbit/cosim/golden.h.
`ifndef CBIT_GOLDEN_SVH
`define CBIT_GOLDEN_SVH
import "DPI-C" function chandle cbit_golden_new(input int slots, input int xe);
import "DPI-C" function void cbit_golden_free(input chandle golden);
import "DPI-C" function int cbit_golden_key(input chandle golden, input int slot, input bit [127:0] key);
import "DPI-C" function int cbit_golden_key_clear(input chandle golden, input int slot);
import "DPI-C" function int cbit_golden_tweak(input chandle golden, input int index,
                                              input bit [127:0] constant);
import "DPI-C" function int cbit_golden_encrypt(input chandle golden, input int slot,
                                                input longint unsigned address,
                                                input bit [127:0] plain, output bit [127:0] secret);
import "DPI-C" function int cbit_golden_decrypt(input chandle golden, input int slot,
                                                input longint unsigned address,
                                                input bit [127:0] secret, output bit [127:0] plain);
`endif
