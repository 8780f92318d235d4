#include "cosim/case.h"

#include <stdlib.h>
#include <string.h>

enum {
    FAVOURITES = 6, /* slots that most lines use */
    MAX_EVENTS = 200,
    CLOCKS_PER_LINE = 6, /* rough, to spread events over the case */
};

static const uint8_t percents[] = {0, 0, 10, 50, 90};
static const uint8_t plain_percents[] = {0, 5, 15, 40};

/* How the lines of one stretch of a lane look. */
typedef struct mood {
    uint8_t gap_percent;
    uint8_t plain_percent;
    uint8_t new_slot_percent;
    uint8_t data;    /* 0..1 random, 2 zeros, 3 ones */
    uint8_t address; /* 0 random, 1 ascending, 2 one bit alone */
} mood_t;

typedef struct maker {
    cbit_rng_t rng;
    const cbit_case_knobs_t *knobs;
    uint16_t favourite[FAVOURITES];
    cbit_spa_t next_spa;
    uint16_t slot;
} maker_t;

static uint32_t below(maker_t *maker, uint32_t bound)
{
    return (uint32_t)cbit_rng_below(&maker->rng, bound);
}

static bool chance(maker_t *maker, uint32_t percent)
{
    return below(maker, 100) < percent;
}

static uint16_t any_slot(maker_t *maker)
{
    if (chance(maker, 96)) {
        return maker->favourite[below(maker, FAVOURITES)];
    }
    return (uint16_t)below(maker, 1024); /* seldom loaded, often not even there */
}

static mood_t make_mood(maker_t *maker)
{
    mood_t mood = {
        .gap_percent = percents[below(maker, sizeof percents)],
        .plain_percent = plain_percents[below(maker, sizeof plain_percents)],
        .new_slot_percent = chance(maker, 50) ? 100 : 20,
        .data = (uint8_t)below(maker, 6),
        .address = (uint8_t)below(maker, 3),
    };
    if (maker->knobs->full_rate) {
        mood.gap_percent = 0;
        mood.plain_percent = 0;
    }
    return mood;
}

static cbit_spa_t make_spa(maker_t *maker, const mood_t *mood)
{
    cbit_spa_t line = ~UINT64_C(0x3F) & 0xFFFFFFFFFFFFF;
    switch (mood->address) {
    case 0:
        return cbit_rng_u64(&maker->rng) & line;
    case 1:
        maker->next_spa = (maker->next_spa + CBIT_LINE_BYTES) & line;
        return maker->next_spa;
    default:
        return (UINT64_C(1) << (4 + below(maker, 48))) & line;
    }
}

static void make_line(maker_t *maker, const mood_t *mood, uint32_t number, cbit_case_line_t *line)
{
    line->spa = make_spa(maker, mood);
    line->first_block = (uint8_t)below(maker, CBIT_LINE_BEATS);
    line->tag = (uint8_t)number;
    line->bypass = chance(maker, mood->plain_percent);
    if (chance(maker, mood->new_slot_percent)) {
        maker->slot = any_slot(maker);
    }
    line->slot = maker->slot;
    for (uint32_t i = 0; i < CBIT_LINE_BEATS; i++) {
        bool gap = chance(maker, mood->gap_percent);
        line->gap[i] = (uint8_t)(gap ? 1 + below(maker, chance(maker, 10) ? 40 : 3) : 0);
    }
    if (mood->data >= 2 && mood->data <= 3) {
        memset(line->data, mood->data == 2 ? 0x00 : 0xFF, sizeof line->data);
    } else {
        cbit_rng_bytes(&maker->rng, line->data, sizeof line->data);
    }
}

static void make_lines(maker_t *maker, cbit_case_line_t *lines, uint32_t count)
{
    mood_t mood = make_mood(maker);
    for (uint32_t i = 0; i < count; i++) {
        if (chance(maker, 2)) {
            mood = make_mood(maker);
        }
        make_line(maker, &mood, i, &lines[i]);
    }
}

static cbit_case_event_t *add_event(cbit_case_t *out, cbit_case_event_kind_t kind,
                                    uint32_t at_clock)
{
    cbit_case_event_t *event = &out->events[out->event_count++];
    *event = (cbit_case_event_t){.at_clock = at_clock, .kind = kind};
    return event;
}

static void add_key(maker_t *maker, cbit_case_t *out, uint32_t at_clock, uint16_t slot, bool clear)
{
    cbit_case_event_t *event = add_event(out, CBIT_CASE_KEY, at_clock);
    event->slot = slot;
    event->clear = clear;
    cbit_rng_bytes(&maker->rng, event->key, sizeof event->key);
}

static void load_favourites(maker_t *maker, cbit_case_t *out, uint32_t at_clock)
{
    for (uint32_t i = 0; i < FAVOURITES; i++) {
        add_key(maker, out, at_clock, maker->favourite[i], false);
    }
}

/* One thing that happens while lines flow. */
static void add_random_event(maker_t *maker, cbit_case_t *out, uint32_t at_clock)
{
    uint32_t what = below(maker, 100);
    if (what < 86) {
        add_key(maker, out, at_clock, any_slot(maker), chance(maker, 8));
    } else if (what < 91) {
        cbit_case_event_t *event = add_event(out, CBIT_CASE_TWEAK, at_clock);
        event->slot = (uint16_t)below(maker, 64);
        cbit_rng_bytes(&maker->rng, event->key, sizeof event->key);
    } else if (what < 97) {
        add_event(out, CBIT_CASE_XE, at_clock)->count = (uint16_t)below(maker, 2);
    } else {
        bool wipe = what < 99;
        add_event(out, wipe ? CBIT_CASE_ZEROISE : CBIT_CASE_RESET, at_clock)->count =
            (uint16_t)(1 + below(maker, 3));
        load_favourites(maker, out, at_clock);
    }
}

static void make_events(maker_t *maker, cbit_case_t *out)
{
    load_favourites(maker, out, 0);
    if (maker->knobs->full_rate) {
        return;
    }
    uint32_t span = maker->knobs->lines_per_lane * CLOCKS_PER_LINE;
    uint32_t wanted = below(maker, 4) == 0 ? 0 : below(maker, MAX_EVENTS - 4 * FAVOURITES);
    uint32_t at_clock = 0;
    for (uint32_t i = 0; i < wanted && out->event_count + FAVOURITES + 1 < MAX_EVENTS; i++) {
        at_clock += below(maker, 2 * span / wanted + 1);
        add_random_event(maker, out, at_clock);
    }
}

cbit_err_t cbit_case_make(const cbit_case_knobs_t *knobs, uint64_t seed, uint64_t index,
                          cbit_case_t *out)
{
    maker_t maker = {.knobs = knobs};
    cbit_rng_init(&maker.rng, seed, index);
    *out = (cbit_case_t){.seed = seed, .index = index};
    out->events = calloc(MAX_EVENTS, sizeof out->events[0]);
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        out->lines[lane] = calloc(knobs->lines_per_lane, sizeof out->lines[lane][0]);
        out->line_count[lane] = knobs->lines_per_lane;
    }
    if (out->events == NULL || out->lines[0] == NULL || out->lines[1] == NULL) {
        cbit_case_free(out);
        return CBIT_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < FAVOURITES; i++) {
        maker.favourite[i] = (uint16_t)below(&maker, knobs->key_slots);
    }
    maker.slot = maker.favourite[0];
    cbit_tweak_init(&out->tweak, CBIT_TWEAK_PER_BOOT, cbit_rng_u64(&maker.rng));
    out->xe = !knobs->full_rate && chance(&maker, 25);
    out->stall_seed = cbit_rng_u64(&maker.rng);
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        out->stall_percent[lane] = knobs->full_rate ? 0 : percents[below(&maker, sizeof percents)];
        make_lines(&maker, out->lines[lane], out->line_count[lane]);
    }
    make_events(&maker, out);
    return CBIT_ERR_OK;
}

static void *copy_of(const void *from, size_t bytes)
{
    void *to = malloc(bytes == 0 ? 1 : bytes);
    if (to != NULL && bytes > 0) {
        memcpy(to, from, bytes);
    }
    return to;
}

cbit_err_t cbit_case_copy(const cbit_case_t *from, cbit_case_t *out)
{
    *out = *from;
    out->events = copy_of(from->events, from->event_count * sizeof from->events[0]);
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        out->lines[lane] =
            copy_of(from->lines[lane], from->line_count[lane] * sizeof from->lines[lane][0]);
    }
    if (out->events == NULL || out->lines[0] == NULL || out->lines[1] == NULL) {
        cbit_case_free(out);
        return CBIT_ERR_NO_MEMORY;
    }
    return CBIT_ERR_OK;
}

void cbit_case_free(cbit_case_t *what)
{
    free(what->events);
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        free(what->lines[lane]);
    }
    memset(what, 0, sizeof *what);
}

bool cbit_case_stalls(const cbit_case_t *what, uint32_t lane, uint64_t clock)
{
    if (what->stall_percent[lane] == 0) {
        return false;
    }
    uint64_t hash = cbit_splitmix64(what->stall_seed ^ (clock << 1 | lane));
    return hash % 100 < what->stall_percent[lane];
}
