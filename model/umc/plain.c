#include "model/umc/plain.h"

#include <stdlib.h>
#include <string.h>

#include "model/umc/plain_private.h"

cbit_err_t umc_plain_create(const umc_core_config_t *config, umc_plain_t **out)
{
    umc_plain_t *plain = calloc(1, sizeof *plain);
    if (plain == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    plain->config = *config;
    plain->policy = &plain->config.policy;
    plain->credits = config->read_credits;
    plain->banks_per_rank = config->device.groups * config->device.banks_per_group;
    for (uint32_t b = 0; b < CBIT_DRAM_MAX_BANKS; b++) {
        plain->open_row[b] = CLOSED;
        plain->kept[b] = NO_ENTRY;
    }
    for (uint32_t r = 0; r < config->device.ranks; r++) {
        plain->rank[r].due_nck = umc_first_refresh_nck(config, r);
        plain->rank[r].refreshed = true;
    }
    cbit_err_t err = cbit_dram_history_create(&config->device, &plain->history);
    if (err != CBIT_ERR_OK) {
        free(plain);
        return err;
    }
    *out = plain;
    return CBIT_ERR_OK;
}

void umc_plain_destroy(umc_plain_t *plain)
{
    if (plain != NULL) {
        cbit_dram_history_destroy(plain->history);
        free(plain);
    }
}

bool umc_plain_room(const umc_plain_t *plain, bool write, uint32_t ahead)
{
    const umc_policy_t *p = plain->policy;
    if (p->unified) {
        return plain->waiting[0] + plain->waiting[1] + ahead < p->read_entries;
    }
    bool reads = plain->waiting[0] + (write ? 0 : ahead) < p->read_entries;
    bool writes = plain->waiting[1] + (write ? ahead : 0) < p->write_entries;
    return p->both_need_room ? reads && writes : write ? writes : reads;
}

static uint32_t rank_of(const umc_plain_t *plain, uint32_t bank)
{
    return bank / plain->banks_per_rank;
}

/* ---- doing ---- */

/* A queued request, promoted or not, that would hit the row of this one. */
static bool another_hit(const umc_plain_t *plain, const entry_t *entry)
{
    for (uint32_t i = 0; i < plain->top; i++) {
        const entry_t *other = &plain->entries[i];
        bool counts = other->used && other != entry && !other->held && other->blocked == 0;
        if (plain->policy->scheme == UMC_SCHEME_ROUND_ROBIN) {
            counts = counts && other->queued;
        }
        if (counts && other->bank == entry->bank && other->row == entry->row) {
            return true;
        }
    }
    return false;
}

static void page_policy(const umc_plain_t *plain, choice_t *choice)
{
    bool column = choice->command == CBIT_DRAM_RD || choice->command == CBIT_DRAM_WR;
    if (column && (plain->policy->page == UMC_PAGE_CLOSED ||
                   (plain->policy->page == UMC_PAGE_ADAPTIVE &&
                    !another_hit(plain, &plain->entries[choice->entry])))) {
        choice->command = choice->command == CBIT_DRAM_RD ? CBIT_DRAM_RDA : CBIT_DRAM_WRA;
    }
}

static void close_bank(umc_plain_t *plain, uint32_t bank)
{
    plain->open_row[bank] = CLOSED;
    plain->kept[bank] = NO_ENTRY;
}

static void unblock(umc_plain_t *plain, const entry_t *gone)
{
    for (uint32_t i = 0; i < plain->top; i++) {
        entry_t *entry = &plain->entries[i];
        if (entry->used && entry->line == gone->line && entry->seq > gone->seq &&
            entry->blocked > 0 && (gone->write || entry->write) && --entry->blocked == 0) {
            plain->blocked[entry->write] -= entry->held ? 0 : 1;
        }
    }
}

static void retire(umc_plain_t *plain, entry_t *entry, uint64_t at_nck)
{
    plain->stats.row_hits += entry->missed ? 0 : 1;
    plain->row_columns[entry->bank]++;
    if (!plain->policy->promote || entry->active) {
        plain->kept[entry->bank] = NO_ENTRY; /* others may hit while a promoted one still waits */
    }
    if (entry->write) {
        plain->stats.writes++;
    } else {
        plain->stats.reads++;
        plain->credits -= plain->credits == UINT32_MAX ? 0 : 1;
    }
    plain->waiting[entry->write] -= entry->active || entry->queued ? 0 : 1;
    plain->live--;
    rank_t *rank = &plain->rank[rank_of(plain, entry->bank)];
    if (--rank->live == 0) {
        rank->idle_nck = at_nck;
    }
    entry->used = false;
    if (plain->policy->orders_lines) {
        unblock(plain, entry);
    }
}

static void do_entry(umc_plain_t *plain, const choice_t *choice, uint64_t at_nck)
{
    entry_t *entry = &plain->entries[choice->entry];
    if (choice->command == CBIT_DRAM_PRE) {
        close_bank(plain, entry->bank);
        plain->stats.precharges++;
        entry->missed |= plain->policy->hits_by_first_command;
    } else if (choice->command == CBIT_DRAM_ACT) {
        plain->stats.activates++;
        plain->open_row[entry->bank] = entry->row;
        plain->row_columns[entry->bank] = 0;
        plain->kept[entry->bank] = choice->entry;
        entry->missed = true;
        if (plain->policy->promote && !entry->active) {
            entry->active = true;
            plain->waiting[entry->write]--;
        }
    } else {
        retire(plain, entry, at_nck);
        if (choice->command == CBIT_DRAM_RDA || choice->command == CBIT_DRAM_WRA) {
            close_bank(plain, entry->bank);
        }
    }
    plain->turn = entry->bank;
}

static void do_refresh(umc_plain_t *plain, const choice_t *choice, uint64_t at_nck)
{
    if (choice->command == CBIT_DRAM_PRE) {
        close_bank(plain, choice->bank);
        plain->stats.precharges++;
    } else if (choice->command == CBIT_DRAM_PREA) {
        for (uint32_t b = 0; b < plain->banks_per_rank; b++) {
            close_bank(plain, choice->bank + b);
        }
        plain->stats.precharges_all++;
    } else {
        umc_plain_rest_done(plain, choice, at_nck);
    }
}

static void do_choice(umc_plain_t *plain, const choice_t *choice, uint64_t at_nck,
                      umc_event_t *event)
{
    static const umc_event_kind_t KIND[CBIT_DRAM_COMMANDS] = {
        [CBIT_DRAM_ACT] = UMC_EVENT_ACT,     [CBIT_DRAM_PRE] = UMC_EVENT_PRE,
        [CBIT_DRAM_RD] = UMC_EVENT_RD,       [CBIT_DRAM_WR] = UMC_EVENT_WR,
        [CBIT_DRAM_RDA] = UMC_EVENT_RDA,     [CBIT_DRAM_WRA] = UMC_EVENT_WRA,
        [CBIT_DRAM_PREA] = UMC_EVENT_PREA,   [CBIT_DRAM_REF] = UMC_EVENT_REF,
        [CBIT_DRAM_REFSB] = UMC_EVENT_REFSB, [CBIT_DRAM_PDE] = UMC_EVENT_PDE,
        [CBIT_DRAM_PDX] = UMC_EVENT_PDX,     [CBIT_DRAM_SRE] = UMC_EVENT_SRE,
        [CBIT_DRAM_SRX] = UMC_EVENT_SRX};
    *event = (umc_event_t){
        .at_nck = at_nck, .kind = KIND[choice->command], .user = UMC_NO_USER, .bank = choice->bank};
    if (choice->entry != NO_ENTRY) {
        entry_t *entry = &plain->entries[choice->entry];
        entry->first_nck = entry->first_nck == UMC_NEVER ? at_nck : entry->first_nck;
        event->user = entry->user;
        event->row = entry->row;
        event->column = entry->column;
        event->first_nck = entry->first_nck;
        event->accept_nck = entry->accept_nck;
        do_entry(plain, choice, at_nck);
    } else {
        do_refresh(plain, choice, at_nck);
    }
    cbit_dram_issue(plain->history, choice->command, choice->bank, at_nck);
    if (plain->config.observe != NULL) {
        plain->config.observe(plain->config.observer, event);
    }
}

/* One clock; true if it issued a command. */
static bool tick(umc_plain_t *plain, uint64_t at_nck, umc_event_t *event)
{
    choice_t best = {.entry = NO_ENTRY};
    umc_plain_choose(plain, &best, at_nck);
    if (best.any) {
        page_policy(plain, &best);
        do_choice(plain, &best, at_nck, event);
    }
    if (plain->config.explain != NULL) {
        umc_plain_explain(plain, at_nck);
    }
    return best.any;
}

bool umc_plain_step(umc_plain_t *plain, uint64_t until_nck, umc_event_t *event)
{
    while (plain->floor_nck <= until_nck) {
        if (tick(plain, plain->floor_nck++, event)) {
            return true;
        }
    }
    return false;
}

/* ---- entering ---- */

static umc_take_t same_line(const umc_plain_t *plain, bool write, uint64_t line, uint32_t *user)
{
    const umc_policy_t *p = plain->policy;
    umc_take_t take = UMC_TAKE_QUEUED;
    for (uint32_t i = 0; i < plain->top; i++) {
        const entry_t *entry = &plain->entries[i];
        if (!entry->used || entry->line != line || entry->active) {
            continue;
        }
        if (entry->write && (write ? p->coalesces : p->forwards)) {
            return write ? UMC_TAKE_COALESCED : UMC_TAKE_FORWARDED;
        }
        if (!entry->write && !write && p->merges_reads) {
            *user = entry->user;
            take = UMC_TAKE_MERGED;
        }
    }
    return take;
}

umc_take_t umc_plain_meets(const umc_plain_t *plain, bool write, uint64_t line)
{
    uint32_t user;
    return same_line(plain, write, line, &user);
}

static uint16_t older_of_line(const umc_plain_t *plain, bool write, uint64_t line)
{
    uint16_t found = 0;
    for (uint32_t i = 0; i < plain->top; i++) {
        const entry_t *entry = &plain->entries[i];
        found = (uint16_t)(found + (entry->used && entry->line == line && (write || entry->write)));
    }
    return found;
}

umc_take_t umc_plain_accept(umc_plain_t *plain, bool write, const cbit_dram_place_t *place,
                            uint64_t line, bool held, uint32_t *user, uint64_t at_nck)
{
    umc_take_t take = same_line(plain, write, line, user);
    if (take != UMC_TAKE_QUEUED) {
        return take;
    }
    uint32_t index = 0;
    while (plain->entries[index].used) {
        index++;
    }
    plain->top = index >= plain->top ? index + 1 : plain->top;
    entry_t *entry = &plain->entries[index];
    *entry = (entry_t){.line = line,
                       .seq = plain->next_seq++,
                       .accept_nck = at_nck,
                       .first_nck = UMC_NEVER,
                       .user = *user,
                       .row = place->row,
                       .column = place->column,
                       .bank = place->flat_bank,
                       .write = write,
                       .held = held};
    if (plain->policy->orders_lines) {
        entry->blocked = older_of_line(plain, write, line);
    }
    entry->used = true;
    plain->blocked[write] += entry->blocked > 0 || held ? 1 : 0;
    plain->waiting[write]++;
    plain->live++;
    plain->rank[rank_of(plain, entry->bank)].live++;
    if (plain->config.explain != NULL) {
        umc_plain_explain_accepted(plain, entry);
    }
    return UMC_TAKE_QUEUED;
}

void umc_plain_credit(umc_plain_t *plain)
{
    plain->credits += plain->credits == UINT32_MAX ? 0 : 1;
}

const umc_core_stats_t *umc_plain_stats(const umc_plain_t *plain)
{
    return &plain->stats;
}
