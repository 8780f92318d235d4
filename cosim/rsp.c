#include "cosim/rsp.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct reader {
    cbit_rsp_record_t record;
    bool (*on_record)(void *self, const cbit_rsp_record_t *record);
    void *self;
    uint32_t line;
    bool stopped;
} reader_t;

static void deliver(reader_t *reader)
{
    if (reader->record.fields > 0 && !reader->stopped) {
        reader->stopped = !reader->on_record(reader->self, &reader->record);
    }
    reader->record.fields = 0;
}

static char *trim(char *text)
{
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1])) {
        *--end = '\0';
    }
    while (isspace((unsigned char)*text)) {
        text++;
    }
    return text;
}

static bool take_field(reader_t *reader, char *name, const char *value)
{
    cbit_rsp_record_t *record = &reader->record;
    if (strcmp(name, "COUNT") == 0) {
        deliver(reader);
        record->line = reader->line;
    }
    if (record->fields == CBIT_RSP_MAX_FIELDS || strlen(name) >= CBIT_RSP_NAME_BYTES ||
        strlen(value) >= CBIT_RSP_VALUE_BYTES) {
        return false;
    }
    cbit_rsp_field_t *field = &record->field[record->fields++];
    (void)snprintf(field->name, sizeof field->name, "%s", name);
    (void)snprintf(field->value, sizeof field->value, "%s", value);
    return true;
}

static bool take_line(reader_t *reader, char *line)
{
    char *text = trim(line);
    if (text[0] == '\0' || text[0] == '#') {
        return true;
    }
    if (text[0] == '[') {
        deliver(reader);
        reader->record.decrypt = strncmp(text, "[DECRYPT", 8) == 0;
        return true;
    }
    char *equals = strchr(text, '=');
    if (equals == NULL) {
        return false;
    }
    *equals = '\0';
    char *name = trim(text);
    for (char *at = name; *at != '\0'; at++) {
        *at = (char)toupper((unsigned char)*at);
    }
    return take_field(reader, name, trim(equals + 1));
}

cbit_err_t cbit_rsp_read(const char *path,
                         bool (*on_record)(void *self, const cbit_rsp_record_t *record), void *self,
                         cbit_diag_t *diag)
{
    char line[CBIT_RSP_VALUE_BYTES + CBIT_RSP_NAME_BYTES + 8];
    reader_t *reader = calloc(1, sizeof *reader);
    FILE *file = fopen(path, "r");
    cbit_err_t err = CBIT_ERR_OK;
    cbit_diag_set_file(diag, path);
    if (reader == NULL || file == NULL) {
        err = reader == NULL ? CBIT_ERR_NO_MEMORY
                             : cbit_diag_add(diag, CBIT_ERR_OPEN, NULL, "cannot be opened");
    } else {
        reader->on_record = on_record;
        reader->self = self;
        while (err == CBIT_ERR_OK && !reader->stopped && fgets(line, sizeof line, file) != NULL) {
            char where[32];
            reader->line++;
            (void)snprintf(where, sizeof where, "line %u", (unsigned)reader->line);
            if (strlen(line) == sizeof line - 1 || !take_line(reader, line)) {
                err = cbit_diag_add(diag, CBIT_ERR_FORMAT, where,
                                    "found neither NAME = VALUE nor a [SECTION] nor a # comment");
            }
        }
        deliver(reader);
    }
    cbit_diag_set_file(diag, NULL);
    if (file != NULL) {
        (void)fclose(file);
    }
    free(reader);
    return err;
}

const char *cbit_rsp_text(const cbit_rsp_record_t *record, const char *name)
{
    for (uint32_t i = 0; i < record->fields; i++) {
        if (strcmp(record->field[i].name, name) == 0) {
            return record->field[i].value;
        }
    }
    return NULL;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    int lower = tolower((unsigned char)c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

size_t cbit_rsp_bytes(const cbit_rsp_record_t *record, const char *name, uint8_t *bytes,
                      size_t max_bytes)
{
    const char *text = cbit_rsp_text(record, name);
    size_t len = text == NULL ? 0 : strlen(text);
    if (len % 2 != 0 || len / 2 > max_bytes) {
        return 0;
    }
    for (size_t i = 0; i < len / 2; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return 0;
        }
        bytes[i] = (uint8_t)(16 * high + low);
    }
    return len / 2;
}
