/**
 * @file
 * Diagnostics: everything that is wrong with an input, collected and told at once.
 *
 * A function that can fail takes a cbit_diag_t, adds one entry per finding and goes on as far as
 * it can. The list is plain data; the command line prints it as
 *
 *     error: FILE: /json/pointer: what was found; what is allowed
 *       hint: ...
 */
#ifndef CBIT_BASE_DIAG_H
#define CBIT_BASE_DIAG_H

#include <stddef.h>

#include "cbit/base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CBIT_DIAG_MAX_ENTRIES = 200, /* later entries are counted, not kept */
    CBIT_DIAG_TEXT_BYTES = 512,  /* longer texts are cut */
};

typedef struct cbit_diag_entry {
    cbit_err_t err;
    char file[CBIT_DIAG_TEXT_BYTES / 2];  /* as the user named it; "" when there is none */
    char where[CBIT_DIAG_TEXT_BYTES / 2]; /* JSON pointer, "line 3, column 7", "byte 4096" or "" */
    char text[CBIT_DIAG_TEXT_BYTES];
    char hint[CBIT_DIAG_TEXT_BYTES]; /* "" when there is none */
} cbit_diag_entry_t;

typedef struct cbit_diag cbit_diag_t; /* opaque */

/* An empty list; NULL only when memory is out. */
cbit_diag_t *cbit_diag_create(void);
void cbit_diag_destroy(cbit_diag_t *diag); /* NULL is allowed */

/* The file that following entries are about; NULL for none. The text is copied. */
void cbit_diag_set_file(cbit_diag_t *diag, const char *file);

/*
 * Adds an entry and returns err, so that `return cbit_diag_add(...)` reads well. diag may be NULL:
 * then only the code is returned. where may be NULL. Control characters in the result are replaced
 * by '?', since the text goes to terminals and parts of it come from hostile files.
 */
cbit_err_t cbit_diag_add(cbit_diag_t *diag, cbit_err_t err, const char *where, const char *format,
                         ...) __attribute__((format(printf, 4, 5)));

/* The same about a value below `where` (NULL: the root): its pointer is where/key. */
cbit_err_t cbit_diag_add_below(cbit_diag_t *diag, cbit_err_t err, const char *where,
                               const char *key, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* "WHERE/NAME/KEY": where in a section something is; empty parts are left out, with their slash. */
typedef struct cbit_diag_place {
    char text[CBIT_DIAG_TEXT_BYTES / 2];
} cbit_diag_place_t;
cbit_diag_place_t cbit_diag_place(const char *where, const char *name, const char *key);

/* Gives the newest entry a hint; nothing happens when there is none. */
void cbit_diag_hint(cbit_diag_t *diag, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Findings so far, those beyond CBIT_DIAG_MAX_ENTRIES included. */
size_t cbit_diag_count(const cbit_diag_t *diag);

/* Entry i of those kept, in the order of adding; NULL past the last. */
const cbit_diag_entry_t *cbit_diag_at(const cbit_diag_t *diag, size_t i);

/* The code of the first entry, CBIT_ERR_OK when the list is empty. */
cbit_err_t cbit_diag_first(const cbit_diag_t *diag);

#ifdef __cplusplus
}
#endif
#endif
