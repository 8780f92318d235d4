/* What is measured, in which order, and how it becomes JSON. */
#include <stdlib.h>
#include <string.h>

#include "cbit/perf/measure.h"
#include "perf/measure/core.h"
#include "perf/measure/costs.h"
#include "perf/measure/jobs.h"
#include "perf/measure/knee.h"
#include "perf/measure/load.h"

enum {
    CHANNEL_PROBES = 4,
    CHANNEL_REQUESTS = 64, /* enough lines on their way to fill a channel of any shipped machine */
    WARM_UP = 2000,
    MIXES = 4,
    COST_LOADS = 20000,  /* at most */
    PEAK_SAMPLES = 5000, /* likewise, where the bandwidth is all that is asked for */
};

static const char *const mode_keys[CBIT_RIG_MODES] = {"plain", "bypass", "sme", "sev"};
static const uint32_t mixes[MIXES] = {1000, 750, 667, 500};

/* One measurement, and what came of it. */
typedef struct point {
    const struct meter *m;
    const cbit_platform_config_t *config;
    cbit_rig_mode_t mode;
    cbit_load_t load;
    cbit_load_result_t result;
} point_t;

typedef struct costs {
    const struct meter *m;
    cbit_rig_mode_t mode;
    uint64_t ps[CBIT_COSTS];
} costs_t;

/* First all is planned, in the order of the document; then it is run; then it is written. */
typedef struct meter {
    const cbit_platform_config_t *config;
    cbit_platform_config_t halved; /* the same with half the engine's clock */
    const cbit_measure_options_t *options;
    cbit_arena_t *arena;
    cbit_diag_t *diag;
    point_t *points; /* [0..planned), of those [0..written) are in the document */
    uint32_t planned, written;
    costs_t costs[2];
    uint32_t costs_count;             /* 0: too little memory for them */
    const cbit_load_result_t *result; /* of the point that is being written */
    uint64_t footprint_bytes, core_ps;
} meter_t;

/* ---- one measurement ---- */

static cbit_err_t run_point(void *self, cbit_diag_t *diag)
{
    point_t *point = self;
    cbit_rig_t *rig = malloc(sizeof *rig);
    if (rig == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    cbit_err_t err = cbit_rig_begin(rig, point->config, point->mode, point->m->options->seed, diag);
    if (err == CBIT_ERR_OK) {
        err = cbit_load_run(rig, &point->load, &point->result, diag);
    }
    cbit_rig_end(rig);
    free(rig);
    return err;
}

static cbit_err_t run_costs(void *self, cbit_diag_t *diag)
{
    costs_t *costs = self;
    const cbit_measure_options_t *options = costs->m->options;
    const uint64_t loads = options->samples < COST_LOADS ? options->samples : COST_LOADS;
    return cbit_costs_measure(costs->m->config, costs->mode, loads, options->seed, costs->ps, diag);
}

static cbit_err_t run_all(meter_t *m)
{
    const uint32_t count = m->planned + m->costs_count;
    cbit_measure_job_t *jobs = calloc(count, sizeof *jobs);
    if (jobs == NULL) {
        return cbit_diag_add(m->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    for (uint32_t i = 0; i < m->planned; i++) {
        point_t *point = &m->points[i];
        jobs[i] =
            (cbit_measure_job_t){.run = run_point, .self = point, .what = mode_keys[point->mode]};
    }
    for (uint32_t i = 0; i < m->costs_count; i++) {
        jobs[m->planned + i] =
            (cbit_measure_job_t){.run = run_costs, .self = &m->costs[i], .what = "costs"};
    }
    cbit_err_t err = cbit_measure_jobs_run(jobs, count, m->options->workers,
                                           m->options->on_progress, m->options->self, m->diag);
    free(jobs);
    return err;
}

/* ---- the plan ---- */

static point_t *plan(meter_t *m, cbit_rig_mode_t mode, const cbit_load_t *wanted)
{
    point_t *point = &m->points[m->planned++];
    point->m = m;
    point->config = m->config;
    point->mode = mode;
    point->load = *wanted;
    point->load.warm_up = WARM_UP;
    point->load.samples = m->options->samples;
    point->load.seed = m->options->seed;
    point->load.footprint_bytes = m->footprint_bytes;
    return point;
}

static void plan_idle(meter_t *m, cbit_rig_mode_t mode)
{
    const cbit_load_t idle = {.probes = 1, .read_per_mille = 1000};
    (void)plan(m, mode, &idle);
}

static point_t *plan_loaded(meter_t *m, cbit_rig_mode_t mode, uint64_t delay_ps,
                            uint32_t read_per_mille)
{
    const uint32_t requests = m->options->requests == 0 ? CHANNEL_REQUESTS : m->options->requests;
    const cbit_load_t load = {.probes = CHANNEL_PROBES * m->config->fabric.channels,
                              .background = requests * m->config->fabric.channels,
                              .delay_ps = delay_ps,
                              .read_per_mille = read_per_mille};
    return plan(m, mode, &load);
}

/* From as much as there can be to nearly nothing: 0, then 25 ns and its doublings. */
static uint64_t delay_of(uint32_t index)
{
    return index == 0 ? 0 : UINT64_C(25000) << (index - 1);
}

static void plan_mode(meter_t *m, cbit_rig_mode_t mode)
{
    plan_idle(m, mode);
    for (uint32_t i = 0; i < m->options->points; i++) {
        (void)plan_loaded(m, mode, delay_of(i), m->options->read_per_mille);
    }
}

/* The peak of encrypted lines at half the engine's clock: on the other side of the knee. */
static void plan_halved(meter_t *m)
{
    point_t *point = plan_loaded(m, CBIT_RIG_SEV, 0, m->options->read_per_mille);
    m->halved = *m->config;
    m->halved.umc.engine_clock_divider = 2;
    point->config = &m->halved;
    point->load.samples = point->load.samples < PEAK_SAMPLES ? point->load.samples : PEAK_SAMPLES;
}

static bool has_half_clock(const meter_t *m)
{
    return m->config->umc.engine_clock_divider == 1;
}

static void plan_all(meter_t *m)
{
    static const cbit_rig_mode_t modes[] = {CBIT_RIG_PLAIN, CBIT_RIG_SME, CBIT_RIG_SEV};
    static const cbit_rig_mode_t cost_modes[] = {CBIT_RIG_PLAIN, CBIT_RIG_SEV};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        plan_mode(m, modes[i]);
    }
    plan_idle(m, CBIT_RIG_BYPASS);
    for (uint32_t i = 0; i < MIXES; i++) {
        (void)plan_loaded(m, CBIT_RIG_PLAIN, 0, mixes[i]);
        (void)plan_loaded(m, CBIT_RIG_SEV, 0, mixes[i]);
    }
    if (has_half_clock(m)) {
        plan_halved(m);
    }
    m->costs_count = m->config->memory.size_bytes < CBIT_CORE_NEEDS ? 0 : 2;
    for (uint32_t i = 0; i < m->costs_count; i++) {
        m->costs[i].m = m;
        m->costs[i].mode = cost_modes[i];
    }
}

/* The next point to be written; its result is what the figures below are of. */
static const point_t *next_point(meter_t *m)
{
    const point_t *point = &m->points[m->written++];
    m->result = &point->result;
    return point;
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

/* ---- what was measured of a mode ---- */

static void put_idle(meter_t *m, cbit_json_t *into)
{
    (void)next_point(m);
    put(m, into, "idle_latency_ns", mean_ps(m));
    put(m, into, "idle_latency_ci_ns", cbit_load_interval_ps(m->result));
    put_stages(m, into);
}

static void put_curve(meter_t *m, cbit_json_t *into)
{
    cbit_json_t *curve = cbit_json_new(m->arena, CBIT_JSON_ARRAY);
    for (uint32_t i = 0; i < m->options->points; i++) {
        const point_t *measured = next_point(m);
        if (i == 0) {
            put(m, into, "peak_gbs", mgbs(m));
        }
        (void)cbit_json_add(m->arena, curve, NULL, point(m, measured->load.delay_ps));
    }
    (void)cbit_json_add(m->arena, into, "curve", curve);
}

static void put_mode(meter_t *m, cbit_rig_mode_t mode, cbit_json_t *modes)
{
    cbit_json_t *into = cbit_json_new(m->arena, CBIT_JSON_OBJECT);
    into = cbit_json_add(m->arena, modes, mode_keys[mode], into);
    put_idle(m, into);
    put_curve(m, into);
}

static void put_mixes(meter_t *m, cbit_json_t *root)
{
    cbit_json_t *list = cbit_json_new(m->arena, CBIT_JSON_ARRAY);
    (void)cbit_json_add(m->arena, root, "peak_by_mix", list);
    for (uint32_t i = 0; i < MIXES; i++) {
        cbit_json_t *entry = cbit_json_new(m->arena, CBIT_JSON_OBJECT);
        entry = cbit_json_add(m->arena, list, NULL, entry);
        put(m, entry, "read_fraction", mixes[i]);
        (void)next_point(m);
        put(m, entry, "plain_gbs", mgbs(m));
        (void)next_point(m);
        put(m, entry, "sev_gbs", mgbs(m));
    }
}

/* ---- all ---- */

static uint64_t number_at(const cbit_json_t *root, const char *pointer)
{
    const cbit_json_t *number = cbit_json_at(root, pointer);
    bool negative = false;
    uint64_t value = 0;
    return number != NULL && cbit_json_scaled(number, 3, &negative, &value) ? value : 0;
}

/* Within a percent of the plain peak it is the bus that ends the curve. Below that it is the engine
   if it is nearly full, else the load: its window of requests brings less when each takes longer.
   The knee is the engine clock (over the DRAM's) at which the engines take just what the bus gives.
 */
static cbit_err_t put_knee(meter_t *m, cbit_json_t *root)
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
    if (has_half_clock(m)) {
        (void)next_point(m);
        put(m, knee, "half_clock_gbs", mgbs(m));
    }
    return CBIT_ERR_OK;
}

static void describe(const meter_t *m, cbit_json_t *root)
{
    cbit_arena_t *a = m->arena;
    const uint32_t requests = m->options->requests == 0 ? CHANNEL_REQUESTS : m->options->requests;
    (void)cbit_json_add(a, root, "format", cbit_json_string(a, "cbit-measure/1"));
    (void)cbit_json_add(a, root, "machine", cbit_json_string(a, m->config->sev.generation));
    (void)cbit_json_add(a, root, "samples", cbit_json_u64(a, m->options->samples));
    (void)cbit_json_add(a, root, "requests_per_channel", cbit_json_u64(a, requests));
    (void)cbit_json_add(a, root, "seed", cbit_json_u64(a, m->options->seed));
    (void)cbit_json_add(a, root, "read_fraction",
                        cbit_json_fixed(a, m->options->read_per_mille, 3));
    (void)cbit_json_add(a, root, "engine_depth_eclk",
                        cbit_json_u64(a, m->config->engine.depth_eclk));
}

static cbit_err_t put_all(meter_t *m, cbit_json_t *root)
{
    cbit_json_t *modes = cbit_json_new(m->arena, CBIT_JSON_OBJECT);
    describe(m, root);
    modes = cbit_json_add(m->arena, root, "modes", modes);
    put_mode(m, CBIT_RIG_PLAIN, modes);
    put_mode(m, CBIT_RIG_SME, modes);
    put_mode(m, CBIT_RIG_SEV, modes);
    cbit_json_t *bypass = cbit_json_new(m->arena, CBIT_JSON_OBJECT);
    put_idle(m, cbit_json_add(m->arena, root, "bypass", bypass));
    put_mixes(m, root);
    cbit_err_t err = put_knee(m, root);
    if (err == CBIT_ERR_OK && m->costs_count != 0) {
        cbit_costs_put(m->costs[0].ps, m->costs[1].ps, m->arena, root);
    }
    return err;
}

static cbit_err_t measure_into(meter_t *m, cbit_json_t *root)
{
    m->points = calloc(3 * (1 + m->options->points) + 1 + 2 * MIXES + 1, sizeof *m->points);
    if (m->points == NULL) {
        return cbit_diag_add(m->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    plan_all(m);
    cbit_err_t err = run_all(m);
    err = err == CBIT_ERR_OK ? put_all(m, root) : err;
    free(m->points);
    return err;
}

cbit_json_t *cbit_measure(const cbit_platform_config_t *config,
                          const cbit_measure_options_t *options, cbit_arena_t *arena,
                          cbit_diag_t *diag)
{
    const cbit_cache_config_t *cache = &config->cache;
    uint64_t cclk = cache->l3.size_bytes != 0 ? cache->l3.hit_cclk : cache->l2.hit_cclk;
    meter_t *m = calloc(1, sizeof *m);
    cbit_json_t *root = cbit_json_new(arena, CBIT_JSON_OBJECT);
    if (m == NULL || root == NULL) {
        free(m);
        (void)cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
        return NULL;
    }
    m->config = config;
    m->options = options;
    m->arena = arena;
    m->diag = diag;
    m->core_ps = cclk * UINT64_C(1000000000) / config->vcpu.clock_khz;
    /* Far more than any cache or row buffer holds, and no more than there is. */
    m->footprint_bytes = config->memory.size_bytes < UINT64_C(1) << 30 ? config->memory.size_bytes
                                                                       : UINT64_C(1) << 30;
    cbit_err_t err = measure_into(m, root);
    free(m);
    return err == CBIT_ERR_OK && !cbit_arena_failed(arena) ? root : NULL;
}
