/* A file that is written beside its place and renamed, so that it is whole or absent. */
#ifndef CBIT_CLI_NEW_FILE_H
#define CBIT_CLI_NEW_FILE_H

#include <stdbool.h>
#include <stdio.h>

typedef enum cbit_new_file_kind {
    CBIT_NEW_FILE_PLAIN,
    CBIT_NEW_FILE_SECRET, /* readable by its owner alone */
} cbit_new_file_kind_t;

typedef struct cbit_new_file {
    const char *path; /* kept, not copied */
    char *beside;     /* NULL: path is a device or a pipe, and written as it is */
    FILE *file;       /* what is written goes here; NULL: none is begun */
} cbit_new_file_t;

/* False: it cannot be written. */
bool cbit_new_file_begin(cbit_new_file_t *file, const char *path, cbit_new_file_kind_t kind);

/* Puts it in its place if it is good, else removes what was written. True: it is in its place. */
bool cbit_new_file_end(cbit_new_file_t *file, bool good);

#endif
