/* What a window of waves says about the rounds of one block. */
#ifndef COSIM_WAVES_H
#define COSIM_WAVES_H

#include "cosim/dut.h"
#include "cosim/rounds.h"

/*
 * Looks in the file for the values after each round (byte 0 high or low, as one signal of 128 bits
 * or more, as four of 32 or as sixteen of 8 at one time) and says which is the last that is there;
 * then the same of the round keys. answer_counts: the value after the last round cannot be there
 * for another reason, such as a next block that goes in with it. False (and text "") when the
 * design shows neither values nor round keys. The library is the one that wrote the waves.
 */
bool cbit_waves_first_round(const cbit_dut_library_t *library, const char *path,
                            const cbit_rounds_t *rounds, bool answer_counts, char *text,
                            size_t len_bytes);

#endif
