/* What each command does to the lanes' gates; the distances come from the rule table. */
#include "cbit/dram/rules.h"
#include "model/umc/core_private.h"

static const cbit_dram_command_t COMMAND[UMC_BEFORES] = {
    [UMC_ACT] = CBIT_DRAM_ACT, [UMC_PRE] = CBIT_DRAM_PRE,        [UMC_WR] = CBIT_DRAM_WR,
    [UMC_RD] = CBIT_DRAM_RD,   [UMC_BEFORE_WRA] = CBIT_DRAM_WRA, [UMC_BEFORE_RDA] = CBIT_DRAM_RDA};

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
    for (uint32_t before = 0; before < UMC_BEFORES; before++) {
        for (uint32_t scope = 0; scope < CBIT_SCOPES; scope++) {
            for (uint32_t after = 0; after < UMC_OPS; after++) {
                core->distance[before][scope].op[after] = (int32_t)distance(
                    core, COMMAND[before], COMMAND[after], (cbit_dram_scope_t)scope, 1);
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
    core->auto_to_ref[0] = distance(core, CBIT_DRAM_RDA, CBIT_DRAM_REF, CBIT_SCOPE_RANK, 1);
    core->auto_to_ref[1] = distance(core, CBIT_DRAM_WRA, CBIT_DRAM_REF, CBIT_SCOPE_RANK, 1);
    /* PREA meets the rules of the whole rank, whichever bank the earlier command went to. */
    core->to_prea[UMC_ACT] = distance(core, CBIT_DRAM_ACT, CBIT_DRAM_PREA, CBIT_SCOPE_BANK, 1);
    core->to_prea[UMC_RD] = distance(core, CBIT_DRAM_RD, CBIT_DRAM_PREA, CBIT_SCOPE_BANK, 1);
    core->to_prea[UMC_WR] = distance(core, CBIT_DRAM_WR, CBIT_DRAM_PREA, CBIT_SCOPE_BANK, 1);
    core->to_prea[UMC_PRE] = distance(core, CBIT_DRAM_PRE, CBIT_DRAM_PREA, CBIT_SCOPE_RANK, 1);
}

static inline void raise(int32_t *gate, uint32_t to)
{
    *gate = *gate > (int32_t)to ? *gate : (int32_t)to;
}

/* Raises all four lanes; where no rule speaks the distance is 0, which is past already. */
static inline void raise_lanes(umc_lanes_t *gate, const umc_lanes_t *distance, uint32_t at)
{
    for (uint32_t op = 0; op < UMC_OPS; op++) {
        int32_t to = (int32_t)at + distance->op[op];
        gate->op[op] = gate->op[op] > to ? gate->op[op] : to;
    }
}

/* The rules from one command to others of the bank, its group, its rank and the other ranks. */
static inline void raise_all(umc_core_t *core, uint32_t before, uint32_t bank, uint32_t at)
{
    const umc_lanes_t *d = core->distance[before];
    uint32_t rank = core->rank_of[bank];
    raise_lanes(&core->gate[bank], &d[CBIT_SCOPE_BANK], at);
    raise_lanes(&core->group_gate[core->group_of[bank]], &d[CBIT_SCOPE_GROUP], at);
    raise_lanes(&core->rank_gate[rank], &d[CBIT_SCOPE_RANK], at);
    for (uint32_t r = 0; core->config.device.ranks > 1 && r < core->config.device.ranks; r++) {
        if (r != rank) {
            raise_lanes(&core->rank_gate[r], &d[CBIT_SCOPE_OTHER_RANKS], at);
        }
    }
}

static inline umc_rank_t *rank_of(umc_core_t *core, uint32_t bank)
{
    return &core->rank[core->rank_of[bank]];
}

void umc_gates_act(umc_core_t *core, uint32_t bank, uint32_t at)
{
    umc_rank_t *rank = rank_of(core, bank);
    raise_all(core, UMC_ACT, bank, at);
    rank->faw[rank->faw_at] = at;
    rank->faw_at = (rank->faw_at + 1) % UMC_FAW;
    rank->acts += rank->acts < UMC_FAW ? 1 : 0;
    if (rank->acts == UMC_FAW) {
        /* The next ACT must leave the window of the oldest of the last four. */
        raise(&core->rank_gate[core->rank_of[bank]].op[UMC_ACT],
              rank->faw[rank->faw_at] + core->faw_nck);
    }
    rank->refresh_gate = umc_max32(rank->refresh_gate, at + core->act_to_ref);
    rank->prea_gate = umc_max32(rank->prea_gate, at + core->to_prea[UMC_ACT]);
}

void umc_gates_pre(umc_core_t *core, uint32_t bank, uint32_t at)
{
    umc_rank_t *rank = rank_of(core, bank);
    raise_all(core, UMC_PRE, bank, at);
    rank->refresh_gate = umc_max32(rank->refresh_gate, at + core->pre_to_ref);
    rank->prea_gate = umc_max32(rank->prea_gate, at + core->to_prea[UMC_PRE]);
}

void umc_gates_column(umc_core_t *core, uint32_t bank, bool write, bool closes, uint32_t at)
{
    umc_rank_t *rank = rank_of(core, bank);
    umc_op_t op = write ? UMC_WR : UMC_RD;
    if (!closes) {
        raise_all(core, op, bank, at);
        rank->prea_gate = umc_max32(rank->prea_gate, at + core->to_prea[op]);
    } else {
        raise_all(core, write ? UMC_BEFORE_WRA : UMC_BEFORE_RDA, bank, at);
        rank->refresh_gate = umc_max32(rank->refresh_gate, at + core->auto_to_ref[write]);
    }
}

void umc_gates_prea(umc_core_t *core, uint32_t rank, uint32_t at)
{
    raise(&core->rank_gate[rank].op[UMC_ACT], at + core->prea_to_act);
    raise(&core->rank_gate[rank].op[UMC_PRE], at + core->prea_to_pre);
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
        uint32_t rank_nck = distance(core, command, COMMAND[op], CBIT_SCOPE_RANK, 1);
        uint32_t set_nck = distance(core, command, COMMAND[op], CBIT_SCOPE_SET, 1);
        raise(&core->rank_gate[rank].op[op], at + rank_nck);
        for (uint32_t b = first + bank % per_group;
             set_nck != 0 && b < first + core->banks_per_rank; b += per_group) {
            raise(&core->gate[b].op[op], at + set_nck);
        }
    }
}

void umc_gates_ref(umc_core_t *core, uint32_t rank, uint32_t at)
{
    umc_rank_t *r = &core->rank[rank];
    raise(&core->rank_gate[rank].op[UMC_ACT], at + core->ref_to_act);
    r->refresh_gate = umc_max32(r->refresh_gate, at + core->ref_to_ref);
}
