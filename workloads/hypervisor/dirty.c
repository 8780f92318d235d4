#include "workloads/hypervisor/dirty.h"

#include <stdlib.h>
#include <string.h>

static uint64_t number_of(cbit_gpa_t gpa)
{
    return gpa / CBIT_PAGE_BYTES;
}

bool cbit_hv_dirty_begin(cbit_hv_guest_t *guest)
{
    uint64_t pages = guest->config->memory / CBIT_PAGE_BYTES;
    free(guest->dirty.pages);
    guest->dirty = (cbit_hv_dirty_log_t){.pages = calloc(pages, 1), .count = 0, .protects = true};
    return guest->dirty.pages != NULL;
}

void cbit_hv_dirty_end(cbit_hv_guest_t *guest)
{
    free(guest->dirty.pages);
    guest->dirty.pages = NULL;
    guest->dirty.count = 0;
}

static void note(cbit_hv_guest_t *guest, cbit_gpa_t gpa)
{
    if (guest->dirty.pages != NULL && gpa < guest->config->memory) {
        guest->dirty.count += guest->dirty.pages[number_of(gpa)] == 0;
        guest->dirty.pages[number_of(gpa)] = 1;
    }
}

void cbit_hv_dirty_protect(cbit_hv_guest_t *guest, cbit_gpa_t gpa)
{
    (void)cbit_hv_nested_set_writable(&guest->nested, gpa, false);
}

bool cbit_hv_dirty_take(cbit_hv_guest_t *guest, cbit_gpa_t gpa)
{
    if (guest->dirty.pages == NULL || guest->dirty.pages[number_of(gpa)] == 0) {
        return false;
    }
    guest->dirty.pages[number_of(gpa)] = 0;
    guest->dirty.count--;
    cbit_hv_dirty_protect(guest, gpa);
    return true;
}

uint64_t cbit_hv_dirty_count(const cbit_hv_guest_t *guest)
{
    return guest->dirty.count;
}

bool cbit_hv_dirty_fault(cbit_hv_guest_t *guest, cbit_gpa_t gpa, uint64_t error)
{
    cbit_spa_t spa;
    if (!guest->dirty.protects || (error & CBIT_PF_P) == 0 || (error & CBIT_PF_W) == 0 ||
        !cbit_hv_nested_lookup(&guest->nested, gpa, &spa)) {
        return false;
    }
    /* Writable already: another vCPU has been here in the meantime. */
    if (cbit_hv_nested_set_writable(&guest->nested, gpa, true)) {
        guest->result->dirty_faults++;
        note(guest, gpa);
    }
    return true;
}

void cbit_hv_dirty_mark(cbit_hv_guest_t *guest, cbit_gpa_t gpa, uint64_t len_bytes)
{
    cbit_gpa_t end = gpa + len_bytes;
    for (gpa -= gpa % CBIT_PAGE_BYTES; gpa < end; gpa += CBIT_PAGE_BYTES) {
        note(guest, gpa);
    }
}
