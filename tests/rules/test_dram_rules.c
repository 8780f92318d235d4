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
    uint32_t bound = 0, refused = 0;
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
            /* At its time the checker is content; a clock before, where a rule decides, not.
               PREA keeps clear of banks that closed already, a caution that the checker lacks. */
            ck_assert_uint_eq(violations(&device, steps, i + 1, 0), 0);
            if (rule != NULL && steps[i].command != CBIT_DRAM_PREA) {
                bound++;
                refused += violations(&device, steps, i + 1, 1) > 0;
            }
            cbit_dram_issue(history, steps[i].command, steps[i].flat, steps[i].at_nck);
            apply(&walk, &steps[i]);
        }
        cbit_dram_history_destroy(history);
    }
    free(steps);
    ck_assert_uint_gt(bound, 500);
    /* Exceptions: the engine counts tRC from every ACT of a rank to REF, and a read-to-write gap
       that holds a preamble; the checker only what the banks and the data bus need. */
    ck_assert_msg(refused * 100 >= bound * 90, "only %u of %u gates are tight", refused, bound);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("dram_rules");
    TCase *tight = tcase_create("tight");
    tcase_set_timeout(tight, 60);
    tcase_add_loop_test(tight, gates_are_tight_between_engine_and_checker, 0,
                        sizeof PARTS / sizeof PARTS[0]);
    suite_add_tcase(suite, tight);
    return suite;
}
