#include "cbit/base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cbit_diag {
    cbit_diag_entry_t *entries; /* grows up to CBIT_DIAG_MAX_ENTRIES */
    size_t kept, capacity, count;
    cbit_err_t first;
    char file[CBIT_DIAG_TEXT_BYTES / 2];
};

cbit_diag_t *cbit_diag_create(void)
{
    return calloc(1, sizeof(cbit_diag_t));
}

void cbit_diag_destroy(cbit_diag_t *diag)
{
    if (diag != NULL) {
        free(diag->entries);
        free(diag);
    }
}

static void copy_clean(char *to, size_t to_bytes, const char *from)
{
    size_t n = 0;
    for (; from[n] != '\0' && n + 1 < to_bytes; n++) {
        unsigned char c = (unsigned char)from[n];
        to[n] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
    }
    to[n] = '\0';
}

static void format_clean(char *to, size_t to_bytes, const char *format, va_list args)
{
    char text[CBIT_DIAG_TEXT_BYTES];
    (void)vsnprintf(text, sizeof text, format, args);
    copy_clean(to, to_bytes, text);
}

void cbit_diag_set_file(cbit_diag_t *diag, const char *file)
{
    if (diag != NULL) {
        copy_clean(diag->file, sizeof diag->file, file == NULL ? "" : file);
    }
}

/* Room for one more entry; NULL when the list is full or memory is out. */
static cbit_diag_entry_t *next_entry(cbit_diag_t *diag)
{
    if (diag->kept == CBIT_DIAG_MAX_ENTRIES) {
        return NULL;
    }
    if (diag->kept == diag->capacity) {
        size_t capacity = diag->capacity == 0 ? 8 : 2 * diag->capacity;
        cbit_diag_entry_t *grown = realloc(diag->entries, capacity * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        diag->entries = grown;
        diag->capacity = capacity;
    }
    return &diag->entries[diag->kept++];
}

static void add(cbit_diag_t *diag, cbit_err_t err, const char *where, const char *format,
                va_list args) __attribute__((format(printf, 4, 0)));

static void add(cbit_diag_t *diag, cbit_err_t err, const char *where, const char *format,
                va_list args)
{
    if (diag->count++ == 0) {
        diag->first = err;
    }
    cbit_diag_entry_t *entry = next_entry(diag);
    if (entry != NULL) {
        entry->err = err;
        copy_clean(entry->file, sizeof entry->file, diag->file);
        copy_clean(entry->where, sizeof entry->where, where == NULL ? "" : where);
        format_clean(entry->text, sizeof entry->text, format, args);
        entry->hint[0] = '\0';
    }
}

cbit_err_t cbit_diag_add(cbit_diag_t *diag, cbit_err_t err, const char *where, const char *format,
                         ...)
{
    if (diag != NULL) {
        va_list args;
        va_start(args, format);
        add(diag, err, where, format, args);
        va_end(args);
    }
    return err;
}

cbit_err_t cbit_diag_add_below(cbit_diag_t *diag, cbit_err_t err, const char *where,
                               const char *key, const char *format, ...)
{
    if (diag != NULL) {
        char pointer[CBIT_DIAG_TEXT_BYTES / 2];
        va_list args;
        (void)snprintf(pointer, sizeof pointer, "%s/%s", where == NULL ? "" : where, key);
        va_start(args, format);
        add(diag, err, pointer, format, args);
        va_end(args);
    }
    return err;
}

cbit_diag_place_t cbit_diag_place(const char *where, const char *name, const char *key)
{
    cbit_diag_place_t place;
    (void)snprintf(place.text, sizeof place.text, "%s%s%s%s%s", where, where[0] == '\0' ? "" : "/",
                   name, name[0] == '\0' ? "" : "/", key);
    return place;
}

void cbit_diag_hint(cbit_diag_t *diag, const char *format, ...)
{
    /* The newest entry may be one that was only counted: then there is nothing to hint at. */
    if (diag == NULL || diag->kept == 0 || diag->kept != diag->count) {
        return;
    }
    va_list args;
    va_start(args, format);
    cbit_diag_entry_t *entry = &diag->entries[diag->kept - 1];
    format_clean(entry->hint, sizeof entry->hint, format, args);
    va_end(args);
}

size_t cbit_diag_count(const cbit_diag_t *diag)
{
    return diag->count;
}

const cbit_diag_entry_t *cbit_diag_at(const cbit_diag_t *diag, size_t i)
{
    return i < diag->kept ? &diag->entries[i] : NULL;
}

cbit_err_t cbit_diag_first(const cbit_diag_t *diag)
{
    return diag->first;
}
