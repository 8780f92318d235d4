/* A file that is written beside its place and renamed, so that it is whole or absent. */
#ifndef CBIT_CLI_NEW_FILE_H
#define CBIT_CLI_NEW_FILE_H

#include <stdbool.h>
#include <stdio.h>

typedef struct cbit_new_file {
    const char *path; /* kept, not copied */
    char *beside;
    FILE *file; /* what is written goes here; NULL: none is begun */
} cbit_new_file_t;

/* False: it cannot be written. */
bool cbit_new_file_begin(cbit_new_file_t *file, const char *path);

/* Puts it in its place if it is good, else removes what was written. True: it is in its place. */
bool cbit_new_file_end(cbit_new_file_t *file, bool good);

#endif
