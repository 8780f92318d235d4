#define _XOPEN_SOURCE 700

#include "cli/sweep_slurm.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cbit/base/rng.h"
#include "cli/output.h"

enum {
    ANSWER_BYTES = 4096,
    COMMAND_BYTES = 3 * CBIT_SWEEP_PATH_BYTES,
    MAX_TASKS = 1000,     /* Slurm's own MaxArraySize is 1001 unless somebody raised it */
    POLL_MS = 500,        /* how often results are looked for */
    ASK_EVERY = 4,        /* polls between two questions to the controller */
    PATIENCE_ASKED = 120, /* questions in a row that it may leave unanswered: four minutes */
};

/* ---- talking to Slurm ---- */

/* Runs a shell command; its output, errors too, in answer. The exit status, or -1. */
static int ask(const char *command, char answer[ANSWER_BYTES])
{
    FILE *pipe = popen(command, "r");
    if (pipe == NULL) {
        (void)snprintf(answer, ANSWER_BYTES, "%s", strerror(errno));
        return -1;
    }
    size_t len = fread(answer, 1, ANSWER_BYTES - 1, pipe);
    answer[len] = '\0';
    while (len > 0 && fgetc(pipe) != EOF) {
    }
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static cbit_err_t refused(cbit_diag_t *diag, const char *what, char answer[ANSWER_BYTES])
{
    answer[strcspn(answer, "\n")] = '\0';
    cbit_diag_set_file(diag, NULL);
    (void)cbit_diag_add(diag, CBIT_ERR_TOOL, "--on slurm", "%s: %s", what,
                        answer[0] == '\0' ? "no answer" : answer);
    cbit_diag_hint(diag, "sinfo tells whether this machine reaches a Slurm; --on local needs none");
    return CBIT_ERR_TOOL;
}

/* One name a directory, so that any call finds the jobs of another, also of one that was killed. */
static void job_name(const cbit_sweep_slurm_t *slurm, char name[32])
{
    char path[PATH_MAX];
    uint64_t hash = 1;
    const char *at = realpath(slurm->out, path) != NULL ? path : slurm->out;
    for (; *at != '\0'; at++) {
        hash = cbit_splitmix64(hash ^ (unsigned char)*at);
    }
    (void)snprintf(name, 32, "cbit-%016" PRIx64, hash);
}

/* Whether tasks of this directory are waiting or at work; negative: no answer. */
static int at_work(const cbit_sweep_slurm_t *slurm, char answer[ANSWER_BYTES])
{
    char name[32], command[128];
    job_name(slurm, name);
    (void)snprintf(command, sizeof command, "squeue -h --me --name=%s -o %%T 2>&1", name);
    int status = ask(command, answer);
    return status != 0 ? -1 : answer[0] != '\0';
}

/* All CPUs that the cluster has; 1 when it does not say. "%C" is allocated/idle/other/total. */
static uint64_t cluster_cpus(void)
{
    char answer[ANSWER_BYTES];
    uint64_t sum = 0;
    if (ask("sinfo -h -o %C 2>/dev/null", answer) == 0) {
        char *rest = NULL;
        for (char *line = strtok_r(answer, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest)) {
            const char *total = strrchr(line, '/');
            sum += total == NULL ? 0 : strtoull(total + 1, NULL, 10);
        }
    }
    return sum == 0 ? 1 : sum;
}

/* ---- which runs ---- */

typedef struct batch {
    uint32_t *runs; /* what is submitted */
    uint32_t count;
    uint64_t chunk;
} batch_t;

static bool ended(const cbit_sweep_pool_t *pool, uint32_t run)
{
    return cbit_sweep_pool_has(pool, run, "/result.json") ||
           cbit_sweep_pool_has(pool, run, ".FAILED");
}

static uint32_t still_missing(const cbit_sweep_pool_t *pool, batch_t *batch)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (!ended(pool, batch->runs[i])) {
            batch->runs[kept++] = batch->runs[i];
        }
    }
    return kept;
}

/* What has no result, or failed in an earlier call: its FAILED file goes, so that one that is there
   later is news. */
static void find_missing(cbit_sweep_pool_t *pool, batch_t *batch)
{
    char path[CBIT_SWEEP_PATH_BYTES];
    for (uint32_t r = 0; r < cbit_sweep_runs(pool->sweep); r++) {
        bool failed = cbit_sweep_pool_has(pool, r, ".FAILED");
        if (cbit_sweep_pool_has(pool, r, "/result.json") && !failed) {
            pool->found++;
            continue;
        }
        batch->runs[batch->count++] = r;
        if (failed) {
            cbit_sweep_pool_path(pool, r, "", path); /* a result beside its failure */
            cbit_output_remove(path);
            cbit_sweep_pool_path(pool, r, ".FAILED", path);
            (void)unlink(path);
        }
    }
}

/* ---- the plan and the script ---- */

static cbit_err_t write_file(const cbit_sweep_slurm_t *slurm, const char *name, const char *bytes,
                             cbit_diag_t *diag)
{
    char path[CBIT_SWEEP_PATH_BYTES], beside[CBIT_SWEEP_PATH_BYTES + 8];
    (void)snprintf(path, sizeof path, "%s/%s", slurm->out, name);
    (void)snprintf(beside, sizeof beside, "%s.new", path);
    FILE *stream = bytes == NULL ? NULL : fopen(beside, "wb");
    bool ok = stream != NULL && fputs(bytes, stream) >= 0;
    ok = stream != NULL && fclose(stream) == 0 && ok && rename(beside, path) == 0;
    if (ok) {
        return CBIT_ERR_OK;
    }
    cbit_diag_set_file(diag, path);
    return cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "cannot be written: %s", strerror(errno));
}

/* slurm.plan: the number of runs a task, then the name of each run, a line each. */
static cbit_err_t write_plan(const cbit_sweep_slurm_t *slurm, const batch_t *batch,
                             cbit_diag_t *diag)
{
    cbit_text_t text = {0};
    cbit_text_add(&text, "%" PRIu64 "\n", batch->chunk);
    for (uint32_t i = 0; i < batch->count; i++) {
        cbit_text_add(&text, "%s\n", slurm->pool->names[batch->runs[i]]);
    }
    char *bytes = cbit_text_take(&text);
    cbit_err_t err = write_file(slurm, "slurm.plan", bytes, diag);
    free(bytes);
    return err;
}

/* As the shell wants a word of any bytes. */
static void add_quoted(cbit_text_t *text, const char *word)
{
    cbit_text_add(text, "'");
    for (; *word != '\0'; word++) {
        if (*word == '\'') {
            cbit_text_add(text, "'\\''");
        } else {
            cbit_text_put(text, word, 1);
        }
    }
    cbit_text_add(text, "'");
}

static cbit_err_t write_script(const cbit_sweep_slurm_t *slurm, const char *out, cbit_diag_t *diag)
{
    char self[PATH_MAX], file[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0 || realpath(slurm->file, file) == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "%s: %s", slurm->file, strerror(errno));
    }
    self[len] = '\0';
    const char *const words[] = {self, "sweep", file, "--out", out, "--quiet", "--task"};
    cbit_text_t text = {0};
    cbit_text_add(&text, "#!/bin/sh\nexec");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        cbit_text_add(&text, " ");
        add_quoted(&text, words[i]);
    }
    cbit_text_add(&text, " \"$SLURM_ARRAY_TASK_ID\"\n");
    char *bytes = cbit_text_take(&text);
    cbit_err_t err = write_file(slurm, "slurm.sh", bytes, diag);
    free(bytes);
    return err;
}

static cbit_err_t submit(const cbit_sweep_slurm_t *slurm, const batch_t *batch, cbit_diag_t *diag)
{
    char out[PATH_MAX], name[32], answer[ANSWER_BYTES];
    cbit_text_t text = {0};
    if (realpath(slurm->out, out) == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "%s: %s", slurm->out, strerror(errno));
    }
    cbit_err_t err = write_plan(slurm, batch, diag);
    err = err != CBIT_ERR_OK ? err : write_script(slurm, out, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    job_name(slurm, name);
    cbit_text_add(&text, "cd ");
    add_quoted(&text, out);
    cbit_text_add(&text,
                  " && sbatch --parsable --requeue --job-name=%s --cpus-per-task=1 "
                  "--array=0-%" PRIu64 " --output=slurm-%%a.log slurm.sh 2>&1",
                  name, (batch->count + batch->chunk - 1) / batch->chunk - 1);
    char *command = cbit_text_take(&text);
    int status = command == NULL ? -1 : ask(command, answer);
    free(command);
    return status == 0 ? CBIT_ERR_OK : refused(diag, "sbatch", answer);
}

/* ---- waiting ---- */

/* Until no task of the directory is left; shows how far `batch` (NULL: unknown) is. */
static cbit_err_t wait_for_job(const cbit_sweep_slurm_t *slurm, const batch_t *batch,
                               cbit_diag_t *diag)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    char answer[ANSWER_BYTES];
    uint32_t unanswered = 0;
    for (uint64_t polls = 0;; polls++) {
        if (polls % ASK_EVERY == 0) {
            int busy = at_work(slurm, answer);
            unanswered = busy < 0 ? unanswered + 1 : 0;
            if (busy == 0) {
                return CBIT_ERR_OK;
            }
            if (unanswered > PATIENCE_ASKED || (busy < 0 && polls == 0 && batch == NULL)) {
                return refused(diag, "squeue", answer);
            }
        }
        if (batch != NULL && slurm->pool->progress) {
            uint32_t done = 0;
            for (uint32_t i = 0; i < batch->count; i++) {
                done += ended(slurm->pool, batch->runs[i]);
            }
            cbit_sweep_pool_tell(slurm->pool, done, batch->count, polls * POLL_MS, ", on Slurm");
        }
        (void)nanosleep(&pause, NULL);
    }
}

cbit_err_t cbit_sweep_slurm_adopt(const cbit_sweep_slurm_t *slurm, cbit_diag_t *diag)
{
    return wait_for_job(slurm, NULL, diag);
}

/* ---- all ---- */

static cbit_err_t give_up(const cbit_sweep_slurm_t *slurm, const batch_t *batch, cbit_diag_t *diag)
{
    char name[CBIT_SWEEP_PATH_BYTES];
    cbit_err_t err = CBIT_ERR_OK;
    for (uint32_t i = 0; i < batch->count && err == CBIT_ERR_OK; i++) {
        (void)snprintf(name, sizeof name, "runs/%s.FAILED", slurm->pool->names[batch->runs[i]]);
        char text[128];
        (void)snprintf(text, sizeof text,
                       "the task ended twice without a result; slurm-%" PRIu64 ".log may say why\n",
                       i / batch->chunk);
        err = write_file(slurm, name, text, diag);
    }
    return err;
}

static cbit_err_t rounds(const cbit_sweep_slurm_t *slurm, batch_t *batch, cbit_diag_t *diag)
{
    cbit_err_t err = CBIT_ERR_OK;
    uint64_t cpus = cluster_cpus();
    uint32_t before = UINT32_MAX;
    while (err == CBIT_ERR_OK && batch->count > 0 && batch->count < before) {
        uint64_t least = (batch->count + MAX_TASKS - 1) / MAX_TASKS;
        batch->chunk = slurm->chunk != 0 ? slurm->chunk : batch->count / (4 * cpus);
        batch->chunk = batch->chunk < least ? least : batch->chunk;
        before = batch->count;
        slurm->pool->started = slurm->pool->started > before ? slurm->pool->started : before;
        err = submit(slurm, batch, diag);
        err = err != CBIT_ERR_OK ? err : wait_for_job(slurm, batch, diag);
        if (err == CBIT_ERR_OK) {
            batch->count = still_missing(slurm->pool, batch);
        }
    }
    if (slurm->pool->progress) {
        (void)fprintf(stderr, "\r%*s\r", 70, "");
    }
    return err == CBIT_ERR_OK && batch->count > 0 ? give_up(slurm, batch, diag) : err;
}

cbit_err_t cbit_sweep_slurm_run(const cbit_sweep_slurm_t *slurm, cbit_diag_t *diag)
{
    batch_t batch = {.runs = calloc(cbit_sweep_runs(slurm->pool->sweep), sizeof *batch.runs)};
    if (batch.runs == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    find_missing(slurm->pool, &batch);
    cbit_err_t err = rounds(slurm, &batch, diag);
    free(batch.runs);
    return err;
}

/* ---- on a node ---- */

typedef struct named {
    const char *name;
    uint32_t run;
} named_t;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const named_t *)a)->name, ((const named_t *)b)->name);
}

/* Marks the runs of lines [first, first + chunk) of the plan. */
static cbit_err_t read_plan(FILE *plan, const cbit_sweep_pool_t *pool, const named_t *sorted,
                            uint64_t task, bool *chosen)
{
    char line[CBIT_SWEEP_NAME_BYTES + 2];
    uint64_t chunk = fgets(line, sizeof line, plan) == NULL ? 0 : strtoull(line, NULL, 10);
    if (chunk == 0 || chunk > CBIT_SWEEP_MAX_RUNS) {
        return CBIT_ERR_FORMAT;
    }
    for (uint64_t i = 0; i < (task + 1) * chunk && fgets(line, sizeof line, plan) != NULL; i++) {
        line[strcspn(line, "\n")] = '\0';
        const named_t key = {.name = line};
        const named_t *found =
            bsearch(&key, sorted, cbit_sweep_runs(pool->sweep), sizeof key, by_name);
        if (found == NULL) {
            return CBIT_ERR_CONFLICT; /* the sweep or cbit has changed since it was submitted */
        }
        chosen[found->run] = i >= task * chunk;
    }
    return CBIT_ERR_OK;
}

static cbit_err_t choose(const cbit_sweep_slurm_t *slurm, uint64_t task, bool *chosen,
                         cbit_diag_t *diag)
{
    char path[CBIT_SWEEP_PATH_BYTES];
    uint32_t runs = cbit_sweep_runs(slurm->pool->sweep);
    named_t *sorted = calloc(runs, sizeof *sorted);
    (void)snprintf(path, sizeof path, "%s/slurm.plan", slurm->out);
    FILE *plan = fopen(path, "rb");
    cbit_err_t err = sorted == NULL ? CBIT_ERR_NO_MEMORY
                     : plan == NULL ? CBIT_ERR_INPUT_FILE
                                    : CBIT_ERR_OK;
    for (uint32_t r = 0; r < runs && err == CBIT_ERR_OK; r++) {
        sorted[r] = (named_t){.name = slurm->pool->names[r], .run = r};
    }
    if (err == CBIT_ERR_OK) {
        qsort(sorted, runs, sizeof *sorted, by_name);
        err = read_plan(plan, slurm->pool, sorted, task, chosen);
    }
    if (plan != NULL) {
        (void)fclose(plan);
    }
    free(sorted);
    if (err != CBIT_ERR_OK) {
        cbit_diag_set_file(diag, path);
        (void)cbit_diag_add(diag, err, NULL, "%s",
                            err == CBIT_ERR_CONFLICT
                                ? "names runs that this sweep and this cbit do not have"
                                : cbit_err_text(err));
    }
    return err;
}

cbit_err_t cbit_sweep_slurm_task(const cbit_sweep_slurm_t *slurm, uint64_t task, cbit_diag_t *diag)
{
    bool *chosen = calloc(cbit_sweep_runs(slurm->pool->sweep), sizeof *chosen);
    if (chosen == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    cbit_err_t err = choose(slurm, task, chosen, diag);
    slurm->pool->only = chosen;
    err = err != CBIT_ERR_OK ? err : cbit_sweep_pool_run(slurm->pool, diag);
    slurm->pool->only = NULL;
    free(chosen);
    return err;
}
