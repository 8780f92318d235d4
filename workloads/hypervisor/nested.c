#include "workloads/hypervisor/nested.h"

#include <stdlib.h>

#include "cbit/iommu/iommu.h"
#include "workloads/hypervisor/bytes.h"

/* AMD64 Architecture Programmer's Manual volume 2, 5.3: entry bits. Nested tables are walked as
   user accesses (15.25.6), so U/S is set at every level. */
#define ENTRY_PRESENT  0x1ull
#define ENTRY_WRITE    0x2ull
#define ENTRY_USER     0x4ull
#define ENTRY_ACCESSED 0x20ull
#define ENTRY_DIRTY    0x40ull
#define ENTRY_ADDRESS  0x000ffffffffff000ull
/* Accessed and dirty are set, as Linux's KVM does for what it maps: no walk has to. */
#define ENTRY_RIGHTS (ENTRY_PRESENT | ENTRY_WRITE | ENTRY_USER)
#define ENTRY_TABLE  (ENTRY_RIGHTS | ENTRY_ACCESSED)
#define ENTRY_LEAF   (ENTRY_TABLE | ENTRY_DIRTY)

const cbit_hv_table_format_t cbit_hv_nested_format = {
    .leaf = ENTRY_LEAF, .table = {0, ENTRY_TABLE, ENTRY_TABLE, ENTRY_TABLE}};
const cbit_hv_table_format_t cbit_hv_unmarked_format = {
    .leaf = ENTRY_RIGHTS, .table = {0, ENTRY_RIGHTS, ENTRY_RIGHTS, ENTRY_RIGHTS}};

/* AMD document 48882: present, level of the table below, IR and IW. */
#define IO_FLAGS       (CBIT_IOPTE_PR | CBIT_IOPTE_IR | CBIT_IOPTE_IW)
#define IO_NEXT(level) (IO_FLAGS | UINT64_C(level) << CBIT_IOPTE_NEXT_SHIFT)
const cbit_hv_table_format_t cbit_hv_iommu_format = {
    .leaf = IO_FLAGS, .table = {0, IO_NEXT(1), IO_NEXT(2), IO_NEXT(3)}};

enum { LEVELS = 4, ENTRY_BYTES = 8, ENTRIES_PER_LINE = CBIT_LINE_BYTES / ENTRY_BYTES };

static uint32_t index_at(cbit_gpa_t gpa, uint32_t level)
{
    return (uint32_t)(gpa >> (12 + 9 * level)) % CBIT_HV_NESTED_ENTRIES;
}

static cbit_err_t add_table(cbit_hv_nested_t *nested, cbit_hv_nested_table_t **out)
{
    if (nested->count == nested->room) {
        uint32_t room = nested->room == 0 ? 8 : 2 * nested->room;
        cbit_hv_nested_table_t **tables = realloc(nested->tables, room * sizeof *tables);
        if (tables == NULL) {
            return CBIT_ERR_NO_MEMORY;
        }
        nested->tables = tables;
        nested->room = room;
    }
    cbit_hv_nested_table_t *table = calloc(1, sizeof *table);
    if (table == NULL || !cbit_hv_frames_take(nested->frames, &table->spa)) {
        free(table);
        return CBIT_ERR_NO_MEMORY;
    }
    table->dirty = UINT64_MAX;
    nested->tables[nested->count++] = table;
    *out = table;
    return CBIT_ERR_OK;
}

static void set_entry(cbit_hv_nested_t *nested, cbit_hv_nested_table_t *table, uint32_t index,
                      uint64_t entry)
{
    table->entries[index] = entry;
    table->dirty |= 1ull << (index / ENTRIES_PER_LINE);
    nested->first_dirty = 0;
}

static cbit_hv_nested_table_t *table_at(const cbit_hv_nested_t *nested, cbit_spa_t spa)
{
    for (uint32_t i = 0; i < nested->count; i++) {
        if (nested->tables[i]->spa == spa) {
            return nested->tables[i];
        }
    }
    return NULL;
}

static cbit_spa_t entry_address(const cbit_hv_nested_t *nested, uint64_t entry)
{
    return entry & ENTRY_ADDRESS & ~nested->c_bit_mask;
}

/* The last-level table of a guest address; NULL when there is none. */
static cbit_hv_nested_table_t *leaf_table(const cbit_hv_nested_t *nested, cbit_gpa_t gpa)
{
    cbit_hv_nested_table_t *table = nested->tables[0];
    for (uint32_t level = LEVELS - 1; table != NULL && level > 0; level--) {
        uint64_t entry = table->entries[index_at(gpa, level)];
        table =
            (entry & ENTRY_PRESENT) != 0 ? table_at(nested, entry_address(nested, entry)) : NULL;
    }
    return table;
}

cbit_err_t cbit_hv_nested_init(cbit_hv_nested_t *nested, cbit_hv_frames_t *frames,
                               uint64_t c_bit_mask)
{
    *nested = (cbit_hv_nested_t){
        .format = &cbit_hv_nested_format, .frames = frames, .c_bit_mask = c_bit_mask};
    cbit_hv_nested_table_t *root;
    return add_table(nested, &root);
}

void cbit_hv_nested_clear(cbit_hv_nested_t *nested)
{
    for (uint32_t i = 0; i < nested->count; i++) {
        /* Out of memory only keeps the frame out of use. */
        (void)cbit_hv_frames_free(nested->frames, nested->tables[i]->spa);
        free(nested->tables[i]);
    }
    free(nested->tables);
    *nested = (cbit_hv_nested_t){0};
}

uint64_t cbit_hv_nested_root(const cbit_hv_nested_t *nested)
{
    return nested->tables[0]->spa | nested->c_bit_mask;
}

static cbit_err_t map(cbit_hv_nested_t *nested, cbit_gpa_t gpa, uint64_t leaf)
{
    cbit_hv_nested_table_t *table = nested->tables[0];
    for (uint32_t level = LEVELS - 1; level > 0; level--) {
        uint32_t index = index_at(gpa, level);
        uint64_t entry = table->entries[index];
        if ((entry & ENTRY_PRESENT) != 0) {
            table = table_at(nested, entry_address(nested, entry));
            continue;
        }
        cbit_hv_nested_table_t *below;
        cbit_err_t err = add_table(nested, &below);
        if (err != CBIT_ERR_OK) {
            return err;
        }
        set_entry(nested, table, index,
                  below->spa | nested->c_bit_mask | nested->format->table[level]);
        table = below;
    }
    set_entry(nested, table, index_at(gpa, 0), leaf | nested->format->leaf);
    return CBIT_ERR_OK;
}

cbit_err_t cbit_hv_nested_map(cbit_hv_nested_t *nested, cbit_gpa_t gpa, cbit_spa_t spa)
{
    return map(nested, gpa, spa | nested->c_bit_mask);
}

cbit_err_t cbit_hv_nested_map_plain(cbit_hv_nested_t *nested, cbit_gpa_t gpa, cbit_spa_t spa)
{
    return map(nested, gpa, spa);
}

bool cbit_hv_nested_unmap(cbit_hv_nested_t *nested, cbit_gpa_t gpa)
{
    cbit_hv_nested_table_t *table = leaf_table(nested, gpa);
    uint32_t index = index_at(gpa, 0);
    if (table == NULL || (table->entries[index] & ENTRY_PRESENT) == 0) {
        return false;
    }
    set_entry(nested, table, index, table->entries[index] & ~ENTRY_PRESENT);
    return true;
}

bool cbit_hv_nested_set_present(cbit_hv_nested_t *nested, cbit_gpa_t gpa, bool present)
{
    cbit_hv_nested_table_t *table = leaf_table(nested, gpa);
    uint32_t index = index_at(gpa, 0);
    if (table == NULL || table->entries[index] == 0) {
        return false;
    }
    uint64_t entry = table->entries[index] & ~ENTRY_PRESENT;
    set_entry(nested, table, index, entry | (present ? ENTRY_PRESENT : 0));
    return true;
}

bool cbit_hv_nested_set_writable(cbit_hv_nested_t *nested, cbit_gpa_t gpa, bool writable)
{
    cbit_hv_nested_table_t *table = leaf_table(nested, gpa);
    uint32_t index = index_at(gpa, 0);
    if (table == NULL || (table->entries[index] & ENTRY_PRESENT) == 0 ||
        ((table->entries[index] & ENTRY_WRITE) != 0) == writable) {
        return false;
    }
    set_entry(nested, table, index, table->entries[index] ^ ENTRY_WRITE);
    return true;
}

bool cbit_hv_nested_frame(const cbit_hv_nested_t *nested, cbit_gpa_t gpa, cbit_spa_t *spa)
{
    const cbit_hv_nested_table_t *table = leaf_table(nested, gpa);
    if (table == NULL || table->entries[index_at(gpa, 0)] == 0) {
        return false;
    }
    *spa = entry_address(nested, table->entries[index_at(gpa, 0)]);
    return true;
}

bool cbit_hv_nested_backing(const cbit_hv_nested_t *nested, cbit_gpa_t gpa, cbit_spa_t *spa)
{
    bool found = cbit_hv_nested_frame(nested, gpa, spa);
    *spa += found ? gpa % CBIT_PAGE_BYTES : 0;
    return found;
}

bool cbit_hv_nested_lookup(const cbit_hv_nested_t *nested, cbit_gpa_t gpa, cbit_spa_t *spa)
{
    const cbit_hv_nested_table_t *table = leaf_table(nested, gpa);
    if (table == NULL || (table->entries[index_at(gpa, 0)] & ENTRY_PRESENT) == 0) {
        return false;
    }
    *spa = entry_address(nested, table->entries[index_at(gpa, 0)]) + gpa % CBIT_PAGE_BYTES;
    return true;
}

bool cbit_hv_nested_next_dirty(cbit_hv_nested_t *nested, cbit_spa_t *spa,
                               uint8_t line[CBIT_LINE_BYTES])
{
    for (; nested->first_dirty < nested->count; nested->first_dirty++) {
        cbit_hv_nested_table_t *table = nested->tables[nested->first_dirty];
        for (uint32_t n = 0; table->dirty != 0 && n < CBIT_PAGE_BYTES / CBIT_LINE_BYTES; n++) {
            if ((table->dirty >> n & 1) == 0) {
                continue;
            }
            table->dirty &= ~(1ull << n);
            *spa = table->spa + (uint64_t)n * CBIT_LINE_BYTES;
            for (uint32_t i = 0; i < ENTRIES_PER_LINE; i++) {
                cbit_hv_put_le64(line + (size_t)i * ENTRY_BYTES,
                                 table->entries[n * ENTRIES_PER_LINE + i]);
            }
            return true;
        }
    }
    return false;
}
