/* cbit sweep: one scenario at many points, each run once, and their figures in one table. */
#define _XOPEN_SOURCE 700

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cbit/perf/sweep.h"
#include "cli/args.h"
#include "cli/load.h"
#include "cli/output.h"
#include "cli/sweep_pool.h"
#include "cli/sweep_scenario.h"
#include "cli/sweep_slurm.h"
#include "cli/tell.h"
#include "cli/verbs.h"

enum { ON_LOCAL, ON_SLURM, DIGEST_BYTES = 32, FAILURES_SHOWN = 20, POINTS_SHOWN = 64 };

typedef struct sweep_options {
    const char *out;
    uint64_t jobs, chunk, task;
    uint32_t on;
    bool jobs_given, chunk_given, task_given, csv, quiet;
} sweep_options_t;

static const char *const on_words[] = {"local", "slurm", NULL};

#define OPTION(field) offsetof(sweep_options_t, field)

static const cbit_arg_t args[] = {
    {"--out", CBIT_ARG_TEXT, OPTION(out), .value = "DIR",
     .help = "runs and tables go there; default: out/NAME for NAME.json"},
    {"--jobs", CBIT_ARG_U64, OPTION(jobs), .value = "N", .given_offset = OPTION(jobs_given),
     .help = "runs at the same time; default: one for each core"},
    {"--on", CBIT_ARG_WORD, OPTION(on), .words = on_words,
     .help = "where runs are started: here (default) or as a job array of Slurm"},
    {"--chunk", CBIT_ARG_U64, OPTION(chunk), .value = "N", .given_offset = OPTION(chunk_given),
     .help = "slurm: runs in each task; default: such that each CPU gets four tasks"},
    {"--task", CBIT_ARG_U64, OPTION(task), .value = "N", .given_offset = OPTION(task_given),
     .help = "slurm: run task N of DIR/slurm.plan, without tables (what a node does)"},
    {"--csv", CBIT_ARG_FLAG, OPTION(csv), .help = "summary.csv on standard output"},
    {"--quiet", CBIT_ARG_FLAG, OPTION(quiet), .help = "no table, no progress"},
    {.name = NULL},
};

static const cbit_cli_command_t command = {
    .verb = "sweep",
    .operands = "SWEEP.json",
    .min_operands = 1,
    .max_operands = 1,
    .summary =
        "Runs a scenario at every point of a sweep and collects figures of the results. Runs\n"
        "that are finished are kept: called again, it does only what is missing or failed.",
    .examples = {"cbit sweep workloads/sweeps/lanes-and-depth.json",
                 "cbit sweep my-sweep.json --jobs 4 --out out/mine --csv", NULL},
    .args = args,
    .exit_notes = "Exit status: 0 every run is good, 1 a run failed or missed an expectation,\n"
                  "2 usage, 3 the sweep or its scenario is wrong, 4 files.",
};

typedef struct sweep_job {
    sweep_options_t options;
    const char *file;
    char out[CBIT_SWEEP_PATH_BYTES / 2];
    cbit_sweep_t *sweep;
    cbit_sweep_table_t *table;
    cbit_sweep_pool_t pool;
    cbit_sweep_slurm_t slurm;
    bool has_sqlite;
    cbit_diag_t *diag;
} sweep_job_t;

/* ---- what all runs share ---- */

static cbit_err_t digest(const cbit_scenario_file_t *file, char hex[2 * DIGEST_BYTES + 1],
                         cbit_diag_t *diag)
{
    unsigned char bytes[DIGEST_BYTES];
    cbit_arena_t *arena = cbit_arena_create();
    cbit_text_t text = {0};
    const cbit_json_t *parts[] = {NULL, NULL};
    if (arena != NULL) {
        parts[0] = cbit_scenario_config(file, arena);
        parts[1] = cbit_scenario_inputs(file, arena, diag);
    }
    cbit_text_add(&text, "cbit %s %s\n", CBIT_VERSION, CBIT_COMMIT);
    for (int i = 0; i < 2 && parts[i] != NULL; i++) {
        char *part = cbit_json_text(parts[i], true, NULL);
        cbit_text_add(&text, "%s\n", part == NULL ? "" : part);
        text.failed = text.failed || part == NULL;
        free(part);
    }
    cbit_arena_destroy(arena);
    size_t len = text.len;
    char *all = cbit_text_take(&text);
    bool ok = parts[0] != NULL && parts[1] != NULL && all != NULL &&
              EVP_Digest(all, len, bytes, NULL, EVP_sha256(), NULL) == 1;
    free(all);
    for (int i = 0; ok && i < DIGEST_BYTES; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    }
    if (!ok && cbit_diag_count(diag) == 0) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    return ok ? CBIT_ERR_OK : cbit_diag_first(diag);
}

static cbit_err_t name_runs(sweep_job_t *job)
{
    cbit_tool_config_t tool;
    cbit_scenario_file_t *file = NULL;
    char basis[2 * DIGEST_BYTES + 1] = "";
    uint32_t runs = cbit_sweep_runs(job->sweep);
    cbit_err_t err = cbit_sweep_scenario(job->sweep, job->file, &tool, &file, job->diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    err = digest(file, basis, job->diag);
    cbit_scenario_file_destroy(file);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    job->pool.names = calloc(runs, sizeof *job->pool.names);
    if (job->pool.names == NULL) {
        return cbit_diag_add(job->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    for (uint32_t r = 0; r < runs; r++) {
        cbit_sweep_name(job->sweep, basis, r, job->pool.names[r]);
    }
    return CBIT_ERR_OK;
}

/* ---- the folder ---- */

static cbit_err_t choose_out(sweep_job_t *job)
{
    const char *slash = strrchr(job->file, '/'), *name = slash == NULL ? job->file : slash + 1;
    size_t len = strlen(name), given = job->options.out == NULL ? 0 : strlen(job->options.out);
    if (len > 5 && strcmp(name + len - 5, ".json") == 0) {
        len -= 5;
    }
    if (given >= 2000 || len >= 2000 || (job->options.out != NULL && given == 0)) {
        cbit_diag_set_file(job->diag, job->options.out);
        return cbit_diag_add(job->diag, CBIT_ERR_WRITE, NULL, "is no name for a directory");
    }
    if (job->options.out != NULL) {
        memcpy(job->out, job->options.out, given + 1);
    } else {
        (void)snprintf(job->out, sizeof job->out, "out/%.*s", (int)len, name);
    }
    return CBIT_ERR_OK;
}

/* Released by the system when the process ends, however it ends. */
static cbit_err_t lock(const char *out, cbit_diag_t *diag)
{
    char path[CBIT_SWEEP_PATH_BYTES];
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    (void)snprintf(path, sizeof path, "%s/lock", out);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd >= 0 && fcntl(fd, F_SETLK, &whole) == 0) {
        return CBIT_ERR_OK;
    }
    bool taken = fd >= 0 && (errno == EACCES || errno == EAGAIN);
    cbit_diag_set_file(diag, path);
    return cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "%s",
                         taken ? "another sweep is at work in this directory" : strerror(errno));
}

/* What killed runs have left half written, and the log of one that had ended when its sweep was
 * killed; the lock says that nobody writes them any more. */
static void clean(const char *runs)
{
    char path[2 * CBIT_SWEEP_PATH_BYTES];
    DIR *folder = opendir(runs);
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        const char *dot = strchr(entry->d_name, '.');
        if (dot == entry->d_name + CBIT_SWEEP_NAME_BYTES - 1 &&
            (strncmp(dot, ".new", 4) == 0 || strncmp(dot, ".old", 4) == 0)) {
            (void)snprintf(path, sizeof path, "%s/%s", runs, entry->d_name);
            cbit_output_remove(path);
        } else if (dot == entry->d_name + CBIT_SWEEP_NAME_BYTES - 1 && strcmp(dot, ".log") == 0) {
            (void)snprintf(path, sizeof path, "%s/%s", runs, entry->d_name);
            (void)unlink(path);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
}

static cbit_err_t prepare(sweep_job_t *job)
{
    char runs[CBIT_SWEEP_PATH_BYTES];
    cbit_err_t err = cbit_sweep_load(job->file, &job->sweep, job->diag);
    err = err != CBIT_ERR_OK ? err : name_runs(job);
    err = err != CBIT_ERR_OK ? err : choose_out(job);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    (void)snprintf(runs, sizeof runs, "%s/runs/", job->out);
    (void)snprintf(job->pool.folder, sizeof job->pool.folder, "%s/runs", job->out);
    job->slurm = (cbit_sweep_slurm_t){
        .pool = &job->pool, .out = job->out, .file = job->file, .chunk = job->options.chunk};
    err = cbit_output_make_parents(runs, job->diag);
    if (job->options.task_given) {
        return err; /* others are at work in the directory too: its lock is the submitter's */
    }
    err = err != CBIT_ERR_OK ? err : lock(job->out, job->diag);
    if (err == CBIT_ERR_OK && job->options.on == ON_SLURM) {
        err = cbit_sweep_slurm_adopt(&job->slurm, job->diag);
    }
    if (err == CBIT_ERR_OK) {
        clean(job->pool.folder);
    }
    return err;
}

static cbit_err_t run_all(sweep_job_t *job)
{
    return job->options.task_given
               ? cbit_sweep_slurm_task(&job->slurm, job->options.task, job->diag)
           : job->options.on == ON_SLURM ? cbit_sweep_slurm_run(&job->slurm, job->diag)
                                         : cbit_sweep_pool_run(&job->pool, job->diag);
}

/* ---- afterwards ---- */

static void collect(sweep_job_t *job)
{
    char path[CBIT_SWEEP_PATH_BYTES], line[1024];
    for (uint32_t r = 0; r < cbit_sweep_runs(job->sweep); r++) {
        cbit_sweep_pool_path(&job->pool, r, ".FAILED", path);
        FILE *failed = fopen(path, "rb");
        if (failed == NULL) {
            cbit_sweep_pool_path(&job->pool, r, "/result.json", path);
            cbit_sweep_collect(job->table, r, path);
            continue;
        }
        line[0] = '\0';
        (void)fgets(line, sizeof line, failed);
        line[strcspn(line, "\n")] = '\0';
        (void)fclose(failed);
        cbit_sweep_collect_failure(job->table, r, line);
    }
}

static cbit_err_t replace(const char *beside, const char *final, bool written, cbit_diag_t *diag)
{
    if (written && rename(beside, final) == 0) {
        return CBIT_ERR_OK;
    }
    cbit_diag_set_file(diag, final);
    return cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "cannot be written: %s", strerror(errno));
}

static cbit_err_t write_text(const sweep_job_t *job, const char *name, const char *bytes)
{
    char final[CBIT_SWEEP_PATH_BYTES], beside[CBIT_SWEEP_PATH_BYTES + 8];
    (void)snprintf(final, sizeof final, "%s/%s", job->out, name);
    (void)snprintf(beside, sizeof beside, "%s.new", final);
    FILE *stream = bytes == NULL ? NULL : fopen(beside, "wb");
    bool ok = stream != NULL && fputs(bytes, stream) >= 0 && fflush(stream) == 0 &&
              fsync(fileno(stream)) == 0;
    ok = stream != NULL && fclose(stream) == 0 && ok;
    return replace(beside, final, ok, job->diag);
}

static cbit_err_t write_sqlite(sweep_job_t *job)
{
    char final[CBIT_SWEEP_PATH_BYTES], beside[CBIT_SWEEP_PATH_BYTES + 8];
    (void)snprintf(final, sizeof final, "%s/results.sqlite", job->out);
    (void)snprintf(beside, sizeof beside, "%s.new", final);
    (void)unlink(beside);
    cbit_err_t err = cbit_sweep_sqlite(job->table, beside, job->diag);
    job->has_sqlite = err == CBIT_ERR_OK;
    if (err != CBIT_ERR_OK) {
        return err == CBIT_ERR_UNSUPPORTED ? CBIT_ERR_OK : err;
    }
    return replace(beside, final, true, job->diag);
}

static cbit_err_t write_tables(sweep_job_t *job)
{
    cbit_text_t results = {0}, summary = {0};
    cbit_sweep_csv(job->table, &results);
    cbit_sweep_summary(job->table, &summary);
    char *results_csv = cbit_text_take(&results), *summary_csv = cbit_text_take(&summary);
    cbit_err_t err = write_text(job, "results.csv", results_csv);
    err = err != CBIT_ERR_OK ? err : write_text(job, "summary.csv", summary_csv);
    err = err != CBIT_ERR_OK ? err : write_sqlite(job);
    if (err == CBIT_ERR_OK && job->options.csv) {
        (void)fputs(summary_csv, stdout);
    }
    free(results_csv);
    free(summary_csv);
    return err;
}

static void print_points(const sweep_job_t *job)
{
    cbit_text_t text = {0};
    cbit_sweep_show(job->table, POINTS_SHOWN, &text);
    char *table = cbit_text_take(&text);
    (void)fputs(table == NULL ? "" : table, stdout);
    free(table);
}

static void print(const sweep_job_t *job)
{
    const cbit_sweep_t *sweep = job->sweep;
    uint32_t shown = 0;
    (void)printf("%s: %" PRIu32 " points, %" PRIu32 " runs; %" PRIu32 " were there, %" PRIu32
                 " run now, %" PRIu32 " failed\n",
                 sweep->title, sweep->points_count, cbit_sweep_runs(sweep), job->pool.found,
                 job->pool.started, job->table->failed);
    print_points(job);
    for (uint32_t r = 0; r < cbit_sweep_runs(sweep); r++) {
        if (job->table->records[r].error == NULL || ++shown > FAILURES_SHOWN) {
            continue;
        }
        (void)printf("  FAILED run %" PRIu32 ":", r);
        for (uint32_t a = 0; a < sweep->axes_count; a++) {
            (void)printf(" %s=%s", sweep->axes[a].pointer,
                         cbit_sweep_value(sweep, r / sweep->repeats, a));
        }
        (void)printf(" seed %" PRIu64 ": %s\n", cbit_sweep_seed(sweep, r),
                     job->table->records[r].error);
    }
    if (shown > FAILURES_SHOWN) {
        (void)printf("  and %" PRIu32 " more: results.csv has them all\n", shown - FAILURES_SHOWN);
    }
    (void)printf("%s: results.csv, %ssummary.csv\n", job->out,
                 job->has_sqlite ? "results.sqlite, " : "");
}

static void verdict(const sweep_job_t *job)
{
    const cbit_sweep_table_t *table = job->table;
    cbit_diag_set_file(job->diag, job->file);
    if (table->failed > 0) {
        (void)cbit_diag_add(job->diag, CBIT_ERR_MISMATCH, NULL,
                            "%" PRIu32 " of %" PRIu32 " runs failed", table->failed,
                            cbit_sweep_runs(job->sweep));
    }
    if (table->unmet > 0) {
        (void)cbit_diag_add(job->diag, CBIT_ERR_MISMATCH, NULL,
                            "%" PRIu32 " runs missed an expectation of the scenario", table->unmet);
    }
    for (uint32_t f = 0; f < job->sweep->figures_count; f++) {
        char where[64];
        (void)snprintf(where, sizeof where, "/collect/%" PRIu32, f);
        if (table->lacking[f] > 0) {
            (void)cbit_diag_add(job->diag, CBIT_ERR_MISSING, where,
                                "%s leads to no figure in %" PRIu32 " of %" PRIu32 " results",
                                job->sweep->figures[f], table->lacking[f], table->good);
        }
    }
}

static int sweep(sweep_job_t *job)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (prepare(job) != CBIT_ERR_OK) {
        return cbit_tell(job->diag, "nothing was run");
    }
    job->pool.sweep = job->sweep;
    job->pool.jobs = job->options.jobs_given                 ? (uint32_t)job->options.jobs
                     : cores > 0 && !job->options.task_given ? (uint32_t)cores
                                                             : 1;
    job->pool.progress = !job->options.quiet && isatty(STDERR_FILENO) == 1;
    cbit_err_t err = run_all(job);
    if (job->options.task_given) {
        return cbit_tell(job->diag, "finished runs are kept");
    }
    if (err == CBIT_ERR_OK) {
        job->table = cbit_sweep_table_create(job->sweep);
        err = job->table != NULL
                  ? CBIT_ERR_OK
                  : cbit_diag_add(job->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    if (err == CBIT_ERR_OK) {
        collect(job);
        err = write_tables(job);
    }
    if (err != CBIT_ERR_OK) {
        return cbit_tell(job->diag, "no table was written; finished runs are kept");
    }
    if (!job->options.quiet && !job->options.csv) {
        print(job);
    }
    verdict(job);
    return cbit_tell(job->diag, "the tables are complete");
}

int cbit_cli_sweep(int argc, char **argv)
{
    cbit_operands_t operands;
    bool help = false;
    sweep_job_t *job = calloc(1, sizeof *job);
    if (job == NULL || (job->diag = cbit_diag_create()) == NULL) {
        free(job);
        return cbit_err_exit_status(CBIT_ERR_NO_MEMORY);
    }
    int status = 0;
    if (cbit_args_parse(&command, argc, argv, &job->options, &operands, &help) != CBIT_ERR_OK) {
        status = cbit_err_exit_status(CBIT_ERR_USAGE);
    } else if (!help && job->options.jobs_given &&
               (job->options.jobs == 0 || job->options.jobs > 1024)) {
        status = cbit_usage_error(&command, "--jobs: 1 to 1024 are possible");
    } else if (!help && job->options.chunk_given &&
               (job->options.chunk == 0 || job->options.chunk > CBIT_SWEEP_MAX_RUNS)) {
        status = cbit_usage_error(&command, "--chunk: 1 to %d are possible", CBIT_SWEEP_MAX_RUNS);
    } else if (!help && job->options.task > CBIT_SWEEP_MAX_RUNS) {
        status = cbit_usage_error(&command, "--task: there is no such task");
    } else if (!help) {
        job->file = operands.items[0];
        status = sweep(job);
    }
    cbit_sweep_table_destroy(job->table);
    cbit_sweep_destroy(job->sweep);
    free(job->pool.names);
    cbit_diag_destroy(job->diag);
    free(job);
    return status;
}
