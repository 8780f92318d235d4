#include "workloads/hypervisor/asids.h"

void cbit_hv_asids_init(cbit_hv_asids_t *asids, uint32_t first, uint32_t last)
{
    *asids = (cbit_hv_asids_t){.first = first, .last = last};
}

void cbit_hv_asids_reserve(cbit_hv_asids_t *asids, uint32_t asid)
{
    if (asid <= CBIT_KEY_ASID_MAX) {
        asids->reserved[asid] = true;
    }
}

static cbit_hv_asid_answer_t take_this(cbit_hv_asids_t *asids, uint32_t asid)
{
    if (asid > CBIT_KEY_ASID_MAX || asids->state[asid] == CBIT_HV_ASID_BOUND) {
        return CBIT_HV_ASID_NONE;
    }
    if (asids->state[asid] == CBIT_HV_ASID_DIRTY) {
        return CBIT_HV_ASID_FLUSH_FIRST;
    }
    asids->state[asid] = CBIT_HV_ASID_BOUND;
    return CBIT_HV_ASID_TAKEN;
}

cbit_hv_asid_answer_t cbit_hv_asids_take(cbit_hv_asids_t *asids, uint32_t wanted, uint32_t *asid)
{
    if (wanted != 0) {
        *asid = wanted;
        return take_this(asids, wanted);
    }
    cbit_hv_asid_answer_t answer = CBIT_HV_ASID_NONE;
    for (uint32_t i = asids->first; i <= asids->last; i++) {
        if (asids->reserved[i]) {
            continue;
        }
        if (asids->state[i] == CBIT_HV_ASID_FREE) {
            *asid = i;
            return take_this(asids, i);
        }
        if (asids->state[i] == CBIT_HV_ASID_DIRTY) {
            answer = CBIT_HV_ASID_FLUSH_FIRST;
        }
    }
    return answer;
}

void cbit_hv_asids_retire(cbit_hv_asids_t *asids, uint32_t asid)
{
    asids->state[asid] = CBIT_HV_ASID_DIRTY;
}

void cbit_hv_asids_flushed(cbit_hv_asids_t *asids)
{
    for (uint32_t i = 0; i <= CBIT_KEY_ASID_MAX; i++) {
        if (asids->state[i] == CBIT_HV_ASID_DIRTY) {
            asids->state[i] = CBIT_HV_ASID_FREE;
        }
    }
}
