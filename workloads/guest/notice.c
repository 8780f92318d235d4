/*
 * What a guest tells its hypervisor of its pages: which are shared, so that it can be migrated.
 * Linux: amd_enc_status_change_finish, which calls KVM_HC_MAP_GPA_RANGE.
 */
#include "workloads/guest/state.h"

enum { PRIVATE_SHIFT = 16, PAGES_SHIFT = 17, PAGES_MOST = (1 << 15) - 1, PAGE_SHIFT = 32 };

bool cbit_guest_notice(uint64_t value, cbit_guest_notice_t *notice)
{
    *notice = (cbit_guest_notice_t){.is_private = (value >> PRIVATE_SHIFT & 1) != 0,
                                    .gpa = (value >> PAGE_SHIFT) * CBIT_PAGE_BYTES,
                                    .pages = (uint32_t)(value >> PAGES_SHIFT) & PAGES_MOST};
    return (value & 0xffff) == CBIT_GUEST_HYPERCALL_NOTICE;
}

void cbit_guest_push_notice(cbit_guest_cpu_t *cpu, const cbit_guest_notice_t *notice)
{
    cbit_guest_push_code(cpu, &cbit_guest_code_hypercall);
    cbit_guest_new_op(cpu, CBIT_OP_HYPERCALL)->value =
        CBIT_GUEST_HYPERCALL_NOTICE | (uint64_t)notice->is_private << PRIVATE_SHIFT |
        (uint64_t)notice->pages << PAGES_SHIFT | notice->gpa / CBIT_PAGE_BYTES << PAGE_SHIFT;
}

/* The data page that comes first in the program's addresses; NULL: there is none. */
static const cbit_guest_page_t *first_data(const cbit_guest_t *guest)
{
    const cbit_guest_page_t *first = NULL;
    for (uint32_t i = 0; i < guest->pages.count; i++) {
        const cbit_guest_page_t *page = &guest->pages.items[i];
        if (page->use == CBIT_GUEST_USE_DATA && (first == NULL || page->gva < first->gva)) {
            first = page;
        }
    }
    return first;
}

/* A page that was shared once and is private again is told as shared by who misses the second
   notice. */
static bool told_as_shared(const cbit_guest_t *guest, const cbit_guest_page_t *page)
{
    return !page->is_private || (guest->config.misses_notice && page == first_data(guest));
}

bool cbit_guest_notice_advance(cbit_guest_cpu_t *cpu)
{
    cbit_guest_t *guest = cpu->guest;
    const cbit_guest_page_t *items = guest->pages.items;
    uint32_t count = guest->pages.count, first = guest->noticed, pages = 0;
    if (cpu->index != 0 || !guest->config.notices) {
        return false;
    }
    while (first < count && !told_as_shared(guest, &items[first])) {
        first++;
    }
    while (first + pages < count && pages < PAGES_MOST &&
           told_as_shared(guest, &items[first + pages]) &&
           items[first + pages].gpa == items[first].gpa + (cbit_gpa_t)pages * CBIT_PAGE_BYTES) {
        pages++;
    }
    guest->noticed = first + pages;
    if (pages > 0) {
        const cbit_guest_notice_t notice = {.gpa = items[first].gpa, .pages = pages};
        cbit_guest_push_notice(cpu, &notice);
    }
    return pages > 0;
}

/* ---- what becomes of pages on their way ---- */

bool cbit_guest_is_data(const cbit_guest_t *guest, cbit_gpa_t gpa)
{
    const cbit_guest_page_t *page = cbit_guest_page_at_gpa(&guest->pages, gpa);
    return page != NULL && page->use == CBIT_GUEST_USE_DATA;
}

void cbit_guest_spoil(cbit_guest_t *guest, cbit_gpa_t gpa)
{
    cbit_guest_page_t *page = cbit_guest_page_at_gpa(&guest->pages, gpa);
    if (page != NULL) {
        page->spoiled = true;
    }
}
