/* Why a bare core gives no right answer at all: one word of its adapter may be wrong. */
#ifndef COSIM_CORE_HINT_H
#define COSIM_CORE_HINT_H

#include "cosim/core_bench.h"

/*
 * Runs the failing stream again under adapters that differ from the bench's in one word: the
 * polarity of one port, the byte order, the half of the key port. True when the core is right under
 * one of them; *text then says which. Costs at most ten times the stream's patience.
 */
bool cbit_core_hint_find(const cbit_core_bench_t *bench, const cbit_core_stream_t *failing,
                         char *text, size_t len_bytes);

#endif
