/* Runs another program and waits for it. */
#ifndef COSIM_PROCESS_H
#define COSIM_PROCESS_H

#include <stdint.h>

#include "cbit/base/err.h"

/*
 * argv[0] is looked for in PATH; the list ends with NULL. What it prints goes to the file log_path.
 * OK: it ended, *status is its exit status (128 + n for signal n). TOOL: it could not be started.
 */
cbit_err_t cbit_process_run(char *const argv[], const char *log_path, int *status);

/* Removes a folder with everything in it. */
void cbit_process_remove_tree(const char *path);

/* A list of words for a program; texts are owned. One that is too long is not run: RANGE. */
enum { CBIT_WORDS_MAX = 1024 };
typedef struct cbit_words {
    char *words[CBIT_WORDS_MAX + 1];
    uint32_t count;
} cbit_words_t;

void cbit_words_add(cbit_words_t *list, const char *prefix, const char *text);
void cbit_words_add_all(cbit_words_t *list, const char *const *words, uint32_t count);

/* Runs it, what it says into the log, and frees the list. */
cbit_err_t cbit_words_run(cbit_words_t *list, const char *log, int *status);

#endif
