/* What a loaded scenario keeps, shared by the parts of the loader. */
#ifndef CBIT_WORKLOADS_SCENARIO_FILE_H
#define CBIT_WORKLOADS_SCENARIO_FILE_H

#include "cbit/platform/config.h"
#include "cbit/workloads/scenario.h"

enum {
    CBIT_ORIGIN_DEFAULT, /* the row's own default */
    CBIT_ORIGIN_FIRST,   /* the scenario itself; includes follow */
    CBIT_SCENARIO_MAX_FILES = 64,
    CBIT_SCENARIO_MAX_BYTES = 4 << 20, /* of one file */
};

/* Where a value came from. */
typedef struct cbit_origin {
    const char *label;  /* in results: "default", "scenario", "rome.json", "--set" */
    const char *shown;  /* in diagnostics: the path as the user named it */
    const char *folder; /* what relative paths in it start from, with '/' at the end, or "" */
    const cbit_json_t *sources; /* its "sources" object: pointer -> document; NULL for none */
} cbit_origin_t;

struct cbit_scenario_file {
    cbit_arena_t *arena;
    cbit_scenario_t scenario;
    cbit_platform_config_t machine;
    bool preset;                 /* the file on the command line is one: it has no guests */
    const cbit_json_t *replayed; /* the result that is run again, or NULL */
    cbit_json_t *tree;           /* all files and --set merged; every value knows its origin */
    cbit_scenario_section_t sections[CBIT_SCENARIO_MAX_SECTIONS]; /* the first two are ours */
    uint32_t sections_count;
    cbit_origin_t origins[CBIT_SCENARIO_MAX_FILES + 2];
    uint32_t origins_count;
};

/* include.c: reads path with everything that it includes, and merges. NULL after findings;
   not complete when an included file is lacking. */
cbit_json_t *cbit_scenario_read(cbit_scenario_file_t *file, const char *path, bool *complete,
                                cbit_diag_t *diag);

/* replay.c: the tree that a result's /config was made from. NULL after findings. */
cbit_json_t *cbit_scenario_read_result(cbit_scenario_file_t *file, const char *path,
                                       cbit_engine_mode_t *mode, cbit_diag_t *diag);

/* include.c: the members of `from` laid over those of `into`; from is used up. */
void cbit_scenario_merge(cbit_arena_t *arena, cbit_json_t *into, cbit_json_t *from);

/* bind.c: every value of a preset has a source. */
void cbit_scenario_check_sources(const cbit_scenario_file_t *file, cbit_diag_t *diag);

/* replay.c: whether the files named now are those of the result. */
void cbit_scenario_check_inputs(const cbit_scenario_file_t *file, cbit_diag_t *diag);

/* set.c: one --set on the merged tree. */
void cbit_scenario_apply_set(cbit_scenario_file_t *file, const cbit_scenario_set_t *set,
                             uint32_t origin, cbit_diag_t *diag);

/* bind.c: every value of the tree into its field. */
void cbit_scenario_bind(cbit_scenario_file_t *file, cbit_diag_t *diag);

/* rules.c: names resolved, and what rows cannot say. */
void cbit_scenario_check_rules(cbit_scenario_file_t *file, cbit_diag_t *diag);

/* Adds a finding about the value at a pointer, under the file that it came from. */
cbit_err_t cbit_scenario_tell(const cbit_scenario_file_t *file, cbit_diag_t *diag, cbit_err_t err,
                              const char *pointer, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
