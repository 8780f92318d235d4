/* The earliest command that anybody wants, the first by key among equals. */
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "model/umc/core_private.h"

/* Lane by lane: quickest where few are wanted. */
uint32_t umc_scan_each(const umc_core_t *core, bool reads, uint32_t now)
{
    uint32_t best = UMC_KEY_NONE, ops = reads ? UMC_OPS : UMC_RD;
    for (uint32_t op = 0; op < ops; op++) {
        for (uint32_t word = 0; word < core->words; word++) {
            for (uint64_t left = core->wanted[op][word]; left != 0; left &= left - 1) {
                uint32_t bank = word * 64 + (uint32_t)__builtin_ctzll(left);
                uint32_t wait = umc_max32(umc_gate(core, op, bank), now) - now;
                wait = wait < UMC_FAR ? wait : UMC_FAR;
                uint32_t candidate = wait << UMC_KEY_BITS | (uint32_t)core->key[bank].op[op];
                best = candidate < best ? candidate : best;
            }
        }
    }
    return best;
}

#if defined(__x86_64__)
/* All lanes, those of two banks at a time; groups have an even number of banks. */
__attribute__((target("avx2"))) uint32_t umc_scan_avx2(const umc_core_t *core, bool reads,
                                                       uint32_t now)
{
    const __m256i now8 = _mm256_set1_epi32((int)now), far8 = _mm256_set1_epi32(UMC_FAR);
    const __m256i none8 = _mm256_set1_epi32(UMC_KEY_NONE);
    __m256i best = none8;
    uint32_t per_group = core->banks_per_group, per_rank = core->banks_per_rank / per_group;
    const umc_lanes_t *gate = core->gate, *key = core->key, *group = core->group_gate;
    for (uint32_t r = 0; r < core->config.device.ranks; r++) {
        const __m256i from_rank = _mm256_max_epi32(
            now8, _mm256_broadcastsi128_si256(_mm_load_si128((const void *)&core->rank_gate[r])));
        for (uint32_t g = 0; g < per_rank; g++, group++) {
            const __m256i from = _mm256_max_epi32(
                from_rank, _mm256_broadcastsi128_si256(_mm_load_si128((const void *)group)));
            for (uint32_t b = 0; b < per_group; b += 2, gate += 2, key += 2) {
                __m256i wait = _mm256_max_epi32(from, _mm256_load_si256((const void *)gate));
                wait = _mm256_min_epi32(_mm256_sub_epi32(wait, now8), far8);
                wait = _mm256_or_si256(_mm256_slli_epi32(wait, UMC_KEY_BITS),
                                       _mm256_load_si256((const void *)key));
                best = _mm256_min_epi32(best, wait);
            }
        }
    }
    if (!reads) {
        best = _mm256_blend_epi32(best, none8, 1 << UMC_RD | 1 << (UMC_OPS + UMC_RD));
    }
    __m128i four = _mm_min_epi32(_mm256_castsi256_si128(best), _mm256_extracti128_si256(best, 1));
    four = _mm_min_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_min_epi32(four, _mm_shuffle_epi32(four, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(four);
}
#endif
