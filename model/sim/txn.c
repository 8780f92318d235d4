#include "cbit/sim/txn.h"

const char *const cbit_stage_keys[CBIT_STAGE_COUNT] = {"core", "walk", "fabric", "queue",
                                                       "dram", "aes",  "return"};

cbit_ps_t cbit_txn_charged_ps(const cbit_txn_t *txn)
{
    cbit_ps_t sum = 0;
    for (int i = 0; i < CBIT_STAGE_COUNT; i++) {
        sum += txn->stage_ps[i];
    }
    return sum;
}
