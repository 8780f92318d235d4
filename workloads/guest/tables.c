/* 4-level page tables with 4 KiB leaves, as bytes (APM volume 2, 5.3). */
#include "workloads/guest/state.h"

enum {
    LEVELS = 4,
    ENTRY_BYTES = 8,
    PRESENT = 1 << 0,
    WRITABLE = 1 << 1,
    USER = 1 << 2,
    ACCESSED = 1 << 5,
    DIRTY = 1 << 6,
};
#define NO_EXECUTE   (UINT64_C(1) << 63)
#define ADDRESS_MASK UINT64_C(0x000ffffffffff000)

/* An entry that is 0 has no table: no table is at gpa 0. */
static uint64_t *entry_at(uint64_t *entry, const uint8_t *bytes)
{
    *entry = 0;
    for (int i = ENTRY_BYTES - 1; i >= 0; i--) {
        *entry = *entry << 8 | bytes[i];
    }
    return entry;
}

static void put_entry(uint8_t *bytes, uint64_t entry)
{
    for (int i = 0; i < ENTRY_BYTES; i++) {
        bytes[i] = (uint8_t)(entry >> (8 * i));
    }
}

/* Where the entry of gva is in its table of that level (0: leaves). */
static size_t slot_of(uint32_t table, cbit_gva_t gva, int level)
{
    return (size_t)table * CBIT_PAGE_BYTES + (gva >> (12 + 9 * level) & 0x1ff) * ENTRY_BYTES;
}

static uint32_t table_of(const cbit_guest_tables_t *tables, uint64_t entry)
{
    cbit_gpa_t gpa = entry & ADDRESS_MASK & ~tables->c_mask;
    return (uint32_t)((gpa - CBIT_GUEST_TABLES_GPA) / CBIT_PAGE_BYTES);
}

bool cbit_guest_tables_reserve(cbit_guest_tables_t *tables, cbit_gva_t gva)
{
    uint32_t table = 0;
    if (tables->blob.pages == 0 && cbit_guest_blob_add(&tables->blob) == NULL) {
        return false;
    }
    for (int level = LEVELS - 1; level > 0; level--) {
        uint64_t entry;
        size_t slot = slot_of(table, gva, level);
        if (*entry_at(&entry, tables->blob.bytes + slot) == 0) {
            uint64_t next = tables->blob.pages;
            if (cbit_guest_blob_add(&tables->blob) == NULL) {
                return false;
            }
            entry = (CBIT_GUEST_TABLES_GPA + next * CBIT_PAGE_BYTES) | PRESENT | WRITABLE | USER |
                    ACCESSED | tables->c_mask;
            put_entry(tables->blob.bytes + slot, entry);
        }
        table = table_of(tables, entry);
    }
    return true;
}

uint64_t cbit_guest_tables_leaf(const cbit_guest_tables_t *tables, const cbit_guest_page_t *page)
{
    bool user = page->gva >> 63 == 0 && page->use != CBIT_GUEST_USE_BOOT;
    /* Accessed and dirty are set, as for a kernel's own mappings: nobody writes them later. */
    return page->gpa | PRESENT | WRITABLE | ACCESSED | DIRTY | (user ? USER : 0) |
           (page->is_private ? tables->c_mask : 0) | (page->executable ? 0 : NO_EXECUTE);
}

uint64_t cbit_guest_tables_slot(const cbit_guest_tables_t *tables, cbit_gva_t gva)
{
    uint32_t table = 0;
    uint64_t entry;
    for (int level = LEVELS - 1; level > 0; level--) {
        const uint8_t *bytes = tables->blob.bytes + slot_of(table, gva, level);
        table = table_of(tables, *entry_at(&entry, bytes));
    }
    return slot_of(table, gva, 0);
}

void cbit_guest_tables_map(cbit_guest_tables_t *tables, const cbit_guest_page_t *page)
{
    put_entry(tables->blob.bytes + cbit_guest_tables_slot(tables, page->gva),
              cbit_guest_tables_leaf(tables, page));
}
