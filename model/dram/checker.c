#include "cbit/dram/checker.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Times are kept from START_NCK on, so that 0 is long before everything. */
enum { START_NCK = 1000000000, DDR4_POSTPONED = 8, DDR5_POSTPONED = 4 };
enum { DDR5_WRITE_PREAMBLE = 2 }; /* JESD79-5, tWPRE: the strobe is driven before the data */

typedef struct bank {
    bool open;
    uint32_t row;
    uint64_t activated, read, write_data_end;
    uint64_t precharged; /* when its precharge began */
    uint64_t refreshed;  /* alone, by REFSB */
} bank_t;

typedef enum sleep { AWAKE, POWER_DOWN, SELF_REFRESH } sleep_t;

typedef struct rank {
    uint64_t activates[4]; /* the last four, newest first */
    uint64_t precharge_command, refreshed;
    uint64_t read, write, write_data_end;
    uint64_t refreshed_banks; /* the last REFSB */
    uint32_t banks_done;      /* of this round of REFSB, bit k: bank k */
    sleep_t sleep;
    uint64_t slept, woke, woke_refreshed; /* entry; exit from power-down, from self-refresh */
    uint64_t any, write_closes; /* the last command but a sleep's; the last WRA's end of data */
    bool any_refresh, refreshed_since_sleep;
    uint64_t since, paid; /* refreshes are owed from here on, and how many there were */
} rank_t;

typedef struct group {
    uint64_t activated, read, write, write_data_end;
} group_t;

struct cbit_dram_checker {
    cbit_dram_device_t device;
    bank_t bank[CBIT_DRAM_MAX_BANKS];
    group_t group[CBIT_DRAM_MAX_BANKS];
    rank_t rank[CBIT_DRAM_MAX_RANKS];
    uint64_t bus_free; /* command bus */
    uint64_t data_end; /* data bus: end of the last burst, its rank and direction */
    uint32_t data_rank;
    bool data_write, data_any;
    uint64_t commands, violations, overlaps;
    cbit_dram_violation_t first;
};

/* One command under judgement. */
typedef struct judged {
    cbit_dram_checker_t *checker;
    const char *name;
    uint64_t at_nck; /* as told */
    uint64_t slot;   /* its first clock on the command bus */
    uint64_t now;    /* the clock from which the devices work on it: its last on the bus */
    uint32_t rank_no;
    rank_t *rank;
    group_t *group;
    bank_t *bank;
} judged_t;

cbit_err_t cbit_dram_checker_create(const cbit_dram_device_t *device, cbit_dram_checker_t **out)
{
    cbit_dram_checker_t *checker = calloc(1, sizeof *checker);
    if (checker == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    checker->device = *device;
    for (uint32_t r = 0; r < device->ranks; r++) {
        checker->rank[r].since = START_NCK; /* fresh to begin with */
        checker->rank[r].refreshed_since_sleep = true;
    }
    *out = checker;
    return CBIT_ERR_OK;
}

void cbit_dram_checker_destroy(cbit_dram_checker_t *checker)
{
    free(checker);
}

static void violation(const judged_t *j, const char *rule, uint64_t value, uint64_t least)
{
    cbit_dram_checker_t *c = j->checker;
    if (c->violations++ == 0) {
        c->first = (cbit_dram_violation_t){.command = j->name,
                                           .rule = rule,
                                           .at_nck = j->at_nck,
                                           .rank = j->rank_no,
                                           .value = value,
                                           .least = least};
    }
}

/* `least` clocks must lie between an event and now. */
static void at_least(const judged_t *j, uint64_t since, uint32_t least, const char *rule)
{
    if (j->now < since + least) {
        violation(j, rule, j->now - since, least);
    }
}

static void take_command_bus(judged_t *j, uint32_t clocks)
{
    if (j->slot < j->checker->bus_free) {
        violation(j, "command bus", j->slot, j->checker->bus_free);
    }
    j->checker->bus_free = j->slot + clocks;
    j->now = j->slot + clocks - 1;
}

/*
 * A command that the rank must be awake for. Refreshes may be owed or paid ahead, but not more than
 * the standard lets be postponed or pulled in, one of them on its way; ranks may begin staggered.
 */
static void needs_awake(const judged_t *j)
{
    const cbit_dram_timing_t *t = &j->checker->device.timing;
    rank_t *rank = j->rank;
    if (rank->sleep != AWAKE) {
        violation(j, "rank is asleep", rank->sleep, AWAKE);
    }
    if (rank->woke != 0) {
        at_least(j, rank->woke, t->txp_nck, "tXP");
    }
    if (rank->woke_refreshed != 0) {
        at_least(j, rank->woke_refreshed, t->txs_nck, "tXS");
    }
    bool banks = rank->refreshed_banks != 0;
    uint64_t owed = (j->now - rank->since) / (banks ? t->trefisb_nck : t->trefi_nck);
    uint64_t most = (t->burst_nck == 8 ? DDR5_POSTPONED : DDR4_POSTPONED) + 2;
    if (owed > rank->paid + most) {
        violation(j, "tREFI: too many refreshes postponed", owed - rank->paid, most);
    }
    rank->any = j->now;
    rank->any_refresh = false;
}

static void activate(judged_t *j, uint32_t row)
{
    const cbit_dram_timing_t *t = &j->checker->device.timing;
    take_command_bus(j, t->command_nck);
    needs_awake(j);
    if (j->bank->open) {
        violation(j, "ACT of an open bank", 0, 0);
    }
    if (row >= j->checker->device.rows) {
        violation(j, "no such row", row, 0);
    }
    at_least(j, j->bank->activated, t->trc_nck, "tRC");
    at_least(j, j->bank->precharged, t->trp_nck, "tRP");
    at_least(j, j->group->activated, t->trrd_l_nck, "tRRD_L");
    at_least(j, j->rank->activates[0], t->trrd_s_nck, "tRRD_S");
    at_least(j, j->rank->activates[3], t->tfaw_nck, "tFAW");
    if (j->rank->refreshed != 0) {
        at_least(j, j->rank->refreshed, t->trfc_nck, "tRFC");
    }
    if (j->rank->refreshed_banks != 0) {
        at_least(j, j->rank->refreshed_banks, t->trefsbrd_nck, "tREFSBRD");
        at_least(j, j->bank->refreshed, t->trfcsb_nck, "tRFCsb");
    }
    memmove(&j->rank->activates[1], &j->rank->activates[0], 3 * sizeof j->rank->activates[0]);
    j->rank->activates[0] = j->group->activated = j->bank->activated = j->now;
    j->bank->open = true;
    j->bank->row = row;
    j->bank->read = j->bank->write_data_end = 0;
}

/* What must have ended before a bank's precharge begins; the clock at which it may. */
static void may_precharge(const judged_t *j, const bank_t *bank)
{
    const cbit_dram_timing_t *t = &j->checker->device.timing;
    at_least(j, bank->activated, t->tras_nck, "tRAS");
    at_least(j, bank->read, t->trtp_nck, "tRTP");
    at_least(j, bank->write_data_end, t->twr_nck, "tWR");
}

static void precharge(judged_t *j, bool all)
{
    cbit_dram_checker_t *c = j->checker;
    take_command_bus(j, 1);
    needs_awake(j);
    at_least(j, j->rank->precharge_command, c->device.timing.tppd_nck, "tPPD");
    uint32_t per_rank = c->device.groups * c->device.banks_per_group;
    uint32_t first = all ? j->rank_no * per_rank : (uint32_t)(j->bank - c->bank);
    for (uint32_t b = first; b < first + (all ? per_rank : 1); b++) {
        if (c->bank[b].open) {
            may_precharge(j, &c->bank[b]);
            c->bank[b].open = false;
        } else if (!all) {
            violation(j, "PRE of a closed bank", 0, 0);
        }
        /* JESD79-4: the last PRE to a bank counts, though it was closed; one may yet be to come. */
        if (c->bank[b].precharged < j->now) {
            c->bank[b].precharged = j->now;
        }
    }
    j->rank->precharge_command = j->now;
}

/* Bursts must not overlap; between two directions or two ranks the bus rests. */
static void take_data_bus(judged_t *j, bool write, uint64_t begin, uint64_t end)
{
    cbit_dram_checker_t *c = j->checker;
    const cbit_dram_timing_t *t = &c->device.timing;
    bool same_rank = c->data_rank == j->rank_no, ddr5 = c->device.generation == 5;
    uint64_t rest = c->data_write != write ? t->trtrs_nck
                    : same_rank            ? 0
                    : write                ? t->write_to_write_rank_nck - t->burst_nck
                                           : t->trtrs_nck;
    rest += same_rank && write && !c->data_write && ddr5 ? DDR5_WRITE_PREAMBLE : 0;
    if (c->data_any && begin < c->data_end + rest) {
        if (c->device.ranks_overlap && write && !c->data_write && !same_rank) {
            c->overlaps++;
            at_least(j, c->data_end - t->burst_nck - t->cl_nck, t->read_to_write_rank_nck,
                     "RD to WR of another rank");
        } else {
            violation(j, "data bus", begin - START_NCK, c->data_end + rest - START_NCK);
        }
    }
    c->data_any = true;
    c->data_end = end > c->data_end ? end : c->data_end;
    c->data_write = write;
    c->data_rank = j->rank_no;
}

static void column_gaps(const judged_t *j, bool write)
{
    const cbit_dram_timing_t *t = &j->checker->device.timing;
    if (write) {
        at_least(j, j->group->write, t->tccd_l_wr_nck, "tCCD_L_WR");
        at_least(j, j->rank->write, t->tccd_s_nck, "tCCD_S");
        return;
    }
    at_least(j, j->group->read, t->tccd_l_nck, "tCCD_L");
    at_least(j, j->rank->read, t->tccd_s_nck, "tCCD_S");
    at_least(j, j->group->write_data_end, t->twtr_l_nck, "tWTR_L");
    at_least(j, j->rank->write_data_end, t->twtr_s_nck, "tWTR_S");
}

/* The bank closes itself once tRAS and tRTP or tWR are over. */
static void precharge_itself(judged_t *j, bool write)
{
    const cbit_dram_timing_t *t = &j->checker->device.timing;
    uint64_t begins = write ? j->bank->write_data_end + t->twr_nck : j->now + t->trtp_nck;
    uint64_t after_ras = j->bank->activated + t->tras_nck;
    if (write) {
        j->rank->write_closes = j->bank->write_data_end;
    }
    j->bank->precharged = begins > after_ras ? begins : after_ras;
    j->bank->open = false;
}

static void column(judged_t *j, bool write, bool closes, uint32_t row, uint32_t column_no)
{
    cbit_dram_checker_t *c = j->checker;
    const cbit_dram_timing_t *t = &c->device.timing;
    take_command_bus(j, t->command_nck);
    needs_awake(j);
    if (j->rank->woke_refreshed != 0) {
        at_least(j, j->rank->woke_refreshed, t->txsdll_nck, "tXSDLL");
    }
    if (!j->bank->open || j->bank->row != row) {
        violation(j, "row is not open", row, 0);
    }
    if (column_no >= 1u << c->device.column_bits) {
        violation(j, "no such column", column_no, 0);
    }
    at_least(j, j->bank->activated, t->trcd_nck, "tRCD");
    column_gaps(j, write);
    /* The data follow the command's working clock; both directions count alike. */
    uint64_t begin = j->now + (write ? t->cwl_nck : t->cl_nck), end = begin + t->burst_nck;
    take_data_bus(j, write, begin, end);
    if (write) {
        j->group->write = j->rank->write = j->now;
        j->bank->write_data_end = j->group->write_data_end = j->rank->write_data_end = end;
    } else {
        j->bank->read = j->group->read = j->rank->read = j->now;
    }
    if (closes) {
        precharge_itself(j, write);
    }
}

/* One refresh more is paid for, of the whole rank or of one bank a group. */
static void pay_refresh(const judged_t *j, uint32_t every_nck)
{
    rank_t *rank = j->rank;
    uint64_t due = (j->now - rank->since) / every_nck;
    uint64_t most =
        (j->checker->device.timing.burst_nck == 8 ? DDR5_POSTPONED : DDR4_POSTPONED) + 1;
    if (++rank->paid > due + most) {
        violation(j, "tREFI: too many refreshes pulled in", rank->paid - due, most);
    }
    rank->any_refresh = true;
    rank->refreshed_since_sleep = true;
}

/* A bank that is to be refreshed, or to sleep without rows, must have been closed for tRP. */
static void needs_closed(const judged_t *j, uint32_t first, uint32_t step)
{
    const cbit_dram_checker_t *c = j->checker;
    uint32_t per_rank = c->device.groups * c->device.banks_per_group;
    for (uint32_t b = j->rank_no * per_rank + first; b < (j->rank_no + 1) * per_rank; b += step) {
        if (c->bank[b].open) {
            violation(j, "REF while a bank is open", b, 0);
        }
        at_least(j, c->bank[b].precharged, c->device.timing.trp_nck, "tRP");
        at_least(j, c->bank[b].activated, c->device.timing.trc_nck, "tRC");
    }
}

/* What an earlier refresh of the rank keeps from being refreshed again. */
static void after_refresh(const judged_t *j)
{
    const cbit_dram_timing_t *t = &j->checker->device.timing;
    if (j->rank->refreshed != 0) {
        at_least(j, j->rank->refreshed, t->trfc_nck, "tRFC");
    }
    if (j->rank->refreshed_banks != 0) {
        at_least(j, j->rank->refreshed_banks, t->trfcsb_nck, "tRFCsb");
    }
}

static void refresh(judged_t *j)
{
    take_command_bus(j, 1);
    needs_awake(j);
    needs_closed(j, 0, 1);
    after_refresh(j);
    j->rank->refreshed = j->now;
    pay_refresh(j, j->checker->device.timing.trefi_nck);
}

static void refresh_banks(judged_t *j, uint32_t bank)
{
    cbit_dram_checker_t *c = j->checker;
    uint32_t per_group = c->device.banks_per_group, per_rank = c->device.groups * per_group;
    take_command_bus(j, 1);
    if (c->device.timing.trefisb_nck == 0) {
        violation(j, "the device has no same-bank refresh", bank, 0);
        return;
    }
    needs_awake(j);
    needs_closed(j, bank, per_group);
    after_refresh(j);
    at_least(j, j->rank->activates[0], c->device.timing.trrd_l_nck, "tRRD_L");
    if ((j->rank->banks_done >> bank & 1) != 0) {
        violation(j, "a bank twice before all others", bank, 0);
    }
    j->rank->banks_done |= 1u << bank;
    if (j->rank->banks_done == (1u << per_group) - 1) {
        j->rank->banks_done = 0;
    }
    for (uint32_t b = j->rank_no * per_rank + bank; b < (j->rank_no + 1) * per_rank;
         b += per_group) {
        c->bank[b].refreshed = j->now;
    }
    j->rank->refreshed_banks = j->now;
    pay_refresh(j, c->device.timing.trefisb_nck);
}

/* ---- sleep ---- */

static void power_down(judged_t *j)
{
    const cbit_dram_timing_t *t = &j->checker->device.timing;
    rank_t *rank = j->rank;
    uint64_t last = rank->any;
    bool refresh_last = rank->any_refresh;
    take_command_bus(j, 1);
    needs_awake(j);
    at_least(j, last, refresh_last ? t->trefpden_nck : t->tactpden_nck,
             refresh_last ? "tREFPDEN" : "tACTPDEN, tPRPDEN");
    at_least(j, rank->read, t->cl_nck + t->burst_nck + 1, "tRDPDEN");
    at_least(j, rank->write_data_end, t->twr_nck + (j->checker->device.generation == 5), "tWRPDEN");
    at_least(j, rank->write_closes, t->twr_nck + 1, "tWRAPDEN");
    rank->sleep = POWER_DOWN;
    rank->slept = j->now;
}

static void self_refresh(judged_t *j)
{
    const cbit_dram_timing_t *t = &j->checker->device.timing;
    rank_t *rank = j->rank;
    take_command_bus(j, 1);
    needs_awake(j);
    needs_closed(j, 0, 1);
    after_refresh(j);
    at_least(j, rank->read, t->cl_nck + t->burst_nck + 1, "tRDPDEN");
    if (!rank->refreshed_since_sleep) {
        violation(j, "no refresh since the last self-refresh", 0, 0);
    }
    rank->sleep = SELF_REFRESH;
    rank->slept = j->now;
}

static void wake(judged_t *j, sleep_t from)
{
    const cbit_dram_timing_t *t = &j->checker->device.timing;
    rank_t *rank = j->rank;
    take_command_bus(j, 1);
    if (rank->sleep != from) {
        violation(j, "wakes from what it is not in", rank->sleep, from);
    }
    at_least(j, rank->slept, from == POWER_DOWN ? t->tcke_nck : t->tckesr_nck,
             from == POWER_DOWN ? "tCKE" : "tCKESR");
    rank->sleep = AWAKE;
    *(from == POWER_DOWN ? &rank->woke : &rank->woke_refreshed) = j->now;
    if (from == SELF_REFRESH) {
        /* The device has refreshed itself: the account begins anew. */
        rank->since = j->now;
        rank->paid = 0;
        rank->refreshed_since_sleep = false;
    }
}

void cbit_dram_checker_command(cbit_dram_checker_t *checker, const char *name, uint64_t at_nck,
                               uint32_t rank, uint32_t group, uint32_t bank, uint32_t row,
                               uint32_t column_no)
{
    const cbit_dram_device_t *d = &checker->device;
    judged_t j = {.checker = checker,
                  .name = name,
                  .at_nck = at_nck,
                  .slot = at_nck + START_NCK,
                  .rank_no = rank};
    checker->commands++;
    if (rank >= d->ranks || group >= d->groups || bank >= d->banks_per_group) {
        violation(&j, "no such bank", bank, 0);
        return;
    }
    j.rank = &checker->rank[rank];
    j.group = &checker->group[rank * d->groups + group];
    j.bank = &checker->bank[(rank * d->groups + group) * d->banks_per_group + bank];
    if (strcmp(name, "ACT") == 0) {
        activate(&j, row);
    } else if (strncmp(name, "PRE", 3) == 0) {
        precharge(&j, name[3] == 'A');
    } else if (strcmp(name, "REF") == 0) {
        refresh(&j);
    } else if (strcmp(name, "REFSB") == 0) {
        refresh_banks(&j, bank);
    } else if (strcmp(name, "PDE") == 0) {
        power_down(&j);
    } else if (strcmp(name, "SRE") == 0) {
        self_refresh(&j);
    } else if (strcmp(name, "PDX") == 0 || strcmp(name, "SRX") == 0) {
        wake(&j, name[0] == 'P' ? POWER_DOWN : SELF_REFRESH);
    } else {
        column(&j, name[0] == 'W', name[2] == 'A', row, column_no);
    }
}

uint64_t cbit_dram_checker_commands(const cbit_dram_checker_t *checker)
{
    return checker->commands;
}

uint64_t cbit_dram_checker_violations(const cbit_dram_checker_t *checker)
{
    return checker->violations;
}

uint64_t cbit_dram_checker_overlaps(const cbit_dram_checker_t *checker)
{
    return checker->overlaps;
}

const cbit_dram_violation_t *cbit_dram_checker_first(const cbit_dram_checker_t *checker)
{
    return checker->violations > 0 ? &checker->first : NULL;
}
