/* What the memory controllers account for, as /memory/energy_nj, reasons, explained and series. */
#include <inttypes.h>
#include <stdio.h>

#include "perf/result/result.h"

typedef struct builder {
    cbit_result_t *result;
    cbit_arena_t *arena;
    const cbit_umc_account_t *account;
    const cbit_run_result_t *run;
} builder_t;

static cbit_json_t *section(const builder_t *b, cbit_json_t *into, const char *key)
{
    return cbit_json_add(b->arena, into, key, cbit_json_new(b->arena, CBIT_JSON_OBJECT));
}

static cbit_json_t *list(const builder_t *b, cbit_json_t *into, const char *key)
{
    return cbit_json_add(b->arena, into, key, cbit_json_new(b->arena, CBIT_JSON_ARRAY));
}

/* Thousandths: picojoules to nanojoules, picoseconds to nanoseconds. */
static cbit_json_t *milli(const builder_t *b, uint64_t value)
{
    return cbit_json_fixed(b->arena, value, 3);
}

/* ---- energy ---- */

static void put_energy(const builder_t *b, cbit_json_t *memory)
{
    const cbit_dram_energy_t *e = &b->account->energy;
    uint64_t total_pj = cbit_dram_energy_total_pj(e);
    uint32_t devices = b->account->devices;
    const struct {
        const char *key, *help;
        uint64_t pj;
    } ROWS[] = {
        {"total", "All devices: commands and background, without I/O and termination", total_pj},
        {"per_device", "Mean over all devices", devices == 0 ? 0 : total_pj / devices},
        {"activate", "ACT with its PRE", e->activate_pj},
        {"read", "Read bursts", e->read_pj},
        {"write", "Write bursts", e->write_pj},
        {"refresh", "Refresh commands", e->refresh_pj},
        {"background_open", "Ranks awake with an open bank", e->open_pj},
        {"background_closed", "Ranks awake with all banks closed", e->closed_pj},
        {"power_down_open", "Ranks in power-down with an open bank", e->down_open_pj},
        {"power_down_closed", "Ranks in power-down with all banks closed", e->down_closed_pj},
        {"self_refresh", "Ranks in self-refresh", e->self_refresh_pj},
    };
    cbit_json_t *energy = section(b, memory, "energy_nj");
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        cbit_result_put(b->result, energy, "memory.energy_nj", ROWS[i].key, milli(b, ROWS[i].pj),
                        "nJ", ROWS[i].help);
    }
}

static const char *requester_name(const builder_t *b, uint32_t requester)
{
    return requester == CBIT_UMC_HOST        ? "host"
           : requester == CBIT_UMC_DMA       ? "dma"
           : requester == CBIT_UMC_SP        ? "sp"
           : requester < b->run->guest_count ? b->run->guests[requester].name
                                             : "others";
}

static void put_shares(const builder_t *b, cbit_json_t *memory)
{
    cbit_json_t *shares = list(b, memory, "energy_by_requester");
    for (uint32_t i = 0; i < CBIT_UMC_REQUESTERS; i++) {
        const cbit_umc_share_t *share = &b->account->share[i];
        if (share->activates + share->reads + share->writes == 0) {
            continue;
        }
        cbit_json_t *entry = section(b, shares, NULL);
        const char *name = requester_name(b, i);
        char prefix[128];
        (void)snprintf(prefix, sizeof prefix, "memory.energy_by_requester.%s", name);
        (void)cbit_json_add(b->arena, entry, "requester", cbit_json_string(b->arena, name));
        const struct {
            const char *key, *unit, *help;
            uint64_t value;
            bool energy;
        } ROWS[] = {
            {"activates", NULL, "ACT commands for it", share->activates, false},
            {"reads", "lines", "Lines read for it", share->reads, false},
            {"writes", "lines", "Lines written for it", share->writes, false},
            {"activate_nj", "nJ", "Energy of its ACT and their PRE", share->activate_pj, true},
            {"read_nj", "nJ", "Energy of its read bursts", share->read_pj, true},
            {"write_nj", "nJ", "Energy of its write bursts", share->write_pj, true},
            {"total_nj", "nJ", "Energy of its commands",
             share->activate_pj + share->read_pj + share->write_pj, true},
        };
        for (size_t k = 0; k < sizeof ROWS / sizeof ROWS[0]; k++) {
            cbit_json_t *value =
                ROWS[k].energy ? milli(b, ROWS[k].value) : cbit_json_u64(b->arena, ROWS[k].value);
            cbit_result_put(b->result, entry, prefix, ROWS[k].key, value, ROWS[k].unit,
                            ROWS[k].help);
        }
    }
}

/* ---- why reads waited ---- */

static void put_totals(const builder_t *b, cbit_json_t *into, const char *key, const char *help,
                       const cbit_ps_t *totals_ps)
{
    char prefix[64];
    (void)snprintf(prefix, sizeof prefix, "memory.reasons.%s", key);
    cbit_json_t *stage = section(b, into, key);
    for (uint32_t i = 0; i < b->account->reasons; i++) {
        if (totals_ps[i] != 0) {
            cbit_result_put(b->result, stage, prefix, cbit_umc_reason_name(i),
                            milli(b, totals_ps[i]), "ns", help);
        }
    }
}

static void put_read(const builder_t *b, cbit_json_t *into, const cbit_umc_explained_t *read)
{
    char spa[32];
    cbit_json_t *entry = section(b, into, NULL);
    (void)snprintf(spa, sizeof spa, "0x%" PRIx64, read->spa);
    (void)cbit_json_add(b->arena, entry, "channel", cbit_json_u64(b->arena, read->channel));
    (void)cbit_json_add(b->arena, entry, "number", cbit_json_u64(b->arena, read->number));
    (void)cbit_json_add(b->arena, entry, "requester",
                        cbit_json_string(b->arena, requester_name(b, read->requester)));
    (void)cbit_json_add(b->arena, entry, "spa", cbit_json_string(b->arena, spa));
    (void)cbit_json_add(b->arena, entry, "entered_ns", milli(b, read->entered_ps));
    (void)cbit_json_add(b->arena, entry, "queue_ns", milli(b, read->queue_ps));
    (void)cbit_json_add(b->arena, entry, "dram_ns", milli(b, read->dram_ps));
    cbit_json_t *steps = list(b, entry, "steps");
    for (uint32_t i = 0; i < read->step_count; i++) {
        const cbit_umc_step_t *step = &read->step[i];
        cbit_json_t *one = section(b, steps, NULL);
        (void)cbit_json_add(b->arena, one, "reason",
                            cbit_json_string(b->arena, cbit_umc_reason_name(step->reason)));
        (void)cbit_json_add(b->arena, one, "stage",
                            cbit_json_string(b->arena, step->dram ? "dram" : "queue"));
        (void)cbit_json_add(b->arena, one, "ns", milli(b, step->ps));
    }
}

static void put_reasons(const builder_t *b, cbit_json_t *memory)
{
    const cbit_umc_account_t *account = b->account;
    if (!account->explains) {
        return;
    }
    cbit_json_t *reasons = section(b, memory, "reasons");
    put_totals(b, reasons, "queue", "Reads waited for it before their first DRAM command",
               account->queue_ps);
    put_totals(b, reasons, "dram", "Reads waited for it after their first DRAM command",
               account->dram_ps);
    cbit_json_t *explained = section(b, memory, "explained");
    cbit_json_t *slowest = list(b, explained, "slowest");
    for (uint32_t i = 0; i < account->slowest_count; i++) {
        put_read(b, slowest, &account->slowest[i]);
    }
    cbit_json_t *listed = list(b, explained, "listed");
    for (uint32_t i = 0; i < account->listed_count; i++) {
        put_read(b, listed, &account->listed[i]);
    }
}

/* ---- over time ---- */

static uint64_t interval_ps(const cbit_umc_account_t *account)
{
    return cbit_clock_edge_ps(&account->clock, account->interval_nck);
}

static void put_series(const builder_t *b, cbit_json_t *memory)
{
    const cbit_umc_account_t *account = b->account;
    cbit_json_t *series = section(b, memory, "series");
    (void)cbit_json_add(b->arena, series, "interval_ns", milli(b, interval_ps(account)));
    cbit_json_t *reads = list(b, series, "reads_queued");
    cbit_json_t *writes = list(b, series, "writes_queued");
    cbit_json_t *banks = list(b, series, "open_banks");
    cbit_json_t *bandwidth = list(b, series, "bandwidth_gbs");
    cbit_json_t *hits = list(b, series, "row_hit_rate");
    for (uint32_t i = 0; i < account->point_count; i++) {
        const cbit_umc_point_t *point = &account->point[i];
        uint64_t nck = account->interval_nck;
        const struct {
            cbit_json_t *into;
            uint64_t a, b;
            uint32_t decimals;
        } VALUES[] = {{reads, point->reads_queued, nck, 3},
                      {writes, point->writes_queued, nck, 3},
                      {banks, point->open_banks, nck, 3},
                      {bandwidth, point->columns * CBIT_LINE_BYTES * 1000, interval_ps(account), 3},
                      {hits, point->row_hits, point->columns, 3}};
        for (size_t k = 0; k < sizeof VALUES / sizeof VALUES[0]; k++) {
            (void)cbit_json_add(
                b->arena, VALUES[k].into, NULL,
                cbit_result_ratio(b->arena, VALUES[k].a, VALUES[k].b, VALUES[k].decimals));
        }
    }
}

/* ---- banks ---- */

static uint64_t columns_of(const cbit_umc_bank_t *bank)
{
    return bank->columns;
}

static uint64_t activates_of(const cbit_umc_bank_t *bank)
{
    return bank->activates;
}

typedef uint64_t (*bank_value_t)(const cbit_umc_bank_t *bank);

/* A list for each bank, of its intervals. */
static void put_banks_over_time(const builder_t *b, cbit_json_t *into, uint32_t banks,
                                bank_value_t value_of)
{
    for (uint32_t bank = 0; bank < banks; bank++) {
        cbit_json_t *row = list(b, into, NULL);
        for (uint32_t i = 0; i < b->account->point_count; i++) {
            (void)cbit_json_add(b->arena, row, NULL,
                                cbit_json_u64(b->arena, value_of(&b->account->bank[i][bank])));
        }
    }
}

/* A list for each channel, of its banks. */
static void put_banks_of_channels(const builder_t *b, cbit_json_t *into, uint32_t banks,
                                  bank_value_t value_of)
{
    for (uint32_t channel = 0; channel < b->account->channels && channel < CBIT_UMC_CHANNELS;
         channel++) {
        cbit_json_t *row = list(b, into, NULL);
        for (uint32_t bank = 0; bank < banks; bank++) {
            const cbit_umc_bank_t *of = &b->account->channel_bank[channel][bank];
            (void)cbit_json_add(b->arena, row, NULL, cbit_json_u64(b->arena, value_of(of)));
        }
    }
}

static void put_banks(const builder_t *b, cbit_json_t *memory)
{
    const cbit_umc_account_t *account = b->account;
    const uint32_t of_rank = account->groups * account->banks_per_group;
    const uint32_t banks = account->ranks * of_rank;
    cbit_json_t *section_of = section(b, memory, "banks");
    (void)cbit_json_add(b->arena, section_of, "interval_ns", milli(b, interval_ps(account)));
    cbit_json_t *names = list(b, section_of, "names");
    for (uint32_t i = 0; i < banks; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "rank %" PRIu32 " group %" PRIu32 " bank %" PRIu32,
                       i / of_rank, i % of_rank / account->banks_per_group,
                       i % account->banks_per_group);
        (void)cbit_json_add(b->arena, names, NULL, cbit_json_string(b->arena, name));
    }
    put_banks_over_time(b, list(b, section_of, "accesses"), banks, columns_of);
    put_banks_over_time(b, list(b, section_of, "activates"), banks, activates_of);
    cbit_json_t *channels = section(b, section_of, "by_channel");
    put_banks_of_channels(b, list(b, channels, "accesses"), banks, columns_of);
    put_banks_of_channels(b, list(b, channels, "activates"), banks, activates_of);
}

void cbit_result_put_memory(cbit_result_t *result, cbit_json_t *memory,
                            const cbit_run_result_t *run)
{
    const builder_t b = {result, result->arena, run->memory, run};
    if (run->memory == NULL) {
        return; /* made by hand */
    }
    put_energy(&b, memory);
    put_shares(&b, memory);
    put_reasons(&b, memory);
    put_series(&b, memory);
    put_banks(&b, memory);
}
