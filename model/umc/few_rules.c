/* What the rules ask of the commands of few requests (few.c), and whether they may be held apart.
 */
#include "model/umc/few.h"

/* No distance but to these commands. */
static bool only(const umc_core_t *core, uint32_t before, cbit_dram_scope_t scope, uint32_t ops)
{
    bool others = false;
    for (uint32_t op = 0; op < UMC_OPS; op++) {
        others |= (ops >> op & 1) == 0 && core->distance[before][scope].op[op] != 0;
    }
    return !others;
}

/* The rules are those that the commands below keep; so they are of every device that there is. */
static bool rules_are_usual(const umc_core_t *core)
{
    enum { COLUMNS = 1u << UMC_RD | 1u << UMC_WR };
    static const struct {
        uint8_t before, scope, ops;
    } NONE_BUT[] = {
        {UMC_PRE, CBIT_SCOPE_BANK, 1u << UMC_ACT},  {UMC_PRE, CBIT_SCOPE_GROUP, 0},
        {UMC_PRE, CBIT_SCOPE_RANK, 1u << UMC_PRE},  {UMC_PRE, CBIT_SCOPE_OTHER_RANKS, 0},
        {UMC_ACT, CBIT_SCOPE_GROUP, 1u << UMC_ACT}, {UMC_ACT, CBIT_SCOPE_RANK, 1u << UMC_ACT},
        {UMC_ACT, CBIT_SCOPE_OTHER_RANKS, 0},       {UMC_RD, CBIT_SCOPE_BANK, 1u << UMC_PRE},
        {UMC_WR, CBIT_SCOPE_BANK, 1u << UMC_PRE},   {UMC_RD, CBIT_SCOPE_GROUP, COLUMNS},
        {UMC_RD, CBIT_SCOPE_RANK, COLUMNS},         {UMC_WR, CBIT_SCOPE_GROUP, COLUMNS},
        {UMC_WR, CBIT_SCOPE_RANK, COLUMNS}};
    bool usual = true;
    for (uint32_t i = 0; i < sizeof NONE_BUT / sizeof NONE_BUT[0]; i++) {
        usual &=
            only(core, NONE_BUT[i].before, (cbit_dram_scope_t)NONE_BUT[i].scope, NONE_BUT[i].ops);
    }
    return usual;
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void copy_rules(const umc_core_t *core, umc_few_rules_t *to)
{
    const umc_policy_t *p = &core->config.policy;
    const umc_lanes_t *act = core->distance[UMC_ACT], *pre = core->distance[UMC_PRE];
    *to = (umc_few_rules_t){
        .ranks = core->config.device.ranks,
        .command_nck = core->config.device.timing.command_nck,
        .starvation_nck = p->starvation_nck != 0 ? p->starvation_nck : UINT32_MAX,
        .pre_to_act = (uint32_t)pre[CBIT_SCOPE_BANK].op[UMC_ACT],
        .pre_to_pre = (uint32_t)pre[CBIT_SCOPE_RANK].op[UMC_PRE],
        .act_to_group_act = (uint32_t)act[CBIT_SCOPE_GROUP].op[UMC_ACT],
        .act_to_act = (uint32_t)act[CBIT_SCOPE_RANK].op[UMC_ACT],
        .faw_nck = core->faw_nck,
        .act_to_column = lesser((uint32_t)act[CBIT_SCOPE_BANK].op[UMC_RD],
                                (uint32_t)act[CBIT_SCOPE_BANK].op[UMC_WR]),
        .entries = {p->read_entries, p->write_entries},
        .groups = (uint16_t)core->groups_per_rank,
        .both_need_room = p->both_need_room,
        .unified = p->unified,
        .act = act[CBIT_SCOPE_BANK],
    };
    for (uint32_t write = 0; write < 2; write++) {
        const umc_op_t op = write ? UMC_WR : UMC_RD;
        to->column[write].group = core->distance[op][CBIT_SCOPE_GROUP];
        to->column[write].rank = core->distance[op][CBIT_SCOPE_RANK];
        to->column_to_pre[write] = (uint32_t)core->distance[op][CBIT_SCOPE_BANK].op[UMC_PRE];
    }
}

void umc_few_drain(umc_core_t *core)
{
    const umc_policy_t *p = &core->config.policy;
    core->few.over[0] = core->draining ? 0 : p->write_high;
    core->few.over[1] = core->draining || p->write_low == 0 ? 0 : p->write_low - 1;
}

void umc_few_init(umc_core_t *core)
{
    const umc_policy_t *p = &core->config.policy;
    /* Streams have loops of their own (run.c, crowd.c). */
    core->few.allowed = core->rows_are_kept && core->stand_behind && core->has_mode &&
                        core->words == 1 && p->page == UMC_PAGE_OPEN && !p->accept_first &&
                        !p->mode_lazily && !p->merges_reads && !core->config.keep_reasons &&
                        !umc_policy_rests(p) && p->write_low <= p->write_high + 1 &&
                        !core->crowds && !core->runs && rules_are_usual(core);
    core->few.watched = core->config.observe != NULL;
    copy_rules(core, &core->few.rules);
    umc_few_drain(core);
}
