#include "cosim/waves.h"

#include <stdio.h>
#include <string.h>

#include "cosim/dut_library.h"

enum { BITS = 8 * CBIT_BLOCK_BYTES, VALUES = CBIT_ROUNDS + 1, ORDERS = 2 };

/* Most significant bit first, as waves have it. */
static void to_bits(const uint8_t *bytes, bool low_first, char bits[BITS + 1])
{
    for (uint32_t i = 0; i < BITS; i++) {
        uint8_t byte = bytes[low_first ? CBIT_BLOCK_BYTES - 1 - i / 8 : i / 8];
        bits[i] = (byte >> (7 - i % 8) & 1) != 0 ? '1' : '0';
    }
    bits[BITS] = '\0';
}

/* The last of a sequence that is there, VALUES: none; counts them. */
static uint32_t last_shown(const unsigned char *seen, uint32_t *shown)
{
    uint32_t last = VALUES;
    *shown = 0;
    for (uint32_t r = 0; r < VALUES; r++) {
        if (seen[r] != 0 || seen[VALUES + r] != 0) {
            last = r;
            (*shown)++;
        }
    }
    return last;
}

/* Whether it was the key schedule; a design that keeps its keys in another form shows none. */
static void add_keys(const unsigned char *seen, char *text, size_t len_bytes)
{
    uint32_t shown = 0, missing = 0;
    (void)last_shown(seen, &shown);
    while (missing < VALUES && (seen[missing] != 0 || seen[VALUES + missing] != 0)) {
        missing++;
    }
    size_t len = strlen(text);
    if (shown == VALUES) {
        (void)snprintf(text + len, len_bytes - len, "; all round keys are in signals");
    } else if (shown > 1) {
        (void)snprintf(text + len, len_bytes - len, "; round key %u is in no signal",
                       (unsigned)missing);
    }
}

bool cbit_waves_first_round(const cbit_dut_library_t *library, const char *path,
                            const cbit_rounds_t *rounds, char *text, size_t len_bytes)
{
    enum { STATES = ORDERS * VALUES };
    char bits[2 * STATES][BITS + 1];
    const char *patterns[2 * STATES];
    unsigned char seen[2 * STATES] = {0};
    uint32_t shown = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < STATES; i++) {
        to_bits(rounds->state[i % VALUES], i >= VALUES, bits[i]);
        to_bits(rounds->key[i % VALUES], i >= VALUES, bits[STATES + i]);
        patterns[i] = bits[i];
        patterns[STATES + i] = bits[STATES + i];
    }
    if (library->scan(path, patterns, 2 * STATES, seen) == 0) {
        return false;
    }
    /* The last value is the answer, which may leave with a tweak. A design need not show all:
       what counts is the last one that it has. */
    uint32_t last = last_shown(seen, &shown);
    if (shown == 0 || last == VALUES - 1) {
        return false;
    }
    (void)snprintf(text, len_bytes,
                   "the waves have %u right value%s, the last after round %u; that after round %u "
                   "is in no signal",
                   (unsigned)shown, shown == 1 ? "" : "s", (unsigned)last, (unsigned)last + 1);
    add_keys(seen + STATES, text, len_bytes);
    return true;
}
