/*
 * Misbehaviour with a guest's memory while its vCPU stands still: read it, change its ciphertext,
 * look at it with the guest's eyes, put it back. The lines in question are flushed first, so that
 * the DRAM holds what the guest has written.
 */
#include "workloads/hypervisor/probe.h"

#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"

/* ---- seeing ---- */

/* What the guest would read: under its key, through the caches. */
static bool guest_view(const cbit_hv_core_t *core, cbit_spa_t spa, bool is_private, void *bytes,
                       uint32_t len_bytes)
{
    const cbit_hv_guest_t *guest = core->running->guest;
    cbit_port_t port = cbit_platform_host_port(core->hv->platform, core->number);
    cbit_key_t key = guest->sev && is_private ? (cbit_key_t)guest->asid : core->hv->host_key;
    return port.peek(port.self, spa, key, bytes, len_bytes) == CBIT_ERR_OK;
}

/* The pins' view: a key id that no engine touches. Knows what waits in a controller's queue. */
static bool raw_read(const cbit_hv_core_t *core, cbit_spa_t spa, void *bytes, uint32_t len_bytes)
{
    cbit_port_t port = cbit_platform_host_port(core->hv->platform, core->number);
    return port.peek(port.self, spa, core->hv->raw_key, bytes, len_bytes) == CBIT_ERR_OK;
}

static bool raw_write(const cbit_hv_core_t *core, cbit_spa_t spa, const void *bytes,
                      uint32_t len_bytes)
{
    cbit_port_t port = cbit_platform_host_port(core->hv->platform, core->number);
    return port.poke(port.self, spa, core->hv->raw_key, bytes, len_bytes) == CBIT_ERR_OK;
}

static uint32_t blocks_differing(const uint8_t *a, const uint8_t *b, uint32_t len_bytes)
{
    uint32_t count = 0;
    for (uint32_t at = 0; at < len_bytes; at += CBIT_BLOCK_BYTES) {
        count += memcmp(a + at, b + at, CBIT_BLOCK_BYTES) != 0;
    }
    return count;
}

/* ---- choosing a page ---- */

typedef struct search {
    bool want_private, found;
    cbit_gpa_t gpa;
} search_t;

static void take_first(void *self, cbit_gpa_t gpa, bool is_private,
                       const uint8_t bytes[CBIT_PAGE_BYTES])
{
    search_t *search = self;
    (void)bytes;
    if (!search->found && is_private == search->want_private) {
        search->found = true;
        search->gpa = gpa;
    }
}

static bool choose(cbit_hv_core_t *core, bool want_private, uint64_t which, cbit_hv_page_t *page)
{
    const cbit_hv_guest_t *guest = core->running->guest;
    search_t search = {.want_private = want_private};
    if (want_private) {
        search.found = cbit_guest_pick_private_page(guest->soft, which, &search.gpa);
    } else {
        cbit_guest_for_each_known_page(guest->soft, take_first, &search);
    }
    page->gpa = search.gpa;
    return search.found && cbit_hv_nested_backing(&guest->nested, search.gpa, &page->spa);
}

/* The guest has no such page, or none has changed: looked for again in a while. If it ends before,
   the outcome stays. */
static cbit_hv_step_t nothing_found(cbit_hv_core_t *core)
{
    const cbit_ps_t again_ps = 5000000;
    core->probe->result->outcome = "refused";
    core->probe->again_at_ps = cbit_hv_now(core->hv) + again_ps;
    cbit_hv_task_skip_to_last(&core->task);
    return CBIT_HV_NEXT;
}

static cbit_hv_step_t flush_page(cbit_hv_core_t *core, const cbit_hv_page_t *page)
{
    cbit_platform_clflush(core->hv->platform, page->spa, CBIT_PAGE_BYTES, cbit_hv_task_resume,
                          &core->task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t choose_one(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    bool want_private = probe->event->pages == CBIT_PAGES_PRIVATE;
    if (!choose(core, want_private, probe->index, &probe->page)) {
        return nothing_found(core);
    }
    probe->result->asid =
        want_private && core->running->guest->sev ? core->running->guest->asid : 0;
    return flush_page(core, &probe->page);
}

static cbit_hv_step_t flush_again(void *self)
{
    cbit_hv_core_t *core = self;
    return flush_page(core, &core->probe->page);
}

/* What the page holds in the DRAM and for the guest. */
static cbit_hv_step_t remember(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_page_t *page = &core->probe->page;
    bool is_private = core->probe->event->pages == CBIT_PAGES_PRIVATE;
    if (!raw_read(core, page->spa, page->raw, CBIT_PAGE_BYTES) ||
        !guest_view(core, page->spa, is_private, page->plain, CBIT_PAGE_BYTES)) {
        return nothing_found(core);
    }
    core->probe->result->info2 = page->gpa;
    return CBIT_HV_NEXT;
}

/* ---- read_guest_page: host software looks through its own mapping ---- */

static cbit_hv_step_t read_page(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    bool own = probe->event->pages == CBIT_PAGES_PRIVATE && core->running->guest->sev;
    cbit_hv_transfer_start(&core->transfer, CBIT_COMMAND_READ, probe->page.spa,
                           own ? CBIT_KEY_PLAIN : core->hv->host_key, probe->page.seen,
                           CBIT_PAGE_BYTES, cbit_hv_task_resume, &core->task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t read_judge(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    const cbit_hv_page_t *page = &probe->page;
    probe->result->blocks = CBIT_PAGE_BYTES / CBIT_BLOCK_BYTES;
    probe->result->changed_blocks = blocks_differing(page->seen, page->plain, CBIT_PAGE_BYTES);
    bool raw = memcmp(page->seen, page->raw, CBIT_PAGE_BYTES) == 0;
    probe->result->outcome =
        probe->result->changed_blocks == 0 ? "plaintext" : (raw ? "ciphertext" : "garbage");
    return CBIT_HV_NEXT;
}

const cbit_hv_step_fn cbit_hv_probe_read_steps[] = {cbit_hv_probe_begin, choose_one, remember,
                                                    read_page,           read_judge, flush_again,
                                                    cbit_hv_probe_end,   NULL};

/* ---- flip_ciphertext: one bit of one block, and what the guest sees of it ---- */

static cbit_hv_step_t flip_and_look(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    cbit_hv_page_t *page = &probe->page;
    uint32_t at =
        (uint32_t)(cbit_splitmix64(core->hv->scenario->seed + probe->index) % CBIT_PAGE_BYTES);
    uint8_t byte = (uint8_t)(page->raw[at] ^ 1);
    if (!raw_write(core, page->spa + at, &byte, 1) ||
        !guest_view(core, page->spa, true, page->seen, CBIT_PAGE_BYTES) ||
        !raw_write(core, page->spa + at, &page->raw[at], 1)) {
        return nothing_found(core);
    }
    uint32_t changed = blocks_differing(page->seen, page->plain, CBIT_PAGE_BYTES);
    bool just_that_bit = (page->seen[at] ^ page->plain[at]) == 1;
    page->seen[at] = page->plain[at];
    just_that_bit &= memcmp(page->seen, page->plain, CBIT_PAGE_BYTES) == 0;
    probe->result->blocks = CBIT_PAGE_BYTES / CBIT_BLOCK_BYTES;
    probe->result->changed_blocks = changed;
    /* Without a cipher the host has changed the bit that it wanted to change. */
    probe->result->outcome = changed == 0 || just_that_bit ? "plaintext" : "garbage";
    return CBIT_HV_NEXT;
}

const cbit_hv_step_fn cbit_hv_probe_flip_steps[] = {
    cbit_hv_probe_begin, choose_one, remember, flip_and_look, cbit_hv_probe_end, NULL};

/* ---- write_ciphertext: a block of the host's choice ---- */

static cbit_hv_step_t write_and_look(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    cbit_hv_page_t *page = &probe->page;
    uint64_t number = cbit_splitmix64(core->hv->scenario->seed + probe->index);
    uint32_t at = (uint32_t)(number % (CBIT_PAGE_BYTES / CBIT_BLOCK_BYTES)) * CBIT_BLOCK_BYTES;
    uint8_t chosen[CBIT_BLOCK_BYTES];
    for (uint32_t i = 0; i < sizeof chosen; i++) {
        chosen[i] = (uint8_t)(cbit_splitmix64(number + i) >> 56);
    }
    if (!raw_write(core, page->spa + at, chosen, sizeof chosen) ||
        !guest_view(core, page->spa, true, page->seen, CBIT_PAGE_BYTES) ||
        !raw_write(core, page->spa + at, &page->raw[at], sizeof chosen)) {
        return nothing_found(core);
    }
    probe->result->blocks = CBIT_PAGE_BYTES / CBIT_BLOCK_BYTES;
    probe->result->changed_blocks = blocks_differing(page->seen, page->plain, CBIT_PAGE_BYTES);
    /* Without a cipher the guest reads what the host has chosen. */
    bool as_chosen = memcmp(page->seen + at, chosen, sizeof chosen) == 0;
    probe->result->outcome = as_chosen ? "plaintext" : "garbage";
    return CBIT_HV_NEXT;
}

const cbit_hv_step_fn cbit_hv_probe_write_steps[] = {
    cbit_hv_probe_begin, choose_one, remember, write_and_look, cbit_hv_probe_end, NULL};

/* ---- move_ciphertext: one page's ciphertext in another page's place ---- */

static cbit_hv_step_t choose_other(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    for (uint64_t i = 1; i <= 64; i++) {
        if (choose(core, true, probe->index + i, &probe->other) &&
            probe->other.gpa != probe->page.gpa) {
            return flush_page(core, &probe->other);
        }
    }
    return nothing_found(core);
}

/* How many different values the 16-byte blocks of a xor b take. One says that what is seen can be
   computed: under XE a moved page is its plaintext xor T(from) xor T(to). */
static uint32_t differences(const uint8_t *a, const uint8_t *b)
{
    enum { BLOCKS = CBIT_PAGE_BYTES / CBIT_BLOCK_BYTES };
    uint8_t seen[BLOCKS][CBIT_BLOCK_BYTES];
    uint32_t count = 0;
    for (uint32_t n = 0; n < BLOCKS; n++) {
        uint32_t known = 0;
        for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
            seen[count][i] = a[n * CBIT_BLOCK_BYTES + i] ^ b[n * CBIT_BLOCK_BYTES + i];
        }
        while (memcmp(seen[known], seen[count], CBIT_BLOCK_BYTES) != 0) {
            known++;
        }
        count += known == count;
    }
    return count;
}

static cbit_hv_step_t move_and_look(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    cbit_hv_page_t *from = &probe->page, *to = &probe->other;
    if (!raw_read(core, to->spa, to->raw, CBIT_PAGE_BYTES) ||
        !guest_view(core, to->spa, true, to->plain, CBIT_PAGE_BYTES) ||
        !raw_write(core, to->spa, from->raw, CBIT_PAGE_BYTES) ||
        !guest_view(core, to->spa, true, to->seen, CBIT_PAGE_BYTES) ||
        !raw_write(core, to->spa, to->raw, CBIT_PAGE_BYTES)) {
        return nothing_found(core);
    }
    probe->result->blocks = CBIT_PAGE_BYTES / CBIT_BLOCK_BYTES;
    bool same = memcmp(to->seen, from->plain, CBIT_PAGE_BYTES) == 0;
    bool as_before = memcmp(to->seen, to->plain, CBIT_PAGE_BYTES) == 0;
    probe->result->changed_blocks = blocks_differing(to->seen, from->plain, CBIT_PAGE_BYTES);
    probe->result->xor_values = differences(to->seen, from->plain);
    probe->result->outcome = same ? "plaintext" : as_before ? "stale" : "garbage";
    return CBIT_HV_NEXT;
}

const cbit_hv_step_fn cbit_hv_probe_move_steps[] = {
    cbit_hv_probe_begin, choose_one,        remember, choose_other,
    move_and_look,       cbit_hv_probe_end, NULL};

/* ---- replay_page, alias_dimm: an old ciphertext comes back ---- */

/*
 * alias_dimm looks and writes through the second address of the page's place in the DRAM, which a
 * host uses to get past whatever guards the first one. What the controllers have queued under the
 * first address is not found under the second: they are drained before.
 */
static bool by_alias(const cbit_hv_core_t *core)
{
    return core->probe->event->kind == CBIT_EVENT_ALIAS_DIMM;
}

static void alias(const cbit_hv_core_t *core, bool on)
{
    if (by_alias(core) && core->probe->event->switched) {
        cbit_platform_alias_dimms(core->hv->platform, on);
    }
}

static cbit_spa_t way_to(const cbit_hv_core_t *core, cbit_spa_t spa)
{
    return by_alias(core) ? cbit_platform_alias_of(core->hv->platform, spa) : spa;
}

/* The lines of a page can have their second addresses on several pages: one line at a time. */
static bool cells_read(const cbit_hv_core_t *core, cbit_spa_t spa, uint8_t *bytes)
{
    bool good = true;
    alias(core, true);
    for (uint32_t at = 0; at < CBIT_PAGE_BYTES; at += CBIT_LINE_BYTES) {
        good &= raw_read(core, way_to(core, spa + at), bytes + at, CBIT_LINE_BYTES);
    }
    alias(core, false);
    return good;
}

static bool cells_write(const cbit_hv_core_t *core, cbit_spa_t spa, const uint8_t *bytes)
{
    bool good = true;
    alias(core, true);
    for (uint32_t at = 0; at < CBIT_PAGE_BYTES; at += CBIT_LINE_BYTES) {
        good &= raw_write(core, way_to(core, spa + at), bytes + at, CBIT_LINE_BYTES);
    }
    alias(core, false);
    return good;
}

static cbit_hv_step_t drain(void *self)
{
    cbit_hv_core_t *core = self;
    if (!by_alias(core)) {
        return CBIT_HV_NEXT;
    }
    cbit_platform_drain(core->hv->platform, cbit_hv_task_resume, &core->task);
    return CBIT_HV_WAIT;
}

/* Is the guest's own key of use at the second address? Blocks that it does not decrypt there. */
static uint32_t unreadable_at_alias(const cbit_hv_core_t *core, const cbit_hv_page_t *page)
{
    uint32_t count = 0;
    alias(core, true);
    for (uint32_t at = 0; at < CBIT_PAGE_BYTES; at += CBIT_LINE_BYTES) {
        uint8_t line[CBIT_LINE_BYTES];
        bool seen = guest_view(core, way_to(core, page->spa + at), true, line, sizeof line);
        count += seen ? blocks_differing(line, page->plain + at, sizeof line) : 4;
    }
    alias(core, false);
    return count;
}

typedef struct album {
    cbit_hv_page_t *pages;
    uint32_t count, room;
    const cbit_hv_guest_t *guest;
} album_t;

static void count_page(void *self, cbit_gpa_t gpa, bool is_private,
                       const uint8_t bytes[CBIT_PAGE_BYTES])
{
    album_t *album = self;
    (void)bytes;
    cbit_spa_t spa;
    if (is_private && album->count < album->room &&
        cbit_hv_nested_backing(&album->guest->nested, gpa, &spa)) {
        album->pages[album->count++] = (cbit_hv_page_t){.gpa = gpa, .spa = spa};
    }
}

/* The first visit: the pages that the guest has written so far. */
static cbit_hv_step_t replay_list(void *self)
{
    enum { MOST_PAGES = 1024 };
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    if (probe->album != NULL) {
        return CBIT_HV_NEXT;
    }
    album_t album = {.pages = calloc(MOST_PAGES, sizeof *album.pages),
                     .room = MOST_PAGES,
                     .guest = core->running->guest};
    if (album.pages == NULL) {
        return cbit_hv_fail(core->hv, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    cbit_guest_for_each_known_page(core->running->guest->soft, count_page, &album);
    probe->album = album.pages;
    probe->album_count = album.count;
    probe->album_at = 0;
    return CBIT_HV_NEXT;
}

static cbit_hv_step_t replay_flush(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    if (probe->album_taken || probe->album_at == probe->album_count) {
        return CBIT_HV_NEXT;
    }
    cbit_platform_clflush(core->hv->platform, probe->album[probe->album_at++].spa, CBIT_PAGE_BYTES,
                          cbit_hv_task_resume, &core->task);
    return CBIT_HV_AGAIN;
}

/* Pictures of all of them; the guest goes on until the probe is due once more. */
static cbit_hv_step_t replay_take(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    if (probe->album_taken) {
        return CBIT_HV_NEXT;
    }
    for (uint32_t i = 0; i < probe->album_count; i++) {
        cbit_hv_page_t *page = &probe->album[i];
        if (!cells_read(core, page->spa, page->raw) ||
            !guest_view(core, page->spa, true, page->plain, CBIT_PAGE_BYTES)) {
            return nothing_found(core);
        }
    }
    probe->album_taken = true;
    probe->again_at_ps = cbit_hv_now(core->hv) + probe->event->hold_us;
    cbit_hv_task_skip_to_last(&core->task);
    return CBIT_HV_NEXT;
}

/* The second visit: a page that has changed since. */
static cbit_hv_step_t replay_choose(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    for (uint32_t i = 0; i < probe->album_count; i++) {
        cbit_hv_page_t *page = &probe->album[i];
        if (cbit_guest_plaintext(core->running->guest->soft, page->gpa, page->seen,
                                 CBIT_PAGE_BYTES) &&
            memcmp(page->seen, page->plain, CBIT_PAGE_BYTES) != 0) {
            probe->album_at = i;
            return flush_page(core, page);
        }
    }
    return nothing_found(core);
}

static cbit_hv_step_t replay_and_look(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    cbit_hv_page_t *page = &probe->album[probe->album_at];
    uint8_t now[CBIT_PAGE_BYTES];
    if (!cells_read(core, page->spa, now) || !cells_write(core, page->spa, page->raw) ||
        !guest_view(core, page->spa, true, page->seen, sizeof now)) {
        return nothing_found(core);
    }
    uint32_t changed = blocks_differing(page->seen, page->plain, sizeof now);
    probe->result->changed_blocks = by_alias(core) ? unreadable_at_alias(core, page) : changed;
    if (!cells_write(core, page->spa, now)) {
        return nothing_found(core);
    }
    probe->result->blocks = CBIT_PAGE_BYTES / CBIT_BLOCK_BYTES;
    probe->result->info1 = way_to(core, page->spa);
    probe->result->info2 = page->gpa;
    probe->result->outcome = changed == 0 ? "stale" : "garbage";
    return CBIT_HV_NEXT;
}

const cbit_hv_step_fn cbit_hv_probe_replay_steps[] = {
    cbit_hv_probe_begin, replay_list,       replay_flush, drain, replay_take, replay_choose, drain,
    replay_and_look,     cbit_hv_probe_end, NULL};
