/* Progress on stderr, for people only: nothing of it reaches a result. */
#ifndef CBIT_CLI_PROGRESS_H
#define CBIT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef enum cbit_progress_kind {
    CBIT_PROGRESS_AUTO,  /* on a terminal only */
    CBIT_PROGRESS_PLAIN, /* one line a second, also into a file */
    CBIT_PROGRESS_NONE,
} cbit_progress_kind_t;

typedef struct cbit_progress {
    bool on, terminal;
    const char *what;
    uint32_t index, count; /* run `index` of `count` */
    struct timespec begun, told;
} cbit_progress_t;

void cbit_progress_init(cbit_progress_t *progress, cbit_progress_kind_t kind);
void cbit_progress_begin(cbit_progress_t *progress, const char *what, uint32_t index,
                         uint32_t count);

/* Fits cbit_hypervisor_options_t.on_progress. */
void cbit_progress_tell(void *self, uint64_t now_ps, uint64_t kernel_events);

/* Clears the line. */
void cbit_progress_end(cbit_progress_t *progress);

#endif
