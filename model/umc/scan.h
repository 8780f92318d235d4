/* How lanes are looked through, with vector instructions too; here, for it is to be inlined. */
#ifndef CBIT_MODEL_UMC_SCAN_H
#define CBIT_MODEL_UMC_SCAN_H

#include "model/umc/core_private.h"

/* *op: whose lane it is, unless keys of banks can be equal; not set where nobody wants anything. */
typedef uint32_t umc_scan_t(const umc_core_t *core, bool reads, uint32_t now, uint32_t *op);

/* One or two busy banks are quicker looked at one by one than all of them by find. */
__attribute__((always_inline)) static inline uint32_t umc_look(const umc_core_t *core, uint32_t now,
                                                               umc_scan_t *find, uint32_t *op)
{
    const bool reads = core->credits > 0;
    const uint64_t busy = core->busy[0], others = busy & (busy - 1);
    if (core->words > 1 || (others & (others - 1)) != 0) {
        return find(core, reads, now, op);
    }
    if (busy != 0 && others == 0) {
        const uint32_t bank = (uint32_t)__builtin_ctzll(busy), wants = core->wants[bank];
        if ((wants & (wants - 1)) == 0 && (reads || wants != 1u << UMC_RD)) {
            *op = (uint32_t)__builtin_ctz(wants);
            return umc_packed(core, *op, bank, now);
        }
    }
    uint32_t each = UMC_ACT; /* of its own: what a function gets the address of is in memory */
    const uint32_t best = umc_scan_each(core, reads, now, &each);
    *op = each;
    return best;
}

#if defined(__x86_64__)
#include <immintrin.h>

/* The packed waits and keys of two banks, against the best so far. */
__attribute__((target("avx2"))) static inline __m256i
umc_better(__m256i best, __m256i from, __m256i now, const void *gate, const void *key)
{
    __m256i wait = _mm256_max_epi32(from, _mm256_load_si256(gate));
    wait = _mm256_min_epi32(_mm256_sub_epi32(wait, now), _mm256_set1_epi32(UMC_FAR));
    wait = _mm256_or_si256(_mm256_slli_epi32(wait, UMC_KEY_BITS), _mm256_load_si256(key));
    return _mm256_min_epi32(best, wait);
}

__attribute__((target("avx2"))) static inline __m256i umc_twice(const umc_lanes_t *lanes)
{
    return _mm256_broadcastsi128_si256(_mm_load_si128((const void *)lanes));
}

/* The least of all, and its lane: known sooner so than by the request that it is of. And the
   machine is told that vectors of this length are done with, or others would be slow. */
__attribute__((target("avx2"), always_inline)) static inline uint32_t umc_least(__m256i best,
                                                                                uint32_t *op)
{
    const __m128i lanes =
        _mm_min_epi32(_mm256_castsi256_si128(best), _mm256_extracti128_si256(best, 1));
    __m128i four = _mm_min_epi32(lanes, _mm_shuffle_epi32(lanes, 0x4e));
    four = _mm_min_epi32(four, _mm_shuffle_epi32(four, 0xb1));
    const uint32_t least = (uint32_t)_mm_cvtsi128_si32(four);
    *op = (uint32_t)__builtin_ctz(
        (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(lanes, four))));
    _mm256_zeroupper();
    return least;
}

/* All lanes, those of two banks at a time; a group has four banks, or two. */
__attribute__((target("avx2"), always_inline)) static inline uint32_t
umc_scan_groups(const umc_core_t *core, bool reads, uint32_t now, const uint32_t per_group,
                uint32_t *op)
{
    const __m256i now8 = _mm256_set1_epi32((int)now);
    __m256i best = _mm256_set1_epi32(UMC_KEY_NONE);
    const umc_lanes_t *gate = core->gate, *key = core->key, *group = core->group_gate;
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        const __m256i from_rank = _mm256_max_epi32(now8, umc_twice(&core->rank_gate[r]));
        for (uint32_t left = core->groups_per_rank; left > 0; left--, group++) {
            const __m256i from = _mm256_max_epi32(from_rank, umc_twice(group));
            best = umc_better(best, from, now8, gate, key);
            if (per_group == 4) {
                best = umc_better(best, from, now8, gate + 2, key + 2);
            }
            gate += per_group;
            key += per_group;
        }
    }
    if (!reads) {
        best = _mm256_blend_epi32(best, _mm256_set1_epi32(UMC_KEY_NONE),
                                  1 << UMC_RD | 1 << (UMC_OPS + UMC_RD));
    }
    return umc_least(best, op);
}

__attribute__((target("avx2"))) static inline uint32_t
umc_scan_pairs(const umc_core_t *core, bool reads, uint32_t now, uint32_t *op)
{
    return core->banks_per_group == 4 ? umc_scan_groups(core, reads, now, 4, op)
                                      : umc_scan_groups(core, reads, now, 2, op);
}
#endif

#endif
