/* Patterns as a source of references; opening any kind of traffic. */
#include "cbit/workloads/traffic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/traffic/patterns/pattern.h"
#include "workloads/traffic/stand_in.h"

enum {
    STEPS_A_FETCH = 4, /* the loop is unrolled: one 64-byte line of code for four steps */
    CODE_LINES = 2,    /* and two lines long */
    SPARE_RECORDS = CBIT_PATTERN_MAX_STEP + 1,
};

static const cbit_pattern_kind_t *const kinds[CBIT_TRAFFIC_KINDS] = {
    [CBIT_TRAFFIC_STREAM] = &cbit_pattern_stream, [CBIT_TRAFFIC_RANDOM] = &cbit_pattern_random,
    [CBIT_TRAFFIC_CHASE] = &cbit_pattern_chase,   [CBIT_TRAFFIC_STRIDED] = &cbit_pattern_strided,
    [CBIT_TRAFFIC_ZIPF] = &cbit_pattern_zipf,     [CBIT_TRAFFIC_GUPS] = &cbit_pattern_gups,
    [CBIT_TRAFFIC_MIXED] = &cbit_pattern_mixed,   [CBIT_TRAFFIC_IDLE] = &cbit_pattern_idle,
};

typedef struct source {
    cbit_traffic_t *phases;
    uint32_t count;
    uint64_t seed;
    cbit_trace_info_t info;

    uint32_t phase;
    uint64_t done; /* accesses of this phase */
    cbit_pattern_t pattern;
    cbit_trace_record_t spare[SPARE_RECORDS]; /* of a step that did not fit into the last read */
    uint32_t spare_at, spare_count;
} source_t;

void cbit_pattern_access(cbit_pattern_t *pattern, uint64_t offset, cbit_trace_record_t *record)
{
    enum { MILLION = 1000000 };
    bool is_load = cbit_rng_below(&pattern->rng, MILLION) < pattern->traffic->read_fraction;
    *record = (cbit_trace_record_t){.gva = CBIT_TRAFFIC_BASE_GVA + offset,
                                    .kind = is_load ? CBIT_TRACE_LOAD : CBIT_TRACE_STORE};
}

static void begin_phase(source_t *source, uint32_t phase)
{
    source->phase = phase;
    source->done = 0;
    if (phase == source->count) {
        return;
    }
    const cbit_traffic_t *traffic = &source->phases[phase];
    cbit_pattern_t *pattern = &source->pattern;
    pattern->traffic = traffic;
    pattern->step = 0;
    pattern->stream_at = 0;
    pattern->items =
        traffic->kind == CBIT_TRAFFIC_IDLE ? 0 : traffic->footprint / traffic->access_bytes;
    cbit_rng_init(&pattern->rng, source->seed, phase);
    if (kinds[traffic->kind]->init != NULL) {
        kinds[traffic->kind]->init(pattern);
    }
}

/* The records of one step, the line of code before them when the loop comes to it. */
static uint32_t make_step(source_t *source, cbit_trace_record_t records[SPARE_RECORDS])
{
    cbit_pattern_t *pattern = &source->pattern;
    const cbit_traffic_t *traffic = pattern->traffic;
    uint32_t count = 0;
    bool idle = traffic->kind == CBIT_TRAFFIC_IDLE;
    if (idle || pattern->step % STEPS_A_FETCH == 0) {
        uint64_t line = pattern->step / (idle ? 1 : STEPS_A_FETCH) % CODE_LINES;
        records[count++] = (cbit_trace_record_t){
            .gva = CBIT_TRAFFIC_CODE_GVA + (uint64_t)source->phase * CBIT_TRACE_PAGE_BYTES +
                   line * CBIT_TRACE_LINE_BYTES,
            .kind = CBIT_TRACE_FETCH,
            .size_bytes = CBIT_TRACE_LINE_BYTES,
            .gap = idle ? traffic->gap : 0};
    }
    uint32_t accesses = kinds[traffic->kind]->next(pattern, records + count);
    for (uint32_t i = 0; i < accesses; i++) {
        records[count + i].size_bytes = (uint8_t)traffic->access_bytes;
        records[count + i].gap = traffic->gap;
    }
    pattern->step++;
    source->done += idle ? 1 : accesses;
    return count + accesses;
}

static cbit_err_t source_read(void *self, cbit_trace_record_t *records, uint32_t max,
                              uint32_t *count, cbit_diag_t *diag)
{
    source_t *source = self;
    uint32_t done = 0;
    (void)diag;
    while (done < max) {
        if (source->spare_at < source->spare_count) {
            records[done++] = source->spare[source->spare_at++];
            continue;
        }
        if (source->phase == source->count) {
            break;
        }
        if (source->done >= source->phases[source->phase].accesses) {
            begin_phase(source, source->phase + 1);
        } else if (max - done >= SPARE_RECORDS) {
            done += make_step(source, records + done);
        } else {
            source->spare_count = make_step(source, source->spare);
            source->spare_at = 0;
        }
    }
    *count = done;
    return CBIT_ERR_OK;
}

static cbit_err_t source_rewind(void *self, cbit_diag_t *diag)
{
    source_t *source = self;
    (void)diag;
    source->spare_at = source->spare_count = 0;
    begin_phase(source, 0);
    return CBIT_ERR_OK;
}

static cbit_err_t
source_for_each_page(void *self, cbit_err_t (*visit)(void *visitor, const cbit_trace_page_t *page),
                     void *visitor, cbit_diag_t *diag)
{
    source_t *source = self;
    cbit_trace_page_t page = {.flags = CBIT_TRACE_PAGE_READ | CBIT_TRACE_PAGE_EXECUTE};
    cbit_err_t err = CBIT_ERR_OK;
    (void)diag;
    for (uint32_t i = 0; i < source->count && err == CBIT_ERR_OK; i++) {
        page.gva = CBIT_TRAFFIC_CODE_GVA + (uint64_t)i * CBIT_TRACE_PAGE_BYTES;
        cbit_stand_in_fill(page.bytes, page.gva);
        err = visit(visitor, &page);
    }
    return err;
}

static const cbit_trace_info_t *source_info(void *self)
{
    source_t *source = self;
    return &source->info;
}

static void source_destroy(void *self)
{
    source_t *source = self;
    free(source->phases);
    free(source);
}

static cbit_err_t open_pattern(const cbit_traffic_t *traffic, uint64_t seed,
                               cbit_trace_source_t *out, cbit_diag_t *diag)
{
    bool phased = traffic->kind == CBIT_TRAFFIC_PHASES;
    uint32_t count = phased ? traffic->phases_count : 1;
    source_t *source = calloc(1, sizeof *source);
    if (source != NULL) {
        source->phases = calloc(count, sizeof *source->phases);
    }
    if (source == NULL || source->phases == NULL) {
        free(source);
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    memcpy(source->phases, phased ? traffic->phases : traffic, count * sizeof *source->phases);
    source->count = count;
    source->seed = seed;
    source->info = (cbit_trace_info_t){
        .source = "pattern", .code_generated = true, .seed = seed, .pages = count};
    (void)snprintf(source->info.program, sizeof source->info.program, "%s",
                   cbit_traffic_kind_words[traffic->kind]);
    begin_phase(source, 0);
    *out = (cbit_trace_source_t){.self = source,
                                 .read = source_read,
                                 .rewind = source_rewind,
                                 .for_each_page = source_for_each_page,
                                 .info = source_info,
                                 .destroy = source_destroy};
    return CBIT_ERR_OK;
}

cbit_err_t cbit_traffic_open(const cbit_traffic_t *traffic, uint64_t seed, cbit_err_t missing,
                             cbit_trace_source_t *source, cbit_diag_t *diag)
{
    if (traffic->kind == CBIT_TRAFFIC_TRACE) {
        cbit_trace_reader_t *reader = NULL;
        cbit_err_t err = cbit_trace_reader_open(
            traffic->path == NULL ? traffic->file : traffic->path, missing, &reader, diag);
        if (err == CBIT_ERR_OK) {
            *source = cbit_trace_reader_source(reader);
        }
        return err;
    }
    cbit_err_t err = cbit_traffic_check(traffic, "", diag);
    return err == CBIT_ERR_OK ? open_pattern(traffic, seed, source, diag) : err;
}
