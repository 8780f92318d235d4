#include "cbit/umc/stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/umc/driver.h"
#include "model/umc/reasons.h"

/* ---- one controller or the other ---- */

static inline bool step(umc_driver_t *d, uint64_t until_nck, umc_event_t *event)
{
    return d->core != NULL ? umc_core_step(d->core, until_nck, event)
                           : umc_plain_step(d->plain, until_nck, event);
}

static inline bool room(const umc_driver_t *d, bool write)
{
    return d->core != NULL ? umc_core_room(d->core, write, 0) : umc_plain_room(d->plain, write, 0);
}

static const umc_core_stats_t *stats_of(const umc_driver_t *d)
{
    return d->core != NULL ? umc_core_stats(d->core) : umc_plain_stats(d->plain);
}

/* ---- completions ---- */

static void add_reason(cbit_stream_explain_t *explain, const char *reason, uint64_t nck)
{
    uint32_t i = 0;
    while (i < explain->total_count && strcmp(explain->totals[i].reason, reason) != 0) {
        i++;
    }
    if (i == explain->total_count && i < CBIT_STREAM_REASONS) {
        explain->totals[explain->total_count++] = (cbit_stream_reason_t){.reason = reason};
    }
    if (i < CBIT_STREAM_REASONS) {
        explain->totals[i].nck += nck;
    }
}

/* A read without a command of its own: queue and DRAM, as umc_complete counts them; explain may be
   NULL. */
static void explain_whole(cbit_stream_explain_t *explain, uint32_t request, const char *reason,
                          const umc_event_t *event, uint64_t bus_nck)
{
    const uint64_t nck[2] = {event->first_nck - event->accept_nck, bus_nck - event->first_nck};
    for (uint32_t dram = 0; dram < 2 && explain != NULL; dram++) {
        add_reason(explain, reason, nck[dram]);
        if (request == explain->request && nck[dram] > 0) {
            explain->steps[explain->step_count++] =
                (cbit_stream_reason_t){.reason = reason, .nck = nck[dram], .dram = dram != 0};
        }
    }
}

static void complete_merged(umc_driver_t *d, const umc_event_t *event, uint64_t end_nck)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < d->merged_count; i++) {
        const umc_merged_t *merged = &d->merged[i];
        if (merged->user == event->user) {
            /* It waits from its own acceptance on; its request may have begun before. */
            umc_event_t own = *event;
            own.accept_nck = merged->accept_nck;
            own.first_nck = own.first_nck > own.accept_nck ? own.first_nck : own.accept_nck;
            umc_complete(d, merged->request, end_nck, d->depth_nck, &own);
            explain_whole(d->options->explain, merged->request, "merged", &own,
                          end_nck - d->depth_nck);
        } else {
            d->merged[kept++] = d->merged[i];
        }
    }
    d->merged_count = kept;
}

/* What the quick controller kept of a read whose column command has just issued. */
static void explain_read(cbit_stream_explain_t *explain, const umc_reason_list_t *list,
                         uint32_t request)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const umc_reason_step_t *step = &list->step[i];
        add_reason(explain, umc_reason_name(step->reason), step->nck);
        if (request == explain->request) {
            explain->steps[explain->step_count++] = (cbit_stream_reason_t){
                .reason = umc_reason_name(step->reason), .nck = step->nck, .dram = step->dram};
        }
    }
}

static inline bool is_column(umc_event_kind_t kind)
{
    return kind == UMC_EVENT_RD || kind == UMC_EVENT_WR || kind == UMC_EVENT_RDA ||
           kind == UMC_EVENT_WRA;
}

static inline void on_event(umc_driver_t *d, const umc_event_t *event)
{
    if (d->policy.merges_reads && is_column(event->kind)) {
        d->column = *event;
    }
    if (event->kind == UMC_EVENT_RD || event->kind == UMC_EVENT_RDA) {
        uint64_t end_nck = event->at_nck + d->read_nck;
        umc_complete(d, event->user, end_nck, d->depth_nck, event);
        if (d->merged_count > 0) {
            complete_merged(d, event, end_nck);
        }
        d->explained_read |=
            d->options->explain != NULL && event->user == d->options->explain->request;
        if (d->options->explain != NULL && d->core != NULL) {
            explain_read(d->options->explain, umc_core_reasons(d->core), event->user);
        }
    } else if (event->kind == UMC_EVENT_CHOSEN) {
        /* The pipeline takes a line as fast as the bus does: only its depth beyond tCWL is felt. */
        umc_core_ready(d->core, event->user,
                       event->at_nck + d->depth_nck - d->device.timing.cwl_nck);
    }
}

static inline void run_to(umc_driver_t *d, uint64_t until_nck)
{
    umc_event_t event;
    while (step(d, until_nck, &event)) {
        on_event(d, &event);
    }
}

/* ---- offering ---- */

/* One command further, whenever it is; false if the controller has stopped: our bug. */
static bool run_one(umc_driver_t *d, uint64_t *at_nck)
{
    umc_event_t event;
    if (!step(d, UMC_EVER, &event)) {
        return false;
    }
    on_event(d, &event);
    *at_nck = event.at_nck;
    return true;
}

/* The first clock from at_nck on in which a request may be accepted; 0: the controller stopped. */
static uint64_t acceptance_nck(umc_driver_t *d, bool write, uint64_t at_nck)
{
    uint32_t first = d->policy.accept_first ? 1 : 0;
    for (;;) {
        uint64_t event_nck = 0;
        if (at_nck >= first) {
            run_to(d, at_nck - first);
        }
        umc_retire_done(d, at_nck);
        if (!write && d->outstanding >= d->options->window) {
            while (d->done_head == d->done_tail) {
                if (!run_one(d, &event_nck)) {
                    return 0;
                }
            }
            uint64_t done_nck = d->done_nck[d->done_head & d->ring_mask] + d->policy.late_callback;
            at_nck = done_nck > at_nck ? done_nck : at_nck;
        } else if (!room(d, write)) {
            /* Command queues move without commands: then every clock may make room. */
            if (d->policy.scheme == UMC_SCHEME_ROUND_ROBIN) {
                at_nck++;
            } else if (!run_one(d, &event_nck)) {
                return 0;
            } else {
                at_nck = event_nck + first > at_nck ? event_nck + first : at_nck;
            }
        } else {
            return at_nck;
        }
    }
}

/*
 * DRAMsim3 takes a request before it issues: one that comes in the clock of its line's column
 * command still meets it. True with what becomes of it then.
 */
static bool meets_issuing(umc_driver_t *d, bool write, uint64_t line, uint64_t at_nck,
                          umc_take_t *take)
{
    const umc_event_t *column = &d->column;
    if (!d->policy.merges_reads || column->at_nck != at_nck || at_nck == 0 ||
        d->requests[column->user].address >> CBIT_DRAM_LINE_BITS != line) {
        return false;
    }
    bool wrote = column->kind == UMC_EVENT_WR || column->kind == UMC_EVENT_WRA;
    umc_take_t queued = d->core != NULL ? umc_core_meets(d->core, write, line)
                                        : umc_plain_meets(d->plain, write, line);
    *take = wrote && write ? UMC_TAKE_COALESCED : wrote ? UMC_TAKE_FORWARDED : UMC_TAKE_MERGED;
    return wrote || (!write && queued == UMC_TAKE_QUEUED);
}

static umc_take_t enter(umc_driver_t *d, uint32_t *user, bool write, const cbit_dram_place_t *place,
                        uint64_t at_nck)
{
    uint64_t line = d->requests[*user].address >> CBIT_DRAM_LINE_BITS;
    umc_take_t take;
    if (meets_issuing(d, write, line, at_nck, &take)) {
        return take;
    }
    return d->core != NULL ? umc_core_accept(d->core, write, place, line, false, user, at_nck)
                           : umc_plain_accept(d->plain, write, place, line, false, user, at_nck);
}

static void accept(umc_driver_t *d, uint32_t index, bool write, const cbit_dram_place_t *place,
                   uint64_t at_nck)
{
    uint32_t user = index;
    umc_take_t take = enter(d, &user, write, place, at_nck);
    if (write) {
        d->result.writes++;
        d->result.coalesced += take == UMC_TAKE_COALESCED ? 1 : 0;
        return;
    }
    d->result.reads++;
    d->outstanding++;
    if (take == UMC_TAKE_FORWARDED) {
        /* Served in the next clock; completions stay in order, so it may be seen a little later. */
        umc_event_t event = {.accept_nck = at_nck, .first_nck = at_nck + 1};
        d->result.forwarded++;
        umc_complete(d, index, at_nck + 1, 0, &event); /* the queue holds plaintext */
        explain_whole(d->options->explain, index, "forwarded", &event, at_nck + 1);
        /* Let it overtake those that end later. */
        for (uint64_t i = d->done_tail - 1;
             !d->policy.answers_in_order && i != d->done_head &&
             d->done_nck[(i - 1) & d->ring_mask] > d->done_nck[i & d->ring_mask];
             i--) {
            uint64_t later = d->done_nck[(i - 1) & d->ring_mask];
            d->done_nck[(i - 1) & d->ring_mask] = d->done_nck[i & d->ring_mask];
            d->done_nck[i & d->ring_mask] = later;
        }
    } else if (take == UMC_TAKE_MERGED) {
        d->result.merged++;
        d->merged[d->merged_count++] =
            (umc_merged_t){.user = user, .request = index, .accept_nck = at_nck};
        if (user == index) { /* its read has just issued */
            d->merged[d->merged_count - 1].user = d->column.user;
            complete_merged(d, &d->column, at_nck + d->read_nck);
        }
    }
}

/* Before the run: every address must be inside the memory. */
static cbit_err_t check_addresses(const umc_driver_t *d, uint64_t count, cbit_diag_t *diag)
{
    cbit_err_t err = CBIT_ERR_OK;
    for (uint64_t i = 0; i < count; i++) {
        if (d->requests[i].address >= d->map.capacity_bytes) {
            const cbit_stream_options_t *o = d->options;
            err = cbit_diag_add(diag, CBIT_ERR_ADDRESS, NULL,
                                "%s %" PRIu64 ": address 0x%" PRIx64
                                " is beyond the memory of 0x%" PRIx64 " bytes",
                                o->line_of == NULL ? "request" : "line",
                                o->line_of == NULL ? i : o->line_of(o->stream, i),
                                d->requests[i].address, d->map.capacity_bytes);
        }
    }
    return err;
}

static cbit_err_t offer_all(umc_driver_t *d, uint64_t count, cbit_diag_t *diag)
{
    uint64_t next_nck = 0, last_nck = 0;
    for (uint64_t i = 0; i < count; i++) {
        i += d->core != NULL ? umc_offer_crowd(d, i, count, &next_nck, &last_nck) : 0;
        if (i == count) {
            break;
        }
        const cbit_stream_request_t *request = &d->requests[i];
        bool write = (request->arrival_nck & CBIT_STREAM_WRITE) != 0;
        uint64_t arrival_nck = request->arrival_nck & ~CBIT_STREAM_WRITE;
        cbit_dram_place_t place;
        if (!cbit_dram_map_place(&d->map, request->address, &place)) {
            return cbit_diag_add(diag, CBIT_ERR_INTERNAL, NULL, "an address was not looked at");
        }
        if (d->core != NULL && !write && umc_run_possible(d->core, &place)) {
            uint64_t taken = umc_offer_hits(d, &place, i, count, &next_nck, &last_nck);
            if (taken > 0) {
                i += taken - 1;
                continue;
            }
        }
        uint64_t at_nck = acceptance_nck(d, write, arrival_nck > next_nck ? arrival_nck : next_nck);
        if (at_nck == 0 && next_nck != 0) {
            return cbit_diag_add(diag, CBIT_ERR_INTERNAL, NULL, "the controller stopped");
        }
        accept(d, (uint32_t)i, write, &place, at_nck);
        last_nck = at_nck;
        next_nck = at_nck + 1;
    }
    uint64_t event_nck;
    while (d->outstanding > d->done_tail - d->done_head) {
        if (!run_one(d, &event_nck)) {
            return cbit_diag_add(diag, CBIT_ERR_INTERNAL, NULL, "the controller stopped");
        }
    }
    d->result.end_nck = last_nck;
    /* The last to end is the last one, but for reads that did not overtake. */
    uint64_t from = d->done_tail - 1 < d->done_head ? d->done_tail - 1 : d->done_head;
    for (uint64_t i = from; d->done_tail > 0 && i != d->done_tail; i++) {
        uint64_t end_nck = d->done_nck[i & d->ring_mask] + d->policy.late_callback;
        d->result.end_nck = end_nck > d->result.end_nck ? end_nck : d->result.end_nck;
    }
    return CBIT_ERR_OK;
}

/* ---- building ---- */

static void on_core_command(void *self, const umc_event_t *event)
{
    umc_driver_t *d = self;
    if (event->kind == UMC_EVENT_CHOSEN) {
        return;
    }
    uint32_t per_rank = d->device.groups * d->device.banks_per_group;
    uint32_t rank = event->bank / per_rank;
    uint32_t group = event->bank % per_rank / d->device.banks_per_group;
    uint32_t bank = event->bank % d->device.banks_per_group;
    if (d->checker != NULL) {
        cbit_dram_checker_command(d->checker, umc_event_name(event->kind), event->at_nck, rank,
                                  group, bank, event->row, event->column);
    }
    if (d->options->on_command != NULL) {
        d->options->on_command(d->options->self, umc_event_name(event->kind), event->at_nck, rank,
                               group, bank, event->row, event->column);
    }
}

static cbit_err_t build_controller(umc_driver_t *d)
{
    umc_core_config_t core = {.device = d->device,
                              .policy = d->policy,
                              .read_credits = UINT32_MAX,
                              .choose_writes = d->depth_nck > d->device.timing.cwl_nck,
                              .plain_scan = d->options->plain_scan,
                              .explain = d->options->explain};
    if (d->options->on_command != NULL || d->checker != NULL) {
        core.observe = on_core_command;
        core.observer = d;
    }
    core.keep_reasons = d->options->explain != NULL;
    return d->options->plain ? umc_plain_create(&core, &d->plain)
                             : umc_core_create(&core, &d->core);
}

static cbit_err_t build(umc_driver_t *d, const cbit_umc_config_t *config, cbit_diag_t *diag)
{
    cbit_err_t err = cbit_dram_resolve(&config->dram, "/umc/dram", &d->device, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    err = umc_policy_of(config, &d->policy, &d->device, "/umc", diag);
    err = err != CBIT_ERR_OK
              ? err
              : cbit_dram_map_init(&d->map, &d->device, config->mapping, config->group_hash,
                                   config->group_hash_count, config->bank_hash,
                                   config->bank_hash_count, "/umc", diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    d->depth_nck = d->options->engine_depth_nck;
    d->read_nck = (uint64_t)d->device.timing.cl_nck + d->device.timing.burst_nck + d->depth_nck;
    uint64_t size = 1;
    while (size < d->options->window + 1u) {
        size *= 2;
    }
    d->ring_mask = size - 1;
    d->done_nck = calloc(size, sizeof *d->done_nck);
    d->merged = calloc(d->options->window + 1u, sizeof *d->merged);
    d->result.histogram = calloc(UMC_BUCKETS, sizeof *d->result.histogram);
    d->result.buckets = UMC_BUCKETS;
    if (d->done_nck == NULL || d->merged == NULL || d->result.histogram == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    if (d->options->check) {
        err = cbit_dram_checker_create(&d->device, &d->checker);
    }
    return err != CBIT_ERR_OK ? err : build_controller(d);
}

/* What follows a column command is the same for every read. */
static void explain_data(umc_driver_t *d)
{
    cbit_stream_explain_t *e = d->options->explain;
    const cbit_stream_reason_t data[2] = {
        {.reason = "CL", .nck = d->device.timing.cl_nck, .dram = true},
        {.reason = "burst", .nck = d->device.timing.burst_nck, .dram = true}};
    for (uint32_t i = 0; i < 2; i++) {
        if (d->explained_read && e->step_count < CBIT_STREAM_STEPS) {
            e->steps[e->step_count++] = data[i];
        }
        if (e->total_count < CBIT_STREAM_REASONS) {
            e->totals[e->total_count] = data[i];
            e->totals[e->total_count++].nck *= stats_of(d)->reads;
        }
    }
}

static void collect(umc_driver_t *d, uint64_t count)
{
    const umc_core_stats_t *stats = stats_of(d);
    cbit_stream_result_t *r = &d->result;
    r->requests = count;
    r->column_commands = stats->reads + stats->writes;
    r->row_hits = stats->row_hits;
    r->activates = stats->activates;
    r->precharges = stats->precharges + stats->precharges_all;
    r->refreshes = stats->refreshes;
    r->power_downs = stats->power_downs;
    r->self_refreshes = stats->self_refreshes;
    r->commands = r->column_commands + r->activates + r->precharges + r->refreshes;
    if (d->checker != NULL) {
        r->checked = cbit_dram_checker_commands(d->checker);
        r->violations = cbit_dram_checker_violations(d->checker);
        r->overlaps = cbit_dram_checker_overlaps(d->checker);
        if (r->violations > 0) {
            r->violation = *cbit_dram_checker_first(d->checker);
        }
    }
    if (d->core != NULL) {
        cbit_dram_activity_t activity;
        umc_core_activity(d->core, r->end_nck, &activity);
        cbit_dram_energy(&d->device, &activity, &r->energy);
    }
    r->tck_num_ps = d->device.clock.period_num_ps;
    r->tck_den = d->device.clock.period_den;
    r->burst_nck = d->device.timing.burst_nck;
}

cbit_err_t cbit_stream_run(const cbit_umc_config_t *config, const cbit_stream_options_t *options,
                           const cbit_stream_request_t *requests, uint64_t count,
                           cbit_stream_result_t *result, cbit_diag_t *diag)
{
    if (options->window == 0 || options->window > 1000000 || count >= UINT32_MAX) {
        return cbit_diag_add(diag, CBIT_ERR_RANGE, NULL,
                             "window: %" PRIu32 "; 1..1000000, and fewer than 2^32 requests",
                             options->window);
    }
    if (options->plain && options->engine_depth_nck > 0) {
        return cbit_diag_add(diag, CBIT_ERR_CONFLICT, NULL,
                             "the plain controller has no engine; leave one of them out");
    }
    umc_driver_t *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    d->options = options;
    d->requests = requests;
    cbit_err_t err = build(d, config, diag);
    if (options->explain != NULL) {
        options->explain->step_count = options->explain->total_count = 0;
        memset(options->explain->totals, 0, sizeof options->explain->totals);
    }
    err = err != CBIT_ERR_OK ? err : check_addresses(d, count, diag);
    err = err != CBIT_ERR_OK ? err : offer_all(d, count, diag);
    if (err == CBIT_ERR_OK && options->explain != NULL) {
        explain_data(d);
    }
    if (err == CBIT_ERR_OK) {
        collect(d, count);
        *result = d->result;
        d->result.histogram = NULL;
    }
    umc_core_destroy(d->core);
    umc_plain_destroy(d->plain);
    cbit_dram_checker_destroy(d->checker);
    free(d->done_nck);
    free(d->merged);
    free(d->result.histogram);
    free(d);
    return err;
}

void cbit_stream_result_free(cbit_stream_result_t *result)
{
    free(result->histogram);
    result->histogram = NULL;
}

uint64_t cbit_stream_percentile_nck(const cbit_stream_result_t *result, uint32_t per_mille)
{
    uint64_t wanted = (result->reads * per_mille + 999) / 1000, seen = 0;
    for (uint32_t i = 0; i < result->buckets; i++) {
        seen += result->histogram[i];
        if (seen >= wanted && seen > 0) {
            return i == result->buckets - 1 ? result->latency_max_nck : i;
        }
    }
    return result->latency_max_nck;
}
