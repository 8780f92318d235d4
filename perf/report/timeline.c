/* A run's timeline.json, thinned out until it fits on a page: the longest slices, and means of
 * neighbouring samples. What is left out is counted. */
#include <stdlib.h>
#include <string.h>

#include "cbit/perf/report.h"

/* On one page; several runs share it. */
enum { PAGE_SLICES = 3000, PAGE_SAMPLES = 600 };

typedef struct span {
    uint64_t ps;
    const cbit_json_t *event;
} span_t;

typedef struct counter {
    const char *name;
    cbit_json_t *points; /* [us, value]... */
    uint32_t group;      /* samples of one point */
    uint32_t in_group, seen;
    uint64_t begin_ps, sum;
} counter_t;

enum { COUNTERS = 8 };

static uint64_t scaled(const cbit_json_t *event, const char *key, uint32_t decimals)
{
    const cbit_json_t *number = cbit_json_get(event, key);
    bool negative = false;
    uint64_t value = 0;
    return number != NULL && number->kind == CBIT_JSON_NUMBER &&
                   cbit_json_scaled(number, decimals, &negative, &value) && !negative
               ? value
               : 0;
}

static bool is_phase(const cbit_json_t *event, const char *phase)
{
    const cbit_json_t *ph = event->kind == CBIT_JSON_OBJECT ? cbit_json_get(event, "ph") : NULL;
    return ph != NULL && ph->kind == CBIT_JSON_STRING && strcmp(ph->text, phase) == 0;
}

static const char *name_of(const cbit_json_t *event)
{
    const cbit_json_t *name = cbit_json_get(event, "name");
    return name != NULL && name->kind == CBIT_JSON_STRING ? name->text : "";
}

/* ---- slices ---- */

/* Longest first; equal ones stay in the file's order, which is that of the lines. */
static int longest_first(const void *a, const void *b)
{
    const span_t *x = a, *y = b;
    return x->ps != y->ps ? (x->ps < y->ps ? 1 : -1)
                          : (x->event->line > y->event->line) - (x->event->line < y->event->line);
}

/* [process, thread, begin in us, end in us, name, detail], the viewer's numbers. */
static void add_slice(cbit_arena_t *arena, cbit_json_t *slices, const cbit_json_t *event)
{
    cbit_json_t *row = cbit_json_add(arena, slices, NULL, cbit_json_new(arena, CBIT_JSON_ARRAY));
    uint64_t begin_ps = scaled(event, "ts", 6), end_ps = begin_ps + scaled(event, "dur", 6);
    const cbit_json_t *end = cbit_json_at(event, "/args/end");
    (void)cbit_json_add(arena, row, NULL, cbit_json_u64(arena, scaled(event, "pid", 0)));
    (void)cbit_json_add(arena, row, NULL, cbit_json_u64(arena, scaled(event, "tid", 0)));
    (void)cbit_json_add(arena, row, NULL, cbit_json_fixed(arena, begin_ps, 6));
    (void)cbit_json_add(arena, row, NULL, cbit_json_fixed(arena, end_ps, 6));
    (void)cbit_json_add(arena, row, NULL, cbit_json_string(arena, name_of(event)));
    (void)cbit_json_add(
        arena, row, NULL,
        cbit_json_string(arena, end != NULL && end->kind == CBIT_JSON_STRING ? end->text : ""));
}

static void add_slices(cbit_arena_t *arena, cbit_json_t *into, const cbit_json_t *events,
                       uint32_t most)
{
    uint32_t count = 0;
    span_t *spans = cbit_arena_alloc(arena, (events->count + 1) * sizeof *spans);
    cbit_json_t *slices =
        cbit_json_add(arena, into, "slices", cbit_json_new(arena, CBIT_JSON_ARRAY));
    for (const cbit_json_t *event = events->first; event != NULL && spans != NULL;
         event = event->next) {
        if (is_phase(event, "X")) {
            spans[count++] = (span_t){.ps = scaled(event, "dur", 6), .event = event};
        }
    }
    if (count > 0) {
        qsort(spans, count, sizeof *spans, longest_first);
    }
    for (uint32_t i = 0; i < count && i < most; i++) {
        add_slice(arena, slices, spans[i].event);
    }
    (void)cbit_json_add(arena, into, "slices_left_out",
                        cbit_json_u64(arena, count > most ? count - most : 0));
}

/* ---- counters ---- */

static counter_t *counter_of(counter_t *counters, const char *name)
{
    uint32_t i = 0;
    while (i < COUNTERS && counters[i].name != NULL && strcmp(counters[i].name, name) != 0) {
        i++;
    }
    if (i < COUNTERS && counters[i].name == NULL) {
        counters[i].name = name;
    }
    return i < COUNTERS ? &counters[i] : NULL;
}

static void end_group(cbit_arena_t *arena, counter_t *counter)
{
    cbit_json_t *point =
        cbit_json_add(arena, counter->points, NULL, cbit_json_new(arena, CBIT_JSON_ARRAY));
    (void)cbit_json_add(arena, point, NULL, cbit_json_fixed(arena, counter->begin_ps, 6));
    (void)cbit_json_add(arena, point, NULL,
                        cbit_json_fixed(arena, counter->sum / counter->in_group, 3));
    counter->in_group = 0;
    counter->sum = 0;
}

static void add_sample(cbit_arena_t *arena, counter_t *counter, const cbit_json_t *event)
{
    const cbit_json_t *arguments = cbit_json_get(event, "args");
    const cbit_json_t *value = arguments == NULL ? NULL : arguments->first;
    if (value == NULL || value->kind != CBIT_JSON_NUMBER || value->key == NULL) {
        return;
    }
    counter->begin_ps = counter->in_group == 0 ? scaled(event, "ts", 6) : counter->begin_ps;
    counter->sum += scaled(arguments, value->key, 3);
    if (++counter->in_group == counter->group) {
        end_group(arena, counter);
    }
}

static void add_counters(cbit_arena_t *arena, cbit_json_t *into, const cbit_json_t *events,
                         uint32_t most)
{
    counter_t counters[COUNTERS] = {{.name = NULL}};
    counter_t *counter;
    for (const cbit_json_t *event = events->first; event != NULL; event = event->next) {
        if (is_phase(event, "C") && (counter = counter_of(counters, name_of(event))) != NULL) {
            counter->seen++;
        }
    }
    cbit_json_t *all =
        cbit_json_add(arena, into, "counters", cbit_json_new(arena, CBIT_JSON_OBJECT));
    for (uint32_t i = 0; i < COUNTERS && counters[i].name != NULL; i++) {
        counters[i].group = (counters[i].seen + most - 1) / most;
        counters[i].points =
            cbit_json_add(arena, all, counters[i].name, cbit_json_new(arena, CBIT_JSON_ARRAY));
    }
    for (const cbit_json_t *event = events->first; event != NULL; event = event->next) {
        if (is_phase(event, "C") && (counter = counter_of(counters, name_of(event))) != NULL) {
            add_sample(arena, counter, event);
        }
    }
    for (uint32_t i = 0; i < COUNTERS && counters[i].name != NULL; i++) {
        if (counters[i].in_group > 0) {
            end_group(arena, &counters[i]);
        }
    }
}

char *cbit_report_timeline(cbit_arena_t *arena, const cbit_json_t *timeline, uint32_t runs)
{
    const cbit_json_t *events = cbit_json_at(timeline, "/traceEvents");
    cbit_json_t *thin = cbit_json_new(arena, CBIT_JSON_OBJECT);
    if (events == NULL || events->kind != CBIT_JSON_ARRAY || thin == NULL) {
        return NULL;
    }
    add_slices(arena, thin, events, 1 + PAGE_SLICES / runs);
    add_counters(arena, thin, events, 8 + PAGE_SAMPLES / runs);
    return cbit_arena_failed(arena) ? NULL : cbit_json_text(thin, true, NULL);
}
