/**
 * @file
 * The published request streams that DRAM controllers are compared on, and their fingerprints.
 *
 * Letters as in docs/dram-agreement.md: a sequential reads, c uniform random with every third a
 * write, d a chain of row conflicts in one bank, f one random read every 321 clocks. Random
 * addresses come from splitmix64, whose state starts at 0xC0FFEE00 plus the letter's distance from
 * 'a'.
 */
#ifndef CBIT_PERF_DRAM_STREAMS_H
#define CBIT_PERF_DRAM_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/umc/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fills requests[0..count); false: no such letter. */
bool cbit_dram_stream(char letter, cbit_stream_request_t *requests, uint64_t count);

/* FNV-1a over (address | write flag in bit 0), 8 little-endian bytes each; M1: bits permuted. */
uint64_t cbit_dram_stream_fingerprint(const cbit_stream_request_t *requests, uint64_t count,
                                      bool m1);

typedef struct cbit_dram_fingerprint {
    char letter;
    bool m1;
    uint64_t count, fnv1a;
} cbit_dram_fingerprint_t;

/* The published ones; letter 0 ends. */
extern const cbit_dram_fingerprint_t cbit_dram_fingerprints[];

#ifdef __cplusplus
}
#endif
#endif
