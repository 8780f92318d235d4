#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "cosim/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct worker {
    pid_t pid;
    uint32_t number;
} worker_t;

static void *result_of(const cbit_jobs_t *jobs, void *results, uint32_t number)
{
    return (char *)results + number * jobs->result_bytes;
}

static cbit_err_t start(const cbit_jobs_t *jobs, void *results, uint32_t number, worker_t *worker)
{
    (void)fflush(NULL);
    *worker = (worker_t){.pid = fork(), .number = number};
    if (worker->pid == 0) {
        jobs->work(jobs->self, number, result_of(jobs, results, number));
        _exit(0); /* what the parent opened is the parent's to clean up */
    }
    return worker->pid < 0 ? CBIT_ERR_NO_MEMORY : CBIT_ERR_OK;
}

/* Waits for one; UINT32_MAX when it ended well, else its number. */
static uint32_t wait_for_one(worker_t *workers, uint32_t *running)
{
    int status = 0;
    pid_t pid = wait(&status);
    uint32_t died = UINT32_MAX;
    for (uint32_t i = 0; i < *running; i++) {
        if (workers[i].pid == pid) {
            died = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? UINT32_MAX : workers[i].number;
            workers[i] = workers[--*running];
            return died;
        }
    }
    return died;
}

static cbit_err_t run_processes(const cbit_jobs_t *jobs, void *results, uint32_t *died)
{
    uint32_t running = 0, next = 0;
    cbit_err_t err = CBIT_ERR_OK;
    worker_t *workers = calloc(jobs->jobs, sizeof workers[0]);
    *died = UINT32_MAX;
    if (workers == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    while (running > 0 || (next < jobs->count && err == CBIT_ERR_OK)) {
        if (running < jobs->jobs && next < jobs->count && err == CBIT_ERR_OK) {
            err = start(jobs, results, next, &workers[running]);
            running += err == CBIT_ERR_OK ? 1 : 0;
            next++;
            continue;
        }
        uint32_t number = wait_for_one(workers, &running);
        *died = number < *died ? number : *died;
    }
    free(workers);
    return err == CBIT_ERR_OK && *died != UINT32_MAX ? CBIT_ERR_INTERNAL : err;
}

cbit_err_t cbit_jobs_run(const cbit_jobs_t *jobs, void **results, uint32_t *died)
{
    void *memory = mmap(NULL, jobs->count * jobs->result_bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *results = NULL;
    if (memory == MAP_FAILED) {
        return CBIT_ERR_NO_MEMORY;
    }
    *results = memory;
    if (jobs->jobs > 1) {
        return run_processes(jobs, memory, died);
    }
    for (uint32_t i = 0; i < jobs->count; i++) {
        jobs->work(jobs->self, i, result_of(jobs, memory, i));
    }
    return CBIT_ERR_OK;
}

void cbit_jobs_free(const cbit_jobs_t *jobs, void *results)
{
    if (results != NULL) {
        (void)munmap(results, jobs->count * jobs->result_bytes);
    }
}
