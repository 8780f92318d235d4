#include <stdlib.h>
#include <string.h>

#include "workloads/guest/state.h"

uint8_t *cbit_guest_blob_add(cbit_guest_blob_t *blob)
{
    if (blob->pages == blob->room) {
        uint32_t room = blob->room == 0 ? 16 : 2 * blob->room;
        uint8_t *grown = realloc(blob->bytes, (size_t)room * CBIT_PAGE_BYTES);
        if (grown == NULL) {
            return NULL;
        }
        blob->bytes = grown;
        blob->room = room;
    }
    uint8_t *page = blob->bytes + (size_t)blob->pages++ * CBIT_PAGE_BYTES;
    memset(page, 0, CBIT_PAGE_BYTES);
    return page;
}

cbit_guest_page_t *cbit_guest_pages_add(cbit_guest_pages_t *pages, cbit_guest_use_t use,
                                        cbit_gva_t gva, cbit_gpa_t gpa)
{
    if (pages->count == pages->room) {
        uint32_t room = pages->room == 0 ? 256 : 2 * pages->room;
        cbit_guest_page_t *grown = realloc(pages->items, room * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        pages->items = grown;
        pages->room = room;
    }
    bool shared = use == CBIT_GUEST_USE_RING || use == CBIT_GUEST_USE_SWIOTLB ||
                  use == CBIT_GUEST_USE_HEADS_SHARED || use == CBIT_GUEST_USE_GHCB ||
                  use == CBIT_GUEST_USE_IO_SHARED;
    cbit_guest_page_t *page = &pages->items[pages->count++];
    *page =
        (cbit_guest_page_t){.gva = gva,
                            .gpa = gpa,
                            .use = (uint8_t)use,
                            .is_private = !shared,
                            .executable = use == CBIT_GUEST_USE_BOOT || use == CBIT_GUEST_USE_TEXT};
    return page;
}

static int by_gpa(const void *a, const void *b)
{
    const cbit_guest_page_t *left = a, *right = b;
    return (left->gpa > right->gpa) - (left->gpa < right->gpa);
}

bool cbit_guest_pages_index(cbit_guest_pages_t *pages)
{
    qsort(pages->items, pages->count, sizeof pages->items[0], by_gpa);
    cbit_page_map_free(&pages->by_gva);
    for (uint32_t i = 0; i < pages->count; i++) {
        if (!cbit_page_map_insert(&pages->by_gva, pages->items[i].gva / CBIT_PAGE_BYTES, i)) {
            return false;
        }
    }
    return true;
}

void cbit_guest_pages_free(cbit_guest_pages_t *pages)
{
    for (uint32_t i = 0; i < pages->count; i++) {
        free(pages->items[i].bytes);
    }
    free(pages->items);
    cbit_page_map_free(&pages->by_gva);
    *pages = (cbit_guest_pages_t){0};
}

cbit_guest_page_t *cbit_guest_page_at_gva(const cbit_guest_pages_t *pages, cbit_gva_t gva)
{
    const uint32_t *index = cbit_page_map_find(&pages->by_gva, gva / CBIT_PAGE_BYTES);
    return index == NULL ? NULL : &pages->items[*index];
}

cbit_guest_page_t *cbit_guest_page_of(cbit_guest_cpu_t *cpu, cbit_gva_t gva)
{
    cbit_guest_page_t **near = &cpu->near_pages[gva / CBIT_PAGE_BYTES % CBIT_GUEST_NEAR_PAGES];
    if (*near == NULL || (*near)->gva != gva - gva % CBIT_PAGE_BYTES) {
        cbit_guest_page_t *page = cbit_guest_page_at_gva(&cpu->guest->pages, gva);
        if (page == NULL) {
            return NULL;
        }
        *near = page;
    }
    return *near;
}

cbit_gva_t cbit_guest_place(const cbit_guest_t *guest, uint32_t vcpu, cbit_gva_t gva)
{
    enum { OWN_SHIFT = 40 }; /* 64 vCPUs' regions fit below bit 46: the lower canonical half */
    if (vcpu == 0 || guest->config.common_data) {
        return gva;
    }
    const cbit_guest_page_t *page = cbit_guest_page_at_gva(&guest->pages, gva);
    return page != NULL && page->recorded ? gva : gva ^ (cbit_gva_t)vcpu << OWN_SHIFT;
}

cbit_guest_page_t *cbit_guest_page_at_gpa(const cbit_guest_pages_t *pages, cbit_gpa_t gpa)
{
    cbit_gpa_t wanted = gpa - gpa % CBIT_PAGE_BYTES;
    uint32_t low = 0, high = pages->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (pages->items[middle].gpa < wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < pages->count && pages->items[low].gpa == wanted ? &pages->items[low] : NULL;
}

const uint8_t *cbit_guest_page_bytes(const cbit_guest_page_t *page)
{
    return page->bytes != NULL ? page->bytes : page->launched;
}

uint8_t *cbit_guest_page_write(cbit_guest_page_t *page)
{
    if (page->bytes == NULL) {
        page->bytes = calloc(1, CBIT_PAGE_BYTES);
        if (page->bytes != NULL && page->launched != NULL) {
            memcpy(page->bytes, page->launched, CBIT_PAGE_BYTES);
        }
    }
    return page->bytes;
}
