#include "model/umc/policy.h"

#include <inttypes.h>
#include <stddef.h>

/*
 * What each simulator does was read from its sources at the versions of the calibration file and is
 * told in docs/dram.md. Watermarks: "> 0.8 x 32" is above 25, "< 0.2 x 32" is below 7.
 */
const umc_policy_t umc_policies[] = {
    {.name = "default",
     .scheme = UMC_SCHEME_AGE,
     .hits = UMC_HITS_OLDER,
     .refresh = UMC_REFRESH_FINISH,
     .stagger = UMC_STAGGER_UP,
     .promote = true,
     .promoted_keeps_row = true,
     .forwards = true,
     .coalesces = true,
     .orders_lines = true,
     .starvation_nck = 16384,
     .read_entries = 32,
     .write_entries = 32,
     .write_high = 25,
     .write_low = 7},
    {.name = "ramulator2_frfcfs_rowhit",
     .scheme = UMC_SCHEME_AGE,
     .hits = UMC_HITS_OLDER,
     .refresh = UMC_REFRESH_FINISH,
     .refresh_stops_channel = true,
     .refresh_in_turn = true,
     .promote = true,
     .promoted_keeps_row = true,
     .mode_lazily = true,
     .answers_in_order = true,
     .writes_adjoin = true,
     .overlaps_ranks = true,
     .hits_by_first_command = true,
     .forwards = true,
     .coalesces = true,
     .read_entries = 32,
     .write_entries = 32,
     .write_high = 25,
     .write_low = 7},
    {.name = "ramulator2_frfcfs",
     .scheme = UMC_SCHEME_AGE,
     .hits = UMC_HITS_FREE,
     .refresh = UMC_REFRESH_FINISH,
     .refresh_stops_channel = true,
     .refresh_in_turn = true,
     .promote = true,
     .promoted_keeps_row = true,
     .mode_lazily = true,
     .answers_in_order = true,
     .writes_adjoin = true,
     .overlaps_ranks = true,
     .hits_by_first_command = true,
     .forwards = true,
     .coalesces = true,
     .read_entries = 32,
     .write_entries = 32,
     .write_high = 25,
     .write_low = 7},
    {.name = "ramulator1_frfcfs_cap16",
     .scheme = UMC_SCHEME_AGE,
     .hits = UMC_HITS_FREE,
     .refresh = UMC_REFRESH_YIELD,
     .refresh_stops_channel = true,
     .promote = true,
     .answers_in_order = true,
     .writes_adjoin = true,
     .hits_by_first_command = true,
     .forwards = true,
     .row_hit_cap = 16,
     .read_entries = 32,
     .write_entries = 32,
     .write_high = 25,
     .write_low = 6},
    {.name = "dramsim3",
     .scheme = UMC_SCHEME_ROUND_ROBIN,
     .hits = UMC_HITS_FREE,
     .refresh = UMC_REFRESH_EACH,
     .stagger = UMC_STAGGER_UP,
     .drain_snapshot = true,
     .forwards = true,
     .coalesces = true,
     .merges_reads = true,
     .late_callback = true,
     .writes_adjoin = true,
     .row_hit_cap = 4,
     .read_entries = 32,
     .write_entries = 32,
     .write_high = 8,
     .bank_entries = 8},
    {.name = "dramsys5_frfcfs",
     .scheme = UMC_SCHEME_BANKS,
     .refresh = UMC_REFRESH_NOW,
     .stagger = UMC_STAGGER_REVERSED,
     .rank_preamble_nck = 1,
     .accept_first = true,
     .unified = true,
     .read_entries = 64,
     .write_entries = 64},
    {.name = "dramsys5_grp_watermark",
     .scheme = UMC_SCHEME_BANKS,
     .refresh = UMC_REFRESH_NOW,
     .stagger = UMC_STAGGER_REVERSED,
     .rank_preamble_nck = 1,
     .accept_first = true,
     .both_need_room = true,
     .read_entries = 32,
     .write_entries = 32,
     .write_high = 26,
     .write_low = 7},
    {.name = NULL},
};

const char *const cbit_umc_policy_names[] = {
    "default",  "ramulator2_frfcfs_rowhit", "ramulator2_frfcfs",      "ramulator1_frfcfs_cap16",
    "dramsim3", "dramsys5_frfcfs",          "dramsys5_grp_watermark", NULL,
};

static uint32_t share(uint64_t millionths, uint32_t of, bool up)
{
    return (uint32_t)((millionths * of + (up ? 999999 : 0)) / 1000000);
}

static cbit_err_t set_watermarks(const cbit_umc_config_t *config, umc_policy_t *p,
                                 const char *where, cbit_diag_t *diag)
{
    if (config->write_high == 0 && config->write_low == 0) {
        uint32_t own = umc_policies[config->policy].write_entries;
        if (p->write_entries != own) {
            /* The policy's own, as shares of its own queue. */
            p->write_high = p->write_high * p->write_entries / own;
            p->write_low = (p->write_low * p->write_entries + own - 1) / own;
        }
        return CBIT_ERR_OK;
    }
    if (config->write_low > config->write_high) {
        return cbit_diag_add_below(diag, CBIT_ERR_CONFLICT, where, "write_low",
                                   "above write_high; draining would never end");
    }
    p->write_high = share(config->write_high, p->write_entries, false);
    p->write_low = share(config->write_low, p->write_entries, true);
    return CBIT_ERR_OK;
}

static cbit_err_t set_rest(const cbit_umc_config_t *config, umc_policy_t *p, const char *where,
                           cbit_diag_t *diag)
{
    cbit_err_t err = CBIT_ERR_OK;
    bool ddr5 = config->dram.speed >= CBIT_DDR5_4800A;
    uint32_t most = ddr5 ? 4 : 8;
    const struct {
        const char *key;
        uint32_t value;
    } COUNTS[] = {{"refresh_postpone", config->refresh_postpone},
                  {"refresh_pull_in", config->refresh_pull_in}};
    for (uint32_t i = 0; i < 2; i++) {
        if (COUNTS[i].value > most) {
            err = cbit_diag_add_below(diag, CBIT_ERR_RANGE, where, COUNTS[i].key,
                                      "%" PRIu32 "; at most %" PRIu32 " refreshes of a DDR%c rank",
                                      COUNTS[i].value, most, ddr5 ? '5' : '4');
        }
    }
    if (config->refresh_mode > 1 || (config->refresh_mode == 1 && !ddr5)) {
        err = cbit_diag_add_below(diag, CBIT_ERR_CONFLICT, where, "refresh_mode",
                                  "same_bank is a command of DDR5 devices");
    }
    p->rest = (umc_rest_policy_t){.same_bank = config->refresh_mode == 1,
                                  .postpone = config->refresh_postpone,
                                  .pull_in = config->refresh_pull_in,
                                  .refresh_idle_nck = config->refresh_idle_nck,
                                  .power_down_nck = config->power_down_idle_nck,
                                  .self_refresh_nck = config->self_refresh_idle_nck};
    return err;
}

bool umc_policy_rests(const umc_policy_t *policy)
{
    const umc_rest_policy_t *r = &policy->rest;
    return r->same_bank || r->postpone != 0 || r->pull_in != 0 || r->power_down_nck != 0 ||
           r->self_refresh_nck != 0;
}

/* Distances between ranks as the simulator that a policy imitates has them, unless configured. */
static void set_rank_distances(const umc_policy_t *p, const cbit_dram_timing_t *configured,
                               cbit_dram_device_t *device)
{
    cbit_dram_timing_t *t = &device->timing;
    if (p->writes_adjoin && configured->write_to_write_rank_nck == 0) {
        t->write_to_write_rank_nck = t->burst_nck;
    }
    if (configured->read_to_write_rank_nck == 0) {
        t->read_to_write_rank_nck += p->rank_preamble_nck;
    }
    uint32_t sent = t->cwl_nck + t->burst_nck + t->trtrs_nck + p->rank_preamble_nck;
    if (p->rank_preamble_nck > 0 && configured->write_to_read_rank_nck == 0) {
        t->write_to_read_rank_nck = sent > t->cl_nck + 1 ? sent - t->cl_nck : 1;
    }
    device->ranks_overlap = p->overlaps_ranks;
    if (p->overlaps_ranks && configured->read_to_write_rank_nck == 0) {
        t->read_to_write_rank_nck = t->burst_nck + t->trtrs_nck;
    }
}

cbit_err_t umc_policy_of(const cbit_umc_config_t *config, umc_policy_t *policy,
                         cbit_dram_device_t *device, const char *where, cbit_diag_t *diag)
{
    uint32_t count = sizeof umc_policies / sizeof umc_policies[0] - 1;
    if (config->policy >= count || config->page_policy > UMC_PAGE_ADAPTIVE) {
        return cbit_diag_add_below(diag, CBIT_ERR_RANGE, where, "policy", "no such policy");
    }
    if (config->read_queue_entries > UMC_MAX_ENTRIES) {
        return cbit_diag_add_below(diag, CBIT_ERR_RANGE, where, "read_queue_entries", "at most %d",
                                   UMC_MAX_ENTRIES);
    }
    if (config->write_queue_entries > UMC_MAX_ENTRIES) {
        return cbit_diag_add_below(diag, CBIT_ERR_RANGE, where, "write_queue_entries", "at most %d",
                                   UMC_MAX_ENTRIES);
    }
    umc_policy_t p = umc_policies[config->policy];
    p.page = (umc_page_t)config->page_policy;
    p.read_entries = config->read_queue_entries != 0 ? config->read_queue_entries : p.read_entries;
    p.write_entries =
        config->write_queue_entries != 0 ? config->write_queue_entries : p.write_entries;
    p.row_hit_cap = config->row_hit_cap != 0 ? config->row_hit_cap : p.row_hit_cap;
    p.starvation_nck = config->starvation_nck != 0 ? config->starvation_nck : p.starvation_nck;
    cbit_err_t err = set_watermarks(config, &p, where, diag);
    cbit_err_t rest = set_rest(config, &p, where, diag);
    err = err != CBIT_ERR_OK ? err : rest;
    if (err == CBIT_ERR_OK) {
        *policy = p;
        set_rank_distances(&p, &config->dram.timing, device);
    }
    return err;
}
