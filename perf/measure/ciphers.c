/*
 * Other ciphers at this engine's place, by formula: what a read waits for besides DRAM, what is
 * fetched besides the line, and AES's energy. Only xex is the model; the rest says what another
 * choice would cost a lone read.
 *
 *   data through AES       the pipeline's depth behind the last beat; a round more is a round's
 *                          stages more
 *   pads from a counter    made while DRAM works, from the moment the counter is known: a counter
 *                          on chip is known with the address, one in memory when it arrives,
 *                          at best with the data; then one XOR
 *   MAC                    a hash of the line behind its last beat
 */
#include <inttypes.h>
#include <stdio.h>

#include "cbit/dram/device.h"
#include "perf/measure/costs.h"

enum {
    BLOCKS = CBIT_LINE_BYTES / CBIT_BLOCK_BYTES,
    ROUNDS = 10, /* of the engine: FIPS 197, AES-128 */
    XOR_ECLK = 1,
    MAC_ECLK = 4, /* assumed: a multiplication in GF(2^128) takes a clock, and is made four wide */
    /* pJ of a round of one block: 125 mW at 53 Gb/s is 2.36 pJ a bit and 302 pJ a block of ten
       rounds (Mathew et al., JSSC 2011, AES-128 at 45 nm and 1.1 V). assumed: the power is quoted
       from memory of the paper, and today's processes take less. */
    ROUND_PJ = 30,
};

typedef struct kind {
    const char *name, *overlaps, *source;
    uint32_t rounds, blocks; /* AES runs a line */
    bool pads, counter_misses, mac;
} kind_t;

static const kind_t kinds[] = {
    {.name = "xex-128",
     .overlaps = "no",
     .rounds = ROUNDS,
     .blocks = BLOCKS,
     .source = "the model: rtl/aes_engine, depth checked by cosimulation"},
    {.name = "xex-256",
     .overlaps = "no",
     .rounds = 14,
     .blocks = BLOCKS,
     .source = "FIPS 197: 14 rounds; assumed: as many stages a round"},
    {.name = "xts-256",
     .overlaps = "tweak",
     .rounds = 14,
     .blocks = BLOCKS + 1,
     .source = "IEEE 1619: one more AES for the line's tweak, from the address"},
    {.name = "counter, on chip",
     .overlaps = "yes",
     .rounds = ROUNDS,
     .blocks = BLOCKS,
     .pads = true,
     .source = "Yan et al., ISCA 2006; assumed: counter cache hit"},
    {.name = "counter, in DRAM",
     .overlaps = "no",
     .rounds = ROUNDS,
     .blocks = BLOCKS,
     .pads = true,
     .counter_misses = true,
     .source = "Yan et al., ISCA 2006; assumed: counter arrives with the data"},
    {.name = "counter+MAC, on chip",
     .overlaps = "pads",
     .rounds = ROUNDS,
     .blocks = BLOCKS + 1,
     .pads = true,
     .mac = true,
     .source = "Rogers et al., MICRO 2007, without its tree; assumed: MAC of 4 clocks"},
    {.name = "counter+MAC, in DRAM",
     .overlaps = "no",
     .rounds = ROUNDS,
     .blocks = BLOCKS + 1,
     .pads = true,
     .counter_misses = true,
     .mac = true,
     .source = "Rogers et al., MICRO 2007, without its tree; assumed: as above"},
};

/* One stage is not of a round: the tweak's XOR (docs/engine.md). */
static uint32_t depth_of(const cbit_platform_config_t *config, uint32_t rounds)
{
    return (config->engine.depth_eclk - 1) * rounds / ROUNDS + 1;
}

static uint64_t adder_ps(const cbit_platform_config_t *config, const kind_t *kind,
                         const cbit_clock_t *eclk, uint64_t lead_ps)
{
    uint64_t clocks = depth_of(config, kind->rounds);
    const uint64_t aes_ps = clocks * eclk->period_num_ps / eclk->period_den;
    if (!kind->pads) {
        return aes_ps;
    }
    clocks = XOR_ECLK + (kind->mac ? MAC_ECLK : 0);
    const uint64_t after_ps = clocks * eclk->period_num_ps / eclk->period_den;
    const uint64_t pad_ps = kind->counter_misses ? aes_ps : aes_ps > lead_ps ? aes_ps - lead_ps : 0;
    return pad_ps + after_ps;
}

void cbit_ciphers_put(const cbit_platform_config_t *config, const cbit_clock_t *engine_clock,
                      uint64_t lead_ps, cbit_arena_t *arena, cbit_json_t *root)
{
    cbit_json_t *list =
        cbit_json_add(arena, root, "ciphers", cbit_json_new(arena, CBIT_JSON_ARRAY));
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const kind_t *kind = &kinds[i];
        const uint64_t ps = adder_ps(config, kind, engine_clock, lead_ps);
        const uint64_t pj = (uint64_t)kind->rounds * kind->blocks * ROUND_PJ;
        cbit_json_t *row = cbit_json_add(arena, list, NULL, cbit_json_new(arena, CBIT_JSON_OBJECT));
        (void)cbit_json_add(arena, row, "name", cbit_json_string(arena, kind->name));
        (void)cbit_json_add(arena, row, "depth_eclk",
                            cbit_json_u64(arena, depth_of(config, kind->rounds)));
        (void)cbit_json_add(arena, row, "adder_ns", cbit_json_fixed(arena, ps, 3));
        (void)cbit_json_add(arena, row, "overlaps_dram", cbit_json_string(arena, kind->overlaps));
        (void)cbit_json_add(arena, row, "extra_accesses",
                            cbit_json_u64(arena, (uint64_t)kind->counter_misses + kind->mac));
        (void)cbit_json_add(arena, row, "aes_pj", cbit_json_u64(arena, pj));
        (void)cbit_json_add(arena, row, "source", cbit_json_string(arena, kind->source));
    }
}
