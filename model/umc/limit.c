/* Quality of service: what one requester may hold of a controller, and how fast it may come. */
#include "model/umc/umc_private.h"

void umc_limit_init(cbit_umc_t *umc)
{
    umc->way.limits = umc->config.requester_entries != 0 || umc->config.requester_gap_nck != 0;
    umc->limit.due_nck = UMC_NEVER;
}

bool umc_limit_refuses(cbit_umc_t *umc, uint32_t requester, uint64_t nck)
{
    umc_limit_t *limit = &umc->limit;
    if (!umc->way.limits) {
        return false;
    }
    if (nck < limit->next_nck[requester]) {
        uint64_t due = limit->next_nck[requester];
        limit->due_nck = due < limit->due_nck ? due : limit->due_nck;
        umc_wake_at(umc, due);
        return true;
    }
    return umc->config.requester_entries != 0 &&
           limit->held[requester] >= umc->config.requester_entries;
}

void umc_limit_took(cbit_umc_t *umc, uint32_t requester, uint64_t nck)
{
    if (umc->way.limits) {
        umc->limit.held[requester]++;
        umc->limit.next_nck[requester] = nck + umc->config.requester_gap_nck;
    }
}

void umc_limit_freed(cbit_umc_t *umc, uint32_t requester)
{
    umc->limit.held[requester]--;
    umc->limit.left = true;
}

/* Whoever was refused asks again, once, and may be refused again. */
void umc_limit_tell(cbit_umc_t *umc, uint64_t nck)
{
    umc_limit_t *limit = &umc->limit;
    if (!limit->left && nck < limit->due_nck) {
        return;
    }
    cbit_waitlist_t waiters = limit->waiters;
    limit->waiters = (cbit_waitlist_t){0};
    limit->left = false;
    limit->due_nck = UMC_NEVER;
    while (cbit_waitlist_wake_one(&waiters)) {
    }
}
