/* The earliest command that anybody wants, the first by key among equals. */
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "model/umc/core_private.h"

/* Lane by lane: quickest where few are wanted. */
uint32_t umc_scan_each(const umc_core_t *core, bool reads, uint32_t now)
{
    uint32_t best = UMC_KEY_NONE, mask = reads ? (1u << UMC_OPS) - 1 : (1u << UMC_RD) - 1;
    for (uint32_t word = 0; word < core->words; word++) {
        for (uint64_t left = core->busy[word]; left != 0; left &= left - 1) {
            uint32_t bank = word * 64 + (uint32_t)__builtin_ctzll(left);
            for (uint32_t ops = core->wants[bank] & mask; ops != 0; ops &= ops - 1) {
                uint32_t op = (uint32_t)__builtin_ctz(ops);
                uint32_t candidate = umc_packed(core, op, bank, now);
                best = candidate < best ? candidate : best;
            }
        }
    }
    return best;
}

#if defined(__x86_64__)
/* The packed waits and keys of two banks, against the best so far. */
__attribute__((target("avx2"))) static inline __m256i
better(__m256i best, __m256i from, __m256i now, const umc_lanes_t *gate, const umc_lanes_t *key)
{
    __m256i wait = _mm256_max_epi32(from, _mm256_load_si256((const void *)gate));
    wait = _mm256_min_epi32(_mm256_sub_epi32(wait, now), _mm256_set1_epi32(UMC_FAR));
    wait = _mm256_or_si256(_mm256_slli_epi32(wait, UMC_KEY_BITS),
                           _mm256_load_si256((const void *)key));
    return _mm256_min_epi32(best, wait);
}

__attribute__((target("avx2"))) static inline __m256i twice(const umc_lanes_t *lanes)
{
    return _mm256_broadcastsi128_si256(_mm_load_si128((const void *)lanes));
}

/* All lanes, those of two banks at a time. */
__attribute__((target("avx2"), always_inline)) static inline uint32_t
scan_pairs(const umc_core_t *core, bool reads, uint32_t now, const uint32_t per_group)
{
    const __m256i now8 = _mm256_set1_epi32((int)now);
    __m256i best = _mm256_set1_epi32(UMC_KEY_NONE);
    const umc_lanes_t *gate = core->gate, *key = core->key, *group = core->group_gate;
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        const __m256i from_rank = _mm256_max_epi32(now8, twice(&core->rank_gate[r]));
        for (uint32_t left = core->groups_per_rank; left > 0; left--, group++) {
            const __m256i from = _mm256_max_epi32(from_rank, twice(group));
            best = better(best, from, now8, gate, key);
            if (per_group == 4) {
                best = better(best, from, now8, gate + 2, key + 2);
            }
            gate += per_group;
            key += per_group;
        }
    }
    if (!reads) {
        best = _mm256_blend_epi32(best, _mm256_set1_epi32(UMC_KEY_NONE),
                                  1 << UMC_RD | 1 << (UMC_OPS + UMC_RD));
    }
    __m128i four = _mm_min_epi32(_mm256_castsi256_si128(best), _mm256_extracti128_si256(best, 1));
    four = _mm_min_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_min_epi32(four, _mm_shuffle_epi32(four, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(four);
}

/* A group has four banks, or two. */
__attribute__((target("avx2"))) uint32_t umc_scan_avx2(const umc_core_t *core, bool reads,
                                                       uint32_t now)
{
    return core->banks_per_group == 4 ? scan_pairs(core, reads, now, 4)
                                      : scan_pairs(core, reads, now, 2);
}
#endif
