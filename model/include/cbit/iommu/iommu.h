/**
 * @file
 * The IOMMU: what stands between real devices and memory.
 *
 * Tables are bytes in memory, laid out as AMD document 48882 (I/O Virtualization Technology
 * Specification) has them: a device table of 32-byte entries by device id, and page tables of one
 * to six levels with pages of any size. They are read by requests of the IOMMU's own, coherently.
 * Under SME the C-bit in the device table's base, in a device table entry's root and in page-table
 * entries says under which key what they point at is read, and a leaf's C-bit whether the device's
 * access is HOST or PLAIN. No device can name a guest's key.
 *
 * Without a device table, for an entry that is not valid (V = 0) and for one of mode 0, a device's
 * address is used as it is: its C-bit decides, if the device can drive that bit at all. A device
 * puts only its own address bits on the bus; one of 32 or 40 bits can never reach the C-bit.
 *
 * The time that an access waits for its translation is charged to WALK. A fault answers with
 * CBIT_ERR_ADDRESS and zero bytes, and is recorded (cbit_iommu_fault).
 */
#ifndef CBIT_IOMMU_IOMMU_H
#define CBIT_IOMMU_IOMMU_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/err.h"
#include "cbit/base/rows.h"
#include "cbit/sim/kernel.h"
#include "cbit/sim/port.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CBIT_IOMMU_MAX_DEVICES = 256, CBIT_IOMMU_DTE_BYTES = 32 };

/* Device table entry, first and second quadword. */
#define CBIT_DTE_V          UINT64_C(0x1)                /* the entry is valid */
#define CBIT_DTE_TV         UINT64_C(0x2)                /* its translation fields are */
#define CBIT_DTE_MODE_SHIFT 9                            /* 11:9: levels; 0: no translation */
#define CBIT_DTE_ROOT       UINT64_C(0x000ffffffffff000) /* C-bit included */
#define CBIT_DTE_IR         (UINT64_C(1) << 61)
#define CBIT_DTE_IW         (UINT64_C(1) << 62)

/* I/O page-table entry. */
#define CBIT_IOPTE_PR UINT64_C(0x1)
#define CBIT_IOPTE_NEXT_SHIFT                                                                      \
    9 /* 11:9: level of the next table; 0: leaf; 7: leaf, size in address */
#define CBIT_IOPTE_ADDRESS UINT64_C(0x000ffffffffff000) /* C-bit included */
#define CBIT_IOPTE_IR      (UINT64_C(1) << 61)
#define CBIT_IOPTE_IW      (UINT64_C(1) << 62)

typedef struct cbit_iommu cbit_iommu_t; /* opaque */

typedef struct cbit_iommu_config {
    uint32_t c_bit;             /* position in entries and addresses; 0: no memory encryption */
    uint32_t iotlb_entries;     /* translations that it keeps */
    uint32_t directory_entries; /* cached upper tables, which shorten walks; 0: none */
    uint32_t walkers;           /* accesses that may wait for a translation at once */
} cbit_iommu_config_t;
extern const cbit_row_t cbit_iommu_rows[]; /* c_bit is the platform's */

typedef enum cbit_iommu_fault_kind {
    CBIT_IOMMU_FAULT_NONE,
    CBIT_IOMMU_FAULT_DEVICE,     /* no entry in the table, or one whose translation is not valid */
    CBIT_IOMMU_FAULT_PRESENT,    /* no page */
    CBIT_IOMMU_FAULT_PERMISSION, /* IR or IW is clear on the way */
    CBIT_IOMMU_FAULT_RESERVED, /* a level that does not lead down, address bits above the tables */
    CBIT_IOMMU_FAULT_TABLE,    /* a table is not in memory */
} cbit_iommu_fault_kind_t;

typedef struct cbit_iommu_fault {
    cbit_iommu_fault_kind_t kind;
    uint32_t device;
    uint64_t address; /* the device's */
    bool write;
} cbit_iommu_fault_t;

typedef struct cbit_iommu_stats {
    uint64_t untranslated, iotlb_hits, walks, walk_reads, faults;
    uint64_t masked; /* accesses whose address lost bits that the device does not drive */
} cbit_iommu_stats_t;
extern const cbit_row_t cbit_iommu_stat_rows[];

/* memory: where translated requests and table reads go, coherently. On error *out is untouched. */
cbit_err_t cbit_iommu_create(const cbit_iommu_config_t *config, cbit_kernel_t *kernel,
                             cbit_port_t memory, cbit_iommu_t **out);
/* NULL is allowed; accesses that it still holds are forgotten. */
void cbit_iommu_destroy(cbit_iommu_t *iommu);

/*
 * Where a device (id below CBIT_IOMMU_MAX_DEVICES) sends: txn->spa is the device's address,
 * txn->key is overwritten, txn->source becomes DMA. Peek and poke take such addresses too, go
 * through the same tables in no time, and ignore their key.
 */
cbit_port_t cbit_iommu_port(cbit_iommu_t *iommu, uint32_t device);

/* How many address bits a device drives; 64 unless told. */
void cbit_iommu_set_address_bits(cbit_iommu_t *iommu, uint32_t device, uint32_t bits);

/* Device table base register (C-bit allowed) and number of entries; 0 entries: no table. Forgets
   all translations. */
void cbit_iommu_set_device_table(cbit_iommu_t *iommu, cbit_spa_t base_spa, uint32_t entries);

/* INVALIDATE_DEVTAB_ENTRY and INVALIDATE_IOMMU_PAGES of one device. Until then cached entries stay
   in use, as on hardware. */
void cbit_iommu_invalidate(cbit_iommu_t *iommu, uint32_t device);

/* The latest fault; kind NONE if there was none. */
void cbit_iommu_fault(const cbit_iommu_t *iommu, cbit_iommu_fault_t *fault);
void cbit_iommu_stats(const cbit_iommu_t *iommu, cbit_iommu_stats_t *stats);

#ifdef __cplusplus
}
#endif
#endif
