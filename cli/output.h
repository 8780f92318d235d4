/*
 * An output directory: written beside and renamed, so that it is complete or absent. A finished one
 * is replaced only by force.
 */
#ifndef CBIT_CLI_OUTPUT_H
#define CBIT_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "cbit/base/diag.h"

enum { CBIT_OUTPUT_PATH_BYTES = 4096 };

typedef struct cbit_output {
    char final[CBIT_OUTPUT_PATH_BYTES];  /* where it will be */
    char beside[CBIT_OUTPUT_PATH_BYTES]; /* where it is written; "" while nothing is */
    bool force;
} cbit_output_t;

/* WRITE when something is at path already (and force is not given, or it is no output of ours).
   Makes nothing yet, so it can be asked before a long run. */
cbit_err_t cbit_output_check(cbit_output_t *output, const char *path, bool force,
                             cbit_diag_t *diag);

/* Makes the directory beside, and its parents. */
cbit_err_t cbit_output_begin(cbit_output_t *output, cbit_diag_t *diag);

cbit_err_t cbit_output_write(cbit_output_t *output, const char *name, const char *bytes, size_t len,
                             cbit_diag_t *diag);

/* Renames into place. */
cbit_err_t cbit_output_finish(cbit_output_t *output, cbit_diag_t *diag);

/* Removes what begin made, when it was not finished. */
void cbit_output_discard(cbit_output_t *output);

/* Every folder above the last slash of path. */
cbit_err_t cbit_output_make_parents(const char *path, cbit_diag_t *diag);

/* The last part of a directory's path: what people call the run. To be freed; NULL when memory is
   out. */
char *cbit_output_name(const char *path);

/* Removes a directory of ours, whole or half written. */
void cbit_output_remove(const char *path);

#endif
