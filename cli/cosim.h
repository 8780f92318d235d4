/* What cbit cosim was asked and what it found: shared by its parts. */
#ifndef CBIT_CLI_COSIM_H
#define CBIT_CLI_COSIM_H

#include "cbit/workloads/json.h"
#include "cli/args.h"
#include "cosim/bench.h"
#include "cosim/core_bench.h"
#include "cosim/core_check.h"
#include "cosim/rounds.h"
#include "cosim/vectors.h"

typedef struct cbit_cosim_options {
    uint64_t seed, beats, only_case, max_cycles, seeds, jobs;
    bool case_given, beats_given, json, quiet, bins, speed;
    uint32_t parameters, timing; /* timing: of the words exact, any */
    bool parameters_given;
    const char *waves, *top, *vectors, *adapter, *junit;
    cbit_arg_list_t rtl, lists, includes, defines, generics;
} cbit_cosim_options_t;

/* One seed's outcome; plain data, since a process of its own may have made it. */
typedef struct cbit_cosim_outcome {
    cbit_err_t err;
    union {
        cbit_campaign_result_t engine;
        cbit_core_result_t core;
    } found;
} cbit_cosim_outcome_t;

enum { CBIT_COSIM_CHECKS = 16, CBIT_COSIM_MAX_SEEDS = 1000 };

/* For JUnit: what became of each seed. */
typedef struct cbit_cosim_seed_line {
    uint64_t seed, beats;
    char failure[384]; /* "" when all was equal */
} cbit_cosim_seed_line_t;

typedef struct cbit_cosim_report {
    char name[128];      /* of the parameter set, or of the top module */
    const char *adapter; /* "engine", or a bare core's */
    bool core, foreign, any_timing;
    cbit_aes_pins_config_t pins;
    uint32_t warnings; /* verilator's, about the files of --rtl */
    char lint[512];    /* the first of them */
    uint64_t seed, failing_seed;
    uint32_t seed_count;
    bool with_vectors;
    cbit_vectors_result_t vectors;
    cbit_campaign_result_t result; /* an engine's, all seeds together */
    cbit_core_result_t bare;       /* a core's, all seeds together */
    uint64_t bare_mismatches;
    cbit_case_t shrunk; /* of the failing case, when there is one */
    uint32_t shrink_runs;
    cbit_check_t check[CBIT_COSIM_CHECKS];
    uint32_t check_count;
    uint64_t milli_cycles_per_block, latency_cycles, milli_bytes_per_cycle;
    char cause[512];   /* what the wrong answer looks like; "" when nothing is known */
    char round[256];   /* which round's value differs first; "" when unknown */
    char waves[256];   /* the window that was written; "" when none was */
    char replay[4096]; /* the command that shows the mismatch again; empty when there is none */
    cbit_cosim_seed_line_t *seeds; /* seed_count */
} cbit_cosim_report_t;

/* One seed's work, and what becomes of its outcome; both lists in the order of the seeds. */
typedef struct cbit_cosim_seeds {
    void *self;
    void (*run)(void *self, uint32_t number, void *outcome);
    /* Adds it to the report and fills the line's beats and failure. */
    void (*merge)(const cbit_cosim_outcome_t *outcome, uint64_t seed, cbit_cosim_report_t *report,
                  cbit_cosim_seed_line_t *line);
} cbit_cosim_seeds_t;

/* All seeds, in as many processes as were asked for: the first outcome that is not OK. */
cbit_err_t cbit_cosim_run_seeds(const cbit_cosim_seeds_t *what, const cbit_cosim_options_t *options,
                                cbit_cosim_report_t *report, cbit_diag_t *diag);

/* True when something differs. */
bool cbit_cosim_differs(const cbit_cosim_report_t *report);

/* The engine, ours or with our ports: vectors, then cases of every seed. */
cbit_err_t cbit_cosim_run_engine(const cbit_cosim_options_t *options,
                                 const cbit_bench_source_t *source, cbit_cosim_report_t *report,
                                 cbit_diag_t *diag);

/* A bare core of the files, through an adapter. */
cbit_err_t cbit_cosim_run_core(const cbit_cosim_options_t *options, const cbit_dut_source_t *files,
                               const cbit_core_rules_t *rules, cbit_cosim_report_t *report,
                               cbit_diag_t *diag);

/* The rules of a built-in adapter or of a file ("/" or ".json" in the name). What they point to
   lives in the arena. */
cbit_err_t cbit_cosim_load_adapter(const char *name, cbit_arena_t *arena, cbit_core_rules_t *rules,
                                   cbit_diag_t *diag);

/* The vectors on any block cipher; the report says what came of them. */
cbit_err_t cbit_cosim_run_vectors(const cbit_block_t *block, const char *folder,
                                  cbit_cosim_report_t *report, cbit_diag_t *diag);

/* Adds to the report's round what going back from the wrong answer tells. */
void cbit_cosim_add_round(cbit_cosim_report_t *report, const cbit_rounds_t *rounds,
                          const uint8_t actual[CBIT_BLOCK_BYTES]);

/* A line of the report's checks. */
void cbit_cosim_add_check(cbit_cosim_report_t *report, const char *name, uint64_t run,
                          uint64_t failed);

void cbit_cosim_print_text(const cbit_cosim_report_t *report, bool all_bins);

/* The document of docs/cosim.md on stdout. */
cbit_err_t cbit_cosim_print_json(const cbit_cosim_report_t *report);

/* One test case per seed; WRITE leaves no file. */
cbit_err_t cbit_cosim_write_junit(const cbit_cosim_report_t *report, const char *path);

/* The clocks before a mismatch that a window of waves begins with. */
enum { CBIT_COSIM_WINDOW_CLOCKS = 40 };

/* Where the window goes: what --waves says, or a name out of seed and case; "" for "none". */
void cbit_cosim_waves_path(const cbit_cosim_options_t *options, uint64_t seed, uint64_t number,
                           char *path, size_t len_bytes);

#endif
