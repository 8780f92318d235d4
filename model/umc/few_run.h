/* The run through the requests of a channel with few. Private to the adapter. */
#ifndef CBIT_MODEL_UMC_FEW_RUN_H
#define CBIT_MODEL_UMC_FEW_RUN_H

#include "model/umc/core_private.h"
#include "model/umc/umc_private.h"

/* Few requests are held apart, and nobody sees single commands. */
static inline bool umc_few_runs(const cbit_umc_t *umc)
{
    return umc->core->few.on & umc->way.runs;
}

/* While that is so: as umc_advance. False: it is not so any more, and there may be something left.
 */
bool umc_few_run(cbit_umc_t *umc, uint64_t nck);

#endif
