/**
 * @file
 * Nested page tables of one guest: four levels of real bytes in host memory.
 *
 * The tables are kept as the hypervisor's copy and written to memory line by line; a new table is
 * written whole, because memory that nobody wrote under the host's key does not read as zero.
 */
#ifndef CBIT_WORKLOADS_HYPERVISOR_NESTED_H
#define CBIT_WORKLOADS_HYPERVISOR_NESTED_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/err.h"
#include "cbit/sim/txn.h"
#include "workloads/hypervisor/frames.h"

enum { CBIT_HV_NESTED_ENTRIES = 512 };

typedef struct cbit_hv_nested_table {
    cbit_spa_t spa;
    uint64_t dirty; /* bit n: line n differs from memory */
    uint64_t entries[CBIT_HV_NESTED_ENTRIES];
} cbit_hv_nested_table_t;

/* Flags of entries: of leaves, and of those that lead to a table of the given level (1: of leaves).
   Bit 0 says present in either. */
typedef struct cbit_hv_table_format {
    uint64_t leaf, table[4];
} cbit_hv_table_format_t;
extern const cbit_hv_table_format_t cbit_hv_nested_format; /* AMD64, as the processor walks */
/* The same, whose accessed and dirty bits are left to the walks. */
extern const cbit_hv_table_format_t cbit_hv_unmarked_format;
extern const cbit_hv_table_format_t cbit_hv_iommu_format; /* as the IOMMU does */

typedef struct cbit_hv_nested {
    const cbit_hv_table_format_t *format;
    cbit_hv_frames_t *frames; /* where tables come from */
    uint64_t c_bit_mask;      /* set in every entry of an SME host; 0 otherwise */
    cbit_hv_nested_table_t **tables;
    uint32_t count, room;
    uint32_t first_dirty; /* no table before this one is dirty */
} cbit_hv_nested_t;

/* An empty set with its root. NO_MEMORY: the host's or the machine's is used up. */
cbit_err_t cbit_hv_nested_init(cbit_hv_nested_t *nested, cbit_hv_frames_t *frames,
                               uint64_t c_bit_mask);
/* The same in another format: nested tables until told otherwise. Before the first page. */
static inline void cbit_hv_nested_set_format(cbit_hv_nested_t *nested,
                                             const cbit_hv_table_format_t *format)
{
    nested->format = format;
}
/* Frees the tables' frames. */
void cbit_hv_nested_clear(cbit_hv_nested_t *nested);

/* nCR3: the root's address with the C-bit of an SME host. */
uint64_t cbit_hv_nested_root(const cbit_hv_nested_t *nested);

/* Maps a guest page to a frame, present and writable; replaces what was there. */
cbit_err_t cbit_hv_nested_map(cbit_hv_nested_t *nested, cbit_gpa_t gpa, cbit_spa_t spa);

/* The same without the C-bit in the leaf. */
cbit_err_t cbit_hv_nested_map_plain(cbit_hv_nested_t *nested, cbit_gpa_t gpa, cbit_spa_t spa);

/* Clears the present bit of a mapped page, whose entry keeps its frame; false if not mapped. */
bool cbit_hv_nested_unmap(cbit_hv_nested_t *nested, cbit_gpa_t gpa);

/* The same in either direction; false if the page never had a frame. */
bool cbit_hv_nested_set_present(cbit_hv_nested_t *nested, cbit_gpa_t gpa, bool present);

/* Makes a present page writable or not; false if it is not present, or is so already. */
bool cbit_hv_nested_set_writable(cbit_hv_nested_t *nested, cbit_gpa_t gpa, bool writable);

/* The frame of a page, present or not; false if it never had one. */
bool cbit_hv_nested_frame(const cbit_hv_nested_t *nested, cbit_gpa_t gpa, cbit_spa_t *spa);

/* Where a guest address lies, whether its page is present or was taken away: what the host's own
   mappings of guest memory know. False if it never had a frame. */
bool cbit_hv_nested_backing(const cbit_hv_nested_t *nested, cbit_gpa_t gpa, cbit_spa_t *spa);

/* Where a guest address lies; false if its page is not mapped. */
bool cbit_hv_nested_lookup(const cbit_hv_nested_t *nested, cbit_gpa_t gpa, cbit_spa_t *spa);

/* The next line that memory does not have yet: marks it clean. False when there is none. */
bool cbit_hv_nested_next_dirty(cbit_hv_nested_t *nested, cbit_spa_t *spa,
                               uint8_t line[CBIT_LINE_BYTES]);

#endif
