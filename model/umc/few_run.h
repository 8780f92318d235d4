/* The run through the commands of few requests. Private to the adapter. */
#ifndef CBIT_MODEL_UMC_FEW_RUN_H
#define CBIT_MODEL_UMC_FEW_RUN_H

#include "model/umc/umc_private.h"

/*
 * Issues the commands of few requests of the clocks up to nck, or up to the first landing if that
 * is before, and does all that they lead to; only where umc->way.runs. False: requests are in the
 * queues, and commands may be left.
 */
bool umc_few_run(cbit_umc_t *umc, uint64_t nck);

#endif
