/* cbit run: a scenario, its baselines, its result. */
#define _XOPEN_SOURCE 700

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cbit/perf/result.h"
#include "cli/args.h"
#include "cli/engines.h"
#include "cli/load.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/run_files.h"
#include "cli/run_waves.h"
#include "cli/tell.h"
#include "cli/timeline.h"
#include "cli/verbs.h"
#include "firmware/image.h"

typedef struct run_options {
    uint32_t engine, progress;
    uint64_t seed, trace_from_us, trace_to_us, waves_channel;
    bool engine_given, seed_given, trace_from_given, trace_to_given, no_baseline, no_report, full,
        json, csv, quiet, force;
    const char *out, *replay, *waves;
    cbit_arg_list_t sets;
} run_options_t;

static const char *const progress_words[] = {"auto", "plain", "none", NULL};

#define OPTION(field) offsetof(run_options_t, field)

static const cbit_arg_t args[] = {
    {"--engine", CBIT_ARG_WORD, OPTION(engine), .words = cbit_engine_mode_words,
     .given_offset = OPTION(engine_given),
     .help = "what encrypts: nothing, the timing model (default), the RTL, or both, compared on "
             "every clock"},
    {"--set", CBIT_ARG_LIST, OPTION(sets), .value = "/POINTER=VALUE",
     .help = "override a value of the scenario; may be given often"},
    {"--seed", CBIT_ARG_U64, OPTION(seed), .value = "N", .given_offset = OPTION(seed_given),
     .help = "override /seed"},
    {"--no-baseline", CBIT_ARG_FLAG, OPTION(no_baseline),
     .help = "skip the runs without engine and without protection, and so the slowdowns"},
    {"--full", CBIT_ARG_FLAG, OPTION(full), .help = "the scenario's long form"},
    {"--out", CBIT_ARG_TEXT, OPTION(out), .value = "DIR",
     .help = "write result.json, run.json, stats.txt, timeline.json and report.html there"},
    {"--no-report", CBIT_ARG_FLAG, OPTION(no_report),
     .help = "with --out: write no report.html; `cbit report` makes it later"},
    {"--trace-from", CBIT_ARG_U64, OPTION(trace_from_us), .value = "US",
     .given_offset = OPTION(trace_from_given),
     .help = "omit from timeline.json and waves what ended before"},
    {"--trace-to", CBIT_ARG_U64, OPTION(trace_to_us), .value = "US",
     .given_offset = OPTION(trace_to_given),
     .help = "omit from timeline.json and waves what began later"},
    {"--waves", CBIT_ARG_TEXT, OPTION(waves), .value = "FILE.fst",
     .help = "with --engine rtl or lockstep: write the pins of one engine, without keys, and a "
             "view of them, FILE.gtkw"},
    {"--waves-channel", CBIT_ARG_U64, OPTION(waves_channel), .value = "N",
     .help = "the channel whose engine is written (default 0)"},
    {"--force", CBIT_ARG_FLAG, OPTION(force),
     .help = "replace a finished result in DIR, and waves"},
    {"--replay", CBIT_ARG_TEXT, OPTION(replay), .value = "RESULT.json",
     .help = "run again what a result was made from; gives the same bytes"},
    {"--json", CBIT_ARG_FLAG, OPTION(json), .help = "result.json on standard output, no table"},
    {"--csv", CBIT_ARG_FLAG, OPTION(csv), .help = "all figures as name,value,unit, no table"},
    {"--quiet", CBIT_ARG_FLAG, OPTION(quiet), .help = "no table, no progress"},
    {"--progress", CBIT_ARG_WORD, OPTION(progress), .words = progress_words,
     .help = "on a terminal only, as lines, or never"},
    {.name = NULL},
};

static const cbit_cli_command_t command = {
    .verb = "run",
    .operands = "SCENARIO.json",
    .max_operands = 1,
    .summary = "Runs a scenario and the baselines that it is compared with, and judges its\n"
               "expectations. The result is on standard output, everything else on stderr.",
    .examples = {"cbit run workloads/scenarios/first-light.json",
                 "cbit run first-light.json --engine rtl --waves aes.fst --trace-from 8000 "
                 "--trace-to 8050",
                 "cbit run --replay out/first-light/result.json --json"},
    .args = args,
    .exit_notes =
        "Exit status: 0 every expectation held, 1 one did not (or RTL and model differ),\n"
        "2 usage, 3 the scenario or what it names is wrong, 4 files, 70 a bug in cbit.",
};

#define PS_PER_US UINT64_C(1000000)

enum { RUN_SELF, RUN_ENGINE_OFF, RUN_UNPROTECTED, RUN_LAWFUL, RUN_COUNT };

typedef struct run_job {
    run_options_t options;
    const char *path;
    int argc;
    char **argv;
    cbit_tool_config_t config;
    cbit_scenario_file_t *file;
    cbit_engine_choice_t engine;
    cbit_output_t output;
    cbit_progress_t progress;
    cbit_timeline_t *timeline;             /* NULL without --out */
    cbit_pin_waves_t *waves;               /* NULL without --waves */
    cbit_run_result_t *results[RUN_COUNT]; /* NULL where nothing was run */
    cbit_result_t *result;
    struct timespec begun;
    cbit_diag_t *diag;
} run_job_t;

/* ---- before ---- */

static cbit_err_t load(run_job_t *job)
{
    static char seed[64];
    run_options_t *o = &job->options;
    cbit_engine_mode_t mode = (cbit_engine_mode_t)o->engine;
    if (o->replay != NULL) {
        cbit_err_t err =
            cbit_replay_scenario(o->replay, &job->config, &mode, &job->file, job->diag);
        o->engine = o->engine_given ? o->engine : (uint32_t)mode;
        return err;
    }
    if (o->seed_given) {
        (void)snprintf(seed, sizeof seed, "/seed=\"%" PRIu64 "\"", o->seed);
        o->sets.items[o->sets.count++] = seed;
    }
    if (o->no_baseline) {
        o->sets.items[o->sets.count++] = "/run/baseline=false";
    }
    const cbit_load_how_t how = {&o->sets, o->full, false};
    return cbit_load_scenario(job->path, &how, &job->config, &job->file, job->diag);
}

static cbit_ps_t trace_to_ps(const run_options_t *o)
{
    return o->trace_to_given ? o->trace_to_us * PS_PER_US : CBIT_PS_NEVER;
}

static cbit_run_waves_t waves_options(const run_options_t *o)
{
    return (cbit_run_waves_t){.path = o->waves,
                              .channel = o->waves_channel,
                              .from_ps = o->trace_from_us * PS_PER_US,
                              .to_ps = trace_to_ps(o),
                              .force = o->force};
}

static cbit_err_t prepare(run_job_t *job)
{
    const run_options_t *o = &job->options;
    cbit_err_t err = load(job);
    if (o->out != NULL) {
        cbit_err_t out = cbit_output_check(&job->output, o->out, o->force, job->diag);
        err = err != CBIT_ERR_OK ? err : out;
    }
    cbit_diag_set_file(job->diag, NULL);
    if (err == CBIT_ERR_OK && o->out != NULL) {
        job->timeline = cbit_timeline_create(o->trace_from_us * PS_PER_US, trace_to_ps(o));
        err = job->timeline != NULL
                  ? CBIT_ERR_OK
                  : cbit_diag_add(job->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    if (err == CBIT_ERR_OK) {
        err = cbit_engine_choose((cbit_engine_mode_t)o->engine, &job->engine, job->diag);
    }
    if (err == CBIT_ERR_OK) {
        const cbit_run_waves_t waves = waves_options(o);
        err = cbit_run_waves_begin(&waves, cbit_scenario_of(job->file)->machine, &job->engine,
                                   &job->waves, job->diag);
    }
    return err;
}

/* ---- running ---- */

/* How many of the runs there are: the last one only if something is to be left out of it. */
static uint32_t runs_wanted(const run_job_t *job)
{
    const cbit_scenario_t *scenario = cbit_scenario_of(job->file);
    if (!scenario->run.baseline) {
        return 1;
    }
    for (uint32_t i = 0; i < scenario->events_count; i++) {
        const cbit_scenario_event_t *event = &scenario->events[i];
        if (cbit_event_is_misbehaviour(event) &&
            (event->engines_mask >> job->engine.mode & 1) != 0) {
            return RUN_COUNT;
        }
    }
    return RUN_LAWFUL;
}

static cbit_err_t run_one(run_job_t *job, uint32_t which)
{
    static const struct {
        const char *what;
        cbit_baseline_t baseline;
    } kinds[RUN_COUNT] = {{"scenario", CBIT_BASELINE_NONE},
                          {"engine off", CBIT_BASELINE_ENGINE_OFF},
                          {"unprotected", CBIT_BASELINE_UNPROTECTED},
                          {"without misbehaviour", CBIT_BASELINE_LAWFUL}};
    bool off = which == RUN_ENGINE_OFF || job->engine.mode == CBIT_ENGINE_OFF;
    cbit_hypervisor_options_t options = {
        .mode = off ? CBIT_ENGINE_OFF : job->engine.mode,
        .engines = off                 ? NULL
                   : which == RUN_SELF ? job->engine.factory
                                       : job->engine.baselines,
        .baseline = kinds[which].baseline,
        .config = &job->config.hypervisor,
        .pace = job->results[RUN_SELF],
        .firmware = &cbit_firmware,
        .watch =
            which == RUN_SELF && job->timeline != NULL ? cbit_timeline_watch(job->timeline) : NULL,
        .self = &job->progress,
        .on_progress = cbit_progress_tell,
    };
    cbit_run_result_t *result = calloc(1, sizeof *result);
    if (result == NULL) {
        return cbit_diag_add(job->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    cbit_progress_begin(&job->progress, kinds[which].what, which + 1, runs_wanted(job));
    cbit_err_t err = cbit_hypervisor_run(cbit_scenario_of(job->file), &options, result, job->diag);
    cbit_progress_end(&job->progress);
    if (err != CBIT_ERR_OK) {
        free(result);
        return err;
    }
    job->results[which] = result;
    return CBIT_ERR_OK;
}

static cbit_err_t run_all(run_job_t *job)
{
    uint32_t count = runs_wanted(job);
    cbit_err_t err = CBIT_ERR_OK;
    bool silent = job->options.quiet;
    cbit_progress_init(&job->progress,
                       silent ? CBIT_PROGRESS_NONE : (cbit_progress_kind_t)job->options.progress);
    cbit_diag_set_file(job->diag, job->path);
    for (uint32_t i = 0; i < count && err == CBIT_ERR_OK; i++) {
        err = run_one(job, i);
    }
    return err;
}

/* ---- afterwards ---- */

static cbit_err_t make_result(run_job_t *job)
{
    const cbit_result_runs_t runs = {.mode = job->engine.mode,
                                     .run = job->results[RUN_SELF],
                                     .engine_off = job->results[RUN_ENGINE_OFF],
                                     .unprotected = job->results[RUN_UNPROTECTED],
                                     .lawful = job->results[RUN_LAWFUL]};
    return cbit_result_create(job->file, &runs, &job->result, job->diag);
}

static cbit_err_t write_waves(run_job_t *job)
{
    uint64_t edges = 0;
    if (job->waves == NULL) {
        return CBIT_ERR_OK;
    }
    cbit_err_t err = cbit_pin_waves_finish(job->waves, &edges, job->diag);
    if (err == CBIT_ERR_OK && !job->options.quiet) {
        (void)fprintf(stderr, "waves: %" PRIu64 " clocks of channel %" PRIu64 " in %s\n", edges,
                      job->options.waves_channel, job->options.waves);
    }
    return err;
}

static cbit_err_t write_files(run_job_t *job)
{
    struct timespec now;
    if (job->options.out == NULL) {
        return CBIT_ERR_OK;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    const cbit_run_facts_t facts = {
        .argc = job->argc,
        .argv = job->argv,
        .path = job->path,
        .wall_ms = (uint64_t)((int64_t)(now.tv_sec - job->begun.tv_sec) * 1000 +
                              (now.tv_nsec - job->begun.tv_nsec) / 1000000),
        .file = job->file,
        .engine = &job->engine,
        .timeline = job->timeline,
        .run = job->results[RUN_SELF],
        .report = !job->options.no_report,
    };
    return cbit_run_write(&job->output, job->result, &facts, job->diag);
}

static cbit_err_t print_text(char *text, const char *end, cbit_diag_t *diag)
{
    if (text == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    (void)fputs(text, stdout);
    (void)fputs(end, stdout);
    free(text);
    return CBIT_ERR_OK;
}

static cbit_err_t print(const run_job_t *job)
{
    cbit_err_t err = CBIT_ERR_OK;
    if (job->options.json) {
        return print_text(cbit_json_text(cbit_result_json(job->result), false, NULL), "",
                          job->diag);
    }
    if (job->options.csv) {
        return print_text(cbit_result_csv(job->result), "", job->diag);
    }
    if (!job->options.quiet) {
        err = print_text(cbit_result_table(job->result), "\n", job->diag);
        if (err == CBIT_ERR_OK) {
            err = print_text(cbit_result_learnt(job->result), "\n", job->diag);
        }
    }
    return err;
}

static void judge(const run_job_t *job)
{
    cbit_verdict_t verdict = cbit_result_verdict(job->result);
    if (verdict.broken_checks > 0) {
        (void)cbit_diag_add(job->diag, CBIT_ERR_INTERNAL, "/checks",
                            "%" PRIu64
                            " invariants of the simulation do not hold; this is a bug in "
                            "cbit, and its figures cannot be trusted",
                            verdict.broken_checks);
    }
    if (verdict.failed > 0) {
        (void)cbit_diag_add(job->diag, CBIT_ERR_MISMATCH, "/expect",
                            "%" PRIu32 " of %" PRIu32 " expectations did not hold", verdict.failed,
                            verdict.failed + verdict.held);
    }
    (void)cbit_engine_verdict(&job->engine, job->diag);
}

static int run(run_job_t *job)
{
    if (prepare(job) != CBIT_ERR_OK) {
        return cbit_tell(job->diag, "nothing was run");
    }
    cbit_err_t err = run_all(job);
    if (err == CBIT_ERR_OK) {
        err = make_result(job);
    }
    cbit_diag_set_file(job->diag, NULL);
    if (err == CBIT_ERR_OK) {
        err = write_waves(job);
    }
    if (err == CBIT_ERR_OK) {
        err = write_files(job);
    }
    if (err == CBIT_ERR_OK) {
        err = print(job);
    }
    if (err != CBIT_ERR_OK) {
        return cbit_tell(job->diag, "no result was written");
    }
    judge(job);
    return cbit_tell(job->diag, "the result is complete");
}

static void clear(run_job_t *job)
{
    for (uint32_t i = 0; i < RUN_COUNT; i++) {
        if (job->results[i] != NULL) {
            cbit_run_result_clear(job->results[i]);
            free(job->results[i]);
        }
    }
    cbit_timeline_destroy(job->timeline);
    cbit_pin_waves_destroy(job->waves);
    cbit_result_destroy(job->result);
    cbit_scenario_file_destroy(job->file);
    cbit_diag_destroy(job->diag);
    free(job);
}

/* What the parser cannot see: which options exclude each other. */
static int check_usage(const run_options_t *o, const cbit_operands_t *operands)
{
    if ((operands->count == 1) == (o->replay != NULL)) {
        return cbit_usage_error(&command, "expected a scenario or --replay, and not both");
    }
    if (o->replay != NULL && (o->sets.count > 0 || o->seed_given || o->no_baseline || o->full)) {
        return cbit_usage_error(&command, "--replay repeats a run as it was; --set, --seed, "
                                          "--no-baseline and --full do not go with it");
    }
    if ((o->trace_from_given || o->trace_to_given) && o->out == NULL && o->waves == NULL) {
        return cbit_usage_error(&command, "--trace-from and --trace-to need --out or --waves");
    }
    if (o->trace_from_us > UINT64_MAX / PS_PER_US || o->trace_to_us > UINT64_MAX / PS_PER_US ||
        (o->trace_to_given && o->trace_to_us < o->trace_from_us)) {
        return cbit_usage_error(&command, "--trace-from US must not be after --trace-to US");
    }
    const cbit_run_waves_t waves = waves_options(o);
    const char *wrong = cbit_run_waves_usage(&waves, (cbit_engine_mode_t)o->engine);
    if (wrong != NULL && o->replay == NULL) {
        return cbit_usage_error(&command, "%s", wrong);
    }
    if (o->json && o->csv) {
        return cbit_usage_error(&command, "--json and --csv exclude each other");
    }
    if (o->sets.count + 2 > CBIT_ARG_LIST_MAX) {
        return cbit_usage_error(&command, "--set is given too often");
    }
    return 0;
}

int cbit_cli_run(int argc, char **argv)
{
    cbit_operands_t operands;
    bool help = false;
    run_job_t *job = calloc(1, sizeof *job);
    if (job == NULL || (job->diag = cbit_diag_create()) == NULL) {
        free(job);
        return cbit_err_exit_status(CBIT_ERR_NO_MEMORY);
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &job->begun);
    job->argc = argc;
    job->argv = argv;
    job->options.engine = CBIT_ENGINE_MODEL;
    int status = 0;
    if (cbit_args_parse(&command, argc, argv, &job->options, &operands, &help) != CBIT_ERR_OK) {
        status = cbit_err_exit_status(CBIT_ERR_USAGE);
    } else if (!help) {
        status = check_usage(&job->options, &operands);
        job->path = job->options.replay != NULL ? job->options.replay : operands.items[0];
        status = status != 0 ? status : run(job);
    }
    clear(job);
    return status;
}
