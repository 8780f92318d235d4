/* Which points there are, and what each run is called. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "perf/sweep/sweep.h"

static uint32_t *choice(const cbit_sweep_t *sweep, uint32_t point)
{
    return sweep->choices + (size_t)point * sweep->axes_count;
}

/* ---- how many ---- */

static uint64_t grid_points(const cbit_sweep_t *sweep)
{
    uint64_t product = 1;
    for (uint32_t i = 0; i < sweep->axes_count && product <= CBIT_SWEEP_MAX_RUNS; i++) {
        product *= sweep->axes[i].count; /* below 2^20 x 2^16 */
    }
    return product;
}

static void check_list(const cbit_sweep_t *sweep, cbit_diag_t *diag)
{
    for (uint32_t i = 1; i < sweep->axes_count; i++) {
        if (sweep->axes[i].count != sweep->axes[0].count) {
            char where[64];
            (void)snprintf(where, sizeof where, "/axes/%" PRIu32, i);
            (void)cbit_diag_add(diag, CBIT_ERR_CONFLICT, where,
                                "%" PRIu32 " values; a list needs as many on every axis, and "
                                "/axes/0 has %" PRIu32,
                                sweep->axes[i].count, sweep->axes[0].count);
        }
    }
}

static uint64_t count_points(const cbit_sweep_t *sweep, cbit_diag_t *diag)
{
    bool drawn = sweep->sampling >= CBIT_SAMPLING_RANDOM;
    if (drawn && sweep->points == 0) {
        (void)cbit_diag_add(diag, CBIT_ERR_MISSING, "/points",
                            "missing; expected how many points are drawn");
    }
    if (!drawn && sweep->points != 0) {
        (void)cbit_diag_add(diag, CBIT_ERR_CONFLICT, "/points",
                            "only random and latin_hypercube draw points");
    }
    if (drawn) {
        return sweep->points;
    }
    if (sweep->sampling == CBIT_SAMPLING_LIST) {
        check_list(sweep, diag);
        return sweep->axes[0].count;
    }
    return grid_points(sweep);
}

/* ---- which ---- */

static void plan_grid(cbit_sweep_t *sweep)
{
    for (uint32_t p = 0; p < sweep->points_count; p++) {
        uint32_t rest = p;
        for (uint32_t a = sweep->axes_count; a-- > 0;) {
            choice(sweep, p)[a] = rest % sweep->axes[a].count;
            rest /= sweep->axes[a].count;
        }
    }
}

static void plan_list(cbit_sweep_t *sweep)
{
    for (uint32_t p = 0; p < sweep->points_count; p++) {
        for (uint32_t a = 0; a < sweep->axes_count; a++) {
            choice(sweep, p)[a] = p;
        }
    }
}

static void plan_random(cbit_sweep_t *sweep)
{
    cbit_rng_t rng;
    cbit_rng_init(&rng, sweep->seed, 0);
    for (uint32_t p = 0; p < sweep->points_count; p++) {
        for (uint32_t a = 0; a < sweep->axes_count; a++) {
            choice(sweep, p)[a] = (uint32_t)cbit_rng_below(&rng, sweep->axes[a].count);
        }
    }
}

/* Each axis is the range 0 .. points x count, cut into `points` parts of `count`; a point lies
   somewhere in its part, and value v owns `points` of the range. */
static void plan_latin(cbit_sweep_t *sweep)
{
    uint64_t points = sweep->points_count;
    for (uint32_t a = 0; a < sweep->axes_count; a++) {
        cbit_rng_t rng;
        uint64_t count = sweep->axes[a].count;
        cbit_rng_init(&rng, sweep->seed, 1 + (uint64_t)a);
        for (uint32_t p = 0; p < points; p++) { /* a shuffle that grows */
            uint32_t other = (uint32_t)cbit_rng_below(&rng, (uint64_t)p + 1);
            choice(sweep, p)[a] = choice(sweep, other)[a];
            choice(sweep, other)[a] = p;
        }
        for (uint32_t p = 0; p < points; p++) {
            uint64_t place = choice(sweep, p)[a] * count + cbit_rng_below(&rng, count);
            choice(sweep, p)[a] = (uint32_t)(place / points);
        }
    }
}

/* ---- a point drawn twice would be the same runs ---- */

typedef struct drawn {
    uint64_t hash;
    uint32_t point;
} drawn_t;

static int by_hash(const void *a, const void *b)
{
    const drawn_t *x = a, *y = b;
    return x->hash != y->hash ? (x->hash < y->hash ? -1 : 1)
                              : (x->point > y->point) - (x->point < y->point);
}

static void drop_doubles(cbit_sweep_t *sweep, cbit_diag_t *diag)
{
    size_t bytes = sweep->axes_count * sizeof *sweep->choices;
    uint32_t kept = 0, count = sweep->points_count;
    drawn_t *keys = calloc(count, sizeof *keys);
    bool *dropped = calloc(count, sizeof *dropped);
    if (keys == NULL || dropped == NULL) {
        (void)cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
        count = 0;
    }
    for (uint32_t p = 0; p < count; p++) {
        keys[p].point = p;
        for (uint32_t a = 0; a < sweep->axes_count; a++) {
            keys[p].hash = cbit_splitmix64(keys[p].hash ^ choice(sweep, p)[a]);
        }
    }
    if (count > 0) {
        qsort(keys, count, sizeof *keys, by_hash);
    }
    for (uint32_t i = 1; i < count; i++) {
        dropped[keys[i].point] =
            keys[i].hash == keys[i - 1].hash &&
            memcmp(choice(sweep, keys[i].point), choice(sweep, keys[i - 1].point), bytes) == 0;
    }
    for (uint32_t p = 0; p < count; p++) {
        if (!dropped[p]) {
            memmove(choice(sweep, kept++), choice(sweep, p), bytes);
        }
    }
    sweep->points_count = kept;
    free(keys);
    free(dropped);
}

void cbit_sweep_plan(cbit_sweep_t *sweep, cbit_diag_t *diag)
{
    static void (*const plans[])(cbit_sweep_t *) = {plan_grid, plan_list, plan_random, plan_latin};
    size_t before = cbit_diag_count(diag);
    uint64_t points = count_points(sweep, diag);
    if (points * sweep->repeats > CBIT_SWEEP_MAX_RUNS) {
        (void)cbit_diag_add(diag, CBIT_ERR_RANGE, "/axes",
                            "more than %d runs; sampling \"latin_hypercube\" covers a large space "
                            "with few",
                            CBIT_SWEEP_MAX_RUNS);
    }
    if (cbit_diag_count(diag) != before) {
        return;
    }
    sweep->points_count = (uint32_t)points;
    sweep->choices =
        cbit_arena_alloc(sweep->arena, points * sweep->axes_count * sizeof *sweep->choices);
    if (sweep->choices != NULL) {
        plans[sweep->sampling](sweep);
        drop_doubles(sweep, diag);
    }
}

/* ---- runs ---- */

uint32_t cbit_sweep_runs(const cbit_sweep_t *sweep)
{
    return sweep->points_count * sweep->repeats;
}

uint64_t cbit_sweep_seed(const cbit_sweep_t *sweep, uint32_t run)
{
    return sweep->seed + run % sweep->repeats;
}

const char *cbit_sweep_value(const cbit_sweep_t *sweep, uint32_t point, uint32_t axis)
{
    return sweep->axes[axis].texts[choice(sweep, point)[axis]];
}

/* Two lanes of 64 bits; the NUL is hashed too, so that "a","bc" is not "ab","c". */
static void hash_text(uint64_t state[2], const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    do {
        state[0] = cbit_splitmix64(state[0] ^ *at);
        state[1] = cbit_splitmix64(state[1] + 2 * (uint64_t)*at + 1);
    } while (*at++ != '\0');
}

void cbit_sweep_name(const cbit_sweep_t *sweep, const char *basis, uint32_t run,
                     char name[CBIT_SWEEP_NAME_BYTES])
{
    uint64_t state[2] = {1, 2};
    char seed[32];
    hash_text(state, basis);
    for (uint32_t a = 0; a < sweep->axes_count; a++) {
        hash_text(state, sweep->axes[a].pointer);
        hash_text(state, cbit_sweep_value(sweep, run / sweep->repeats, a));
    }
    (void)snprintf(seed, sizeof seed, "%" PRIu64, cbit_sweep_seed(sweep, run));
    hash_text(state, seed);
    (void)snprintf(name, CBIT_SWEEP_NAME_BYTES, "%016" PRIx64 "%016" PRIx64, state[0], state[1]);
}
