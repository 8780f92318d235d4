#include "workloads/scenario/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "workloads/json/text.h"

/* JSON numbers are exact in every reader up to here; larger ones are written as strings. */
static const uint64_t json_exact = UINT64_C(1) << 53;

static const char *const wants[] = {
    [CBIT_ROW_U32] = "a whole number",
    [CBIT_ROW_U64] = "a whole number",
    [CBIT_ROW_BOOL] = "true or false",
    [CBIT_ROW_ENUM] = "a word in quotes",
    [CBIT_ROW_SIZE] = "a size in quotes such as \"64MiB\"",
    [CBIT_ROW_ADDR] = "an address in quotes such as \"0x8000_0000\"",
    [CBIT_ROW_PS] = "a number",
    [CBIT_ROW_RATIO] = "a number",
    [CBIT_ROW_STRING] = "a text in quotes",
    [CBIT_ROW_OBJECT] = "an object",
    [CBIT_ROW_ARRAY] = "an array",
    [CBIT_ROW_JSON] = "a value",
};

static const char *const kinds[] = {
    [CBIT_JSON_NULL] = "null",        [CBIT_JSON_FALSE] = "false",   [CBIT_JSON_TRUE] = "true",
    [CBIT_JSON_NUMBER] = "number",    [CBIT_JSON_STRING] = "string", [CBIT_JSON_ARRAY] = "an array",
    [CBIT_JSON_OBJECT] = "an object",
};

void cbit_value_wants_of(const cbit_row_t *row, cbit_row_type_t type, char *text, size_t bytes)
{
    if (type != CBIT_ROW_ENUM) {
        (void)snprintf(text, bytes, "%s", wants[type]);
        return;
    }
    size_t len = (size_t)snprintf(text, bytes, "one of");
    for (uint32_t i = 0; row->names[i] != NULL && len < bytes; i++) {
        len += (size_t)snprintf(text + len, bytes - len, "%s %s", i > 0 ? "," : "", row->names[i]);
    }
}

uint32_t cbit_value_ps_decimals(const char *key)
{
    static const struct {
        const char *suffix;
        uint32_t decimals;
    } units[] = {{"_ps", 0}, {"_ns", 3}, {"_us", 6}, {"_ms", 9}};
    size_t len = strlen(key);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (len > 3 && strcmp(key + len - 3, units[i].suffix) == 0) {
            return units[i].decimals;
        }
    }
    return 0;
}

uint64_t cbit_value_max(const cbit_row_t *row, cbit_row_type_t type)
{
    if (row->max != 0 && row->type == type) {
        return row->max;
    }
    return type == CBIT_ROW_U32 ? UINT32_MAX : UINT64_MAX;
}

uint32_t cbit_value_words(const char *const *names)
{
    uint32_t count = 0;
    while (names[count] != NULL) {
        count++;
    }
    return count;
}

const char *cbit_value_nearest(const char *const *names, const char *word)
{
    cbit_row_t rows[33] = {{.key = NULL}};
    for (uint32_t i = 0; i < 32 && names[i] != NULL; i++) {
        rows[i].key = names[i];
        rows[i + 1].key = NULL;
    }
    return cbit_rows_nearest(rows, word);
}

static const struct {
    const char *word;
    uint32_t shift;
} size_units[] = {{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"", 0}};

enum { SIZE_UNITS = sizeof size_units / sizeof size_units[0] };

void cbit_value_size_text(uint64_t bytes, char *text, size_t text_bytes)
{
    size_t i = 0;
    while (i + 1 < SIZE_UNITS &&
           (bytes == 0 || bytes % (UINT64_C(1) << size_units[i].shift) != 0)) {
        i++;
    }
    (void)snprintf(text, text_bytes, "%" PRIu64 "%s", bytes >> size_units[i].shift,
                   size_units[i].word);
}

/* ---- what is kept, as people write it ---- */

static uint32_t decimals_of(const cbit_row_t *row, cbit_row_type_t type)
{
    return type == CBIT_ROW_RATIO ? 6 : type == CBIT_ROW_PS ? cbit_value_ps_decimals(row->key) : 0;
}

/* value / 10^decimals without zeros at the end: (500000, 6) is 0.5. */
static void decimal_text(uint64_t value, uint32_t decimals, char *text, size_t bytes)
{
    uint64_t power = 1;
    for (uint32_t i = 0; i < decimals; i++) {
        power *= 10;
    }
    int len = snprintf(text, bytes, "%" PRIu64, value / power);
    if (value % power != 0) {
        len +=
            snprintf(text + len, bytes - (size_t)len, ".%0*" PRIu64, (int)decimals, value % power);
        while (text[len - 1] == '0') {
            text[--len] = '\0';
        }
    }
}

enum { SPELL_BYTES = 48 };

static void spell(const cbit_row_t *row, cbit_row_type_t type, uint64_t value,
                  char text[SPELL_BYTES])
{
    if (type == CBIT_ROW_SIZE) {
        cbit_value_size_text(value, text, SPELL_BYTES);
    } else if (type == CBIT_ROW_ADDR) {
        (void)snprintf(text, SPELL_BYTES, "0x%" PRIx64, value);
    } else {
        decimal_text(value, decimals_of(row, type), text, SPELL_BYTES);
    }
}

cbit_json_t *cbit_value_json(cbit_arena_t *arena, const cbit_row_t *row, cbit_row_type_t type,
                             const void *field)
{
    char text[SPELL_BYTES];
    uint32_t word = 0;
    uint64_t value = 0;
    bool truth = false;
    switch (type) {
    case CBIT_ROW_BOOL:
        memcpy(&truth, field, sizeof truth);
        return cbit_json_bool(arena, truth);
    case CBIT_ROW_ENUM:
        memcpy(&word, field, sizeof word);
        return cbit_json_string(arena, row->names[word]);
    case CBIT_ROW_STRING:
        return cbit_json_string(arena, field);
    case CBIT_ROW_U32:
        memcpy(&word, field, sizeof word);
        return cbit_json_u64(arena, word);
    default:
        break;
    }
    memcpy(&value, field, sizeof value);
    spell(row, type, value, text);
    bool quoted = type == CBIT_ROW_SIZE || type == CBIT_ROW_ADDR ||
                  (type == CBIT_ROW_U64 && value > json_exact);
    cbit_json_t *json = cbit_json_string(arena, text);
    if (json != NULL && !quoted) {
        json->kind = CBIT_JSON_NUMBER;
    }
    return json;
}

/* ---- from JSON ---- */

/* What was found, short enough for a message. */
static void found(const cbit_json_t *json, char *text, size_t bytes)
{
    if (json->kind == CBIT_JSON_STRING) {
        (void)snprintf(text, bytes, "\"%.60s\"%s", json->text,
                       strlen(json->text) > 60 ? "..." : "");
    } else if (json->kind == CBIT_JSON_NUMBER) {
        (void)snprintf(text, bytes, "%.60s%s", json->text, strlen(json->text) > 60 ? "..." : "");
    } else {
        (void)snprintf(text, bytes, "%s", kinds[json->kind]);
    }
}

static cbit_err_t wrong_type(cbit_row_type_t type, const cbit_json_t *json, char *why)
{
    char what[80];
    found(json, what, sizeof what);
    (void)snprintf(why, CBIT_VALUE_WHY_BYTES, "found %s; expected %s", what, wants[type]);
    return CBIT_ERR_TYPE;
}

static cbit_err_t outside(const cbit_row_t *row, cbit_row_type_t type, const cbit_json_t *json,
                          char *why)
{
    char what[80], low[SPELL_BYTES], high[SPELL_BYTES];
    found(json, what, sizeof what);
    spell(row, type, row->type == type ? row->min : 0, low);
    spell(row, type, cbit_value_max(row, type), high);
    (void)snprintf(why, CBIT_VALUE_WHY_BYTES, "%s is outside %s..%s%s%s%s", what, low, high,
                   row->unit == NULL ? "" : " (", row->unit == NULL ? "" : row->unit,
                   row->unit == NULL ? "" : ")");
    return CBIT_ERR_RANGE;
}

/* Digits of a base with '_' between them for the eye; false when there is anything else. */
static bool read_digits(const char *text, size_t len, uint32_t base, uint64_t *value)
{
    bool any = false;
    *value = 0;
    for (size_t i = 0; i < len; i++) {
        int digit = cbit_hex_digit(text[i]);
        if (text[i] == '_' && any) {
            continue;
        }
        if (digit < 0 || (uint32_t)digit >= base ||
            *value > (UINT64_MAX - (uint64_t)digit) / base) {
            return false;
        }
        *value = *value * base + (uint64_t)digit;
        any = true;
    }
    return any;
}

static bool read_address(const char *text, uint64_t *value)
{
    if (text[0] == '0' && text[1] == 'x') {
        return read_digits(text + 2, strlen(text + 2), 16, value);
    }
    return read_digits(text, strlen(text), 10, value);
}

static bool read_size(const char *text, uint64_t *value)
{
    for (size_t i = 0; i < SIZE_UNITS; i++) {
        size_t unit_len = strlen(size_units[i].word), len = strlen(text);
        if (len < unit_len || strcmp(text + len - unit_len, size_units[i].word) != 0) {
            continue;
        }
        len -= unit_len;
        len -= len > 0 && unit_len > 0 && text[len - 1] == ' ';
        if (!read_digits(text, len, 10, value) || *value > UINT64_MAX >> size_units[i].shift) {
            return false;
        }
        *value <<= size_units[i].shift;
        return true;
    }
    return false;
}

static cbit_err_t parse_number(const cbit_row_t *row, cbit_row_type_t type, const cbit_json_t *json,
                               uint64_t *value, char *why)
{
    bool negative = false;
    uint32_t decimals = decimals_of(row, type);
    if (json->kind != CBIT_JSON_NUMBER) {
        return wrong_type(type, json, why);
    }
    if (!cbit_json_scaled(json, decimals, &negative, value)) {
        uint64_t ignored;
        bool fraction = false;
        for (uint32_t more = 1; more <= 18 && !fraction; more++) {
            fraction = cbit_json_scaled(json, decimals + more, &negative, &ignored);
        }
        if (fraction) {
            char what[80];
            found(json, what, sizeof what);
            size_t len = (size_t)snprintf(why, CBIT_VALUE_WHY_BYTES, "found %s; expected %s", what,
                                          wants[type]);
            if (decimals > 0) {
                (void)snprintf(why + len, CBIT_VALUE_WHY_BYTES - len,
                               " of at most %u digits behind the point", (unsigned)decimals);
            }
            return CBIT_ERR_TYPE;
        }
        return outside(row, type, json, why);
    }
    if (negative && *value != 0) {
        return outside(row, type, json, why);
    }
    return CBIT_ERR_OK;
}

static cbit_err_t parse_u64(const cbit_row_t *row, const cbit_json_t *json, uint64_t *value,
                            char *why)
{
    if (json->kind == CBIT_JSON_STRING) {
        return read_address(json->text, value) ? CBIT_ERR_OK : wrong_type(CBIT_ROW_U64, json, why);
    }
    cbit_err_t err = parse_number(row, CBIT_ROW_U64, json, value, why);
    if (err == CBIT_ERR_OK && *value > json_exact) {
        (void)snprintf(why, CBIT_VALUE_WHY_BYTES,
                       "%.60s is beyond 2^53, where JSON numbers stop being exact; write it in "
                       "quotes",
                       json->text);
        err = CBIT_ERR_RANGE;
    }
    return err;
}

static cbit_err_t parse_quoted(cbit_row_type_t type, const cbit_json_t *json, uint64_t *value,
                               char *why)
{
    if (json->kind != CBIT_JSON_STRING ||
        !(type == CBIT_ROW_SIZE ? read_size : read_address)(json->text, value)) {
        return wrong_type(type, json, why);
    }
    return CBIT_ERR_OK;
}

static cbit_err_t parse_word(const cbit_row_t *row, const cbit_json_t *json, uint64_t *value,
                             char *why)
{
    if (json->kind != CBIT_JSON_STRING) {
        return wrong_type(CBIT_ROW_ENUM, json, why);
    }
    for (uint32_t i = 0; row->names[i] != NULL; i++) {
        if (strcmp(row->names[i], json->text) == 0) {
            *value = i;
            return CBIT_ERR_OK;
        }
    }
    size_t len =
        (size_t)snprintf(why, CBIT_VALUE_WHY_BYTES, "found \"%.60s\"; expected one of", json->text);
    for (uint32_t i = 0; row->names[i] != NULL && len < CBIT_VALUE_WHY_BYTES; i++) {
        len += (size_t)snprintf(why + len, CBIT_VALUE_WHY_BYTES - len, "%s %s", i > 0 ? "," : "",
                                row->names[i]);
    }
    return CBIT_ERR_RANGE;
}

static cbit_err_t parse_string(const cbit_row_t *row, const cbit_json_t *json, char *field,
                               char *why)
{
    if (json->kind != CBIT_JSON_STRING) {
        return wrong_type(CBIT_ROW_STRING, json, why);
    }
    size_t len = strlen(json->text);
    if (len < row->min || len > row->max) {
        (void)snprintf(why, CBIT_VALUE_WHY_BYTES,
                       "a text of %zu bytes; expected %" PRIu64 " to %" PRIu64, len, row->min,
                       row->max);
        return CBIT_ERR_RANGE;
    }
    memset(field, 0, (size_t)row->max + 1);
    memcpy(field, json->text, len);
    return CBIT_ERR_OK;
}

static cbit_err_t parse_bool(const cbit_json_t *json, void *field, char *why)
{
    bool truth = json->kind == CBIT_JSON_TRUE;
    if (!truth && json->kind != CBIT_JSON_FALSE) {
        return wrong_type(CBIT_ROW_BOOL, json, why);
    }
    memcpy(field, &truth, sizeof truth);
    return CBIT_ERR_OK;
}

static cbit_err_t parse_any_number(const cbit_row_t *row, cbit_row_type_t type,
                                   const cbit_json_t *json, uint64_t *value, char *why)
{
    cbit_err_t err;
    if (type == CBIT_ROW_ENUM) {
        return parse_word(row, json, value, why);
    }
    if (type == CBIT_ROW_U64) {
        err = parse_u64(row, json, value, why);
    } else if (type == CBIT_ROW_SIZE || type == CBIT_ROW_ADDR) {
        err = parse_quoted(type, json, value, why);
    } else {
        err = parse_number(row, type, json, value, why);
    }
    uint64_t min = row->type == type ? row->min : 0;
    if (err == CBIT_ERR_OK && (*value < min || *value > cbit_value_max(row, type))) {
        err = outside(row, type, json, why);
    }
    return err;
}

cbit_err_t cbit_value_parse(const cbit_row_t *row, cbit_row_type_t type, const cbit_json_t *json,
                            void *field, char why[CBIT_VALUE_WHY_BYTES])
{
    uint64_t value = 0;
    if (type == CBIT_ROW_BOOL) {
        return parse_bool(json, field, why);
    }
    if (type == CBIT_ROW_STRING) {
        return parse_string(row, json, field, why);
    }
    cbit_err_t err = parse_any_number(row, type, json, &value, why);
    if (err == CBIT_ERR_OK && (type == CBIT_ROW_U32 || type == CBIT_ROW_ENUM)) {
        uint32_t narrow = (uint32_t)value;
        memcpy(field, &narrow, sizeof narrow);
    } else if (err == CBIT_ERR_OK) {
        memcpy(field, &value, sizeof value);
    }
    return err;
}
