/* The body of result.json. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "perf/result/result.h"

static const char *const stage_help[CBIT_STAGE_COUNT] = {
    "Issue to miss in the last cache, without page walks",
    "Page walks",
    "To acceptance by the memory controller",
    "To the request's first DRAM command",
    "To its last beat on the DRAM bus",
    "Last plaintext beat minus last bus beat",
    "Back to the requester",
};
static const char *const source_keys[CBIT_SOURCE_COUNT] = {"vcpu", "walk", "host",
                                                           "dma",  "sp",   "prefetch"};

typedef struct builder {
    cbit_result_t *result;
    cbit_arena_t *arena;
    const cbit_scenario_t *scenario;
    const cbit_result_runs_t *runs;
} builder_t;

static cbit_json_t *section(const builder_t *b, cbit_json_t *into, const char *key)
{
    return cbit_json_add(b->arena, into, key, cbit_json_new(b->arena, CBIT_JSON_OBJECT));
}

static cbit_json_t *ns(const builder_t *b, uint64_t ps)
{
    return cbit_json_fixed(b->arena, ps, 3);
}

/* ---- latencies ---- */

static cbit_json_t *mean_ns(const builder_t *b, uint64_t sum_ps, uint64_t count)
{
    return ns(b, count == 0 ? 0 : (sum_ps + count / 2) / count);
}

static void put_stages(const builder_t *b, cbit_json_t *into, const char *prefix,
                       const cbit_platform_latency_t *latency)
{
    char below[128];
    uint64_t count = latency->total.count;
    (void)snprintf(below, sizeof below, "%s.stages", prefix);
    cbit_json_t *stages = section(b, into, "stages");
    for (uint32_t i = 0; i < CBIT_STAGE_COUNT; i++) {
        cbit_result_put(b->result, stages, below, cbit_stage_keys[i],
                        mean_ns(b, latency->stage_ps[i], count), "ns", stage_help[i]);
    }
    cbit_json_t *sums = section(b, into, "stages_ps");
    for (uint32_t i = 0; i < CBIT_STAGE_COUNT; i++) {
        (void)cbit_json_add(b->arena, sums, cbit_stage_keys[i],
                            cbit_json_u64(b->arena, latency->stage_ps[i]));
    }
}

static void put_latency(const builder_t *b, cbit_json_t *into, const char *prefix,
                        const cbit_platform_latency_t *latency)
{
    static const struct {
        const char *key, *help;
        uint32_t per_mille;
    } points[] = {{"p50", "Median latency", 500},
                  {"p95", "95th percentile of latency", 950},
                  {"p99", "99th percentile of latency", 990}};
    const cbit_hist_t *total = &latency->total;
    uint64_t stages = 0;
    for (uint32_t i = 0; i < CBIT_STAGE_COUNT; i++) {
        stages += latency->stage_ps[i];
    }
    cbit_result_put(b->result, into, prefix, "mean", mean_ns(b, total->sum, total->count), "ns",
                    "Mean latency");
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        cbit_result_put(b->result, into, prefix, points[i].key,
                        ns(b, cbit_hist_percentile(total, points[i].per_mille)), "ns",
                        points[i].help);
    }
    cbit_result_put(b->result, into, prefix, "max", ns(b, total->count == 0 ? 0 : total->max), "ns",
                    "Longest latency");
    cbit_result_put(b->result, into, prefix, "count", cbit_json_u64(b->arena, total->count), NULL,
                    "Requests");
    cbit_result_put(b->result, into, prefix, "total_ps", cbit_json_u64(b->arena, total->sum), "ps",
                    "Sum of all latencies");
    cbit_result_put(b->result, into, prefix, "stages_total_ps", cbit_json_u64(b->arena, stages),
                    "ps", "Sum of all stages; equals total_ps");
    put_stages(b, into, prefix, latency);
}

static void put_sources(const builder_t *b, cbit_json_t *into, const cbit_platform_stats_t *machine)
{
    cbit_json_t *sources = section(b, into, "by_source");
    for (uint32_t i = 0; i < CBIT_SOURCE_COUNT; i++) {
        char prefix[64];
        (void)snprintf(prefix, sizeof prefix, "memory.read_latency_ns.by_source.%s",
                       source_keys[i]);
        put_latency(b, section(b, sources, source_keys[i]), prefix, &machine->read_by_source[i]);
    }
}

/* ---- the machine ---- */

static void put_memory(const builder_t *b, cbit_json_t *root)
{
    const cbit_platform_stats_t *machine = &b->runs->run->machine;
    const cbit_umc_stats_t *umc = &machine->umc;
    uint64_t columns = umc->column_reads + umc->column_writes;
    cbit_json_t *memory = section(b, root, "memory");
    cbit_result_put(b->result, memory, "memory", "reads",
                    cbit_json_u64(b->arena, umc->column_reads), "lines", "Lines read from DRAM");
    cbit_result_put(b->result, memory, "memory", "writes",
                    cbit_json_u64(b->arena, umc->column_writes), "lines", "Lines written to DRAM");
    /* Bytes per nanosecond are GB/s. */
    cbit_result_put(
        b->result, memory, "memory", "bandwidth_gbs",
        cbit_result_ratio(b->arena, columns * CBIT_LINE_BYTES * 1000, b->runs->run->time_ps, 3),
        "GB/s", "Mean over the whole run, all channels");
    cbit_result_put(b->result, memory, "memory", "row_hit_rate",
                    cbit_result_ratio(b->arena, umc->row_hits, columns, 6), NULL,
                    "Share of column commands that found their row open for them");
    cbit_json_t *read = section(b, memory, "read_latency_ns");
    put_latency(b, read, "memory.read_latency_ns", &machine->read);
    put_sources(b, read, machine);
    put_latency(b, section(b, memory, "write_latency_ns"), "memory.write_latency_ns",
                &machine->write);
    cbit_result_put_rows(b->result, section(b, memory, "umc"), "memory.umc", cbit_umc_stat_rows,
                         umc);
    cbit_result_put_memory(b->result, memory, b->runs->run);
}

static void put_engine(const builder_t *b, cbit_json_t *root)
{
    cbit_json_t *engine = section(b, root, "engine");
    (void)cbit_json_add(b->arena, engine, "mode",
                        cbit_json_string(b->arena, cbit_engine_mode_words[b->runs->mode]));
    if (b->scenario->machine->sev.aes256_stand_in) {
        (void)cbit_json_add(b->arena, engine, "note",
                            cbit_json_string(b->arena, "The silicon uses AES-256; AES-128 in XEX "
                                                       "form stands in for it here."));
    }
    cbit_result_put_rows(b->result, engine, "engine", cbit_aes_engine_stat_rows,
                         &b->runs->run->machine.engine);
}

static void put_blocks(const builder_t *b, cbit_json_t *root)
{
    const cbit_run_result_t *run = b->runs->run;
    cbit_result_put_rows(b->result, section(b, root, "cache"), "cache", cbit_cache_stat_rows,
                         &run->machine.cache);
    cbit_json_t *fabric = section(b, root, "fabric");
    cbit_result_put_rows(b->result, fabric, "fabric", cbit_fabric_stat_rows, &run->machine.fabric);
    cbit_result_put(b->result, fabric, "fabric", "busy_share",
                    cbit_result_ratio(b->arena, run->machine.fabric.busiest_ps, run->time_ps, 6),
                    NULL, "Share of the time that the busiest direction of a port was busy");
    cbit_result_put_rows(b->result, section(b, root, "iommu"), "iommu", cbit_iommu_stat_rows,
                         &run->machine.iommu);
    cbit_result_put_rows(b->result, section(b, root, "sp"), "sp", cbit_sp_stat_rows,
                         &run->machine.sp);
    cbit_json_t *hypervisor = section(b, root, "hypervisor");
    cbit_result_put(b->result, hypervisor, "hypervisor", "wbinvds",
                    cbit_json_u64(b->arena, run->wbinvds), NULL,
                    "WBINVDs requested, one for each core");
    cbit_result_put(b->result, hypervisor, "hypervisor", "df_flushes",
                    cbit_json_u64(b->arena, run->df_flushes), NULL, "DF_FLUSH commands");
    cbit_result_put_rows(b->result, section(b, root, "checks"), "checks", cbit_run_check_rows,
                         &run->checks);
}

/* ---- guests ---- */

static cbit_json_t *slowdown(const builder_t *b, const cbit_run_result_t *baseline, uint32_t guest)
{
    if (baseline == NULL || guest >= baseline->guest_count) {
        return cbit_json_new(b->arena, CBIT_JSON_NULL);
    }
    const cbit_run_result_t *run = b->runs->lawful != NULL ? b->runs->lawful : b->runs->run;
    if (b->runs->run->guests[guest].run_ps == 0) {
        return cbit_json_new(b->arena, CBIT_JSON_NULL); /* it never ran */
    }
    return cbit_result_ratio(b->arena, run->guests[guest].run_ps, baseline->guests[guest].run_ps,
                             6);
}

static void put_guest(const builder_t *b, cbit_json_t *list, uint32_t index)
{
    const cbit_run_guest_t *guest = &b->runs->run->guests[index];
    char prefix[128], below[160];
    (void)snprintf(prefix, sizeof prefix, "guests.%s", guest->name);
    (void)snprintf(below, sizeof below, "%s.slowdown", prefix);
    cbit_json_t *entry = section(b, list, NULL);
    (void)cbit_json_add(b->arena, entry, "name", cbit_json_string(b->arena, guest->name));
    (void)cbit_json_add(b->arena, entry, "asid", cbit_json_u64(b->arena, guest->asid));
    (void)cbit_json_add(b->arena, entry, "end",
                        cbit_json_string(b->arena, cbit_guest_end_words[guest->end]));
    (void)cbit_json_add(b->arena, entry, "launch_measurement_ok",
                        cbit_json_bool(b->arena, guest->launch_measurement_ok));
    (void)cbit_json_add(b->arena, entry, "secret_ok", cbit_json_bool(b->arena, guest->secret_ok));
    cbit_result_put(b->result, entry, prefix, "ipc",
                    cbit_result_ratio(b->arena, guest->vcpu.instructions, guest->vcpu.busy_cclk, 6),
                    "instructions/core clock", "Instructions per clock in the guest");
    cbit_json_t *slow = section(b, entry, "slowdown");
    cbit_result_put(b->result, slow, below, "engine", slowdown(b, b->runs->engine_off, index), NULL,
                    "Run time against the same run with the engine off");
    cbit_result_put(b->result, slow, below, "total", slowdown(b, b->runs->unprotected, index), NULL,
                    "Run time against guests without protection");
    cbit_result_put_rows(b->result, entry, prefix, cbit_vcpu_stat_rows, &guest->vcpu);
    cbit_result_put_rows(b->result, entry, prefix, cbit_run_guest_rows, guest);
}

/* ---- events ---- */

static void put_hex(const builder_t *b, cbit_json_t *into, const char *key, uint64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "0x%" PRIx64, value);
    (void)cbit_json_add(b->arena, into, key, cbit_json_string(b->arena, text));
}

static void put_event(const builder_t *b, cbit_json_t *list, uint32_t index)
{
    const cbit_run_event_t *event = &b->runs->run->events[index];
    const cbit_scenario_event_t *asked = &b->scenario->events[index];
    cbit_json_t *entry = section(b, list, NULL);
    (void)cbit_json_add(b->arena, entry, "kind", cbit_json_string(b->arena, event->kind));
    (void)cbit_json_add(b->arena, entry, "guest", cbit_json_string(b->arena, asked->guest));
    (void)cbit_json_add(b->arena, entry, "vcpu", cbit_json_u64(b->arena, asked->vcpu));
    (void)cbit_json_add(b->arena, entry, "skipped", cbit_json_bool(b->arena, event->skipped));
    if (event->skipped) {
        static const char *const absent[] = {"at_ns", "asid", "exit_code", "outcome"};
        for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
            (void)cbit_json_add(b->arena, entry, absent[i],
                                cbit_json_new(b->arena, CBIT_JSON_NULL));
        }
        (void)cbit_json_add(b->arena, entry, "reason", cbit_json_string(b->arena, event->reason));
        return;
    }
    (void)cbit_json_add(b->arena, entry, "at_ns", ns(b, event->at_ps));
    (void)cbit_json_add(b->arena, entry, "asid", cbit_json_u64(b->arena, event->asid));
    (void)cbit_json_add(b->arena, entry, "exit_code", cbit_json_i64(b->arena, event->exit_code));
    (void)cbit_json_add(b->arena, entry, "outcome", cbit_json_string(b->arena, event->outcome));
    put_hex(b, entry, "info1", event->info1);
    put_hex(b, entry, "info2", event->info2);
    (void)cbit_json_add(b->arena, entry, "blocks", cbit_json_u64(b->arena, event->blocks));
    (void)cbit_json_add(b->arena, entry, "foreign_blocks",
                        cbit_json_u64(b->arena, event->foreign_blocks));
    (void)cbit_json_add(b->arena, entry, "changed_blocks",
                        cbit_json_u64(b->arena, event->changed_blocks));
    (void)cbit_json_add(b->arena, entry, "xor_values", cbit_json_u64(b->arena, event->xor_values));
    (void)cbit_json_add(b->arena, entry, "span_ns", ns(b, event->span_ps));
}

void cbit_result_build(cbit_result_t *result, const cbit_scenario_t *scenario,
                       const cbit_result_runs_t *runs)
{
    const builder_t b = {result, result->arena, scenario, runs};
    cbit_json_t *root = result->json;
    cbit_result_put(result, root, "run", "time_ns", ns(&b, runs->run->time_ps), "ns",
                    "Simulated time to the end of the last guest's teardown");
    put_memory(&b, root);
    put_engine(&b, root);
    cbit_json_t *guests =
        cbit_json_add(b.arena, root, "guests", cbit_json_new(b.arena, CBIT_JSON_ARRAY));
    for (uint32_t i = 0; i < runs->run->guest_count; i++) {
        put_guest(&b, guests, i);
    }
    put_blocks(&b, root);
    cbit_json_t *events =
        cbit_json_add(b.arena, root, "events", cbit_json_new(b.arena, CBIT_JSON_ARRAY));
    for (uint32_t i = 0; i < runs->run->event_count; i++) {
        put_event(&b, events, i);
    }
    cbit_result_put_migrations(result, root, scenario, runs->run);
}
