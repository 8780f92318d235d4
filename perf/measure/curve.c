/* What is measured, in which order, and how it becomes JSON. */
#include <stdlib.h>
#include <string.h>

#include "cbit/perf/measure.h"
#include "perf/measure/costs.h"
#include "perf/measure/knee.h"
#include "perf/measure/load.h"

enum {
    CURVE_PROBES = 32,
    CURVE_BACKGROUND = 512, /* enough lines on their way to fill any shipped machine */
    WARM_UP = 2000,
    MIXES = 4,
    COST_LOADS = 20000,  /* at most */
    PEAK_SAMPLES = 5000, /* likewise, where the bandwidth is all that is asked for */
};

static const char *const mode_keys[CBIT_RIG_MODES] = {"plain", "bypass", "sme", "sev"};
static const uint32_t mixes[MIXES] = {1000, 750, 667, 500};

typedef struct meter {
    const cbit_platform_config_t *config;
    const cbit_measure_options_t *options;
    cbit_arena_t *arena;
    cbit_diag_t *diag;
    cbit_load_result_t *result; /* of the latest measurement */
    uint32_t done, count;
    uint64_t footprint_bytes, core_ps;
} meter_t;

/* ---- one measurement ---- */

static cbit_err_t measure(meter_t *m, cbit_rig_mode_t mode, const cbit_load_t *wanted)
{
    cbit_rig_t *rig = malloc(sizeof *rig);
    cbit_load_t load = *wanted;
    load.warm_up = WARM_UP;
    load.samples = m->options->samples;
    load.seed = m->options->seed;
    load.footprint_bytes = m->footprint_bytes;
    if (rig == NULL) {
        return cbit_diag_add(m->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    if (m->options->on_progress != NULL) {
        m->options->on_progress(m->options->self, mode_keys[mode], ++m->done, m->count);
    }
    cbit_err_t err = cbit_rig_begin(rig, m->config, mode, m->options->seed, m->diag);
    if (err == CBIT_ERR_OK) {
        err = cbit_load_run(rig, &load, m->result, m->diag);
    }
    cbit_rig_end(rig);
    free(rig);
    return err;
}

/* ---- figures ---- */

static void put(const meter_t *m, cbit_json_t *into, const char *key, uint64_t ps)
{
    (void)cbit_json_add(m->arena, into, key, cbit_json_fixed(m->arena, ps, 3));
}

static uint64_t mean_of(uint64_t sum, uint64_t count)
{
    return count == 0 ? 0 : (sum + count / 2) / count;
}

static uint64_t mean_ps(const meter_t *m)
{
    return m->core_ps + mean_of(m->result->read.total.sum, m->result->read.total.count);
}

/* GB/s x 1000: bytes a nanosecond. */
static uint64_t mgbs(const meter_t *m)
{
    return m->result->lines * CBIT_LINE_BYTES * UINT64_C(1000000) / m->result->span_ps;
}

static void put_stages(const meter_t *m, cbit_json_t *into)
{
    cbit_json_t *stages = cbit_json_new(m->arena, CBIT_JSON_OBJECT);
    stages = cbit_json_add(m->arena, into, "stages", stages);
    for (int i = 0; i < CBIT_STAGE_COUNT; i++) {
        uint64_t ps = mean_of(m->result->read.stage_ps[i], m->result->read.total.count);
        put(m, stages, cbit_stage_keys[i], ps + (i == CBIT_STAGE_CORE ? m->core_ps : 0));
    }
}

static cbit_json_t *point(const meter_t *m, uint64_t delay_ps)
{
    const cbit_hist_t *total = &m->result->read.total;
    cbit_json_t *json = cbit_json_new(m->arena, CBIT_JSON_OBJECT);
    put(m, json, "delay_ns", delay_ps);
    put(m, json, "gbs", mgbs(m));
    put(m, json, "mean_ns", mean_ps(m));
    put(m, json, "mean_ci_ns", cbit_load_interval_ps(m->result));
    put(m, json, "p50_ns", m->core_ps + cbit_hist_percentile(total, 500));
    put(m, json, "p99_ns", m->core_ps + cbit_hist_percentile(total, 990));
    put(m, json, "p999_ns", m->core_ps + cbit_hist_percentile(total, 999));
    put(m, json, "aes_ns", mean_of(m->result->read.stage_ps[CBIT_STAGE_AES], total->count));
    return json;
}

/* ---- what is measured of a mode ---- */

static cbit_err_t measure_idle(meter_t *m, cbit_rig_mode_t mode, cbit_json_t *into)
{
    const cbit_load_t idle = {.probes = 1, .read_per_mille = 1000};
    cbit_err_t err = measure(m, mode, &idle);
    if (err == CBIT_ERR_OK) {
        put(m, into, "idle_latency_ns", mean_ps(m));
        put(m, into, "idle_latency_ci_ns", cbit_load_interval_ps(m->result));
        put_stages(m, into);
    }
    return err;
}

/* From as much as there can be to nearly nothing: 0, then 25 ns and its doublings. */
static uint64_t delay_of(uint32_t index)
{
    return index == 0 ? 0 : UINT64_C(25000) << (index - 1);
}

static cbit_err_t measure_curve(meter_t *m, cbit_rig_mode_t mode, cbit_json_t *into)
{
    cbit_json_t *curve = cbit_json_new(m->arena, CBIT_JSON_ARRAY);
    cbit_err_t err = CBIT_ERR_OK;
    for (uint32_t i = 0; i < m->options->points && err == CBIT_ERR_OK; i++) {
        const cbit_load_t load = {.probes = CURVE_PROBES,
                                  .background = CURVE_BACKGROUND,
                                  .delay_ps = delay_of(i),
                                  .read_per_mille = m->options->read_per_mille};
        err = measure(m, mode, &load);
        if (err == CBIT_ERR_OK && i == 0) {
            put(m, into, "peak_gbs", mgbs(m));
        }
        if (err == CBIT_ERR_OK) {
            (void)cbit_json_add(m->arena, curve, NULL, point(m, load.delay_ps));
        }
    }
    (void)cbit_json_add(m->arena, into, "curve", curve);
    return err;
}

static cbit_err_t measure_mode(meter_t *m, cbit_rig_mode_t mode, cbit_json_t *modes)
{
    cbit_json_t *into = cbit_json_new(m->arena, CBIT_JSON_OBJECT);
    into = cbit_json_add(m->arena, modes, mode_keys[mode], into);
    cbit_err_t err = measure_idle(m, mode, into);
    return err != CBIT_ERR_OK ? err : measure_curve(m, mode, into);
}

static cbit_err_t measure_mixes(meter_t *m, cbit_json_t *root)
{
    static const cbit_rig_mode_t sides[] = {CBIT_RIG_PLAIN, CBIT_RIG_SEV};
    cbit_json_t *list = cbit_json_new(m->arena, CBIT_JSON_ARRAY);
    cbit_err_t err = CBIT_ERR_OK;
    (void)cbit_json_add(m->arena, root, "peak_by_mix", list);
    for (uint32_t i = 0; i < MIXES && err == CBIT_ERR_OK; i++) {
        cbit_json_t *entry = cbit_json_new(m->arena, CBIT_JSON_OBJECT);
        entry = cbit_json_add(m->arena, list, NULL, entry);
        put(m, entry, "read_fraction", mixes[i]);
        for (size_t s = 0; s < 2 && err == CBIT_ERR_OK; s++) {
            const cbit_load_t load = {
                .probes = CURVE_PROBES, .background = CURVE_BACKGROUND, .read_per_mille = mixes[i]};
            err = measure(m, sides[s], &load);
            if (err == CBIT_ERR_OK) {
                put(m, entry, s == 0 ? "plain_gbs" : "sev_gbs", mgbs(m));
            }
        }
    }
    return err;
}

/* ---- all ---- */

static uint64_t number_at(const cbit_json_t *root, const char *pointer)
{
    const cbit_json_t *number = cbit_json_at(root, pointer);
    bool negative = false;
    uint64_t value = 0;
    return number != NULL && cbit_json_scaled(number, 3, &negative, &value) ? value : 0;
}

/* The peak of encrypted lines at half the engine's clock: on the other side of the knee, where the
   configuration has such a clock. */
static cbit_err_t measure_halved(const meter_t *m, cbit_json_t *knee)
{
    cbit_platform_config_t *halved = malloc(sizeof *halved);
    meter_t other = *m;
    if (halved == NULL) {
        return cbit_diag_add(m->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    *halved = *m->config;
    halved->umc.engine_clock_divider = 2;
    const cbit_measure_options_t fewer = {
        .samples = m->options->samples < PEAK_SAMPLES ? m->options->samples : PEAK_SAMPLES,
        .seed = m->options->seed,
        .self = m->options->self,
        .on_progress = m->options->on_progress};
    other.config = halved;
    other.options = &fewer;
    const cbit_load_t load = {.probes = CURVE_PROBES,
                              .background = CURVE_BACKGROUND,
                              .read_per_mille = m->options->read_per_mille};
    cbit_err_t err = measure(&other, CBIT_RIG_SEV, &load);
    if (err == CBIT_ERR_OK) {
        put(m, knee, "half_clock_gbs", mgbs(m));
    }
    free(halved);
    return err;
}

/* Within a percent of the plain peak it is the bus that ends the curve. Below that it is the engine
   if it is nearly full, else the load: its window of requests brings less when each takes longer.
   The knee is the engine clock (over the DRAM's) at which the engines take just what the bus gives.
 */
static cbit_err_t put_knee(const meter_t *m, cbit_json_t *root)
{
    const uint64_t plain = number_at(root, "/modes/plain/peak_gbs");
    const uint64_t sev = number_at(root, "/modes/sev/peak_gbs");
    const bool lower = sev * 100 < plain * 99;
    const uint32_t divider = m->config->umc.engine_clock_divider;
    cbit_clocks_t clocks;
    cbit_err_t err = cbit_clocks_of(m->config, m->options->read_per_mille, &clocks, m->diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    const bool engine = lower && sev * 10 >= clocks.engine_mgbs * 9;
    const char *word = engine ? "engine" : lower ? "window" : "bus";
    cbit_json_t *limit = cbit_json_string(m->arena, word);
    (void)cbit_json_add(m->arena, root, "saturates_first", limit);
    cbit_json_t *knee = cbit_json_new(m->arena, CBIT_JSON_OBJECT);
    knee = cbit_json_add(m->arena, root, "knee", knee);
    put(m, knee, "gbs", lower ? sev : plain);
    put(m, knee, "engine_gbs", clocks.engine_mgbs);
    put(m, knee, "clock_ratio", 1000 / divider);
    put(m, knee, "clock_ratio_at_knee", mean_of(plain * 1000, clocks.engine_mgbs * divider));
    put(m, knee, "hidden_lookup_ns", clocks.lead_ps);
    cbit_ciphers_put(m->config, &clocks.engine, clocks.lead_ps, m->arena, root);
    return divider == 1 ? measure_halved(m, knee) : CBIT_ERR_OK;
}

static void describe(const meter_t *m, cbit_json_t *root)
{
    cbit_arena_t *a = m->arena;
    (void)cbit_json_add(a, root, "format", cbit_json_string(a, "cbit-measure/1"));
    (void)cbit_json_add(a, root, "machine", cbit_json_string(a, m->config->sev.generation));
    (void)cbit_json_add(a, root, "samples", cbit_json_u64(a, m->options->samples));
    (void)cbit_json_add(a, root, "seed", cbit_json_u64(a, m->options->seed));
    (void)cbit_json_add(a, root, "read_fraction",
                        cbit_json_fixed(a, m->options->read_per_mille, 3));
    (void)cbit_json_add(a, root, "engine_depth_eclk",
                        cbit_json_u64(a, m->config->engine.depth_eclk));
}

static cbit_err_t measure_all(meter_t *m, cbit_json_t *root)
{
    cbit_json_t *modes = cbit_json_new(m->arena, CBIT_JSON_OBJECT);
    modes = cbit_json_add(m->arena, root, "modes", modes);
    cbit_err_t err = measure_mode(m, CBIT_RIG_PLAIN, modes);
    if (err == CBIT_ERR_OK) {
        err = measure_mode(m, CBIT_RIG_SME, modes);
    }
    if (err == CBIT_ERR_OK) {
        err = measure_mode(m, CBIT_RIG_SEV, modes);
    }
    if (err == CBIT_ERR_OK) {
        cbit_json_t *bypass = cbit_json_new(m->arena, CBIT_JSON_OBJECT);
        err = measure_idle(m, CBIT_RIG_BYPASS, cbit_json_add(m->arena, root, "bypass", bypass));
    }
    if (err == CBIT_ERR_OK) {
        err = measure_mixes(m, root);
    }
    if (err == CBIT_ERR_OK) {
        err = put_knee(m, root);
    }
    if (err != CBIT_ERR_OK) {
        return err;
    }
    const uint64_t loads = m->options->samples < COST_LOADS ? m->options->samples : COST_LOADS;
    return cbit_costs_measure(m->config, loads, m->options->seed, m->arena, root, m->diag);
}

cbit_json_t *cbit_measure(const cbit_platform_config_t *config,
                          const cbit_measure_options_t *options, cbit_arena_t *arena,
                          cbit_diag_t *diag)
{
    const cbit_cache_config_t *cache = &config->cache;
    uint64_t cclk = cache->l3.size_bytes != 0 ? cache->l3.hit_cclk : cache->l2.hit_cclk;
    meter_t m = {.config = config, .options = options, .arena = arena, .diag = diag};
    m.core_ps = cclk * UINT64_C(1000000000) / config->vcpu.clock_khz;
    /* Far more than any cache or row buffer holds, and no more than there is. */
    m.footprint_bytes = config->memory.size_bytes < UINT64_C(1) << 30 ? config->memory.size_bytes
                                                                      : UINT64_C(1) << 30;
    m.count = 3 * (1 + options->points) + 1 + 2 * MIXES + (config->umc.engine_clock_divider == 1);
    m.result = calloc(1, sizeof *m.result);
    cbit_json_t *root = cbit_json_new(arena, CBIT_JSON_OBJECT);
    if (m.result == NULL || root == NULL) {
        free(m.result);
        (void)cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
        return NULL;
    }
    describe(&m, root);
    cbit_err_t err = measure_all(&m, root);
    free(m.result);
    return err == CBIT_ERR_OK && !cbit_arena_failed(arena) ? root : NULL;
}
