/* Everything that is checked about a bare AES core, and what is measured. */
#ifndef COSIM_CORE_CHECK_H
#define COSIM_CORE_CHECK_H

#include "cosim/block.h"
#include "cosim/core_stream.h"

enum { CBIT_CORE_CHECKS = 12 };

typedef struct cbit_check {
    const char *name;
    uint64_t run, failed; /* run 0: it does not apply to this core, or one before it failed */
} cbit_check_t;

typedef struct cbit_core_result {
    cbit_check_t check[CBIT_CORE_CHECKS];
    cbit_core_counts_t counts;
    uint64_t milli_cycles_per_block; /* one after another as fast as it takes them, one key */
    uint64_t latency_cycles;         /* of a block alone */
    cbit_core_mismatch_t mismatch;
    cbit_core_stream_t failing; /* when mismatch.any: shrunk */
    uint32_t failing_check, shrink_runs;
} cbit_core_result_t;

typedef struct cbit_core_plan {
    uint64_t seed;
    uint32_t blocks;     /* of the random stream */
    uint64_t max_cycles; /* without an answer */
    uint32_t only_check; /* CBIT_CORE_CHECKS: all */
} cbit_core_plan_t;

/* The names, in the order in which they run. */
const char *cbit_core_check_name(uint32_t check);

/* The first failure ends the checks that build on it, and is shortened. MISMATCH when any failed.
 */
cbit_err_t cbit_core_check_run(const cbit_core_maker_t *maker, const cbit_core_plan_t *plan,
                               cbit_core_result_t *result);

/* Clocks from block to answer of a core whose answers come by time: it is fed with a block that no
   other is like. 0: nothing that it shows is the answer. */
uint32_t cbit_core_find_latency(const cbit_core_maker_t *maker, uint64_t max_cycles);

/* The core as a block cipher, for vectors. The core stays the caller's and must be fresh. */
typedef struct cbit_core_block cbit_core_block_t; /* opaque */
cbit_err_t cbit_core_block_create(cbit_core_t *core, const cbit_core_rules_t *rules,
                                  uint64_t max_cycles, cbit_core_block_t **out);
void cbit_core_block_destroy(cbit_core_block_t *block); /* NULL is allowed */
cbit_block_t cbit_core_block(cbit_core_block_t *block);

#endif
