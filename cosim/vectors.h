/* Published vectors on a block cipher: ECB known-answer, multi-block and Monte Carlo, and XTS. */
#ifndef COSIM_VECTORS_H
#define COSIM_VECTORS_H

#include "cbit/base/diag.h"
#include "cosim/block.h"

typedef struct cbit_vectors_result {
    uint64_t files;
    uint64_t run, passed, failed;
    uint64_t not_applicable; /* other keys, modes or units that are not whole bytes */
    char first_failure[512]; /* file, line, and what differed; empty when there is none */
} cbit_vectors_result_t;

/*
 * Every .rsp file of a folder, folders inside it included, in the order of their names. Each record
 * runs in every placement. OPEN or FORMAT with a diagnostic; MISMATCH when a record failed.
 */
cbit_err_t cbit_vectors_run(const char *folder, const cbit_block_t *block,
                            cbit_vectors_result_t *result, cbit_diag_t *diag);

#endif
