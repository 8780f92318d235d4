#include "cbit/dram/checker.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Times are kept from START_NCK on, so that 0 is long before everything. */
enum { START_NCK = 1000000000, DDR4_POSTPONED = 8, DDR5_POSTPONED = 4 };

typedef struct bank {
    bool open;
    uint32_t row;
    uint64_t activated, read, write_data_end;
    uint64_t precharged; /* when its precharge began */
} bank_t;

typedef struct rank {
    uint64_t activates[4]; /* the last four, newest first */
    uint64_t precharge_command, refreshed;
    uint64_t read, write, write_data_end;
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
    uint64_t commands, violations;
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
        checker->rank[r].refreshed = START_NCK; /* fresh when the run begins */
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

static void activate(judged_t *j, uint32_t row)
{
    const cbit_dram_timing_t *t = &j->checker->device.timing;
    take_command_bus(j, t->command_nck);
    if (j->bank->open) {
        violation(j, "ACT of an open bank", 0, 0);
    }
    if (row >= j->checker->device.rows) {
        violation(j, "no such row", row, 0);
    }
    at_least(j, j->bank->activated, t->tras_nck + t->trp_nck, "tRC");
    at_least(j, j->bank->precharged, t->trp_nck, "tRP");
    at_least(j, j->group->activated, t->trrd_l_nck, "tRRD_L");
    at_least(j, j->rank->activates[0], t->trrd_s_nck, "tRRD_S");
    at_least(j, j->rank->activates[3], t->tfaw_nck, "tFAW");
    if (j->rank->refreshed > START_NCK) {
        at_least(j, j->rank->refreshed, t->trfc_nck, "tRFC");
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
    at_least(j, j->rank->precharge_command, c->device.timing.tppd_nck, "tPPD");
    uint32_t per_rank = c->device.groups * c->device.banks_per_group;
    uint32_t first = all ? j->rank_no * per_rank : (uint32_t)(j->bank - c->bank);
    for (uint32_t b = first; b < first + (all ? per_rank : 1); b++) {
        if (c->bank[b].open) {
            may_precharge(j, &c->bank[b]);
            c->bank[b].open = false;
            c->bank[b].precharged = j->now;
        } else if (!all) {
            violation(j, "PRE of a closed bank", 0, 0);
        }
    }
    j->rank->precharge_command = j->now;
}

/* Bursts must not overlap; between two directions or two ranks the bus rests. */
static void take_data_bus(judged_t *j, bool write, uint64_t begin, uint64_t end)
{
    cbit_dram_checker_t *c = j->checker;
    uint64_t rest = c->data_any && (c->data_write != write || c->data_rank != j->rank_no)
                        ? c->device.timing.trtrs_nck
                        : 0;
    if (c->data_any && begin < c->data_end + rest) {
        violation(j, "data bus", begin - START_NCK, c->data_end + rest - START_NCK);
    }
    c->data_any = true;
    c->data_end = end;
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
    j->bank->precharged = begins > after_ras ? begins : after_ras;
    j->bank->open = false;
}

static void column(judged_t *j, bool write, bool closes, uint32_t row, uint32_t column_no)
{
    cbit_dram_checker_t *c = j->checker;
    const cbit_dram_timing_t *t = &c->device.timing;
    take_command_bus(j, t->command_nck);
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

static void refresh(judged_t *j)
{
    cbit_dram_checker_t *c = j->checker;
    const cbit_dram_timing_t *t = &c->device.timing;
    take_command_bus(j, 1);
    uint32_t per_rank = c->device.groups * c->device.banks_per_group;
    for (uint32_t b = j->rank_no * per_rank; b < (j->rank_no + 1) * per_rank; b++) {
        if (c->bank[b].open) {
            violation(j, "REF while a bank is open", b, 0);
        }
        at_least(j, c->bank[b].precharged, t->trp_nck, "tRP");
    }
    if (j->rank->refreshed > START_NCK) {
        at_least(j, j->rank->refreshed, t->trfc_nck, "tRFC");
    }
    uint64_t postponed = t->burst_nck == 8 ? DDR5_POSTPONED : DDR4_POSTPONED;
    if (j->now - j->rank->refreshed > (postponed + 2) * (uint64_t)t->trefi_nck) {
        violation(j, "tREFI", j->now - j->rank->refreshed, 0);
    }
    j->rank->refreshed = j->now;
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

const cbit_dram_violation_t *cbit_dram_checker_first(const cbit_dram_checker_t *checker)
{
    return checker->violations > 0 ? &checker->first : NULL;
}
