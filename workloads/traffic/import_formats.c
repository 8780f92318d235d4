/* One function for each format that other tools write. */
#include <string.h>

#include "workloads/traffic/import.h"
#include "workloads/traffic/lackey.h"
#include "workloads/traffic/trace_codec.h"

const char *const cbit_import_format_words[CBIT_IMPORT_FORMATS + 1] = {
    "lackey", "dramsim3", "ramulator-ls", "ramulator-o3", "champsim", "csv", NULL};

/* ---- words and numbers of a line ---- */

typedef struct words {
    const char *at, *end;
} words_t;

typedef struct word {
    const char *text;
    size_t len;
} word_t;

/* The next word, parted by blanks or by the given character; empty at the end of the line. */
static word_t next_word(words_t *words, char parted_by)
{
    while (words->at < words->end && (*words->at == ' ' || *words->at == '\t')) {
        words->at++;
    }
    word_t word = {words->at, 0};
    while (words->at < words->end && *words->at != ' ' && *words->at != '\t' &&
           *words->at != parted_by) {
        words->at++;
        word.len++;
    }
    while (words->at < words->end && (*words->at == ' ' || *words->at == '\t')) {
        words->at++;
    }
    if (parted_by != ' ' && words->at < words->end && *words->at == parted_by) {
        words->at++;
    }
    return word;
}

static bool is(word_t word, const char *text)
{
    return word.len == strlen(text) && memcmp(word.text, text, word.len) == 0;
}

static unsigned digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* Decimal, or hexadecimal with 0x. */
static bool number_of(word_t word, uint64_t *value)
{
    bool hex = word.len > 2 && word.text[0] == '0' && (word.text[1] | 0x20) == 'x';
    uint64_t base = hex ? 16 : 10, sum = 0;
    size_t i = hex ? 2 : 0;
    if (word.len == i) {
        return false;
    }
    for (; i < word.len; i++) {
        uint64_t digit = digit_of(word.text[i]);
        if (digit >= base || sum > (UINT64_MAX - digit) / base) {
            return false;
        }
        sum = base * sum + digit;
    }
    *value = sum;
    return true;
}

static bool is_empty(const char *text, const char *end)
{
    words_t words = {text, end};
    return next_word(&words, ' ').len == 0;
}

/* ---- text formats ---- */

static const char *take_lackey(cbit_import_t *import, const char *text, const char *end)
{
    cbit_lackey_line_t line;
    cbit_lackey_parse(text, end, &line);
    switch (line.kind) {
    case CBIT_LACKEY_INSTRUCTION:
        cbit_coalesce_instruction(&import->coalesce, line.gva, line.size_bytes);
        break;
    case CBIT_LACKEY_MODIFY:
        cbit_coalesce_data(&import->coalesce, CBIT_TRACE_LOAD, line.gva, line.size_bytes, false);
        cbit_coalesce_data(&import->coalesce, CBIT_TRACE_STORE, line.gva, line.size_bytes, false);
        break;
    case CBIT_LACKEY_LOAD:
    case CBIT_LACKEY_STORE:
        cbit_coalesce_data(&import->coalesce,
                           line.kind == CBIT_LACKEY_LOAD ? CBIT_TRACE_LOAD : CBIT_TRACE_STORE,
                           line.gva, line.size_bytes, false);
        break;
    case CBIT_LACKEY_BROKEN:
        return "not \"I  ADDRESS,SIZE\" nor \" L\", \" S\" or \" M ADDRESS,SIZE\"";
    default:
        break; /* valgrind's own messages, and the program's */
    }
    return NULL;
}

/* Clocks between requests stand for instructions: the tool knows no others. */
static const char *take_dramsim3(cbit_import_t *import, const char *text, const char *end)
{
    words_t words = {text, end};
    uint64_t address, clock;
    if (is_empty(text, end)) {
        return NULL;
    }
    word_t at = next_word(&words, ' '), command = next_word(&words, ' ');
    bool is_write = is(command, "WRITE");
    if (!number_of(at, &address) || !(is_write || is(command, "READ")) ||
        !number_of(next_word(&words, ' '), &clock) || words.at != end) {
        return "not \"ADDRESS READ|WRITE CLOCK\"";
    }
    if (clock < import->last_clock) {
        return "clock is before that of the line above";
    }
    uint64_t gap = clock - import->last_clock;
    import->last_clock = clock;
    return cbit_import_access(import, is_write ? CBIT_TRACE_STORE : CBIT_TRACE_LOAD,
                              address - address % CBIT_TRACE_LINE_BYTES, CBIT_TRACE_LINE_BYTES,
                              gap == 0 ? 1 : gap);
}

static const char *take_ramulator_ls(cbit_import_t *import, const char *text, const char *end)
{
    words_t words = {text, end};
    uint64_t address;
    if (is_empty(text, end)) {
        return NULL;
    }
    word_t command = next_word(&words, ' ');
    bool is_store = is(command, "ST");
    if (!(is_store || is(command, "LD")) || !number_of(next_word(&words, ' '), &address) ||
        words.at != end) {
        return "not \"LD ADDRESS\" or \"ST ADDRESS\"";
    }
    return cbit_import_access(import, is_store ? CBIT_TRACE_STORE : CBIT_TRACE_LOAD,
                              address - address % CBIT_TRACE_LINE_BYTES, CBIT_TRACE_LINE_BYTES, 1);
}

static const char *take_ramulator_o3(cbit_import_t *import, const char *text, const char *end)
{
    words_t words = {text, end};
    uint64_t bubbles, load, store;
    if (is_empty(text, end)) {
        return NULL;
    }
    if (!number_of(next_word(&words, ' '), &bubbles) || !number_of(next_word(&words, ' '), &load)) {
        return "not \"BUBBLES LOAD [WRITEBACK]\"";
    }
    const char *what =
        cbit_import_access(import, CBIT_TRACE_LOAD, load - load % CBIT_TRACE_LINE_BYTES,
                           CBIT_TRACE_LINE_BYTES, bubbles == UINT64_MAX ? bubbles : bubbles + 1);
    if (what != NULL || words.at == end) {
        return what;
    }
    if (!number_of(next_word(&words, ' '), &store) || words.at != end) {
        return "not \"BUBBLES LOAD [WRITEBACK]\"";
    }
    return cbit_import_access(import, CBIT_TRACE_STORE, store - store % CBIT_TRACE_LINE_BYTES,
                              CBIT_TRACE_LINE_BYTES, 0);
}

static const char *take_csv(cbit_import_t *import, const char *text, const char *end)
{
    static const char *const kinds[] = {"fetch", "load", "store"};
    words_t words = {text, end};
    uint64_t address, size, gap, depends;
    if (is_empty(text, end)) {
        return NULL;
    }
    word_t kind = next_word(&words, ',');
    if (is(kind, "kind")) {
        return NULL; /* the heading */
    }
    uint8_t number = 0;
    while (number <= CBIT_TRACE_STORE && !is(kind, kinds[number])) {
        number++;
    }
    if (number > CBIT_TRACE_STORE || !number_of(next_word(&words, ','), &address) ||
        !number_of(next_word(&words, ','), &size) || !number_of(next_word(&words, ','), &gap) ||
        !number_of(next_word(&words, ','), &depends) || words.at != end || size > UINT8_MAX ||
        gap > UINT32_MAX || depends > 1) {
        return "not \"fetch|load|store,ADDRESS,SIZE,GAP,0|1\"";
    }
    const cbit_trace_record_t record = {.gva = address,
                                        .kind = number,
                                        .size_bytes = (uint8_t)size,
                                        .gap = (uint32_t)gap,
                                        .depends = depends == 1};
    return cbit_import_record(import, &record);
}

/* ---- ChampSim ---- */

/*
 * ip, is_branch, branch_taken, 2 destination and 4 source registers (a byte each), 2 destination
 * and 4 source addresses; an address of 0 is none. Lengths of instructions and sizes of accesses
 * are not recorded: an instruction is taken to be 4 bytes long, within its line, and an access 8.
 */
static const char *take_champsim(cbit_import_t *import, const uint8_t *record)
{
    enum { STORES_AT = 16, STORES = 2, LOADS_AT = 32, LOADS = 4, LENGTH = 4, ACCESS = 8 };
    uint64_t ip = cbit_cbt_get_u64(record);
    uint64_t left = CBIT_TRACE_LINE_BYTES - ip % CBIT_TRACE_LINE_BYTES;
    if (record[8] > 1 || record[9] > 1) {
        return "branch flags are not 0 or 1: not a ChampSim trace, or compressed";
    }
    cbit_coalesce_instruction(&import->coalesce, ip, left < LENGTH ? (uint32_t)left : LENGTH);
    for (uint32_t i = 0; i < LOADS; i++) {
        uint64_t gva = cbit_cbt_get_u64(record + LOADS_AT + 8 * (size_t)i);
        if (gva != 0) {
            cbit_coalesce_data(&import->coalesce, CBIT_TRACE_LOAD, gva, ACCESS, false);
        }
    }
    for (uint32_t i = 0; i < STORES; i++) {
        uint64_t gva = cbit_cbt_get_u64(record + STORES_AT + 8 * (size_t)i);
        if (gva != 0) {
            cbit_coalesce_data(&import->coalesce, CBIT_TRACE_STORE, gva, ACCESS, false);
        }
    }
    return NULL;
}

const cbit_import_kind_t cbit_import_kinds[CBIT_IMPORT_FORMATS] = {
    [CBIT_IMPORT_LACKEY] = {.line = take_lackey},
    [CBIT_IMPORT_DRAMSIM3] = {.line = take_dramsim3},
    [CBIT_IMPORT_RAMULATOR_LS] = {.line = take_ramulator_ls},
    [CBIT_IMPORT_RAMULATOR_O3] = {.line = take_ramulator_o3},
    [CBIT_IMPORT_CHAMPSIM] = {.record = take_champsim, .record_bytes = 64},
    [CBIT_IMPORT_CSV] = {.line = take_csv},
};
