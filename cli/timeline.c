#include "cli/timeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cbit/workloads/buffer.h"
#include "cbit/workloads/json.h"

/* Bounds of the file, whatever the run: at most 4 MB, which cbit report can read. What is beyond is
   counted in otherData; a part is looked at closely with --trace-from and --trace-to. */
enum { MAX_SLICES = 20000, MAX_SAMPLES = 1024 };

/* Samples are this far apart until there are too many; then every second one is dropped. */
#define FIRST_SAMPLE_PS UINT64_C(1000000)

struct cbit_timeline {
    cbit_watch_t watch;
    cbit_ps_t from_ps, to_ps;
    cbit_watch_slice_t *slices;
    uint32_t slice_count;
    uint64_t slices_left_out;
    cbit_watch_sample_t samples[MAX_SAMPLES];
    uint32_t sample_count;
    bool failed;
};

/* ---- watching ---- */

static bool make_room(cbit_timeline_t *timeline)
{
    uint32_t count = timeline->slice_count;
    if ((count & (count - 1)) != 0 || count < 1024) {
        return true; /* capacities are powers of two, 1024 from the start */
    }
    void *more = realloc(timeline->slices, 2 * (size_t)count * sizeof *timeline->slices);
    if (more == NULL) {
        timeline->failed = true;
        return false;
    }
    timeline->slices = more;
    return true;
}

static void on_slice(void *self, const cbit_watch_slice_t *slice)
{
    cbit_timeline_t *timeline = self;
    if (slice->end_ps < timeline->from_ps || slice->begin_ps > timeline->to_ps) {
        return;
    }
    if (timeline->slice_count == MAX_SLICES) {
        timeline->slices_left_out++;
    } else if (make_room(timeline)) {
        timeline->slices[timeline->slice_count++] = *slice;
    }
}

static void thin_out(cbit_timeline_t *timeline)
{
    for (uint32_t i = 0; i < MAX_SAMPLES / 2; i++) {
        timeline->samples[i] = timeline->samples[2 * i];
    }
    timeline->sample_count = MAX_SAMPLES / 2;
    timeline->watch.sample_ps *= 2;
}

static void on_sample(void *self, const cbit_watch_sample_t *sample)
{
    cbit_timeline_t *timeline = self;
    if (sample->at_ps < timeline->from_ps || sample->at_ps > timeline->to_ps) {
        return;
    }
    if (timeline->sample_count == MAX_SAMPLES) {
        thin_out(timeline);
    }
    timeline->samples[timeline->sample_count++] = *sample;
}

cbit_timeline_t *cbit_timeline_create(cbit_ps_t from_ps, cbit_ps_t to_ps)
{
    cbit_timeline_t *timeline = calloc(1, sizeof *timeline);
    if (timeline == NULL) {
        return NULL;
    }
    timeline->slices = malloc(1024 * sizeof *timeline->slices);
    if (timeline->slices == NULL) {
        free(timeline);
        return NULL;
    }
    timeline->from_ps = from_ps;
    timeline->to_ps = to_ps;
    timeline->watch = (cbit_watch_t){.self = timeline,
                                     .sample_ps = FIRST_SAMPLE_PS,
                                     .on_slice = on_slice,
                                     .on_sample = on_sample};
    return timeline;
}

void cbit_timeline_destroy(cbit_timeline_t *timeline)
{
    if (timeline != NULL) {
        free(timeline->slices);
        free(timeline);
    }
}

const cbit_watch_t *cbit_timeline_watch(cbit_timeline_t *timeline)
{
    return &timeline->watch;
}

/* ---- writing ---- */

static const char *const process_names[CBIT_WATCH_TRACKS] = {"cores", "Secure Processor", "devices",
                                                             "cores of the target",
                                                             "Secure Processor of the target"};
static const char *const thread_names[CBIT_WATCH_TRACKS] = {"core", "command", "of guest", "core",
                                                            "command"};
enum { COUNTERS = CBIT_WATCH_TRACKS };

/* The events of a file, each made in memory that is given back at once. */
typedef struct writer {
    cbit_text_t text;
    cbit_arena_t *arena;
    cbit_json_t *event;
    uint32_t count;
} writer_t;

/* Begins an event of a phase: "X" slice, "C" counter, "M" name. Process ids begin with 1. */
static void begin(writer_t *w, const char *phase, uint32_t process, uint32_t thread,
                  const char *name)
{
    w->arena = cbit_arena_create();
    w->event = w->arena == NULL ? NULL : cbit_json_new(w->arena, CBIT_JSON_OBJECT);
    w->text.failed = w->text.failed || w->event == NULL;
    if (w->event != NULL) {
        (void)cbit_json_add(w->arena, w->event, "ph", cbit_json_string(w->arena, phase));
        (void)cbit_json_add(w->arena, w->event, "pid", cbit_json_u64(w->arena, 1 + process));
        (void)cbit_json_add(w->arena, w->event, "tid", cbit_json_u64(w->arena, 1 + thread));
        (void)cbit_json_add(w->arena, w->event, "name", cbit_json_string(w->arena, name));
    }
}

/* A time in microseconds. */
static void put_us(writer_t *w, const char *key, cbit_ps_t ps)
{
    if (w->event != NULL) {
        (void)cbit_json_add(w->arena, w->event, key, cbit_json_fixed(w->arena, ps, 6));
    }
}

/* Ends an event with its only argument; value NULL: none. */
static void end(writer_t *w, const char *key, cbit_json_t *value)
{
    char *bytes = NULL;
    if (w->event != NULL && value != NULL) {
        cbit_json_t *arguments = cbit_json_new(w->arena, CBIT_JSON_OBJECT);
        (void)cbit_json_add(w->arena, arguments, key, value);
        (void)cbit_json_add(w->arena, w->event, "args", arguments);
    }
    bytes = w->event == NULL ? NULL : cbit_json_text(w->event, true, NULL);
    w->text.failed = w->text.failed || bytes == NULL;
    cbit_text_add(&w->text, "%s\n%s", w->count++ == 0 ? "" : ",", bytes == NULL ? "" : bytes);
    free(bytes);
    cbit_arena_destroy(w->arena);
}

static void name_track(writer_t *w, const char *what, uint32_t process, uint32_t thread,
                       const char *name)
{
    begin(w, "M", process, thread, what);
    end(w, "name", w->event == NULL ? NULL : cbit_json_string(w->arena, name));
}

static void name_tracks(writer_t *w, const cbit_timeline_t *timeline)
{
    uint32_t highest[CBIT_WATCH_TRACKS] = {0};
    bool used[CBIT_WATCH_TRACKS] = {false};
    for (uint32_t i = 0; i < timeline->slice_count; i++) {
        const cbit_watch_slice_t *slice = &timeline->slices[i];
        used[slice->track] = true;
        highest[slice->track] =
            slice->index > highest[slice->track] ? slice->index : highest[slice->track];
    }
    for (uint32_t track = 0; track < CBIT_WATCH_TRACKS; track++) {
        if (!used[track]) {
            continue;
        }
        name_track(w, "process_name", track, 0, process_names[track]);
        for (uint32_t i = 0; i <= highest[track]; i++) {
            char name[64];
            (void)snprintf(name, sizeof name, "%s %" PRIu32, thread_names[track], i);
            name_track(w, "thread_name", track, i, name);
        }
    }
    name_track(w, "process_name", COUNTERS, 0, "memory");
}

static void add_slice(writer_t *w, const cbit_watch_slice_t *slice)
{
    begin(w, "X", slice->track, slice->index, slice->name);
    put_us(w, "ts", slice->begin_ps);
    put_us(w, "dur", slice->end_ps - slice->begin_ps);
    end(w, "end",
        slice->detail == NULL || w->event == NULL ? NULL
                                                  : cbit_json_string(w->arena, slice->detail));
}

static void add_counter(writer_t *w, const char *name, const char *unit, cbit_ps_t at_ps,
                        uint64_t value, uint32_t decimals)
{
    begin(w, "C", COUNTERS, 0, name);
    put_us(w, "ts", at_ps);
    end(w, unit, w->event == NULL ? NULL : cbit_json_fixed(w->arena, value, decimals));
}

/* 64 bytes a line; bytes per picosecond are 1000 GB/s, and three decimals are kept. */
static uint64_t thousandths_gbs(uint64_t lines, cbit_ps_t span_ps)
{
    return span_ps == 0 ? 0 : lines * 64 * 1000000 / span_ps;
}

/* What was moved since the sample before stands at that one's time: a viewer holds a value until
   the next. */
static void add_samples(writer_t *w, const cbit_timeline_t *timeline)
{
    for (uint32_t i = 0; i < timeline->sample_count; i++) {
        const cbit_watch_sample_t *now = &timeline->samples[i];
        add_counter(w, "requests in flight", "requests", now->at_ps, now->in_flight, 0);
        if (i == 0) {
            continue;
        }
        const cbit_watch_sample_t *was = now - 1;
        cbit_ps_t span_ps = now->at_ps - was->at_ps;
        add_counter(w, "read", "GB/s", was->at_ps,
                    thousandths_gbs(now->read_lines - was->read_lines, span_ps), 3);
        add_counter(w, "written", "GB/s", was->at_ps,
                    thousandths_gbs(now->written_lines - was->written_lines, span_ps), 3);
        add_counter(w, "encrypted", "GB/s", was->at_ps,
                    thousandths_gbs(now->lines_encrypted - was->lines_encrypted, span_ps), 3);
        add_counter(w, "decrypted", "GB/s", was->at_ps,
                    thousandths_gbs(now->lines_decrypted - was->lines_decrypted, span_ps), 3);
    }
}

char *cbit_timeline_text(const cbit_timeline_t *timeline)
{
    writer_t w = {.text = {.failed = timeline->failed}};
    cbit_text_add(&w.text,
                  "{\"displayTimeUnit\": \"ns\", \"otherData\": {\"slices_left_out\": %" PRIu64
                  ", \"sample_us\": %" PRIu64 "}, \"traceEvents\": [",
                  timeline->slices_left_out, timeline->watch.sample_ps / 1000000);
    name_tracks(&w, timeline);
    for (uint32_t i = 0; i < timeline->slice_count; i++) {
        add_slice(&w, &timeline->slices[i]);
    }
    add_samples(&w, timeline);
    cbit_text_add(&w.text, "\n]}\n");
    return cbit_text_take(&w.text);
}
