#include "cosim/rounds.h"

#include <stdio.h>
#include <string.h>

enum { WORD = 4, FIELD_POLYNOMIAL = 0x1B, AFFINE_CONSTANT = 0x63 };

typedef struct boxes {
    uint8_t forward[256], inverse[256];
} boxes_t;

static uint8_t times_x(uint8_t value)
{
    return (uint8_t)(value << 1 ^ (value & 0x80 ? FIELD_POLYNOMIAL : 0));
}

static uint8_t multiply(uint8_t a, uint8_t b)
{
    uint8_t product = 0;
    for (; b != 0; b >>= 1, a = times_x(a)) {
        product ^= b & 1 ? a : 0;
    }
    return product;
}

static uint8_t rotate(uint8_t value, unsigned by)
{
    return (uint8_t)(value << by | value >> (8 - by));
}

/* FIPS-197, 5.1.1: the inverse in the field (a^254), then the affine map. */
static boxes_t make_boxes(void)
{
    boxes_t boxes;
    for (unsigned a = 0; a < 256; a++) {
        uint8_t square = multiply((uint8_t)a, (uint8_t)a), inverse = 1;
        for (unsigned i = 0; i < 7; i++, square = multiply(square, square)) {
            inverse = multiply(inverse, square); /* a^2 a^4 ... a^128 */
        }
        uint8_t box = (uint8_t)(inverse ^ rotate(inverse, 1) ^ rotate(inverse, 2) ^
                                rotate(inverse, 3) ^ rotate(inverse, 4) ^ AFFINE_CONSTANT);
        boxes.forward[a] = box;
        boxes.inverse[box] = (uint8_t)a;
    }
    return boxes;
}

static void add(uint8_t *state, const uint8_t *key)
{
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        state[i] ^= key[i];
    }
}

static void expand(const boxes_t *boxes, const uint8_t *key, cbit_rounds_t *rounds)
{
    uint8_t constant = 1;
    memcpy(rounds->key[0], key, CBIT_KEY_BYTES);
    for (uint32_t r = 1; r <= CBIT_ROUNDS; r++, constant = times_x(constant)) {
        const uint8_t *old = rounds->key[r - 1];
        uint8_t *fresh = rounds->key[r];
        for (uint32_t i = 0; i < CBIT_KEY_BYTES; i++) {
            uint8_t with = i < WORD ? boxes->forward[old[12 + (i + 1) % WORD]] : fresh[i - WORD];
            fresh[i] = old[i] ^ with ^ (i == 0 ? constant : 0);
        }
    }
}

/* Substitutes and shifts rows, forth or back; the two commute. */
static void substitute(const uint8_t *box, bool back, uint8_t *state)
{
    uint8_t from[CBIT_BLOCK_BYTES];
    memcpy(from, state, sizeof from);
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        uint32_t row = i % WORD;
        uint32_t step = back ? CBIT_BLOCK_BYTES - WORD * row : WORD * row;
        state[i] = box[from[(i + step) % CBIT_BLOCK_BYTES]];
    }
}

static void mix(bool back, uint8_t *state)
{
    static const uint8_t forth_row[WORD] = {2, 3, 1, 1}, back_row[WORD] = {14, 11, 13, 9};
    const uint8_t *row = back ? back_row : forth_row;
    uint8_t from[CBIT_BLOCK_BYTES];
    memcpy(from, state, sizeof from);
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        uint32_t column = i - i % WORD;
        state[i] = 0;
        for (uint32_t k = 0; k < WORD; k++) {
            state[i] ^= multiply(from[column + k], row[(k + WORD - i % WORD) % WORD]);
        }
    }
}

/* The state after round r out of the one before it. */
static void forth(const boxes_t *boxes, const cbit_rounds_t *rounds, uint32_t r, uint8_t *state)
{
    substitute(rounds->decrypt ? boxes->inverse : boxes->forward, rounds->decrypt, state);
    if (rounds->decrypt) {
        add(state, rounds->key[CBIT_ROUNDS - r]);
    }
    if (r != CBIT_ROUNDS) {
        mix(rounds->decrypt, state);
    }
    if (!rounds->decrypt) {
        add(state, rounds->key[r]);
    }
}

static void back(const boxes_t *boxes, const cbit_rounds_t *rounds, uint32_t r, uint8_t *state)
{
    if (!rounds->decrypt) {
        add(state, rounds->key[r]);
    }
    if (r != CBIT_ROUNDS) {
        mix(!rounds->decrypt, state);
    }
    if (rounds->decrypt) {
        add(state, rounds->key[CBIT_ROUNDS - r]);
    }
    substitute(rounds->decrypt ? boxes->forward : boxes->inverse, !rounds->decrypt, state);
}

void cbit_rounds_of(const uint8_t key[CBIT_KEY_BYTES], const uint8_t in[CBIT_BLOCK_BYTES],
                    bool decrypt, cbit_rounds_t *rounds)
{
    boxes_t boxes = make_boxes();
    uint8_t state[CBIT_BLOCK_BYTES];
    rounds->decrypt = decrypt;
    expand(&boxes, key, rounds);
    memcpy(state, in, sizeof state);
    add(state, rounds->key[decrypt ? CBIT_ROUNDS : 0]);
    memcpy(rounds->state[0], state, sizeof state);
    for (uint32_t r = 1; r <= CBIT_ROUNDS; r++) {
        forth(&boxes, rounds, r, state);
        memcpy(rounds->state[r], state, sizeof state);
    }
}

static uint32_t wrong_bytes(const uint8_t *a, const uint8_t *b)
{
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        wrong += a[i] != b[i] ? 1 : 0;
    }
    return wrong;
}

bool cbit_rounds_explain(const cbit_rounds_t *rounds, const uint8_t actual[CBIT_BLOCK_BYTES],
                         char *text, size_t len_bytes)
{
    enum { FEW = 8 };
    boxes_t boxes = make_boxes();
    for (uint32_t r = 0; r < CBIT_ROUNDS; r++) {
        if (memcmp(actual, rounds->state[r], CBIT_BLOCK_BYTES) == 0) {
            (void)snprintf(text, len_bytes, "what came out is the value after round %u",
                           (unsigned)r);
            return true;
        }
    }
    uint8_t state[CBIT_BLOCK_BYTES];
    uint32_t least = CBIT_BLOCK_BYTES + 1, where = 0;
    memcpy(state, actual, sizeof state);
    for (uint32_t r = CBIT_ROUNDS;; r--) {
        uint32_t wrong = wrong_bytes(state, rounds->state[r]);
        if (wrong < least) {
            least = wrong;
            where = r;
        }
        if (r == 0) {
            break;
        }
        back(&boxes, rounds, r, state);
    }
    text[0] = '\0';
    if (least > FEW) {
        return false;
    }
    (void)snprintf(text, len_bytes,
                   "going back from the answer, the value after round %u differs first, in %u "
                   "byte%s",
                   (unsigned)where, (unsigned)least, least == 1 ? "" : "s");
    return true;
}
