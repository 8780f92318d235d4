/**
 * @file
 * A sweep: one scenario, run at many points of a space that its axes span.
 *
 * The plan is a function of the file alone: the same sweep gives the same points in the same order
 * everywhere. A run is one point with one seed; its name is a hash of what it computes, so that a
 * finished run is found again and never repeated. How runs are started is the caller's.
 */
#ifndef CBIT_PERF_SWEEP_H
#define CBIT_PERF_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/base/rows.h"
#include "cbit/workloads/buffer.h"
#include "cbit/workloads/json.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CBIT_SWEEP_MAX_AXES = 64,
    CBIT_SWEEP_MAX_VALUES = 65536, /* of one axis */
    CBIT_SWEEP_MAX_RUNS = 1000000,
    CBIT_SWEEP_MAX_FIGURES = 256,
    CBIT_SWEEP_NAME_BYTES = 33, /* 32 hexadecimal digits and NUL */
    CBIT_SWEEP_PATH_BYTES = 4096,
};

typedef enum cbit_sampling {
    CBIT_SAMPLING_GRID,            /* every combination; the last axis changes fastest */
    CBIT_SAMPLING_LIST,            /* point i takes value i of every axis */
    CBIT_SAMPLING_RANDOM,          /* values drawn independently; a point drawn twice stays once */
    CBIT_SAMPLING_LATIN_HYPERCUBE, /* each axis cut into `points` equal parts, each used once */
} cbit_sampling_t;

typedef struct cbit_sweep_axis {
    char pointer[CBIT_JSON_POINTER_BYTES]; /* into the scenario */
    const cbit_json_t *values;             /* array of scalars; or the other three */
    const cbit_json_t *from, *to, *step;   /* numbers of at most six decimals, not negative */
    const char **texts;                    /* resolved: the values as JSON */
    uint32_t count;
} cbit_sweep_axis_t;

typedef struct cbit_sweep {
    uint32_t format;
    char title[201];
    char scenario[1024]; /* as written, relative to the sweep's folder */
    uint32_t sampling;   /* cbit_sampling_t */
    uint32_t points;     /* random and latin_hypercube */
    uint32_t repeats;    /* runs a point, with seeds seed, seed + 1, ... */
    uint64_t seed;       /* first seed of the runs, and seed of the sampling */
    cbit_sweep_axis_t *axes;
    uint32_t axes_count;
    const cbit_json_t *collect; /* array of JSON pointers into result.json */
    /* resolved */
    cbit_arena_t *arena;
    char path[CBIT_SWEEP_PATH_BYTES]; /* of the scenario */
    const char **figures;
    uint32_t figures_count;
    uint32_t *choices; /* points_count x axes_count indices of values */
    uint32_t points_count;
} cbit_sweep_t;
extern const cbit_row_t cbit_sweep_rows[];

/* Reads and plans. On error *out is untouched and diag holds every finding. */
cbit_err_t cbit_sweep_load(const char *path, cbit_sweep_t **out, cbit_diag_t *diag);
void cbit_sweep_destroy(cbit_sweep_t *sweep); /* NULL is allowed */

/* Run r is point r / repeats with seed + r % repeats. */
uint32_t cbit_sweep_runs(const cbit_sweep_t *sweep);
uint64_t cbit_sweep_seed(const cbit_sweep_t *sweep, uint32_t run);

/* The JSON text of a point's value on an axis. */
const char *cbit_sweep_value(const cbit_sweep_t *sweep, uint32_t point, uint32_t axis);

/* What distinguishes the run: a hash of `basis` (what all runs share), its settings and its seed.
 */
void cbit_sweep_name(const cbit_sweep_t *sweep, const char *basis, uint32_t run,
                     char name[CBIT_SWEEP_NAME_BYTES]);

/* ---- collecting ---- */

typedef struct cbit_sweep_record {
    const char *error;    /* why there is no figure; NULL for a good run */
    const char **figures; /* text of each, NULL where the pointer leads to no scalar */
    bool *quoted;         /* the figure is a text, not a number or truth value */
    uint32_t unmet;       /* expectations of the scenario that did not hold */
} cbit_sweep_record_t;

typedef struct cbit_sweep_table {
    const cbit_sweep_t *sweep;
    cbit_arena_t *arena;
    cbit_sweep_record_t *records; /* one a run */
    uint32_t good, failed, unmet; /* runs */
    uint32_t *lacking;            /* by figure: good runs without it */
} cbit_sweep_table_t;

/* NULL when memory is out. The sweep must outlive the table. */
cbit_sweep_table_t *cbit_sweep_table_create(const cbit_sweep_t *sweep);
void cbit_sweep_table_destroy(cbit_sweep_table_t *table); /* NULL is allowed */

/* Takes the figures of a run's result.json. One that cannot be read, or whose simulation broke an
   invariant (/checks), is a failed run. */
void cbit_sweep_collect(cbit_sweep_table_t *table, uint32_t run, const char *path);
void cbit_sweep_collect_failure(cbit_sweep_table_t *table, uint32_t run, const char *error);

/* CSV, one row a run; and one row a point with mean and half the width of the 95 % confidence
   interval (Student) over its good repeats. Empty cells: no figure. */
void cbit_sweep_csv(const cbit_sweep_table_t *table, cbit_text_t *text);
void cbit_sweep_summary(const cbit_sweep_table_t *table, cbit_text_t *text);
/* The same for a terminal, at most so many points. */
void cbit_sweep_show(const cbit_sweep_table_t *table, uint32_t most, cbit_text_t *text);

/* Writes the rows of cbit_sweep_csv as table `runs` of a new SQLite file; UNSUPPORTED without
   an entry in diag when cbit was built without it. */
cbit_err_t cbit_sweep_sqlite(const cbit_sweep_table_t *table, const char *path, cbit_diag_t *diag);

#ifdef __cplusplus
}
#endif
#endif
