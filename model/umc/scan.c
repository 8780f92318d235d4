/* The earliest command that anybody wants, the first by key among equals. */
#include "model/umc/scan.h"

/* Lane by lane: quickest where few are wanted. */
uint32_t umc_scan_each(const umc_core_t *core, bool reads, uint32_t now, uint32_t *op)
{
    uint32_t best = UMC_KEY_NONE, best_op = UMC_ACT;
    const uint32_t mask = reads ? (1u << UMC_OPS) - 1 : (1u << UMC_RD) - 1;
    for (uint32_t word = 0; word < core->words; word++) {
        for (uint64_t left = core->busy[word]; left != 0; left &= left - 1) {
            uint32_t bank = word * 64 + (uint32_t)__builtin_ctzll(left);
            for (uint32_t ops = core->wants[bank] & mask; ops != 0; ops &= ops - 1) {
                uint32_t lane = (uint32_t)__builtin_ctz(ops);
                uint32_t candidate = umc_packed(core, lane, bank, now);
                best_op = candidate < best ? lane : best_op;
                best = candidate < best ? candidate : best;
            }
        }
    }
    *op = best_op;
    return best;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) uint32_t umc_scan_avx2(const umc_core_t *core, bool reads,
                                                       uint32_t now, uint32_t *op)
{
    return umc_scan_pairs(core, reads, now, op);
}
#endif
