#include "workloads/traffic/lackey.h"

/* "I  04000b60,3", " L 1ffeffee40,8", " S 1ffeffee38,8", " M 0425b2c0,8" */
static cbit_lackey_kind_t kind_of(const char *text)
{
    if (text[0] == 'I' && text[1] == ' ' && text[2] == ' ') {
        return CBIT_LACKEY_INSTRUCTION;
    }
    if (text[0] != ' ' || text[2] != ' ') {
        return CBIT_LACKEY_OTHER;
    }
    switch (text[1]) {
    case 'L':
        return CBIT_LACKEY_LOAD;
    case 'S':
        return CBIT_LACKEY_STORE;
    case 'M':
        return CBIT_LACKEY_MODIFY;
    default:
        return CBIT_LACKEY_OTHER;
    }
}

/* The value of a hexadecimal digit, 16 for anything else. */
static unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

void cbit_lackey_parse(const char *text, const char *end, cbit_lackey_line_t *line)
{
    enum { MAX_SIZE_BYTES = 1 << 16 };
    line->kind = end - text < 3 ? CBIT_LACKEY_OTHER : kind_of(text);
    if (line->kind == CBIT_LACKEY_OTHER) {
        return;
    }
    uint64_t gva = 0;
    uint32_t size = 0;
    const char *at = text + 3;
    while (at < end && *at == ' ') {
        at++;
    }
    const char *digits = at;
    for (; at < end && hex_digit(*at) < 16 && at - digits < 16; at++) {
        gva = gva << 4 | hex_digit(*at);
    }
    if (at == digits || at == end || *at != ',') {
        line->kind = CBIT_LACKEY_BROKEN;
        return;
    }
    digits = ++at;
    for (; at < end && *at >= '0' && *at <= '9' && size <= MAX_SIZE_BYTES; at++) {
        size = 10 * size + (uint32_t)(*at - '0');
    }
    if (at == digits || at != end || size == 0 || size > MAX_SIZE_BYTES) {
        line->kind = CBIT_LACKEY_BROKEN;
        return;
    }
    line->gva = gva;
    line->size_bytes = size;
}
