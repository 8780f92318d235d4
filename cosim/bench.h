/* Where the campaign's devices come from: the built-in engine, another parameter set, or files. */
#ifndef COSIM_BENCH_H
#define COSIM_BENCH_H

#include "cosim/campaign.h"
#include "cosim/dut.h"
#include "cosim/parameters.h"

typedef struct cbit_bench_source {
    const cbit_parameters_t *parameters; /* of our engine, when there are no files */
    cbit_dut_source_t files;             /* file_count 0: our engine */
    bool waves;                          /* compiled so that it can write waves */
    bool unchecked;                      /* without assertions, for speed; our engine only */
    bool any_timing;                     /* its depth is no matter: cosim/follow.h */
} cbit_bench_source_t;

typedef struct cbit_bench {
    cbit_aes_pins_config_t pins;
    cbit_dut_library_t *library; /* NULL: the engine that is built in */
    bool unchecked;              /* which of the two that are built in */
    uint32_t warnings;           /* lint of the files */
    const char *waves_path;      /* the next device writes there; NULL: none */
    uint64_t waves_from;         /* clock of the device with which they begin */
} cbit_bench_t;

/* Compiles what has to be. On error the bench is empty and *diag says why. */
cbit_err_t cbit_bench_open(const cbit_bench_source_t *source, cbit_bench_t *bench,
                           cbit_diag_t *diag);
void cbit_bench_close(cbit_bench_t *bench);

/* The bench must outlive what is made of it. */
cbit_device_maker_t cbit_bench_maker(cbit_bench_t *bench);

#endif
