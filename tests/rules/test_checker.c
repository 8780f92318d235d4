/*
 * Every distance that the checker knows, by itself: a history that is legal with its last command
 * at its time, and refused by that very rule a clock earlier. Figures are written out from the
 * standards' tables, for DDR4-3200AA x8 8 Gb and DDR5-4800B x8 16 Gb, two ranks; where two rules
 * would end together, one is set longer.
 */
#include <stdlib.h>
#include <string.h>

#include "cbit/dram/checker.h"
#include "cbit_test.h"

typedef struct directed {
    const char *rule; /* as the checker names it */
    bool ddr5;
    cbit_dram_timing_t timing;
    /* `COMMAND bank clock`, the last one under test. Banks: a; b beside it in its group; g of
       another group; h of a third, i of a fourth; r of another rank. */
    const char *history;
} directed_t;

static const directed_t DIRECTED[] = {
    /* rows */
    {"tRC", false, {.trc_nck = 80}, "ACT a 0, PRE a 52, ACT a 80"},
    {"tRC", true, {.trc_nck = 130}, "ACT a 0, PRE a 78, ACT a 130"},
    {"tRC", false, {.trc_nck = 80}, "ACT a 0, PRE a 52, REF a 80"},
    {"tRCD", false, {0}, "ACT a 0, RD a 22"},
    {"tRCD", true, {0}, "ACT a 0, WR a 39"},
    {"tRP", false, {0}, "ACT a 0, PRE a 60, ACT a 82"},
    {"tRP", true, {0}, "ACT a 0, PRE a 100, ACT a 138"},
    {"tRP", false, {0}, "ACT a 0, PRE a 60, ACT b 90, PREA a 142, ACT a 164"},
    {"tRP", false, {0}, "ACT a 0, PREA a 60, REF a 82"},
    {"tRP", false, {0}, "ACT a 0, RDA a 60, ACT a 94"},
    {"tRP", false, {0}, "ACT a 0, WRA a 60, ACT a 126"},
    {"tRC", false, {0}, "ACT a 0, RDA a 22, ACT a 74"}, /* and tRP: it closes once tRAS is over */
    {"tRP", false, {0}, "ACT a 0, PREA a 60, SRE a 82"},
    {"tRP", true, {0}, "ACT a 0, PRE a 100, REFSB a 139"},
    {"tRRD_L", false, {0}, "ACT a 0, ACT b 8"},
    {"tRRD_L", true, {0}, "ACT a 0, ACT b 12"},
    {"tRRD_L", true, {0}, "ACT b 0, REFSB a 13"},
    {"tRRD_S", false, {0}, "ACT a 0, ACT g 4"},
    {"tRRD_S", true, {0}, "ACT a 0, ACT g 8"},
    {"tFAW", false, {0}, "ACT a 0, ACT g 4, ACT h 8, ACT i 12, ACT b 34"},
    {"tFAW", true, {.tfaw_nck = 40}, "ACT a 0, ACT g 8, ACT h 16, ACT i 24, ACT b 40"},
    {"tRAS", false, {0}, "ACT a 0, PRE a 52"},
    {"tRAS", true, {0}, "ACT a 0, PRE a 78"},
    {"tRAS", false, {0}, "ACT a 0, PREA a 52"},
    {"tRTP", false, {0}, "ACT a 0, RD a 60, PRE a 72"},
    {"tRTP", true, {0}, "ACT a 0, RD a 100, PREA a 119"},
    {"tWR", false, {0}, "ACT a 0, WR a 60, PRE a 104"},
    {"tWR", true, {0}, "ACT a 0, WR a 100, PREA a 219"},
    {"tPPD", true, {0}, "ACT a 0, ACT g 20, PRE a 200, PRE g 202"},
    {"tPPD", true, {.tppd_nck = 5}, "ACT a 0, ACT g 20, PRE a 200, PREA g 205"},
    /* columns */
    {"tCCD_L", false, {0}, "ACT a 0, ACT b 20, RD a 100, RD b 108"},
    {"tCCD_L", true, {0}, "ACT a 0, RD a 100, RD a 112"},
    {"tCCD_S", false, {.burst_nck = 4, .tccd_s_nck = 5}, "ACT a 0, ACT g 20, RD a 100, RD g 105"},
    {"tCCD_S", true, {.tccd_s_nck = 9}, "ACT a 0, ACT g 20, WR a 100, WR g 109"},
    {"tCCD_L_WR", false, {0}, "ACT a 0, ACT b 20, WR a 100, WR b 108"},
    {"tCCD_L_WR", true, {0}, "ACT a 0, ACT b 20, WR a 100, WR b 124"},
    {"tWTR_L", false, {0}, "ACT a 0, ACT b 20, WR a 100, RD b 132"},
    {"tWTR_L", true, {0}, "ACT a 0, ACT b 20, WR a 100, RD b 170"},
    {"tWTR_S", false, {0}, "ACT a 0, ACT g 20, WR a 100, RD g 124"},
    {"tWTR_S", true, {0}, "ACT a 0, ACT g 20, WR a 100, RD g 152"},
    /* data bus: bursts end to end, turned round, of another rank */
    {"data bus", false, {.tccd_s_nck = 4}, "ACT a 0, ACT r 20, RD a 100, RD r 106"},
    {"data bus", true, {0}, "ACT a 0, ACT r 20, RD a 100, RD r 110"},
    {"data bus", false, {0}, "ACT a 0, ACT r 20, WR a 100, WR r 106"},
    {"data bus", false, {0}, "ACT a 0, ACT b 20, RD a 100, WR b 112"},
    {"data bus", false, {0}, "ACT a 0, ACT r 20, RD a 100, WR r 112"},
    {"data bus", true, {0}, "ACT a 0, RD a 100, WR a 114"},
    {"data bus", true, {0}, "ACT a 0, ACT r 20, RD a 100, WR r 112"},
    {"data bus", true, {0}, "ACT a 0, ACT r 20, WR a 100, RD r 108"},
    /* refresh */
    {"tRFC", false, {0}, "REF a 0, ACT a 560"},
    {"tRFC", true, {0}, "REF a 5, ACT a 712"},
    {"tRFC", false, {0}, "REF a 5, REF a 565"},
    {"tRFC", false, {0}, "REF a 5, SRE a 565"},
    {"tRFC", true, {0}, "REF a 5, REFSB a 713"},
    {"tRFCsb", true, {0}, "REFSB a 0, ACT g 311"},
    {"tRFCsb", true, {0}, "REFSB a 0, REFSB b 312"},
    {"tRFCsb", true, {0}, "REFSB a 0, REF a 312"},
    {"tREFSBRD", true, {0}, "REFSB a 0, ACT b 71"},
    /* sleep */
    {"tXP", false, {0}, "PDE a 0, PDX a 100, ACT a 110"},
    {"tXP", true, {0}, "PDE a 0, PDX a 100, REF a 118"},
    {"tXS", false, {0}, "REF a 0, SRE a 600, SRX a 1000, ACT a 1576"},
    {"tXSDLL", false, {0}, "REF a 0, SRE a 600, SRX a 1000, ACT a 1576, RD a 2024"},
    {"tCKE", false, {0}, "PDE a 100, PDX a 108"},
    {"tCKESR", false, {0}, "REF a 0, SRE a 600, SRX a 609"},
    {"tREFPDEN", false, {0}, "REF a 0, PDE a 2"},
    {"tACTPDEN, tPRPDEN", false, {0}, "ACT a 0, PDE a 2"},
    {"tACTPDEN, tPRPDEN", false, {0}, "ACT a 0, PRE a 60, PDE a 62"},
    {"tRDPDEN", false, {0}, "ACT a 0, RD a 60, PDE a 87"},
    {"tRDPDEN", true, {.trtp_nck = 12}, "ACT a 0, RD a 100, PDE a 150"},
    {"tWRPDEN", false, {0}, "ACT a 0, WR a 60, PDE a 104"},
    {"tWRPDEN", true, {0}, "ACT a 0, WR a 100, PDE a 220"},
    {"tWRAPDEN", false, {0}, "ACT a 0, WRA a 60, PDE a 105"},
    /* command bus: one slot a command, two for ACT, RD and WR of DDR5 */
    {"command bus", false, {0}, "ACT a 0, ACT r 1"},
    {"command bus", true, {0}, "ACT a 0, REF r 2"},
};

/* What is wrong at any time: the last command breaks the rule, the others none. */
static const directed_t STATES[] = {
    {"ACT of an open bank", false, {0}, "ACT a 0, ACT a 200"},
    {"PRE of a closed bank", false, {0}, "PRE a 0"},
    {"row is not open", false, {0}, "RD a 0"},
    {"row is not open", true, {0}, "ACT a 0, WRA a 60, WR a 200"},
    {"REF while a bank is open", false, {0}, "ACT a 0, REF a 200"},
    {"REF while a bank is open", true, {0}, "ACT g 0, REFSB a 200"},
    {"REF while a bank is open", false, {0}, "ACT a 0, SRE a 200"},
    {"rank is asleep", false, {0}, "PDE a 0, ACT b 200"},
    {"wakes from what it is not in", false, {0}, "PDE a 0, SRX a 2000"},
    {"wakes from what it is not in", false, {0}, "PDX a 2000"},
    {"no refresh since the last self-refresh",
     false,
     {0},
     "REF a 0, SRE a 600, SRX a 2000, SRE a 4000"},
    {"a bank twice before all others", true, {0}, "REFSB a 0, REFSB a 4000"},
    {"the device has no same-bank refresh", false, {0}, "REFSB a 0"},
    /* 8 may be owed, one is on its way; ranks may begin up to one late */
    {"tREFI: too many refreshes postponed", false, {.trefi_nck = 1000}, "ACT a 11000"},
    {"tREFI: too many refreshes postponed", true, {.trefi_nck = 1000}, "ACT a 7000"},
    /* 4 may be paid ahead, and one of its own interval */
    {"tREFI: too many refreshes pulled in",
     true,
     {0},
     "REF a 0, REF a 800, REF a 1600, REF a 2400, REF a 3200, REF a 4000"},
};

typedef struct told {
    char name[8];
    uint32_t rank, group, bank;
    uint64_t at_nck;
} told_t;

enum { MOST = 8, ROW = 5 };

static uint32_t read_history(const char *text, told_t told[MOST])
{
    uint32_t count = 0;
    while (*text != '\0') {
        told_t *t = &told[count++];
        char *end;
        size_t length = strcspn(text, " ");
        ck_assert(count < MOST && length < sizeof t->name);
        *t = (told_t){.rank = text[length + 1] == 'r',
                      .group = text[length + 1] >= 'g' && text[length + 1] <= 'i'
                                   ? (uint32_t)(text[length + 1] - 'g') + 1
                                   : 0,
                      .bank = text[length + 1] == 'b'};
        memcpy(t->name, text, length);
        t->at_nck = strtoul(text + length + 2, &end, 10);
        text = end + strspn(end, ", ");
    }
    return count;
}

/* The rule that the last command breaks when it comes `early` clocks before its time; NULL: none */
static const char *broken(const cbit_dram_device_t *device, const directed_t *directed,
                          uint64_t early)
{
    told_t told[MOST];
    uint32_t count = read_history(directed->history, told);
    cbit_dram_checker_t *checker;
    ck_assert_int_eq(cbit_dram_checker_create(device, &checker), CBIT_ERR_OK);
    for (uint32_t i = 0; i < count; i++) {
        const told_t *t = &told[i];
        ck_assert_msg(cbit_dram_checker_violations(checker) == 0, "%s: %s %u is refused: %s",
                      directed->history, told[i - 1].name, i,
                      cbit_dram_checker_first(checker)->rule);
        cbit_dram_checker_command(checker, t->name, t->at_nck - (i + 1 == count ? early : 0),
                                  t->rank, t->group, t->bank, ROW, 0);
    }
    const cbit_dram_violation_t *first = cbit_dram_checker_first(checker);
    const char *rule = first == NULL ? NULL : first->rule;
    cbit_dram_checker_destroy(checker);
    return rule;
}

static void resolve(const directed_t *directed, cbit_dram_device_t *device)
{
    const cbit_dram_config_t part = {.speed = directed->ddr5 ? CBIT_DDR5_4800B : CBIT_DDR4_3200AA,
                                     .width_bits = 8,
                                     .density_gbit = directed->ddr5 ? 16 : 8,
                                     .ranks = 2,
                                     .timing = directed->timing};
    ck_assert_int_eq(cbit_dram_resolve(&part, "/dram", device, NULL), CBIT_ERR_OK);
}

START_TEST(the_checker_knows_each_distance_to_the_clock)
{
    const directed_t *directed = &DIRECTED[_i];
    cbit_dram_device_t device;
    resolve(directed, &device);
    const char *on_time = broken(&device, directed, 0);
    ck_assert_msg(on_time == NULL, "%s: breaks %s", directed->history, on_time);
    const char *early = broken(&device, directed, 1);
    ck_assert_msg(early != NULL, "%s: may come a clock early", directed->history);
    ck_assert_msg(strcmp(early, directed->rule) == 0, "%s: a clock early breaks %s, not %s",
                  directed->history, early, directed->rule);
}
END_TEST

START_TEST(the_checker_knows_each_state)
{
    cbit_dram_device_t device;
    resolve(&STATES[_i], &device);
    const char *rule = broken(&device, &STATES[_i], 0);
    ck_assert_msg(rule != NULL && strcmp(rule, STATES[_i].rule) == 0, "%s: breaks %s, not %s",
                  STATES[_i].history, rule, STATES[_i].rule);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("checker");
    TCase *tcase = tcase_create("directed");
    tcase_add_loop_test(tcase, the_checker_knows_each_distance_to_the_clock, 0,
                        sizeof DIRECTED / sizeof DIRECTED[0]);
    tcase_add_loop_test(tcase, the_checker_knows_each_state, 0, sizeof STATES / sizeof STATES[0]);
    suite_add_tcase(suite, tcase);
    return suite;
}
