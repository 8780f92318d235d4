/* Compares the output pins of two devices on one clock. */
#ifndef COSIM_COMPARE_H
#define COSIM_COMPARE_H

#include <stddef.h>

#include "cbit/aes/pins.h"

/* True when all pins agree: those that mean nothing (payload without valid) are not looked at. */
bool cbit_pins_equal(const cbit_aes_pins_out_t *expected, const cbit_aes_pins_out_t *actual);

/* The first pin that differs, with both values: "dec_data_o: expected 00.., is ff..". */
void cbit_pins_describe(const cbit_aes_pins_out_t *expected, const cbit_aes_pins_out_t *actual,
                        char *text, size_t len_bytes);

#endif
