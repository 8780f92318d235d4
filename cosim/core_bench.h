/* Where bare cores come from: files, compiled once, spoken to by an adapter. */
#ifndef COSIM_CORE_BENCH_H
#define COSIM_CORE_BENCH_H

#include "cosim/core_stream.h"

typedef struct cbit_core_bench {
    const cbit_core_rules_t *rules;
    cbit_dut_library_t *library;
    uint32_t latency_clocks; /* of a core whose answers come by time */
    uint32_t warnings;       /* lint of the files */
    const char *lint;        /* the first of them; "" when there is none */
} cbit_core_bench_t;

/* Compiles and checks the ports. On error the bench is empty and *diag says why. */
cbit_err_t cbit_core_bench_open(const cbit_dut_source_t *files, const cbit_core_rules_t *rules,
                                uint64_t max_cycles, cbit_core_bench_t *bench, cbit_diag_t *diag);
void cbit_core_bench_close(cbit_core_bench_t *bench);

/* The bench must outlive what is made of it. */
cbit_core_maker_t cbit_core_bench_maker(cbit_core_bench_t *bench);

#endif
