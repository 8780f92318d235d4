/* The controller in simulated time: its life, and what of a configuration is worked out once. */
#include "cbit/umc/umc.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "model/umc/umc_private.h"

void umc_wake_at(cbit_umc_t *umc, uint64_t nck)
{
    umc_wake_at_ps(umc, umc_edge_ps(umc, nck));
}

__attribute__((noinline)) cbit_ps_t umc_any_edge_ps(const cbit_umc_t *umc, uint64_t nck)
{
    return cbit_pace_edge_ps(&umc->way.pace, nck);
}

__attribute__((noinline)) uint64_t umc_any_nck_by(const cbit_umc_t *umc, cbit_ps_t at_ps)
{
    return cbit_clock_edge_at_or_before(&umc->way.pace.clock, at_ps);
}

__attribute__((noinline)) uint64_t umc_any_nck_from(const cbit_umc_t *umc, cbit_ps_t at_ps)
{
    return cbit_pace_edge_at_or_after(&umc->way.pace, at_ps);
}

uint32_t umc_user_take(cbit_umc_t *umc, cbit_key_t key)
{
    umc->plain_users += key == CBIT_KEY_PLAIN ? 1 : 0;
    return umc->free_users[--umc->free_count];
}

/* A user's first host line is what the way of a read touches. */
static umc_user_t *new_users(uint32_t count)
{
    _Static_assert(offsetof(umc_user_t, bus_nck) == 64, "one host line");
    umc_user_t *users = aligned_alloc(64, count * sizeof *users);
    return users == NULL ? NULL : memset(users, 0, count * sizeof *users);
}

static umc_waiting_t *new_door(uint32_t count)
{
    umc_waiting_t *waiting = calloc(count, sizeof *waiting);
    for (uint32_t i = 0; waiting != NULL && i < count; i++) {
        waiting[i].due_nck = waiting[i].shows_nck = UMC_NEVER;
    }
    return waiting;
}

void umc_user_free(cbit_umc_t *umc, uint32_t user)
{
    umc->users[user].state = UMC_FREE;
    umc->plain_users -= umc->users[user].key == CBIT_KEY_PLAIN ? 1 : 0;
    umc->free_users[umc->free_count++] = user;
}

/* ---- building ---- */

/* WR must announce itself first when the engine cannot be out by WR + tCWL at the bus's rate. */
static bool must_choose(const cbit_umc_t *umc)
{
    if (!umc_engine_on(umc)) {
        return false;
    }
    const cbit_dram_timing_t *t = &umc->device.timing;
    uint32_t divider = umc->config.engine_clock_divider;
    uint32_t depth =
        umc->parts.engine.ops->depth_eclk(umc->parts.engine.self) + umc->config.key_lookup_eclk;
    uint32_t line_nck = CBIT_LINE_BEATS * divider / umc->parts.engine_config.blocks_per_clock;
    return umc->parts.engine_config.shared_lane || divider > 1 || depth * divider > t->cwl_nck ||
           line_nck > t->burst_nck;
}

static void check_command(void *self, const umc_event_t *event)
{
    cbit_umc_t *umc = self;
    uint32_t per_group = umc->device.banks_per_group;
    uint32_t per_rank = umc->device.groups * per_group;
    if (event->kind != UMC_EVENT_CHOSEN) {
        cbit_dram_checker_command(umc->checker, umc_event_name(event->kind), event->at_nck,
                                  event->bank / per_rank, event->bank % per_rank / per_group,
                                  event->bank % per_group, event->row, event->column);
    }
}

/* Each of them may stand in the same queue, beside those that entries are left for. */
static uint32_t roomy_of(const umc_policy_t *p)
{
    const uint32_t writes = p->unified ? p->read_entries : p->write_entries;
    const uint32_t least = p->read_entries < writes ? p->read_entries : writes;
    return least > UMC_AHEAD_LEAVES ? least - UMC_AHEAD_LEAVES : 0;
}

/* As umc_answer_nck, from the RD. */
static void set_answers(umc_way_t *way)
{
    const bool engine = way->engine.ops != NULL;
    way->even = !engine || way->divider == 1;
    way->answer_nck[0] = way->read_bus_nck + (engine ? way->depth_eclk : 0);
    way->answer_nck[1] = engine && way->around ? way->read_bus_nck + 1 : way->answer_nck[0];
}

static void set_way(cbit_umc_t *umc)
{
    const cbit_dram_timing_t *t = &umc->device.timing;
    const cbit_aes_engine_t *engine = &umc->parts.engine;
    umc->way =
        (umc_way_t){.pace = cbit_pace_of(umc->device.clock),
                    .engine = *engine,
                    .divider = umc->config.engine_clock_divider,
                    .lookup_eclk = umc->config.key_lookup_eclk,
                    .depth_eclk = engine->ops != NULL ? engine->ops->depth_eclk(engine->self) : 0,
                    .read_bus_nck = t->cl_nck + t->burst_nck,
                    .write_bus_nck = t->cwl_nck + t->burst_nck,
                    .cl_nck = t->cl_nck,
                    .beat_nck = t->burst_nck / CBIT_LINE_BEATS,
                    .timing_only = umc->parts.timing_only,
                    .explains = umc->config.explain,
                    .tsme = umc->parts.tsme,
                    .host_key_slot = umc->parts.host_key_slot,
                    .credits_kept = umc->config.return_buffer_entries / 2,
                    .roomy = roomy_of(&umc->policy),
                    .kernel = umc->parts.kernel,
                    .around = !umc->parts.engine_config.bypass_in_order};
    umc->credits = umc->config.return_buffer_entries;
    umc_limit_init(umc);
    set_answers(&umc->way);
    if (umc->way.beat_nck % umc->way.divider == 0) {
        umc->way.beat_eclk = umc->way.beat_nck / umc->way.divider;
    }
    if (!umc_engine_on(umc)) {
        umc->way.ahead = umc->way.writes_ahead = umc->way.timing_only;
    } else if (engine->ops->pass != NULL) {
        umc->way.passed = engine->ops->passed(engine->self);
        umc->way.ahead =
            umc->way.timing_only && umc->way.beat_eclk > 0 && umc->way.lookup_eclk == 0;
        umc->way.writes_ahead =
            umc->way.ahead && !must_choose(umc) && umc->parts.engine_config.blocks_per_clock == 1;
    }
    /* A shared pipeline says when a chosen write may issue; whoever is held back asks again. */
    umc->always_in_step =
        (umc_engine_on(umc) && umc->parts.engine_config.shared_lane) || umc->way.limits;
    umc->way.runs = !umc->way.explains && !umc->way.limits && !umc->config.check_commands;
    umc_set_step(umc);
}

static cbit_err_t build_core(cbit_umc_t *umc)
{
    umc_core_config_t core = {.device = umc->device,
                              .policy = umc->policy,
                              .read_credits = umc_engine_on(umc) ? umc->config.return_buffer_entries
                                                                 : UINT32_MAX,
                              .choose_writes = must_choose(umc),
                              .keep_reasons = umc->config.explain};
    if (umc->config.check_commands) {
        cbit_err_t err = cbit_dram_checker_create(&umc->device, &umc->checker);
        if (err != CBIT_ERR_OK) {
            return err;
        }
        core.observe = check_command;
        core.observer = umc;
    }
    umc_policy_t *p = &core.policy;
    /* Same lines are the port's business: it knows their keys. Their order is kept always. */
    p->forwards = p->coalesces = p->merges_reads = false;
    p->orders_lines = true;
    return umc_core_create(&core, &umc->core);
}

static cbit_err_t build_arrays(cbit_umc_t *umc)
{
    /* Waiting, active, in flight and, of partial writes, both halves. */
    umc->user_count = 2 * (umc->policy.read_entries + umc->policy.write_entries) +
                      CBIT_DRAM_MAX_BANKS * umc->policy.bank_entries + 2 * CBIT_DRAM_MAX_BANKS +
                      256;
    umc->users = new_users(umc->user_count);
    umc->free_users = calloc(umc->user_count, sizeof *umc->free_users);
    umc->door = (umc_door_t){.waiting = new_door(2 * umc->user_count + UMC_DOOR_LOOK),
                             .places = 2 * umc->user_count,
                             .entering_nck = UMC_NEVER};
    umc->flight = calloc(2 * (size_t)umc->user_count, sizeof *umc->flight);
    if (umc->users == NULL || umc->free_users == NULL || umc->door.waiting == NULL ||
        umc->flight == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    for (uint32_t i = umc->user_count; i-- > 0;) {
        umc->free_users[umc->free_count++] = i;
    }
    return CBIT_ERR_OK;
}

/* The parts of the configuration that are worked out once; all that is wrong with them is told. */
static cbit_err_t resolve(const cbit_umc_config_t *c, const char *where, cbit_dram_device_t *device,
                          umc_policy_t *policy, cbit_dram_map_t *map, cbit_diag_t *diag)
{
    const cbit_diag_place_t dram = cbit_diag_place(where, "", "dram");
    cbit_err_t err = cbit_dram_resolve(&c->dram, dram.text, device, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    err = umc_policy_of(c, policy, device, where, diag);
    cbit_err_t mapped =
        cbit_dram_map_init(map, device, c->mapping, c->group_hash, c->group_hash_count,
                           c->bank_hash, c->bank_hash_count, where, diag);
    err = err != CBIT_ERR_OK ? err : mapped;
    if (device->timing.burst_nck % CBIT_LINE_BEATS != 0) {
        err = cbit_diag_add_below(diag, CBIT_ERR_RANGE, where, "dram/timing/burst_nck",
                                  "%u clocks; a line's four blocks need a multiple of 4",
                                  device->timing.burst_nck);
    }
    return err;
}

cbit_err_t cbit_umc_check(const cbit_umc_config_t *config, const char *where,
                          cbit_dram_device_t *device, cbit_diag_t *diag)
{
    umc_policy_t policy;
    cbit_dram_map_t map;
    return resolve(config, where, device, &policy, &map, diag);
}

static cbit_err_t build(cbit_umc_t *umc, cbit_diag_t *diag)
{
    cbit_err_t err = resolve(&umc->config, "/umc", &umc->device, &umc->policy, &umc->map, diag);
    err = err != CBIT_ERR_OK ? err : build_arrays(umc);
    set_way(umc);
    err = err != CBIT_ERR_OK ? err : build_core(umc);
    return err != CBIT_ERR_OK ? err : umc_account_create(umc);
}

cbit_err_t cbit_umc_create(const cbit_umc_config_t *config, const cbit_umc_parts_t *parts,
                           cbit_umc_t **out, cbit_diag_t *diag)
{
    cbit_umc_t *umc = aligned_alloc(64, sizeof *umc);
    if (umc == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, "/umc", "out of memory");
    }
    memset(umc, 0, sizeof *umc);
    umc->config = *config;
    umc->parts = *parts;
    if (umc->parts.engine_config.blocks_per_clock == 0) {
        umc->parts.engine_config.blocks_per_clock = 1;
    }
    umc->oldest_write = umc->newest_write = UMC_NONE;
    umc->least_back_ps = UINT32_MAX;
    umc->landing_nck = UMC_NEVER;
    umc->no_answer.entered_ps = umc->heard_ps = CBIT_PS_NEVER;
    umc->answers_first = &umc->no_answer;
    umc->answers_end = &umc->answers_first;
    cbit_event_init(&umc->wake, umc_on_wake, umc);
    cbit_event_set_rank(&umc->wake, umc->parts.channel + 1);
    cbit_err_t err = build(umc, diag);
    if (err != CBIT_ERR_OK) {
        umc->parts.engine.ops = NULL; /* the caller keeps the engine when creation fails */
        cbit_umc_destroy(umc);
        return err;
    }
    *out = umc;
    return CBIT_ERR_OK;
}

void cbit_umc_analyse(cbit_umc_t *umc, cbit_bus_analyser_t analyser, void *self)
{
    umc_catch_up(umc);
    umc->analyser = analyser;
    umc->analyser_self = self;
    umc_fall_in_step(umc);
}

void cbit_umc_destroy(cbit_umc_t *umc)
{
    if (umc == NULL) {
        return;
    }
    cbit_event_cancel(umc->parts.kernel, &umc->wake);
    if (umc->parts.engine.ops != NULL) {
        umc->parts.engine.ops->destroy(umc->parts.engine.self);
    }
    umc_core_destroy(umc->core);
    cbit_dram_checker_destroy(umc->checker);
    memset(&umc->key_write, 0, sizeof umc->key_write);
    free(umc->account);
    free(umc->users);
    free(umc->free_users);
    free(umc->door.waiting);
    free(umc->flight);
    free(umc);
}

void cbit_umc_stats(cbit_umc_t *umc, cbit_umc_stats_t *stats)
{
    umc_catch_up(umc);
    const umc_core_stats_t *core = umc_core_stats(umc->core);
    *stats = umc->stats;
    stats->column_reads = core->reads;
    stats->column_writes = core->writes;
    stats->row_hits = core->row_hits;
    stats->activates = core->activates;
    stats->precharges = core->precharges + core->precharges_all;
    stats->refreshes = core->refreshes;
    if (umc->checker != NULL) {
        stats->commands_checked = cbit_dram_checker_commands(umc->checker);
        stats->violations = cbit_dram_checker_violations(umc->checker);
    }
}
