/* The plain controller's choice of a clock: every candidate asks the rule table. */
#include <string.h>

#include "model/umc/plain_private.h"

bool umc_plain_ready(umc_plain_t *plain, cbit_dram_command_t command, uint32_t bank,
                     uint64_t at_nck)
{
    uint8_t *known = &plain->ready[command][bank];
    if (*known == 0) {
        bool yes = cbit_dram_earliest_nck(plain->history, command, bank, NULL) <= at_nck;
        *known = yes ? 2 : 1;
    }
    return *known == 2;
}

cbit_dram_command_t umc_plain_next_command(const umc_plain_t *plain, const entry_t *entry)
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

static bool any_refresh(const umc_plain_t *plain)
{
    bool any = false;
    for (uint32_t r = 0; r < plain->config.device.ranks; r++) {
        any |= plain->rank[r].pending;
    }
    return any;
}

bool umc_plain_stopped(const umc_plain_t *plain, uint32_t bank)
{
    if (!plain->policy->refresh_stops_channel || plain->policy->rest.same_bank) {
        return umc_plain_rest_stops(plain, bank);
    }
    return any_refresh(plain) || umc_plain_rest_stops(plain, bank);
}

void umc_plain_propose_rank(choice_t *best, cbit_dram_command_t command, uint32_t bank)
{
    propose(best, NO_ENTRY, command, bank, CLASS_REFRESH, bank); /* the lowest rank first */
}

static void propose_refreshes(umc_plain_t *plain, choice_t *best, uint64_t at_nck)
{
    bool one_by_one = plain->policy->refresh_in_turn && !plain->policy->rest.same_bank;
    bool any = false;
    for (uint32_t r = 0; r < plain->config.device.ranks; r++) {
        plain->rank[r].pending = umc_plain_rest_wanted(plain, r, at_nck);
        if (!any || !one_by_one || !plain->rank[r].pending) {
            umc_plain_rest_propose(plain, best, r, at_nck);
        }
        any |= plain->rank[r].pending;
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
        (!entry->active &&
         (entry->write != plain->write_mode || umc_plain_stopped(plain, entry->bank)))) {
        return;
    }
    cbit_dram_command_t command = umc_plain_next_command(plain, entry);
    if (!umc_plain_ready(plain, command, entry->bank, at_nck)) {
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
        choice_t promoted = {.entry = NO_ENTRY};
        for (uint32_t i = 0; i < plain->top; i++) {
            if (plain->entries[i].active) {
                propose_by_age(plain, &promoted, (uint16_t)i, at_nck);
            }
        }
        if (promoted.any) {
            propose(best, promoted.entry, promoted.command, promoted.bank, promoted.class,
                    promoted.seq);
        }
        if (promoted.any || (any_refresh(plain) && !plain->policy->rest.same_bank)) {
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
        if (umc_plain_rest_stops(plain, b)) {
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
        cbit_dram_command_t command = umc_plain_next_command(plain, entry);
        if (eligible(plain, entry, at_nck) && umc_plain_ready(plain, command, b, at_nck)) {
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
        cbit_dram_command_t command = umc_plain_next_command(plain, entry);
        if (!umc_plain_ready(plain, command, bank, at_nck)) {
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
        if (!umc_plain_rest_stops(plain, bank)) {
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
        plain->drain_left = 0;
        if (!none_queued || plain->waiting[1] <= p->write_high) {
            return; /* nothing moves in this clock */
        }
        writes = false; /* would wait for ever: the read goes first */
        found = find_movable(plain, false, at_nck);
    }
    if (found != NULL) {
        plain->drain_left -= writes ? 1 : 0;
        found->queued = true;
        found->bank_seq = plain->next_seq++;
        plain->waiting[writes]--;
    }
}

void umc_plain_choose(umc_plain_t *plain, choice_t *best, uint64_t at_nck)
{
    memset(plain->ready, 0, sizeof plain->ready);
    propose_refreshes(plain, best, at_nck);
    switch (plain->policy->scheme) {
    case UMC_SCHEME_AGE:
        choose_by_age(plain, best, at_nck);
        break;
    case UMC_SCHEME_BANKS:
        choose_by_bank(plain, best, at_nck);
        break;
    case UMC_SCHEME_ROUND_ROBIN:
        move_one(plain, at_nck - 1); /* belongs to the clock before, after its acceptance */
        choose_in_turn(plain, best, at_nck);
        break;
    }
}
