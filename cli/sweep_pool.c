#define _XOPEN_SOURCE 700

#include "cli/sweep_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ARGS = 13 + 2 * CBIT_SWEEP_MAX_AXES, LINE_BYTES = 1000 };

typedef struct worker {
    pid_t pid; /* 0: idle */
    uint32_t run;
} worker_t;

typedef struct pool {
    cbit_sweep_pool_t *shared;
    worker_t *workers;
    uint32_t *todo;
    uint32_t todo_count, next, busy, ended;
    struct timespec begun;
    cbit_diag_t *diag;
} pool_t;

void cbit_sweep_pool_path(const cbit_sweep_pool_t *pool, uint32_t run, const char *suffix,
                          char path[CBIT_SWEEP_PATH_BYTES])
{
    (void)snprintf(path, CBIT_SWEEP_PATH_BYTES, "%.4000s/%s%s", pool->folder, pool->names[run],
                   suffix);
}

bool cbit_sweep_pool_has(const cbit_sweep_pool_t *pool, uint32_t run, const char *suffix)
{
    char path[CBIT_SWEEP_PATH_BYTES];
    struct stat info;
    cbit_sweep_pool_path(pool, run, suffix, path);
    return stat(path, &info) == 0;
}

/* ---- one run ---- */

static char *setting(const cbit_sweep_t *sweep, uint32_t point, uint32_t axis)
{
    cbit_text_t text = {0};
    cbit_text_add(&text, "%s=%s", sweep->axes[axis].pointer, cbit_sweep_value(sweep, point, axis));
    return cbit_text_take(&text);
}

/* In the child: never returns. Dies with the sweep, so that a killed one leaves nobody at work. */
static void become_run(const pool_t *pool, uint32_t run, pid_t parent)
{
    const cbit_sweep_t *sweep = pool->shared->sweep;
    char out[CBIT_SWEEP_PATH_BYTES], log[CBIT_SWEEP_PATH_BYTES], seed[32];
    char *argv[MAX_ARGS];
    int argc = 0;
    cbit_sweep_pool_path(pool->shared, run, "", out);
    cbit_sweep_pool_path(pool->shared, run, ".log", log);
    (void)snprintf(seed, sizeof seed, "%" PRIu64, cbit_sweep_seed(sweep, run));
    char words[][12] = {"cbit",        "run",    "--quiet", "--force",
                        "--no-report", "--seed", "--out",   "--set"};
    for (int i = 0; i < 6; i++) {
        argv[argc++] = words[i];
    }
    argv[argc++] = seed;
    argv[argc++] = words[6];
    argv[argc++] = out;
    for (uint32_t a = 0; a < sweep->axes_count; a++) {
        argv[argc++] = words[7];
        argv[argc++] = setting(sweep, run / sweep->repeats, a);
        if (argv[argc - 1] == NULL) {
            _exit(70);
        }
    }
    argv[argc++] = (char *)sweep->path;
    argv[argc] = NULL;
    int none = open("/dev/null", O_RDWR), told = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (none < 0 || told < 0 || dup2(none, 0) < 0 || dup2(none, 1) < 0 || dup2(told, 2) < 0 ||
        prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
        _exit(70);
    }
    (void)execv("/proc/self/exe", argv); /* this very program, even if its file was replaced */
    (void)fprintf(stderr, "error: cannot be started: %s\n", strerror(errno));
    _exit(70);
}

static cbit_err_t start(pool_t *pool)
{
    worker_t *worker = pool->workers;
    pid_t parent = getpid();
    while (worker->pid != 0) {
        worker++;
    }
    worker->run = pool->todo[pool->next++];
    worker->pid = fork();
    if (worker->pid == 0) {
        become_run(pool, worker->run, parent);
    }
    if (worker->pid < 0) {
        worker->pid = 0;
        return cbit_diag_add(pool->diag, CBIT_ERR_WRITE, NULL, "no process can be started: %s",
                             strerror(errno));
    }
    pool->busy++;
    pool->shared->started++;
    return CBIT_ERR_OK;
}

/* The first line of what the run said, or how it ended. */
static void why(const cbit_sweep_pool_t *pool, uint32_t run, int status, char line[LINE_BYTES])
{
    char path[CBIT_SWEEP_PATH_BYTES];
    cbit_sweep_pool_path(pool, run, ".log", path);
    FILE *log = fopen(path, "rb");
    if (WIFSIGNALED(status)) {
        (void)snprintf(line, LINE_BYTES, "killed by signal %d", WTERMSIG(status));
    } else if (log == NULL || fgets(line, LINE_BYTES, log) == NULL) {
        (void)snprintf(line, LINE_BYTES, "ended with status %d", WEXITSTATUS(status));
    }
    line[strcspn(line, "\n")] = '\0';
    if (log != NULL) {
        (void)fclose(log);
    }
}

/* 0 and 1 (an expectation did not hold) have left a result; what else is not one. */
static cbit_err_t judge(pool_t *pool, uint32_t run, int status)
{
    char path[CBIT_SWEEP_PATH_BYTES], log[CBIT_SWEEP_PATH_BYTES], line[LINE_BYTES] = "";
    bool good = WIFEXITED(status) && WEXITSTATUS(status) <= 1 &&
                cbit_sweep_pool_has(pool->shared, run, "/result.json");
    cbit_sweep_pool_path(pool->shared, run, ".FAILED", path);
    cbit_sweep_pool_path(pool->shared, run, ".log", log);
    if (good) {
        (void)unlink(path);
        (void)unlink(log);
        return CBIT_ERR_OK;
    }
    why(pool->shared, run, status, line);
    FILE *failed = fopen(path, "wb");
    bool ok = failed != NULL && fprintf(failed, "%s\n", line) > 0;
    if ((failed != NULL && fclose(failed) != 0) || !ok) {
        cbit_diag_set_file(pool->diag, path);
        return cbit_diag_add(pool->diag, CBIT_ERR_WRITE, NULL, "cannot be written");
    }
    (void)unlink(log);
    return CBIT_ERR_OK;
}

static cbit_err_t reap(pool_t *pool)
{
    int status = 0;
    pid_t pid = wait(&status);
    if (pid < 0) {
        return errno == EINTR ? CBIT_ERR_OK
                              : cbit_diag_add(pool->diag, CBIT_ERR_INTERNAL, NULL,
                                              "a run's process is lost: %s", strerror(errno));
    }
    for (uint32_t i = 0; i < pool->shared->jobs; i++) {
        if (pool->workers[i].pid == pid) {
            pool->workers[i].pid = 0;
            pool->busy--;
            pool->ended++;
            return judge(pool, pool->workers[i].run, status);
        }
    }
    return CBIT_ERR_OK;
}

/* ---- all ---- */

void cbit_sweep_pool_tell(const cbit_sweep_pool_t *pool, uint32_t done, uint32_t count,
                          uint64_t spent_ms, const char *where)
{
    if (!pool->progress) {
        return;
    }
    uint64_t left_s = done == 0 ? 0 : spent_ms * (count - done) / done / 1000;
    uint64_t per_minute = spent_ms == 0 ? 0 : (uint64_t)done * 60000 / spent_ms;
    (void)fprintf(stderr,
                  "\r[%" PRIu32 "/%" PRIu32 "] %" PRIu64 " runs/min, %02" PRIu64 ":%02" PRIu64
                  " left%s   ",
                  done, count, per_minute, left_s / 60, left_s % 60, where);
    (void)fflush(stderr);
}

static void show(const pool_t *pool)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t spent_ms = (uint64_t)((int64_t)(now.tv_sec - pool->begun.tv_sec) * 1000 +
                                   (now.tv_nsec - pool->begun.tv_nsec) / 1000000);
    cbit_sweep_pool_tell(pool->shared, pool->ended, pool->todo_count, spent_ms, "");
}

static cbit_err_t work(pool_t *pool)
{
    cbit_err_t err = CBIT_ERR_OK;
    while (err == CBIT_ERR_OK && (pool->next < pool->todo_count || pool->busy > 0)) {
        if (pool->next < pool->todo_count && pool->busy < pool->shared->jobs) {
            err = start(pool);
        } else {
            err = reap(pool);
            show(pool);
        }
    }
    while (pool->busy > 0 && reap(pool) != CBIT_ERR_INTERNAL) {
    }
    if (pool->shared->progress && pool->todo_count > 0) {
        (void)fprintf(stderr, "\r%*s\r", 60, "");
    }
    return err;
}

static void find_work(pool_t *pool)
{
    for (uint32_t r = 0; r < cbit_sweep_runs(pool->shared->sweep); r++) {
        if (pool->shared->only != NULL && !pool->shared->only[r]) {
            continue;
        }
        if (cbit_sweep_pool_has(pool->shared, r, "/result.json") &&
            !cbit_sweep_pool_has(pool->shared, r, ".FAILED")) {
            pool->shared->found++;
        } else {
            pool->todo[pool->todo_count++] = r;
        }
    }
}

cbit_err_t cbit_sweep_pool_run(cbit_sweep_pool_t *shared, cbit_diag_t *diag)
{
    pool_t pool = {.shared = shared, .diag = diag};
    cbit_err_t err = CBIT_ERR_OK;
    pool.workers = calloc(shared->jobs, sizeof *pool.workers);
    pool.todo = calloc(cbit_sweep_runs(shared->sweep), sizeof *pool.todo);
    (void)clock_gettime(CLOCK_MONOTONIC, &pool.begun);
    if (pool.workers == NULL || pool.todo == NULL) {
        err = cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    } else {
        find_work(&pool);
        err = work(&pool);
    }
    free(pool.workers);
    free(pool.todo);
    return err;
}
