#define _XOPEN_SOURCE 700

#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static int64_t since_ms(const struct timespec *from)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)(now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
}

void cbit_progress_init(cbit_progress_t *progress, cbit_progress_kind_t kind)
{
    *progress = (cbit_progress_t){.terminal = isatty(STDERR_FILENO) == 1};
    progress->on =
        kind == CBIT_PROGRESS_PLAIN || (kind == CBIT_PROGRESS_AUTO && progress->terminal);
    progress->terminal = progress->terminal && kind == CBIT_PROGRESS_AUTO;
}

void cbit_progress_begin(cbit_progress_t *progress, const char *what, uint32_t index,
                         uint32_t count)
{
    progress->what = what;
    progress->index = index;
    progress->count = count;
    (void)clock_gettime(CLOCK_MONOTONIC, &progress->begun);
    progress->told = progress->begun;
}

void cbit_progress_tell(void *self, uint64_t now_ps, uint64_t kernel_events)
{
    cbit_progress_t *progress = self;
    if (!progress->on || since_ms(&progress->told) < (progress->terminal ? 100 : 1000)) {
        return;
    }
    int64_t spent_ms = since_ms(&progress->begun);
    uint64_t rate = spent_ms <= 0 ? 0 : kernel_events / (uint64_t)spent_ms; /* thousands a second */
    (void)fprintf(stderr,
                  "%s[%" PRIu32 "/%" PRIu32 "] %s: %" PRIu64 ".%02" PRIu64 " ms simulated, %" PRIu64
                  ".%" PRIu64 " M events/s%s",
                  progress->terminal ? "\r" : "", progress->index, progress->count, progress->what,
                  now_ps / 1000000000, now_ps / 10000000 % 100, rate / 1000, rate / 100 % 10,
                  progress->terminal ? "   " : "\n");
    (void)fflush(stderr);
    (void)clock_gettime(CLOCK_MONOTONIC, &progress->told);
}

void cbit_progress_end(cbit_progress_t *progress)
{
    if (progress->on && progress->terminal) {
        (void)fprintf(stderr, "\r%*s\r", 78, "");
    }
}
