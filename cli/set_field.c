#include "cli/set_field.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The value of a row that holds a number or a name; false if it is none. */
static bool parse_value(const cbit_row_t *row, const char *text, uint64_t *value)
{
    if (row->type == CBIT_ROW_ENUM) {
        for (*value = 0; row->names[*value] != NULL; ++*value) {
            if (strcmp(row->names[*value], text) == 0) {
                return true;
            }
        }
        return false;
    }
    char *end = NULL;
    *value = strtoull(text, &end, 10);
    return end != text && *end == '\0' && text[0] != '-' && *value >= row->min &&
           *value <= row->max;
}

static void say_range(const char *option, const char *name, const char *text, const cbit_row_t *row,
                      cbit_diag_t *diag)
{
    if (row->type == CBIT_ROW_ENUM) {
        char words[512] = "";
        for (uint32_t i = 0; row->names[i] != NULL; i++) {
            size_t used = strlen(words);
            (void)snprintf(words + used, sizeof words - used, "%s%s", i == 0 ? "" : ", ",
                           row->names[i]);
        }
        cbit_diag_add(diag, CBIT_ERR_RANGE, NULL, "%s %s: \"%s\" is not one of %s", option, name,
                      text, words);
        return;
    }
    cbit_diag_add(diag, CBIT_ERR_RANGE, NULL, "%s %s: %s is outside %" PRIu64 "..%" PRIu64 "%s",
                  option, name, text, row->min, row->max,
                  row->unit != NULL && strcmp(row->unit, "nck") == 0 ? " clocks" : "");
}

void cbit_cli_set_field(const char *option, const char *text, const cbit_row_t *rows, void *into,
                        cbit_diag_t *diag)
{
    const char *equals = strchr(text, '=');
    char name[64];
    size_t length = equals == NULL ? 0 : (size_t)(equals - text);
    if (length == 0 || length >= sizeof name) {
        cbit_diag_add(diag, CBIT_ERR_SYNTAX, NULL, "%s %s: not NAME=VALUE", option, text);
        return;
    }
    memcpy(name, text, length);
    name[length] = '\0';
    const cbit_row_t *row = cbit_rows_find(rows, name);
    if (row == NULL || (row->type != CBIT_ROW_U32 && row->type != CBIT_ROW_ENUM)) {
        const char *nearest = cbit_rows_nearest(rows, name);
        cbit_diag_add(diag, CBIT_ERR_UNKNOWN_KEY, NULL, "%s %s: no such parameter", option, name);
        if (nearest != NULL) {
            cbit_diag_hint(diag, "did you mean %s?", nearest);
        }
        return;
    }
    uint64_t value;
    if (!parse_value(row, equals + 1, &value)) {
        say_range(option, name, equals + 1, row, diag);
        return;
    }
    *(uint32_t *)(void *)((char *)into + row->offset) = (uint32_t)value;
}
