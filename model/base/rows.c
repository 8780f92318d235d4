#include "cbit/base/rows.h"

#include <string.h>

static void set_default(const cbit_row_t *row, unsigned char *field)
{
    switch (row->type) {
    case CBIT_ROW_U32:
    case CBIT_ROW_ENUM: {
        uint32_t value = (uint32_t)row->fallback;
        memcpy(field, &value, sizeof value);
        break;
    }
    case CBIT_ROW_BOOL: {
        bool value = row->fallback != 0;
        memcpy(field, &value, sizeof value);
        break;
    }
    case CBIT_ROW_U64:
    case CBIT_ROW_SIZE:
    case CBIT_ROW_ADDR:
    case CBIT_ROW_PS:
    case CBIT_ROW_RATIO:
        memcpy(field, &row->fallback, sizeof row->fallback);
        break;
    case CBIT_ROW_STRING: {
        const char *text = row->fallback_text == NULL ? "" : row->fallback_text;
        size_t len = strlen(text) < row->max ? strlen(text) : (size_t)row->max;
        memset(field, 0, (size_t)row->max + 1);
        memcpy(field, text, len);
        break;
    }
    case CBIT_ROW_OBJECT:
        cbit_rows_defaults(row->rows, field);
        break;
    case CBIT_ROW_JSON:
    case CBIT_ROW_ARRAY: {
        void *none = NULL;
        memcpy(field, &none, sizeof none);
        break;
    }
    }
}

void cbit_rows_defaults(const cbit_row_t *rows, void *object)
{
    unsigned char *bytes = object;
    for (const cbit_row_t *row = rows; row->key != NULL; row++) {
        set_default(row, bytes + row->offset);
        if (row->type == CBIT_ROW_ARRAY) {
            uint32_t count = 0;
            memcpy(bytes + row->count_offset, &count, sizeof count);
        }
    }
}

const cbit_row_t *cbit_rows_find(const cbit_row_t *rows, const char *key)
{
    for (const cbit_row_t *row = rows; row->key != NULL; row++) {
        if (strcmp(row->key, key) == 0) {
            return row;
        }
    }
    return NULL;
}

enum { NEAREST_MAX_LEN = 48 };

/* Levenshtein distance of two words of at most NEAREST_MAX_LEN bytes. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    size_t line[NEAREST_MAX_LEN + 1];
    for (size_t j = 0; j <= b_len; j++) {
        line[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = line[0];
        line[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t replace = diagonal + (a[i - 1] != b[j - 1]);
            size_t insert = (line[j] < line[j - 1] ? line[j] : line[j - 1]) + 1;
            diagonal = line[j];
            line[j] = replace < insert ? replace : insert;
        }
    }
    return line[b_len];
}

const char *cbit_rows_nearest(const cbit_row_t *rows, const char *key)
{
    const char *best = NULL;
    size_t best_distance = strlen(key) / 3 + 2; /* further away is another word */
    if (strlen(key) > NEAREST_MAX_LEN) {
        return NULL;
    }
    for (const cbit_row_t *row = rows; row->key != NULL; row++) {
        if (strlen(row->key) > NEAREST_MAX_LEN) {
            continue;
        }
        size_t distance = edit_distance(key, row->key);
        if (distance < best_distance) {
            best = row->key;
            best_distance = distance;
        }
    }
    return best;
}
