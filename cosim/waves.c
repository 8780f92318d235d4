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

/* The last of the first `count` values that is there, VALUES: none; counts them. */
static uint32_t last_shown(const unsigned char *seen, uint32_t count, uint32_t *shown)
{
    uint32_t last = VALUES;
    *shown = 0;
    for (uint32_t r = 0; r < count; r++) {
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
    (void)last_shown(seen, VALUES, &shown);
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

/* What is said of the values after rounds. The last one is the answer: it counts where nothing else
   in the window has its value. */
static void tell_states(const unsigned char *seen, bool answer_counts, char *text, size_t len_bytes)
{
    uint32_t shown = 0;
    uint32_t last = last_shown(seen, answer_counts ? VALUES : VALUES - 1, &shown);
    if (shown == 0) {
        (void)snprintf(text, len_bytes,
                       "the waves have no value after a round: wrong from the first one on, or "
                       "kept in another form");
    } else if (last == VALUES - 1) {
        (void)snprintf(text, len_bytes,
                       "the right value after round %u is in a signal of the waves: what leaves, "
                       "or when, is wrong",
                       (unsigned)last);
    } else {
        (void)snprintf(text, len_bytes,
                       "the waves have %u right value%s, the last after round %u; that after "
                       "round %u is in no signal",
                       (unsigned)shown, shown == 1 ? "" : "s", (unsigned)last, (unsigned)last + 1);
    }
}

bool cbit_waves_first_round(const cbit_dut_library_t *library, const char *path,
                            const cbit_rounds_t *rounds, bool answer_counts, char *text,
                            size_t len_bytes)
{
    enum { STATES = ORDERS * VALUES };
    char bits[2 * STATES][BITS + 1];
    const char *patterns[2 * STATES];
    unsigned char seen[2 * STATES] = {0};
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
    uint32_t states = 0, keys = 0;
    (void)last_shown(seen, VALUES - 1, &states);
    (void)last_shown(seen + STATES, VALUES, &keys);
    if (states == 0 && keys <= 1) {
        return false; /* a design that shows nothing */
    }
    tell_states(seen, answer_counts, text, len_bytes);
    add_keys(seen + STATES, text, len_bytes);
    return true;
}
