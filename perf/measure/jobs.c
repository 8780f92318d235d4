#include "perf/measure/jobs.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum { MAX_WORKERS = 64 };

typedef struct pool {
    const cbit_measure_job_t *jobs;
    uint32_t count;
    void (*tell)(void *self, const char *what, uint32_t index, uint32_t count);
    void *tell_self;
    pthread_mutex_t lock; /* of all below, and of telling */
    uint32_t next;
    uint32_t failed; /* the first one that has; count: none */
    cbit_err_t err;  /* its code */
    cbit_diag_t *diag;
} pool_t;

/* The next job's number; false: there is none to begin. */
static bool take(pool_t *pool, uint32_t *job)
{
    (void)pthread_mutex_lock(&pool->lock);
    bool any = pool->err == CBIT_ERR_OK && pool->next < pool->count;
    if (any) {
        *job = pool->next++;
        if (pool->tell != NULL) {
            pool->tell(pool->tell_self, pool->jobs[*job].what, *job + 1, pool->count);
        }
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return any;
}

/* Keeps what the earliest failed job has found. */
static void fail(pool_t *pool, uint32_t job, cbit_err_t err, cbit_diag_t *diag)
{
    (void)pthread_mutex_lock(&pool->lock);
    if (job < pool->failed) {
        cbit_diag_t *other = pool->diag;
        pool->failed = job;
        pool->err = err;
        pool->diag = diag;
        diag = other;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    cbit_diag_destroy(diag);
}

static void *work(void *self)
{
    pool_t *pool = self;
    uint32_t job;
    while (take(pool, &job)) {
        cbit_diag_t *diag = cbit_diag_create();
        cbit_err_t err =
            diag == NULL ? CBIT_ERR_NO_MEMORY : pool->jobs[job].run(pool->jobs[job].self, diag);
        if (err != CBIT_ERR_OK) {
            fail(pool, job, err, diag);
        } else {
            cbit_diag_destroy(diag);
        }
    }
    return NULL;
}

/* Findings are text: where and what, with the hint. */
static void hand_on(const cbit_diag_t *from, cbit_diag_t *to)
{
    for (size_t i = 0; from != NULL && cbit_diag_at(from, i) != NULL; i++) {
        const cbit_diag_entry_t *entry = cbit_diag_at(from, i);
        cbit_diag_set_file(to, entry->file[0] == '\0' ? NULL : entry->file);
        (void)cbit_diag_add(to, entry->err, entry->where, "%s", entry->text);
        if (entry->hint[0] != '\0') {
            cbit_diag_hint(to, "%s", entry->hint);
        }
    }
}

cbit_err_t cbit_measure_jobs_run(const cbit_measure_job_t *jobs, uint32_t count, uint32_t workers,
                                 void (*tell)(void *self, const char *what, uint32_t index,
                                              uint32_t count),
                                 void *tell_self, cbit_diag_t *diag)
{
    pool_t pool = {
        .jobs = jobs, .count = count, .tell = tell, .tell_self = tell_self, .failed = count};
    pthread_t threads[MAX_WORKERS];
    uint32_t begun = 0;
    workers = workers < count ? workers : count;
    workers = workers < MAX_WORKERS ? workers : MAX_WORKERS;
    if (pthread_mutex_init(&pool.lock, NULL) != 0) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    /* One that cannot be started is not missed: the others do its jobs. */
    while (begun + 1 < workers && pthread_create(&threads[begun], NULL, work, &pool) == 0) {
        begun++;
    }
    (void)work(&pool);
    for (uint32_t i = 0; i < begun; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    (void)pthread_mutex_destroy(&pool.lock);
    hand_on(pool.diag, diag);
    cbit_diag_destroy(pool.diag);
    return pool.err;
}
