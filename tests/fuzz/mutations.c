/*
 * Runs a fuzz target over seeded mutations of its seeds, for compilers without libFuzzer:
 * mutations RUNS [SEED FILE...]. CBIT_TEST_SEED repeats another series.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { MAX_BYTES = 1 << 16, MAX_CHANGES = 8 };

static size_t load(const char *path, uint8_t bytes[MAX_BYTES])
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        (void)fprintf(stderr, "%s cannot be opened\n", path);
        exit(EXIT_FAILURE);
    }
    size_t len = fread(bytes, 1, MAX_BYTES, file);
    (void)fclose(file);
    return len;
}

/* Bits, bytes, cuts, copies of a part, and numbers that programs get wrong. */
static size_t change(cbit_rng_t *rng, uint8_t bytes[MAX_BYTES], size_t len)
{
    static const uint64_t awkward[] = {
        0,         1,          0x7f,       0x80,       0xff,
        0xffff,    0x7fffffff, 0x80000000, 0xffffffff, UINT64_C(1) << 47,
        UINT64_MAX};
    size_t at = (size_t)cbit_rng_below(rng, len == 0 ? 1 : len);
    size_t from = (size_t)cbit_rng_below(rng, len == 0 ? 1 : len);
    size_t room = MAX_BYTES - (at > from ? at : from);
    size_t part = (size_t)cbit_rng_below(rng, room < 64 ? room : 64);
    switch (cbit_rng_below(rng, 6)) {
    case 0:
        bytes[at] ^= (uint8_t)(1u << cbit_rng_below(rng, 8));
        return len;
    case 1:
        bytes[at] = (uint8_t)cbit_rng_u64(rng);
        return len;
    case 2:
        return at;
    case 3:
        memmove(bytes + at, bytes + from, part);
        return at + part > len ? at + part : len;
    case 4: {
        uint64_t number = awkward[cbit_rng_below(rng, sizeof awkward / sizeof awkward[0])];
        size_t size = part < 8 ? part : 8;
        for (size_t i = 0; i < size; i++) {
            bytes[at + i] = (uint8_t)(number >> (8 * i));
        }
        return at + size > len ? at + size : len;
    }
    default:
        cbit_rng_bytes(rng, bytes + at, part);
        return at + part > len ? at + part : len;
    }
}

int main(int argc, char **argv)
{
    static uint8_t bytes[MAX_BYTES + 64];
    const char *text = getenv("CBIT_TEST_SEED");
    uint64_t seed = text == NULL ? 20261123 : strtoull(text, NULL, 0);
    unsigned long runs = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    cbit_rng_t rng;
    cbit_rng_init(&rng, seed, 0);
    (void)printf("seed %" PRIu64 " (CBIT_TEST_SEED repeats another one)\n", seed);
    (void)fflush(stdout); /* a sanitizer's abort would lose it */
    for (unsigned long run = 0; run < runs; run++) {
        size_t len = 0;
        if (argc > 2) {
            len = load(argv[2 + run % (unsigned long)(argc - 2)], bytes);
        } else {
            len = (size_t)cbit_rng_below(&rng, 512);
            cbit_rng_bytes(&rng, bytes, len);
        }
        uint64_t changes = cbit_rng_below(&rng, MAX_CHANGES + 1);
        for (uint64_t i = 0; i < changes; i++) {
            len = change(&rng, bytes, len);
        }
        (void)LLVMFuzzerTestOneInput(bytes, len);
    }
    (void)printf("100%%: Checks: %lu, Failures: 0, Errors: 0\n", runs);
    return EXIT_SUCCESS;
}
