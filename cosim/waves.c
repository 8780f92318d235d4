#include "cosim/waves.h"

#include <stdio.h>

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

bool cbit_waves_first_round(const cbit_dut_library_t *library, const char *path,
                            const cbit_rounds_t *rounds, char *text, size_t len_bytes)
{
    char bits[ORDERS * VALUES][BITS + 1];
    const char *patterns[ORDERS * VALUES];
    unsigned char seen[ORDERS * VALUES] = {0};
    text[0] = '\0';
    for (uint32_t i = 0; i < ORDERS * VALUES; i++) {
        to_bits(rounds->state[i % VALUES], i >= VALUES, bits[i]);
        patterns[i] = bits[i];
    }
    if (library->scan(path, patterns, ORDERS * VALUES, seen) == 0) {
        return false;
    }
    /* The last value is the answer, which may leave with a tweak. A design need not show all:
       what counts is the last one that it has. */
    uint32_t last = VALUES, shown = 0;
    for (uint32_t r = 0; r < VALUES; r++) {
        if (seen[r] != 0 || seen[VALUES + r] != 0) {
            last = r;
            shown++;
        }
    }
    if (shown < 2 || last == VALUES - 1) {
        return false;
    }
    (void)snprintf(text, len_bytes,
                   "the waves have %u right values, the last after round %u; that after round %u "
                   "is in no signal",
                   (unsigned)shown, (unsigned)last, (unsigned)last + 1);
    return true;
}
