/* ASIDs: who owns one, and what may still be cached under it. */
#include "drivers/mmio.h"
#include "sev/state.h"

static uint32_t asid_max(void)
{
    uint32_t max = SP_READ(PLATFORM, ASID_MAX);
    return max < ASID_LIMIT ? max : ASID_LIMIT - 1;
}

static uint32_t cores_per_ccx(void)
{
    return SP_READ(PLATFORM, CORES_PER_CCX);
}

uint32_t ccx_count(void)
{
    uint32_t cores = SP_READ(PLATFORM, CORES), each = cores_per_ccx();
    uint32_t count = (cores + each - 1) / each;
    return count < CCX_LIMIT ? count : CCX_LIMIT;
}

/* Cores of a complex, as [first, end). */
static uint32_t ccx_end(uint32_t ccx)
{
    uint32_t end = (ccx + 1) * cores_per_ccx(), cores = SP_READ(PLATFORM, CORES);
    return end < cores ? end : cores;
}

void asid_reset_all(void)
{
    memset(fw.asid_state, ASID_DIRTY, sizeof fw.asid_state);
    core_set_asid_valid(EVERY_CORE, EVERY_ASID, false);
    core_clear_wbinvd_done(EVERY_CORE);
}

void asid_forget_all(void)
{
    for (uint32_t asid = 1; asid <= asid_max(); asid++) {
        keyport_set(asid, NULL);
    }
}

static bool in_state_somewhere(uint32_t asid, uint32_t ccxs, uint8_t state)
{
    for (uint32_t ccx = 0; ccx < ccxs; ccx++) {
        if (fw.asid_state[ccx][asid] == state) {
            return true;
        }
    }
    return false;
}

/* Slots of ASIDs that no guest has and no cache holds: their last key goes now, not earlier,
   because lines written back until then still need it. */
void asid_clear_slots(bool also_dirty)
{
    uint32_t max = asid_max(), ccxs = ccx_count();
    for (uint32_t asid = 1; asid <= max; asid++) {
        bool owned = in_state_somewhere(asid, ccxs, ASID_ALLOCATED) ||
                     in_state_somewhere(asid, ccxs, ASID_IN_USE);
        bool dirty = in_state_somewhere(asid, ccxs, ASID_DIRTY);
        if (fw.slot_loaded[asid] && !owned && (!dirty || also_dirty)) {
            keyport_set(asid, NULL);
            fw.slot_loaded[asid] = false;
        }
    }
}

static bool ccx_flushed(uint32_t ccx)
{
    bool done = true;
    for (uint32_t core = ccx * cores_per_ccx(); core < ccx_end(ccx); core++) {
        done = core_wbinvd_done(core) && done;
    }
    return done;
}

sev_status_t cmd_df_flush(command_t *command)
{
    (void)command;
    bool all = true;
    uint32_t max = asid_max(), ccxs = ccx_count();
    for (uint32_t ccx = 0; ccx < ccxs; ccx++) {
        if (!ccx_flushed(ccx)) {
            all = false; /* what the others have reached stands */
            continue;
        }
        for (uint32_t asid = 1; asid <= max; asid++) {
            if (fw.asid_state[ccx][asid] == ASID_DIRTY) {
                fw.asid_state[ccx][asid] = ASID_CLEAN;
            }
        }
    }
    if (!all) {
        return SEV_STATUS_WBINVD_REQUIRED;
    }
    fabric_flush();
    asid_clear_slots(false);
    return SEV_STATUS_SUCCESS;
}

static void set_valid(uint32_t ccx, uint32_t asid, bool valid)
{
    for (uint32_t core = ccx * cores_per_ccx(); core < ccx_end(ccx); core++) {
        core_set_asid_valid(core, asid, valid);
    }
}

void asid_run(const guest_t *guest)
{
    for (uint32_t ccx = 0; ccx < ccx_count() && guest->asid != 0; ccx++) {
        if (fw.asid_state[ccx][guest->asid] == ASID_ALLOCATED) {
            fw.asid_state[ccx][guest->asid] = ASID_IN_USE;
            set_valid(ccx, guest->asid, true);
        }
    }
}

/* An activation: which guest, which ASID, on which core complexes (a bit each). */
typedef struct activation {
    guest_t *guest;
    uint32_t asid;
    uint64_t ccxs;
    bool may_add; /* ACTIVATE_EX: the same guest and ASID on more complexes */
} activation_t;

static bool chosen(const activation_t *activation, uint32_t ccx)
{
    return (activation->ccxs >> ccx & 1) != 0;
}

static bool dirty_where_chosen(const activation_t *activation)
{
    for (uint32_t ccx = 0; ccx < ccx_count(); ccx++) {
        if (chosen(activation, ccx) && fw.asid_state[ccx][activation->asid] == ASID_DIRTY) {
            return true;
        }
    }
    return false;
}

static sev_status_t check_activation(const command_t *command, const activation_t *activation)
{
    const guest_t *guest = activation->guest;
    uint32_t asid = activation->asid, ccxs = ccx_count(), min = SP_READ(PLATFORM, ASID_MIN);
    bool adds = activation->may_add && guest->asid == asid;
    if (!adds && (in_state_somewhere(asid, ccxs, ASID_ALLOCATED) ||
                  in_state_somewhere(asid, ccxs, ASID_IN_USE))) {
        return SEV_STATUS_ASID_OWNED;
    }
    if (guest->asid != 0 && !adds) {
        return SEV_STATUS_ACTIVE;
    }
    sev_status_t status = guest_check_state(command, guest);
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    if (dirty_where_chosen(activation)) {
        return SEV_STATUS_DFFLUSH_REQUIRED;
    }
    bool es = (guest->policy & SEV_POLICY_ES) != 0;
    return es == (asid < min) ? SEV_STATUS_SUCCESS : SEV_STATUS_INVALID_ASID;
}

static bool asid_good(uint32_t asid)
{
    return asid != 0 && asid <= asid_max();
}

static sev_status_t activate(const command_t *command, const activation_t *activation)
{
    guest_t *guest = activation->guest;
    uint32_t asid = activation->asid;
    sev_status_t status = check_activation(command, activation);
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    if (guest->asid == 0) {
        keyport_set(asid, guest->vek);
        fw.slot_loaded[asid] = true;
        guest->asid = (uint16_t)asid;
    }
    for (uint32_t ccx = 0; ccx < ccx_count(); ccx++) {
        if (chosen(activation, ccx) && fw.asid_state[ccx][asid] == ASID_CLEAN) {
            fw.asid_state[ccx][asid] = ASID_ALLOCATED;
        }
    }
    if (guest->state == SEV_GUEST_RUNNING || guest->state == SEV_GUEST_SUPDATE) {
        asid_run(guest);
    }
    return SEV_STATUS_SUCCESS;
}

sev_status_t cmd_activate(command_t *command)
{
    activation_t activation = {.asid = command->buffer.activate.asid, .ccxs = UINT64_MAX};
    sev_status_t status = guest_find(command->buffer.activate.handle, &activation.guest);
    if (status == SEV_STATUS_SUCCESS && !asid_good(activation.asid)) {
        status = SEV_STATUS_INVALID_ASID;
    }
    return status == SEV_STATUS_SUCCESS ? activate(command, &activation) : status;
}

enum { APIC_IDS_MAX = 1024 };

/* The complexes of a list of APIC ids. The model numbers cores from 0, and APIC ids likewise. */
static sev_status_t read_ccxs(const sev_activate_ex_t *request, uint64_t *ccxs)
{
    static uint32_t ids[APIC_IDS_MAX];
    uint32_t bytes = request->numids * 4;
    if (paddr_check(request->ids_paddr, bytes) != SEV_STATUS_SUCCESS ||
        !dma_read(paddr_range(request->ids_paddr), ids, bytes)) {
        return SEV_STATUS_INVALID_ADDRESS;
    }
    *ccxs = 0;
    for (uint32_t i = 0; i < request->numids; i++) {
        if (ids[i] >= SP_READ(PLATFORM, CORES)) {
            return SEV_STATUS_INVALID_PARAM;
        }
        *ccxs |= UINT64_C(1) << (ids[i] / cores_per_ccx());
    }
    return SEV_STATUS_SUCCESS;
}

sev_status_t cmd_activate_ex(command_t *command)
{
    const sev_activate_ex_t *request = &command->buffer.activate_ex;
    activation_t activation = {.asid = request->asid, .may_add = true};
    if (request->length != sizeof *request) {
        return SEV_STATUS_INVALID_PARAM;
    }
    sev_status_t status = guest_find(request->handle, &activation.guest);
    if (status == SEV_STATUS_SUCCESS && !asid_good(activation.asid)) {
        status = SEV_STATUS_INVALID_ASID;
    }
    if (status == SEV_STATUS_SUCCESS && (request->numids == 0 || request->numids > APIC_IDS_MAX)) {
        status = SEV_STATUS_INVALID_PARAM;
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = read_ccxs(request, &activation.ccxs);
    }
    return status == SEV_STATUS_SUCCESS ? activate(command, &activation) : status;
}

sev_status_t cmd_deactivate(command_t *command)
{
    guest_t *guest;
    sev_status_t status = guest_find(command->buffer.handle.handle, &guest);
    if (status == SEV_STATUS_SUCCESS) {
        status = guest_check_active(guest);
    }
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    uint32_t asid = guest->asid;
    for (uint32_t ccx = 0; ccx < ccx_count(); ccx++) {
        uint8_t *state = &fw.asid_state[ccx][asid];
        if (*state == ASID_IN_USE) {
            *state = ASID_DIRTY;
            set_valid(ccx, asid, false);
            for (uint32_t core = ccx * cores_per_ccx(); core < ccx_end(ccx); core++) {
                core_clear_wbinvd_done(core);
            }
        } else if (*state == ASID_ALLOCATED) {
            *state = ASID_CLEAN;
        }
    }
    guest->asid = 0;
    return SEV_STATUS_SUCCESS;
}
