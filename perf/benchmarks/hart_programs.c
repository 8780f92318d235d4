/*
 * What bench_hart runs, compiled for the hart: the first word of SRAM chooses. Freestanding, and on
 * purpose like a firmware's own code (-O2, compressed).
 */
#include <stdint.h>

void run(uint32_t which);

static uint32_t rotate(uint32_t value, uint32_t by)
{
    return value >> by | value << (32 - by);
}

static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t state[8], w[64];

static void sha256_block(void)
{
    uint32_t v[8];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] +
               (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
    for (int i = 0; i < 8; i++) {
        v[i] = state[i];
    }
    for (int i = 0; i < 64; i++) {
        uint32_t t1 = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) +
                      ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
        uint32_t t2 = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) +
                      ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        v[7] = v[6], v[6] = v[5], v[5] = v[4], v[4] = v[3] + t1;
        v[3] = v[2], v[2] = v[1], v[1] = v[0], v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) {
        state[i] += v[i];
    }
}

typedef struct node {
    struct node *next;
    uint32_t value;
} node_t;

static node_t nodes[256];
static char text[64];

/* Walks a list, copies and compares a string, divides: branches and calls more than arithmetic. */
static uint32_t mix(uint32_t seed)
{
    uint32_t sum = seed;
    for (uint32_t i = 0; i < 256; i++) {
        nodes[i].next = i == 255 ? 0 : &nodes[(i * 37 + 1) % 256 == 0 ? 255 : i + 1];
        nodes[i].value = sum ^ i;
    }
    for (const node_t *node = nodes; node != 0; node = node->next) {
        sum += node->value % 7 == 0 ? node->value / 3 : node->value >> 1;
        text[node->value % 63] = (char)sum;
    }
    for (uint32_t i = 0; i < 63; i++) {
        sum += text[i] < text[i + 1] ? 1u : 2u;
    }
    return sum;
}

void run(uint32_t which)
{
    for (;;) {
        if (which == 0) {
            sha256_block();
        } else {
            w[0] = mix(w[0]);
        }
    }
}
