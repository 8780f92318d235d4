#include "model/umc/plain.h"

#include <stdlib.h>
#include <string.h>

#include "cbit/dram/rules.h"

#define CLOSED UINT32_MAX

enum { ENTRIES = 3 * UMC_MAX_ENTRIES, NO_ENTRY = 0xffff };

typedef struct entry {
    uint64_t line, seq, accept_nck, first_nck, bank_seq;
    uint32_t user, row, column, bank, blocked;
    bool used, write, held, active, own_act, queued; /* queued: in its bank's command queue */
} entry_t;

typedef struct rank {
    uint64_t due_nck; /* of the next refresh */
    bool pending;
} rank_t;

struct umc_plain {
    umc_core_config_t config;
    const umc_policy_t *policy;
    umc_core_stats_t stats;
    cbit_dram_history_t *history;
    entry_t entries[ENTRIES];
    uint32_t top; /* entries beyond are unused */
    uint64_t floor_nck, next_seq;
    uint32_t waiting[2]; /* not active; ROUND_ROBIN: not yet in a bank's queue */
    uint32_t blocked[2];
    uint32_t live;
    uint32_t credits;
    uint32_t drain_left; /* ROUND_ROBIN: writes still to be moved */
    uint32_t turn;       /* ROUND_ROBIN: bank served last */
    bool write_mode;
    uint32_t open_row[CBIT_DRAM_MAX_BANKS], row_columns[CBIT_DRAM_MAX_BANKS];
    uint16_t kept[CBIT_DRAM_MAX_BANKS]; /* the entry whose ACT opened the row, until a column */
    rank_t rank[CBIT_DRAM_MAX_RANKS];
    uint32_t banks_per_rank;
    /* Of one clock: whether a command may issue to a bank (0 not asked, 1 no, 2 yes). */
    uint8_t ready[CBIT_DRAM_COMMANDS][CBIT_DRAM_MAX_BANKS];
};

typedef struct choice {
    uint16_t entry; /* NO_ENTRY: none, or a refresh */
    cbit_dram_command_t command;
    uint32_t bank;
    bool any;
    uint32_t class;
    uint64_t seq;
} choice_t;

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

static bool ready(umc_plain_t *plain, cbit_dram_command_t command, uint32_t bank, uint64_t at_nck)
{
    uint8_t *known = &plain->ready[command][bank];
    if (*known == 0) {
        bool yes = cbit_dram_earliest_nck(plain->history, command, bank, NULL) <= at_nck;
        *known = yes ? 2 : 1;
    }
    return *known == 2;
}

static cbit_dram_command_t next_command(const umc_plain_t *plain, const entry_t *entry)
{
    uint32_t open = plain->open_row[entry->bank];
    return open == CLOSED       ? CBIT_DRAM_ACT
           : open != entry->row ? CBIT_DRAM_PRE
           : entry->write       ? CBIT_DRAM_WR
                                : CBIT_DRAM_RD;
}

/* Eligible at all: in the controller, free of older requests of its line, with room for data. */
static bool eligible(const umc_plain_t *plain, const entry_t *entry, uint64_t at_nck)
{
    return entry->used && !entry->held && entry->blocked == 0 &&
           entry->accept_nck < at_nck + (plain->policy->accept_first ? 1 : 0) &&
           (entry->write || plain->credits > 0 || plain->open_row[entry->bank] != entry->row);
}

static void update_mode(umc_plain_t *plain)
{
    const umc_policy_t *p = plain->policy;
    uint32_t reads = plain->waiting[0] - plain->blocked[0];
    uint32_t writes = plain->waiting[1] - plain->blocked[1];
    bool urgent = plain->blocked[0] > 0;
    if (!plain->write_mode) {
        plain->write_mode =
            writes > 0 && (plain->waiting[1] > p->write_high || reads == 0 || urgent);
    } else if (writes == 0 || (!urgent && plain->waiting[1] < p->write_low && reads > 0)) {
        plain->write_mode = false;
    }
}

static void propose(choice_t *best, uint16_t entry, cbit_dram_command_t command, uint32_t bank,
                    uint32_t class, uint64_t seq)
{
    if (!best->any || class < best->class || (class == best->class && seq < best->seq)) {
        *best = (choice_t){.entry = entry,
                           .command = command,
                           .bank = bank,
                           .any = true,
                           .class = class,
                           .seq = seq};
    }
}

/* ---- refresh ---- */

enum { CLASS_PROMOTED, CLASS_REFRESH, CLASS_STARVING, CLASS_NORMAL, CLASS_CAPPED };

static bool stopped(const umc_plain_t *plain, uint32_t bank)
{
    if (!plain->policy->refresh_stops_channel) {
        return plain->rank[rank_of(plain, bank)].pending;
    }
    for (uint32_t r = 0; r < plain->config.device.ranks; r++) {
        if (plain->rank[r].pending) {
            return true;
        }
    }
    return false;
}

/* Closes banks one by one as soon as each may. */
static bool propose_each(umc_plain_t *plain, choice_t *best, uint32_t first, uint64_t at_nck)
{
    bool any_open = false;
    for (uint32_t b = first; b < first + plain->banks_per_rank; b++) {
        if (plain->open_row[b] == CLOSED) {
            continue;
        }
        any_open = true;
        if (ready(plain, CBIT_DRAM_PRE, b, at_nck)) {
            propose(best, NO_ENTRY, CBIT_DRAM_PRE, b, CLASS_REFRESH, b);
        }
    }
    return any_open;
}

static void propose_refresh(umc_plain_t *plain, choice_t *best, uint32_t r, uint64_t at_nck)
{
    uint32_t first = r * plain->banks_per_rank;
    umc_refresh_style_t style = plain->policy->refresh;
    bool any_open = false, any_kept = false;
    if (style == UMC_REFRESH_EACH) {
        any_open = propose_each(plain, best, first, at_nck);
    } else {
        for (uint32_t b = first; b < first + plain->banks_per_rank; b++) {
            any_open |= plain->open_row[b] != CLOSED;
            any_kept |= plain->kept[b] != NO_ENTRY;
        }
        if (any_open && !(style == UMC_REFRESH_FINISH && any_kept) &&
            ready(plain, CBIT_DRAM_PREA, first, at_nck)) {
            propose(best, NO_ENTRY, CBIT_DRAM_PREA, first, CLASS_REFRESH, 0);
        }
    }
    if (!any_open && ready(plain, CBIT_DRAM_REF, first, at_nck)) {
        propose(best, NO_ENTRY, CBIT_DRAM_REF, first, CLASS_REFRESH, 0);
    }
}

static void propose_refreshes(umc_plain_t *plain, choice_t *best, uint64_t at_nck)
{
    for (uint32_t r = 0; r < plain->config.device.ranks; r++) {
        plain->rank[r].pending = at_nck >= plain->rank[r].due_nck;
        if (plain->rank[r].pending) {
            propose_refresh(plain, best, r, at_nck);
            if (plain->policy->refresh_stops_channel) {
                break; /* one after the other */
            }
        }
    }
}

/* ---- by age ---- */

static bool older_hit(const umc_plain_t *plain, const entry_t *entry, uint64_t at_nck)
{
    for (uint32_t i = 0; i < plain->top; i++) {
        const entry_t *other = &plain->entries[i];
        if (eligible(plain, other, at_nck) && !other->active && other->write == entry->write &&
            other->bank == entry->bank && other->seq < entry->seq &&
            other->row == plain->open_row[entry->bank]) {
            return true;
        }
    }
    return false;
}

static bool oldest_in_mode(const umc_plain_t *plain, const entry_t *entry)
{
    for (uint32_t i = 0; i < plain->top; i++) {
        const entry_t *other = &plain->entries[i];
        if (other->used && !other->active && other->write == entry->write &&
            other->seq < entry->seq) {
            return false;
        }
    }
    return true;
}

static void propose_by_age(umc_plain_t *plain, choice_t *best, uint16_t index, uint64_t at_nck)
{
    const umc_policy_t *p = plain->policy;
    const entry_t *entry = &plain->entries[index];
    if (!eligible(plain, entry, at_nck) ||
        (!entry->active && (entry->write != plain->write_mode || stopped(plain, entry->bank)))) {
        return;
    }
    cbit_dram_command_t command = next_command(plain, entry);
    if (!ready(plain, command, entry->bank, at_nck)) {
        return;
    }
    bool starving = p->starvation_nck != 0 && at_nck - entry->accept_nck > p->starvation_nck;
    if (command == CBIT_DRAM_PRE) {
        if (p->promoted_keeps_row && plain->kept[entry->bank] != NO_ENTRY) {
            return;
        }
        if (p->hits == UMC_HITS_OLDER && !starving && older_hit(plain, entry, at_nck)) {
            return;
        }
    }
    uint32_t class = entry->active ? CLASS_PROMOTED : starving ? CLASS_STARVING : CLASS_NORMAL;
    bool column = command == CBIT_DRAM_RD || command == CBIT_DRAM_WR;
    if (!entry->active && column && p->row_hit_cap != 0 &&
        plain->row_columns[entry->bank] > p->row_hit_cap) {
        if (!oldest_in_mode(plain, entry)) {
            return;
        }
        class = CLASS_CAPPED;
    }
    propose(best, index, command, entry->bank, class, entry->seq);
}

static void choose_by_age(umc_plain_t *plain, choice_t *best, uint64_t at_nck)
{
    if (plain->policy->mode_lazily) {
        for (uint32_t i = 0; i < plain->top; i++) {
            if (plain->entries[i].active) {
                propose_by_age(plain, best, (uint16_t)i, at_nck);
            }
        }
        if (best->any || stopped(plain, 0)) {
            return;
        }
    }
    update_mode(plain);
    for (uint32_t i = 0; i < plain->top; i++) {
        propose_by_age(plain, best, (uint16_t)i, at_nck);
    }
}

/* ---- one request a bank ---- */

/* The oldest entry of a bank among those that take part now; hits_only: of its open row. */
static uint16_t oldest_of_bank(const umc_plain_t *plain, uint32_t bank, bool hits_only,
                               uint64_t at_nck)
{
    uint16_t found = NO_ENTRY;
    for (uint32_t i = 0; i < plain->top; i++) {
        const entry_t *entry = &plain->entries[i];
        if (entry->bank == bank && eligible(plain, entry, at_nck) &&
            (plain->policy->unified || entry->write == plain->write_mode) &&
            (!hits_only || entry->row == plain->open_row[bank]) &&
            (found == NO_ENTRY || entry->seq < plain->entries[found].seq)) {
            found = (uint16_t)i;
        }
    }
    return found;
}

static void choose_by_bank(umc_plain_t *plain, choice_t *best, uint64_t at_nck)
{
    update_mode(plain);
    for (uint32_t b = 0; b < plain->config.device.banks; b++) {
        if (plain->rank[rank_of(plain, b)].pending) {
            continue;
        }
        uint16_t index = oldest_of_bank(plain, b, false, at_nck);
        if (index == NO_ENTRY) {
            continue;
        }
        if (plain->open_row[b] != CLOSED) {
            uint16_t hit = oldest_of_bank(plain, b, true, at_nck);
            /* A row just opened serves the request it was opened for, whatever the mode. */
            index = hit != NO_ENTRY ? hit : plain->kept[b] != NO_ENTRY ? plain->kept[b] : index;
        }
        const entry_t *entry = &plain->entries[index];
        cbit_dram_command_t command = next_command(plain, entry);
        if (eligible(plain, entry, at_nck) && ready(plain, command, b, at_nck)) {
            propose(best, index, command, b, CLASS_NORMAL, entry->seq);
        }
    }
}

/* ---- per-bank command queues in turn ---- */

static bool queued_before(const umc_plain_t *plain, const entry_t *entry, bool any_row)
{
    for (uint32_t i = 0; i < plain->top; i++) {
        const entry_t *other = &plain->entries[i];
        if (other->used && other->queued && other->bank == entry->bank &&
            other->bank_seq < entry->bank_seq &&
            (any_row || (!other->write && other->line == entry->line))) {
            return true;
        }
    }
    return false;
}

static bool hit_queued(const umc_plain_t *plain, uint32_t bank)
{
    for (uint32_t i = 0; i < plain->top; i++) {
        const entry_t *entry = &plain->entries[i];
        if (entry->used && entry->queued && entry->bank == bank &&
            entry->row == plain->open_row[bank]) {
            return true;
        }
    }
    return false;
}

static void choose_in_queue(umc_plain_t *plain, choice_t *best, uint32_t bank, uint32_t turn,
                            uint64_t at_nck)
{
    for (uint32_t i = 0; i < plain->top; i++) {
        const entry_t *entry = &plain->entries[i];
        if (!eligible(plain, entry, at_nck) || !entry->queued || entry->bank != bank) {
            continue;
        }
        cbit_dram_command_t command = next_command(plain, entry);
        if (!ready(plain, command, bank, at_nck)) {
            continue;
        }
        if (command == CBIT_DRAM_PRE &&
            (queued_before(plain, entry, true) ||
             (hit_queued(plain, bank) && plain->row_columns[bank] < plain->policy->row_hit_cap))) {
            continue;
        }
        if (command == CBIT_DRAM_WR && queued_before(plain, entry, false)) {
            continue;
        }
        propose(best, (uint16_t)i, command, bank, CLASS_NORMAL + turn, entry->bank_seq);
    }
}

static void choose_in_turn(umc_plain_t *plain, choice_t *best, uint64_t at_nck)
{
    uint32_t banks = plain->config.device.banks;
    for (uint32_t i = 1; i <= banks; i++) {
        uint32_t bank = (plain->turn + i) % banks;
        if (!plain->rank[rank_of(plain, bank)].pending) {
            choose_in_queue(plain, best, bank, i, at_nck);
        }
    }
}

/* The oldest transaction of a kind whose bank's command queue has room. */
static entry_t *find_movable(umc_plain_t *plain, bool write, uint64_t at_nck)
{
    entry_t *found = NULL;
    for (uint32_t i = 0; i < plain->top; i++) {
        entry_t *entry = &plain->entries[i];
        if (!entry->used || entry->queued || entry->write != write || entry->accept_nck > at_nck ||
            (found != NULL && entry->seq > found->seq)) {
            continue;
        }
        uint32_t fill = 0;
        for (uint32_t k = 0; k < plain->top; k++) {
            const entry_t *other = &plain->entries[k];
            fill += other->used && other->queued && other->bank == entry->bank;
        }
        found = fill < plain->policy->bank_entries ? entry : found;
    }
    return found;
}

static bool read_of_line_waits(const umc_plain_t *plain, uint64_t line)
{
    for (uint32_t i = 0; i < plain->top; i++) {
        const entry_t *entry = &plain->entries[i];
        if (entry->used && !entry->write && entry->line == line) {
            return true;
        }
    }
    return false;
}

/* At the end of a clock one transaction moves into its bank's command queue. */
static void move_one(umc_plain_t *plain, uint64_t at_nck)
{
    const umc_policy_t *p = plain->policy;
    bool none_queued = plain->live == plain->waiting[0] + plain->waiting[1];
    if (plain->drain_left == 0 && (plain->waiting[1] >= p->write_entries ||
                                   (plain->waiting[1] > p->write_high && none_queued))) {
        plain->drain_left = plain->waiting[1];
    }
    bool writes = plain->drain_left > 0;
    entry_t *found = find_movable(plain, writes, at_nck);
    if (writes && found != NULL && read_of_line_waits(plain, found->line)) {
        plain->drain_left = 0; /* the read goes first */
        writes = false;
        found = find_movable(plain, false, at_nck);
    }
    if (found != NULL) {
        plain->drain_left -= writes ? 1 : 0;
        found->queued = true;
        found->bank_seq = plain->next_seq++;
        plain->waiting[writes]--;
    }
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

static void retire(umc_plain_t *plain, entry_t *entry)
{
    plain->stats.row_hits += entry->own_act ? 0 : 1;
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
    entry->used = false;
    if (plain->policy->orders_lines) {
        unblock(plain, entry);
    }
}

static void do_entry(umc_plain_t *plain, const choice_t *choice)
{
    entry_t *entry = &plain->entries[choice->entry];
    if (choice->command == CBIT_DRAM_PRE) {
        close_bank(plain, entry->bank);
        plain->stats.precharges++;
    } else if (choice->command == CBIT_DRAM_ACT) {
        plain->stats.activates++;
        plain->open_row[entry->bank] = entry->row;
        plain->row_columns[entry->bank] = 0;
        plain->kept[entry->bank] = choice->entry;
        entry->own_act = true;
        if (plain->policy->promote && !entry->active) {
            entry->active = true;
            plain->waiting[entry->write]--;
        }
    } else {
        retire(plain, entry);
        if (choice->command == CBIT_DRAM_RDA || choice->command == CBIT_DRAM_WRA) {
            close_bank(plain, entry->bank);
        }
    }
    plain->turn = entry->bank;
}

static void do_refresh(umc_plain_t *plain, const choice_t *choice)
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
        rank_t *rank = &plain->rank[rank_of(plain, choice->bank)];
        rank->due_nck += plain->config.device.timing.trefi_nck;
        rank->pending = false;
        plain->stats.refreshes++;
    }
}

static void do_choice(umc_plain_t *plain, const choice_t *choice, uint64_t at_nck,
                      umc_event_t *event)
{
    static const umc_event_kind_t KIND[CBIT_DRAM_COMMANDS] = {
        [CBIT_DRAM_ACT] = UMC_EVENT_ACT,   [CBIT_DRAM_PRE] = UMC_EVENT_PRE,
        [CBIT_DRAM_RD] = UMC_EVENT_RD,     [CBIT_DRAM_WR] = UMC_EVENT_WR,
        [CBIT_DRAM_RDA] = UMC_EVENT_RDA,   [CBIT_DRAM_WRA] = UMC_EVENT_WRA,
        [CBIT_DRAM_PREA] = UMC_EVENT_PREA, [CBIT_DRAM_REF] = UMC_EVENT_REF};
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
        do_entry(plain, choice);
    } else {
        do_refresh(plain, choice);
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
    memset(plain->ready, 0, sizeof plain->ready);
    propose_refreshes(plain, &best, at_nck);
    switch (plain->policy->scheme) {
    case UMC_SCHEME_AGE:
        choose_by_age(plain, &best, at_nck);
        break;
    case UMC_SCHEME_BANKS:
        choose_by_bank(plain, &best, at_nck);
        break;
    case UMC_SCHEME_ROUND_ROBIN:
        move_one(plain, at_nck - 1); /* belongs to the clock before, after its acceptance */
        choose_in_turn(plain, &best, at_nck);
        break;
    }
    if (best.any) {
        page_policy(plain, &best);
        do_choice(plain, &best, at_nck, event);
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
