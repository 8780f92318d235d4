/* The run through the commands of few requests. Private to the adapter. */
#ifndef CBIT_MODEL_UMC_FEW_RUN_H
#define CBIT_MODEL_UMC_FEW_RUN_H

#include "model/umc/core_private.h"
#include "model/umc/umc_private.h"

/*
 * Issues the commands of few requests of the clocks up to nck, or up to the first landing if that
 * is before, and does all that they lead to. False: requests are in the queues, or somebody sees
 * single commands, and there may be commands left.
 */
bool umc_few_run(cbit_umc_t *umc, uint64_t nck);

/* The same, where nothing is due by nck; false if that is not known. Landings are not asked for:
   what one could let issue before (a credit comes back, a held write is ready) makes that not
   known. */
static inline bool umc_few_waits(cbit_umc_t *umc, uint64_t nck)
{
    umc_core_t *core = umc->core;
    if (core->few.due_nck <= nck) {
        return false;
    }
    core->floor_nck = umc_max64(core->floor_nck, nck + 1);
    return true;
}

/* A request enters the core: the user is where and whose it is. */
void umc_enter_core(cbit_umc_t *umc, bool write, uint32_t index, bool held, uint64_t nck);

#endif
