/* What each command does to the lanes' gates; the distances come from the rule table. */
#include "model/umc/gates.h"
#include "cbit/dram/rules.h"

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

void umc_gates_prea(umc_core_t *core, uint32_t rank, uint32_t at)
{
    umc_raise(&core->rank_gate[rank].op[UMC_ACT], at + core->prea_to_act);
    umc_raise(&core->rank_gate[rank].op[UMC_PRE], at + core->prea_to_pre);
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
        umc_raise(&core->rank_gate[rank].op[op], at + rank_nck);
        for (uint32_t b = first + bank % per_group;
             set_nck != 0 && b < first + core->banks_per_rank; b += per_group) {
            umc_raise(&core->gate[b].op[op], at + set_nck);
        }
    }
}

void umc_gates_ref(umc_core_t *core, uint32_t rank, uint32_t at)
{
    umc_rank_t *r = &core->rank[rank];
    umc_raise(&core->rank_gate[rank].op[UMC_ACT], at + core->ref_to_act);
    r->refresh_gate = umc_max32(r->refresh_gate, at + core->ref_to_ref);
}
