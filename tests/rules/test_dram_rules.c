/* Two independent readings of the devices' rules: the table's engine and the checker. */
#include <stdlib.h>

#include "cbit/base/rng.h"
#include "cbit/dram/checker.h"
#include "cbit/dram/rules.h"
#include "cbit_test.h"

enum { COMMANDS = 160, SEQUENCES = 12, ROW = 5, OTHER_ROW = 9 };

typedef struct step {
    cbit_dram_command_t command;
    uint32_t flat, row;
    uint64_t at_nck;
} step_t;

static void tell(cbit_dram_checker_t *checker, const cbit_dram_device_t *d, const step_t *step,
                 uint64_t at_nck)
{
    uint32_t per_rank = d->groups * d->banks_per_group;
    cbit_dram_checker_command(checker, cbit_dram_command_names[step->command], at_nck,
                              step->flat / per_rank, step->flat % per_rank / d->banks_per_group,
                              step->flat % d->banks_per_group, step->row, 1);
}

/* Violations when the last of `count` steps comes `early` clocks before its time. */
static uint64_t violations(const cbit_dram_device_t *d, const step_t *steps, uint32_t count,
                           uint64_t early)
{
    cbit_dram_checker_t *checker;
    ck_assert_int_eq(cbit_dram_checker_create(d, &checker), CBIT_ERR_OK);
    for (uint32_t i = 0; i < count; i++) {
        tell(checker, d, &steps[i], steps[i].at_nck - (i == count - 1 ? early : 0));
    }
    uint64_t found = cbit_dram_checker_violations(checker);
    if (found > 0 && early == 0) {
        const cbit_dram_violation_t *v = cbit_dram_checker_first(checker);
        ck_abort_msg("%s at %lu breaks %s: %lu, must be %lu", v->command, (unsigned long)v->at_nck,
                     v->rule, (unsigned long)v->value, (unsigned long)v->least);
    }
    cbit_dram_checker_destroy(checker);
    return found;
}

typedef struct walk {
    const cbit_dram_device_t *device;
    cbit_rng_t rng;
    uint32_t open_row[CBIT_DRAM_MAX_BANKS];          /* 0: closed */
    cbit_dram_command_t asleep[CBIT_DRAM_MAX_RANKS]; /* what wakes it; 0: awake */
    uint32_t refreshes[CBIT_DRAM_MAX_RANKS], set[CBIT_DRAM_MAX_RANKS];
    bool refreshed[CBIT_DRAM_MAX_RANKS]; /* since the last self-refresh */
} walk_t;

static bool all_closed(const walk_t *w, uint32_t rank, uint32_t first, uint32_t step)
{
    uint32_t per_rank = w->device->groups * w->device->banks_per_group;
    for (uint32_t b = rank * per_rank + first; b < (rank + 1) * per_rank; b += step) {
        if (w->open_row[b] != 0) {
            return false;
        }
    }
    return true;
}

/* A command to the whole rank or one bank of every group, if the roll wants one and it may be. */
static bool choose_for_rank(const walk_t *w, uint32_t rank, uint64_t roll, step_t *step)
{
    bool closed = all_closed(w, rank, 0, 1), ddr5 = w->device->generation == 5;
    uint32_t per_group = w->device->banks_per_group, most = ddr5 ? 4 : 8;
    if (w->asleep[rank] != 0) {
        step->command = w->asleep[rank];
    } else if (roll < 4 && closed && w->refreshes[rank] < most && w->set[rank] == 0) {
        step->command = CBIT_DRAM_REF;
    } else if (roll < 8 && !closed) {
        step->command = CBIT_DRAM_PREA;
    } else if (roll < 14) {
        step->command = CBIT_DRAM_PDE;
    } else if (roll < 30 && closed && w->refreshed[rank]) {
        step->command = CBIT_DRAM_SRE;
    } else if (roll < 40 && ddr5 && w->refreshes[rank] < most &&
               all_closed(w, rank, w->set[rank], per_group)) {
        step->command = CBIT_DRAM_REFSB;
        step->flat = rank * w->device->groups * per_group + w->set[rank];
    } else {
        return false;
    }
    return true;
}

/* A command that the banks' states allow; few banks, so that rules meet. */
static step_t choose(walk_t *w)
{
    uint32_t banks = w->device->banks < 12 ? w->device->banks : 12;
    uint32_t per_rank = w->device->groups * w->device->banks_per_group;
    uint32_t flat = (uint32_t)cbit_rng_below(&w->rng, banks) * (w->device->banks / banks);
    uint64_t roll = cbit_rng_below(&w->rng, 100);
    step_t step = {.flat = flat, .row = w->open_row[flat]};
    if (choose_for_rank(w, flat / per_rank, roll, &step)) {
        return step;
    }
    roll = cbit_rng_below(&w->rng, 100);
    if (w->open_row[flat] == 0) {
        step.command = CBIT_DRAM_ACT;
        step.row = roll % 2 == 0 ? ROW : OTHER_ROW;
    } else if (roll < 30) {
        step.command = CBIT_DRAM_PRE;
    } else {
        static const cbit_dram_command_t COLUMN[] = {CBIT_DRAM_RD, CBIT_DRAM_WR, CBIT_DRAM_RD,
                                                     CBIT_DRAM_RDA, CBIT_DRAM_WRA};
        step.command = COLUMN[cbit_rng_below(&w->rng, 5)];
    }
    return step;
}

static void apply(walk_t *w, const step_t *step)
{
    uint32_t per_rank = w->device->groups * w->device->banks_per_group;
    uint32_t rank = step->flat / per_rank;
    switch (step->command) {
    case CBIT_DRAM_PDE:
        w->asleep[rank] = CBIT_DRAM_PDX;
        return;
    case CBIT_DRAM_SRE:
        w->asleep[rank] = CBIT_DRAM_SRX;
        return;
    case CBIT_DRAM_SRX:
        w->refreshed[rank] = false;
        w->refreshes[rank] = 0; /* the device counts anew */
        w->asleep[rank] = CBIT_DRAM_ACT;
        return;
    case CBIT_DRAM_PDX:
        w->asleep[rank] = CBIT_DRAM_ACT;
        return;
    case CBIT_DRAM_REFSB:
        w->set[rank] = (w->set[rank] + 1) % w->device->banks_per_group;
        /* fall through */
    case CBIT_DRAM_REF:
        w->refreshed[rank] = true;
        w->refreshes[rank]++;
        return;
    default:
        break;
    }
    if (step->command == CBIT_DRAM_ACT) {
        w->open_row[step->flat] = step->row;
    } else if (step->command == CBIT_DRAM_PREA) {
        uint32_t first = step->flat / per_rank * per_rank;
        for (uint32_t b = first; b < first + per_rank; b++) {
            w->open_row[b] = 0;
        }
    } else if (step->command != CBIT_DRAM_RD && step->command != CBIT_DRAM_WR) {
        w->open_row[step->flat] = 0;
    }
}

static const cbit_dram_config_t PARTS[] = {
    {.speed = CBIT_DDR4_3200AA, .width_bits = 8, .density_gbit = 8, .ranks = 1},
    {.speed = CBIT_DDR4_2133P, .width_bits = 16, .density_gbit = 8, .ranks = 2},
    {.speed = CBIT_DDR4_2933Y, .width_bits = 4, .density_gbit = 16, .ranks = 4},
    {.speed = CBIT_DDR4_2666V, .width_bits = 8, .density_gbit = 8, .ranks = 3},
    {.speed = CBIT_DDR5_4800B, .width_bits = 8, .density_gbit = 16, .ranks = 1},
    {.speed = CBIT_DDR5_6400A, .width_bits = 4, .density_gbit = 32, .ranks = 2},
};

START_TEST(gates_are_tight_between_engine_and_checker)
{
    cbit_dram_device_t device;
    ck_assert_int_eq(cbit_dram_resolve(&PARTS[_i], "/dram", &device, NULL), CBIT_ERR_OK);
    device.timing.trefi_nck = 1u << 30; /* none is ever due, some may be paid ahead */
    device.timing.trefisb_nck = device.generation == 5 ? 1u << 30 : 0;
    step_t *steps = calloc(COMMANDS, sizeof *steps);
    uint32_t bound = 0;
    for (uint32_t sequence = 0; sequence < SEQUENCES; sequence++) {
        walk_t walk = {.device = &device, .refreshed = {true, true, true, true}};
        cbit_dram_history_t *history;
        cbit_rng_init(&walk.rng, cbit_test_seed(), (uint64_t)_i * SEQUENCES + sequence);
        ck_assert_int_eq(cbit_dram_history_create(&device, &history), CBIT_ERR_OK);
        for (uint32_t i = 0; i < COMMANDS; i++) {
            const cbit_dram_rule_t *rule;
            steps[i] = choose(&walk);
            steps[i].at_nck =
                cbit_dram_earliest_nck(history, steps[i].command, steps[i].flat, &rule);
            /* At its time the checker is content; a clock before, where a rule decides, not. PREA
               keeps clear, by rank, of ACT, RD and WR to banks that closed themselves since; the
               checker asks open banks only (test_checker.c has PREA for those). */
            ck_assert_uint_eq(violations(&device, steps, i + 1, 0), 0);
            if (rule != NULL && steps[i].command != CBIT_DRAM_PREA) {
                bound++;
                ck_assert_msg(violations(&device, steps, i + 1, 1) > 0,
                              "%s is let come before %s is over",
                              cbit_dram_command_names[steps[i].command], rule->name);
            }
            cbit_dram_issue(history, steps[i].command, steps[i].flat, steps[i].at_nck);
            apply(&walk, &steps[i]);
        }
        cbit_dram_history_destroy(history);
    }
    free(steps);
    ck_assert_uint_gt(bound, 500);
}
END_TEST

/* ---- one gate at a time ---- */

/* Banks as rank, group, bank. Distances from issue to issue are written out from the standards'
   tables; DDR5's ACT, RD and WR take two clocks of the command bus, of which the second counts. */
typedef struct gate {
    cbit_dram_command_t before, after;
    uint8_t from[3], to[3];
    uint32_t nck;
} gate_t;

#define A                                                                                          \
    {                                                                                              \
        0, 0, 0                                                                                    \
    } /* the bank of the first command */
#define B                                                                                          \
    {                                                                                              \
        0, 0, 1                                                                                    \
    } /* another bank of its group */
#define G                                                                                          \
    {                                                                                              \
        0, 1, 0                                                                                    \
    } /* another group */
#define R                                                                                          \
    {                                                                                              \
        1, 0, 0                                                                                    \
    } /* another rank */
#define GATE(before, from, after, to, nck)                                                         \
    {                                                                                              \
        CBIT_DRAM_##before, CBIT_DRAM_##after, from, to, nck                                       \
    }
/* DDR4-3200AA x8, two ranks: CL 22, CWL 16, BL/2 4, tRTRS 2. */
static const gate_t DDR4_GATES[] = {
    GATE(ACT, A, ACT, B, 8),   /* tRRD_L */
    GATE(ACT, A, ACT, G, 4),   /* tRRD_S */
    GATE(ACT, A, ACT, R, 1),   /* ranks know nothing of each other but the command bus */
    GATE(ACT, A, RD, A, 22),   /* tRCD */
    GATE(ACT, A, WR, A, 22),   /* tRCD */
    GATE(ACT, A, PRE, A, 52),  /* tRAS */
    GATE(PRE, A, ACT, A, 22),  /* tRP */
    GATE(PRE, A, ACT, B, 1),   /* */
    GATE(RD, A, PRE, A, 12),   /* tRTP */
    GATE(WR, A, PRE, A, 44),   /* CWL + BL/2 + tWR 24 */
    GATE(RD, A, RD, B, 8),     /* tCCD_L */
    GATE(RD, A, RD, G, 4),     /* tCCD_S */
    GATE(RD, A, RD, R, 6),     /* BL/2 + tRTRS */
    GATE(WR, A, WR, B, 8),     /* tCCD_L */
    GATE(WR, A, WR, G, 4),     /* tCCD_S */
    GATE(WR, A, WR, R, 6),     /* BL/2 + tRTRS */
    GATE(RD, A, WR, B, 12),    /* CL + BL/2 + 2 - CWL */
    GATE(RD, A, WR, G, 12),    /* the same */
    GATE(RD, A, WR, R, 12),    /* CL + BL/2 + tRTRS - CWL */
    GATE(WR, A, RD, B, 32),    /* CWL + BL/2 + tWTR_L 12 */
    GATE(WR, A, RD, G, 24),    /* CWL + BL/2 + tWTR_S 4 */
    GATE(WR, A, RD, R, 1),     /* CWL + BL/2 + tRTRS - CL = 0: the command bus */
    GATE(RDA, A, ACT, A, 34),  /* tRTP + tRP */
    GATE(WRA, A, ACT, A, 66),  /* CWL + BL/2 + tWR + tRP */
    GATE(PRE, A, REF, A, 22),  /* tRP */
    GATE(REF, A, ACT, A, 560), /* tRFC1 of 8 Gb */
    GATE(REF, A, REF, A, 560), /* */
    GATE(REF, A, ACT, R, 1),   /* the other rank works on */
};

/* DDR5-4800B x8 16 Gb, two ranks: CL 40, CWL 38, BL/2 8. */
static const gate_t DDR5_GATES[] = {
    GATE(ACT, A, ACT, B, 12),      /* tRRD_L */
    GATE(ACT, A, ACT, G, 8),       /* tRRD_S */
    GATE(ACT, A, ACT, R, 2),       /* the command bus */
    GATE(ACT, A, RD, A, 39),       /* tRCD */
    GATE(ACT, A, PRE, A, 78),      /* tRAS 77 from ACT's second clock */
    GATE(PRE, A, ACT, A, 38),      /* tRP 39 to ACT's second clock */
    GATE(PRE, A, PRE, G, 2),       /* tPPD */
    GATE(RD, A, PRE, A, 19),       /* tRTP 18 */
    GATE(WR, A, PRE, A, 119),      /* CWL + BL/2 + tWR 72 = 118 */
    GATE(RD, A, RD, B, 12),        /* tCCD_L */
    GATE(RD, A, RD, G, 8),         /* tCCD_S */
    GATE(RD, A, RD, R, 10),        /* BL/2 + tRTRS */
    GATE(WR, A, WR, B, 24),        /* tCCD_L_WR2: x8 writes its whole on-die ECC word */
    GATE(WR, A, WR, A, 24),        /* the same bank too */
    GATE(WR, A, WR, G, 8),         /* tCCD_S */
    GATE(WR, A, WR, R, 10),        /* BL/2 + tRTRS */
    GATE(RD, A, WR, B, 14),        /* CL + BL/2 + 2 - CWL, and 2 of preamble */
    GATE(RD, A, WR, R, 12),        /* CL + BL/2 + tRTRS - CWL */
    GATE(WR, A, RD, B, 70),        /* CWL + BL/2 + tWTR_L 24 */
    GATE(WR, A, RD, G, 52),        /* CWL + BL/2 + tWTR_S 6 */
    GATE(WR, A, RD, R, 8),         /* CWL + BL/2 + tRTRS - CL */
    GATE(RDA, A, ACT, A, 57),      /* tRTP + tRP */
    GATE(WRA, A, ACT, A, 157),     /* CWL + BL/2 + tWR + tRP */
    GATE(REF, A, ACT, A, 707),     /* tRFC1 708 */
    GATE(REFSB, A, ACT, A, 311),   /* tRFCsb 312 */
    GATE(REFSB, A, ACT, G, 311),   /* the same bank of every group */
    GATE(REFSB, A, ACT, B, 71),    /* tREFSBRD 72: other banks work on */
    GATE(REFSB, A, REFSB, B, 312), /* tRFCsb */
    GATE(REFSB, A, ACT, R, 1),     /* the other rank works on (REFSB is one clock) */
    GATE(ACT, B, REFSB, A, 13),    /* tRRD_L 12 from ACT's second clock */
};

/* DDR5-4800B x4: a burst is half an on-die ECC word, so the die reads it before it writes. */
static const gate_t DDR5_X4_GATES[] = {
    GATE(WR, A, WR, B, 48), /* tCCD_L_WR */
    GATE(WR, A, WR, G, 8),
    GATE(RD, A, RD, B, 12),
};

static const struct gates {
    cbit_dram_config_t part;
    const gate_t *gates;
    uint32_t count;
} GATES[] = {
    {{.speed = CBIT_DDR4_3200AA, .width_bits = 8, .density_gbit = 8, .ranks = 2},
     DDR4_GATES,
     sizeof DDR4_GATES / sizeof DDR4_GATES[0]},
    {{.speed = CBIT_DDR5_4800B, .width_bits = 8, .density_gbit = 16, .ranks = 2},
     DDR5_GATES,
     sizeof DDR5_GATES / sizeof DDR5_GATES[0]},
    {{.speed = CBIT_DDR5_4800B, .width_bits = 4, .density_gbit = 16, .ranks = 2},
     DDR5_X4_GATES,
     sizeof DDR5_X4_GATES / sizeof DDR5_X4_GATES[0]},
};

static uint32_t flat_of(const cbit_dram_device_t *d, const uint8_t place[3])
{
    return (place[0] * d->groups + place[1]) * d->banks_per_group + place[2];
}

static bool needs_open(cbit_dram_command_t command)
{
    return command >= CBIT_DRAM_PRE && command <= CBIT_DRAM_WRA;
}

enum { LONG_AGO = 1000, THEN = 10000 };

/* The two commands, and before them, long ago, the ACTs that they need. */
static uint32_t sequence_of(const cbit_dram_device_t *d, const gate_t *gate, step_t steps[4])
{
    const uint32_t from = flat_of(d, gate->from), to = flat_of(d, gate->to);
    uint32_t count = 0;
    if (needs_open(gate->before)) {
        steps[count++] = (step_t){CBIT_DRAM_ACT, from, ROW, LONG_AGO};
    }
    if (needs_open(gate->after) && to != from) {
        steps[count++] = (step_t){CBIT_DRAM_ACT, to, ROW, LONG_AGO + 500};
    }
    steps[count++] = (step_t){gate->before, from, ROW, THEN};
    steps[count++] = (step_t){gate->after, to, ROW, THEN + gate->nck};
    return count;
}

START_TEST(every_rule_has_its_distance)
{
    cbit_dram_device_t device;
    const struct gates *set = &GATES[_i];
    ck_assert_int_eq(cbit_dram_resolve(&set->part, "/dram", &device, NULL), CBIT_ERR_OK);
    device.timing.trefi_nck = 1u << 30; /* none is ever due */
    device.timing.trefisb_nck = device.generation == 5 ? 1u << 30 : 0;
    for (uint32_t i = 0; i < set->count; i++) {
        const gate_t *gate = &set->gates[i];
        cbit_dram_history_t *history;
        step_t steps[4];
        uint32_t count = sequence_of(&device, gate, steps);
        ck_assert_int_eq(cbit_dram_history_create(&device, &history), CBIT_ERR_OK);
        for (uint32_t k = 0; k + 1 < count; k++) {
            cbit_dram_issue(history, steps[k].command, steps[k].flat, steps[k].at_nck);
        }
        const uint64_t earliest =
            cbit_dram_earliest_nck(history, gate->after, steps[count - 1].flat, NULL);
        ck_assert_msg(earliest == THEN + gate->nck, "gate %u: %s to %s after %ld clocks, not %u", i,
                      cbit_dram_command_names[gate->before], cbit_dram_command_names[gate->after],
                      (long)earliest - THEN, gate->nck);
        cbit_dram_history_destroy(history);
        ck_assert_uint_eq(violations(&device, steps, count, 0), 0);
        ck_assert_msg(violations(&device, steps, count, 1) > 0,
                      "gate %u: the checker lets it come a clock early", i);
    }
}
END_TEST

/* Four ACTs as fast as tRRD_S lets them; the fifth of the rank waits for tFAW, another rank's only
   for the command bus: 34 of DDR4-3200 x8, 16 of x4 (no more than four tRRD_S), 32 of DDR5. */
START_TEST(four_activates_are_counted_by_rank)
{
    static const struct {
        uint32_t speed, width, density, rrd_nck, faw_nck, bus_nck;
    } ROWS[] = {{CBIT_DDR4_3200AA, 8, 8, 4, 34, 1},
                {CBIT_DDR4_3200AA, 16, 8, 9, 48, 1},
                {CBIT_DDR4_3200AA, 4, 8, 4, 16, 1},
                {CBIT_DDR5_4800B, 8, 16, 8, 32, 2}};
    cbit_dram_device_t d;
    const cbit_dram_config_t part = {.speed = ROWS[_i].speed,
                                     .width_bits = ROWS[_i].width,
                                     .density_gbit = ROWS[_i].density,
                                     .ranks = 2};
    ck_assert_int_eq(cbit_dram_resolve(&part, "/dram", &d, NULL), CBIT_ERR_OK);
    cbit_dram_history_t *history;
    ck_assert_int_eq(cbit_dram_history_create(&d, &history), CBIT_ERR_OK);
    uint64_t at_nck = THEN;
    for (uint32_t i = 0; i < 4; i++) {
        /* groups by turns; x16 has two of them, whose tRRD_L is longer than the gap here */
        const uint8_t place[3] = {0, (uint8_t)(i % d.groups), (uint8_t)(i / d.groups)};
        at_nck = THEN + i * (uint64_t)ROWS[_i].rrd_nck;
        ck_assert_uint_le(cbit_dram_earliest_nck(history, CBIT_DRAM_ACT, flat_of(&d, place), NULL),
                          d.groups > 2 ? at_nck : at_nck + d.timing.trrd_l_nck);
        cbit_dram_issue(history, CBIT_DRAM_ACT, flat_of(&d, place), at_nck);
    }
    const uint8_t same[3] = {0, 0, 3}, other[3] = {1, 0, 0};
    ck_assert_uint_eq(cbit_dram_earliest_nck(history, CBIT_DRAM_ACT, flat_of(&d, same), NULL),
                      THEN + ROWS[_i].faw_nck);
    ck_assert_uint_eq(cbit_dram_earliest_nck(history, CBIT_DRAM_ACT, flat_of(&d, other), NULL),
                      at_nck + ROWS[_i].bus_nck);
    cbit_dram_history_destroy(history);
}
END_TEST

/* Column commands that close by themselves: the precharge begins no earlier than tRAS allows. */
START_TEST(auto_precharge_keeps_the_row_for_its_time)
{
    cbit_dram_device_t d;
    const cbit_dram_config_t part = {
        .speed = CBIT_DDR4_3200AA, .width_bits = 8, .density_gbit = 8, .ranks = 1};
    ck_assert_int_eq(cbit_dram_resolve(&part, "/dram", &d, NULL), CBIT_ERR_OK);
    cbit_dram_history_t *history;
    ck_assert_int_eq(cbit_dram_history_create(&d, &history), CBIT_ERR_OK);
    cbit_dram_issue(history, CBIT_DRAM_ACT, 0, THEN);
    cbit_dram_issue(history, CBIT_DRAM_RDA, 0, THEN + 22);
    /* tRTP + tRP = 34 behind RDA would be 56; tRAS + tRP = 74 behind ACT */
    ck_assert_uint_eq(cbit_dram_earliest_nck(history, CBIT_DRAM_ACT, 0, NULL), THEN + 74);
    cbit_dram_history_destroy(history);
}
END_TEST

/* A write behind another rank's read: the bursts may meet only if the device says so (policies that
   imitate such a simulator), and then no nearer than it lets them. CL 22, CWL 16. */
START_TEST(bursts_of_ranks_overlap_only_by_leave)
{
    cbit_dram_device_t d;
    const cbit_dram_config_t part = {.speed = CBIT_DDR4_3200AA,
                                     .width_bits = 8,
                                     .density_gbit = 8,
                                     .ranks = 2,
                                     .timing = {.read_to_write_rank_nck = 6}};
    static const struct {
        bool leave;
        uint32_t nck;
        uint64_t violations, overlaps;
    } ROWS[] = {{false, 6, 1, 0}, {false, 11, 1, 0}, {false, 12, 0, 0}, {true, 5, 1, 1},
                {true, 6, 0, 1},  {true, 11, 0, 1},  {true, 12, 0, 0}};
    for (uint32_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        ck_assert_int_eq(cbit_dram_resolve(&part, "/dram", &d, NULL), CBIT_ERR_OK);
        d.ranks_overlap = ROWS[i].leave;
        const step_t steps[] = {{CBIT_DRAM_ACT, 0, ROW, 10},
                                {CBIT_DRAM_ACT, d.banks / 2, ROW, 20},
                                {CBIT_DRAM_RD, 0, ROW, 100},
                                {CBIT_DRAM_WR, d.banks / 2, ROW, 100 + ROWS[i].nck}};
        cbit_dram_checker_t *checker;
        ck_assert_int_eq(cbit_dram_checker_create(&d, &checker), CBIT_ERR_OK);
        for (uint32_t k = 0; k < 4; k++) {
            tell(checker, &d, &steps[k], steps[k].at_nck);
        }
        ck_assert_uint_eq(cbit_dram_checker_violations(checker), ROWS[i].violations);
        ck_assert_uint_eq(cbit_dram_checker_overlaps(checker), ROWS[i].overlaps);
        cbit_dram_checker_destroy(checker);
    }
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("dram_rules");
    TCase *tight = tcase_create("tight");
    tcase_set_timeout(tight, 60);
    tcase_add_loop_test(tight, gates_are_tight_between_engine_and_checker, 0,
                        sizeof PARTS / sizeof PARTS[0]);
    tcase_add_loop_test(tight, every_rule_has_its_distance, 0, sizeof GATES / sizeof GATES[0]);
    tcase_add_loop_test(tight, four_activates_are_counted_by_rank, 0, 4);
    tcase_add_test(tight, auto_precharge_keeps_the_row_for_its_time);
    tcase_add_test(tight, bursts_of_ranks_overlap_only_by_leave);
    suite_add_tcase(suite, tight);
    return suite;
}
