/* What each command does to the lanes' gates; the distances come from the rule table. */
#include <string.h>

#include "cbit/dram/rules.h"
#include "model/umc/core_private.h"

enum { BEFORE_RDA = UMC_OPS, BEFORE_WRA, BEFORES };

static const cbit_dram_command_t COMMAND[BEFORES] = {
    [UMC_ACT] = CBIT_DRAM_ACT, [UMC_PRE] = CBIT_DRAM_PRE,    [UMC_WR] = CBIT_DRAM_WR,
    [UMC_RD] = CBIT_DRAM_RD,   [BEFORE_RDA] = CBIT_DRAM_RDA, [BEFORE_WRA] = CBIT_DRAM_WRA};

/* The greatest distance of any rule between two commands in a scope; 0 if there is none. */
static uint32_t distance(const umc_core_t *core, cbit_dram_command_t before,
                         cbit_dram_command_t after, cbit_dram_scope_t scope, uint32_t window)
{
    uint32_t most = 0;
    for (const cbit_dram_rule_t *rule = cbit_dram_rules; rule->name != NULL; rule++) {
        if (rule->scope == scope && rule->window == window && (rule->before >> before & 1) != 0 &&
            (rule->after >> after & 1) != 0) {
            most = umc_max32(most,
                             cbit_dram_rule_nck(rule, &core->config.device.timing, before, after));
        }
    }
    return most;
}

void umc_gates_init(umc_core_t *core)
{
    for (uint32_t before = 0; before < BEFORES; before++) {
        for (uint32_t after = 0; after < UMC_OPS; after++) {
            for (uint32_t scope = 0; scope < CBIT_SCOPES; scope++) {
                core->distance[before][after][scope] =
                    distance(core, COMMAND[before], COMMAND[after], (cbit_dram_scope_t)scope, 1);
            }
        }
    }
    core->faw_nck = distance(core, CBIT_DRAM_ACT, CBIT_DRAM_ACT, CBIT_SCOPE_RANK, UMC_FAW);
    core->prea_to_act = distance(core, CBIT_DRAM_PREA, CBIT_DRAM_ACT, CBIT_SCOPE_RANK, 1);
    core->prea_to_pre = distance(core, CBIT_DRAM_PREA, CBIT_DRAM_PRE, CBIT_SCOPE_RANK, 1);
    core->pre_to_ref = distance(core, CBIT_DRAM_PRE, CBIT_DRAM_REF, CBIT_SCOPE_RANK, 1);
    core->act_to_ref = distance(core, CBIT_DRAM_ACT, CBIT_DRAM_REF, CBIT_SCOPE_RANK, 1);
    core->ref_to_act = distance(core, CBIT_DRAM_REF, CBIT_DRAM_ACT, CBIT_SCOPE_RANK, 1);
    core->ref_to_ref = distance(core, CBIT_DRAM_REF, CBIT_DRAM_REF, CBIT_SCOPE_RANK, 1);
    core->auto_to_act[0] = distance(core, CBIT_DRAM_RDA, CBIT_DRAM_ACT, CBIT_SCOPE_BANK, 1);
    core->auto_to_act[1] = distance(core, CBIT_DRAM_WRA, CBIT_DRAM_ACT, CBIT_SCOPE_BANK, 1);
    core->auto_to_ref[0] = distance(core, CBIT_DRAM_RDA, CBIT_DRAM_REF, CBIT_SCOPE_RANK, 1);
    core->auto_to_ref[1] = distance(core, CBIT_DRAM_WRA, CBIT_DRAM_REF, CBIT_SCOPE_RANK, 1);
    /* PREA meets the rules of the whole rank, whichever bank the earlier command went to. */
    core->to_prea[UMC_ACT] = distance(core, CBIT_DRAM_ACT, CBIT_DRAM_PREA, CBIT_SCOPE_BANK, 1);
    core->to_prea[UMC_RD] = distance(core, CBIT_DRAM_RD, CBIT_DRAM_PREA, CBIT_SCOPE_BANK, 1);
    core->to_prea[UMC_WR] = distance(core, CBIT_DRAM_WR, CBIT_DRAM_PREA, CBIT_SCOPE_BANK, 1);
    core->to_prea[UMC_PRE] = distance(core, CBIT_DRAM_PRE, CBIT_DRAM_PREA, CBIT_SCOPE_RANK, 1);
}

static inline void raise(uint32_t *gate, uint32_t to)
{
    *gate = umc_max32(*gate, to);
}

/* A rule from one command to another: other ranks, the rank, the group, the bank. A distance of 0
   is none, and raises nothing that is still to come. */
static inline void raise_op(umc_core_t *core, uint32_t before, umc_op_t after, uint32_t bank,
                            uint32_t at)
{
    const uint32_t *d = core->distance[before][after];
    uint32_t *gate = core->gate + (uint32_t)after * core->banks, rank = core->rank_of[bank];
    uint32_t *rank_gate = core->rank_gate[after];
    for (uint32_t r = 0; r < core->config.device.ranks && core->config.device.ranks > 1; r++) {
        raise(&rank_gate[r],
              r != rank && d[CBIT_SCOPE_OTHER_RANKS] != 0 ? at + d[CBIT_SCOPE_OTHER_RANKS] : 0);
    }
    raise(&rank_gate[rank], d[CBIT_SCOPE_RANK] != 0 ? at + d[CBIT_SCOPE_RANK] : 0);
    if (d[CBIT_SCOPE_GROUP] != 0) {
        uint32_t first = core->group_first[bank];
        for (uint32_t i = first; i < first + core->banks_per_group; i++) {
            raise(&gate[i], at + d[CBIT_SCOPE_GROUP]);
        }
    }
    if (d[CBIT_SCOPE_BANK] != 0) {
        raise(&gate[bank], at + d[CBIT_SCOPE_BANK]);
    }
}

static umc_rank_t *rank_of(umc_core_t *core, uint32_t bank)
{
    return &core->rank[core->rank_of[bank]];
}

static void raise_prea(umc_core_t *core, uint32_t bank, umc_op_t before, uint32_t at)
{
    umc_rank_t *rank = rank_of(core, bank);
    rank->prea_gate = umc_max32(rank->prea_gate, at + core->to_prea[before]);
}

void umc_gates_act(umc_core_t *core, uint32_t bank, uint32_t at)
{
    umc_rank_t *rank = rank_of(core, bank);
    rank->faw[rank->faw_at] = at;
    rank->faw_at = (rank->faw_at + 1) % UMC_FAW;
    rank->acts += rank->acts < UMC_FAW ? 1 : 0;
    for (uint32_t after = 0; after < UMC_OPS; after++) {
        raise_op(core, UMC_ACT, (umc_op_t)after, bank, at);
    }
    if (rank->acts == UMC_FAW) {
        /* The next ACT must leave the window of the oldest of the last four. */
        raise(&core->rank_gate[UMC_ACT][core->rank_of[bank]],
              rank->faw[rank->faw_at] + core->faw_nck);
    }
    rank->refresh_gate = umc_max32(rank->refresh_gate, at + core->act_to_ref);
    raise_prea(core, bank, UMC_ACT, at);
}

void umc_gates_pre(umc_core_t *core, uint32_t bank, uint32_t at)
{
    umc_rank_t *rank = rank_of(core, bank);
    raise_op(core, UMC_PRE, UMC_ACT, bank, at);
    if (core->distance[UMC_PRE][UMC_PRE][CBIT_SCOPE_RANK] > 1) {
        raise_op(core, UMC_PRE, UMC_PRE, bank, at);
    }
    rank->refresh_gate = umc_max32(rank->refresh_gate, at + core->pre_to_ref);
    raise_prea(core, bank, UMC_PRE, at);
}

void umc_gates_column(umc_core_t *core, uint32_t bank, bool write, bool closes, uint32_t at)
{
    umc_op_t op = write ? UMC_WR : UMC_RD;
    raise_op(core, op, UMC_RD, bank, at);
    raise_op(core, op, UMC_WR, bank, at);
    if (!closes) {
        raise_op(core, op, UMC_PRE, bank, at);
        raise_prea(core, bank, op, at);
        return;
    }
    umc_rank_t *rank = rank_of(core, bank);
    uint32_t *act = &core->gate[UMC_ACT * core->banks + bank];
    *act = umc_max32(*act, at + core->auto_to_act[write]);
    rank->refresh_gate = umc_max32(rank->refresh_gate, at + core->auto_to_ref[write]);
}

void umc_gates_prea(umc_core_t *core, uint32_t rank, uint32_t at)
{
    raise(&core->rank_gate[UMC_ACT][rank], at + core->prea_to_act);
    raise(&core->rank_gate[UMC_PRE][rank], at + core->prea_to_pre);
    umc_rank_t *r = &core->rank[rank];
    r->refresh_gate = umc_max32(r->refresh_gate, at + core->pre_to_ref);
    r->prea_gate = umc_max32(r->prea_gate, at + core->to_prea[UMC_PRE]);
}

/* After REFSB (bank: of the set), PDX and SRX; rare, so the table itself is asked. */
void umc_gates_rest(umc_core_t *core, cbit_dram_command_t command, uint32_t bank, uint32_t at)
{
    uint32_t rank = core->rank_of[bank], per_group = core->banks_per_group;
    uint32_t first = rank * core->banks_per_rank;
    for (uint32_t op = 0; op < UMC_OPS; op++) {
        uint32_t *gate = core->gate + op * core->banks;
        uint32_t rank_nck = distance(core, command, COMMAND[op], CBIT_SCOPE_RANK, 1);
        uint32_t set_nck = distance(core, command, COMMAND[op], CBIT_SCOPE_SET, 1);
        raise(&core->rank_gate[op][rank], rank_nck != 0 ? at + rank_nck : 0);
        for (uint32_t b = first + bank % per_group;
             set_nck != 0 && b < first + core->banks_per_rank; b += per_group) {
            raise(&gate[b], at + set_nck);
        }
    }
}

void umc_gates_ref(umc_core_t *core, uint32_t rank, uint32_t at)
{
    umc_rank_t *r = &core->rank[rank];
    raise(&core->rank_gate[UMC_ACT][rank], at + core->ref_to_act);
    r->refresh_gate = umc_max32(r->refresh_gate, at + core->ref_to_ref);
}
