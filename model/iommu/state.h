/* The IOMMU's state. Private to model/iommu. */
#ifndef CBIT_MODEL_IOMMU_STATE_H
#define CBIT_MODEL_IOMMU_STATE_H

#include "cbit/iommu/iommu.h"

typedef struct cbit_iommu_walk cbit_iommu_walk_t;

typedef struct cbit_iommu_device {
    cbit_iommu_t *iommu;
    uint64_t address_mask;
    bool entry_known;
    uint64_t entry; /* first quadword of its device table entry */
} cbit_iommu_device_t;

/* A page that a device may use. */
typedef struct cbit_iotlb_entry {
    bool valid;
    uint32_t device;
    uint32_t shift; /* log2 of its size */
    uint64_t page;  /* the device's address >> shift */
    cbit_spa_t spa;
    bool host_c, readable, writable;
    uint64_t used;
} cbit_iotlb_entry_t;

/* The way to a table: what its entries cover begins at prefix << (12 + 9 x level). */
typedef struct cbit_iodirectory {
    bool valid;
    uint32_t device, level;
    uint64_t prefix, table; /* table: as in the entry, C-bit included */
    bool readable, writable;
    uint64_t used;
} cbit_iodirectory_t;

/* Where a translation stands. The same steps serve timed walks and peeks. */
typedef struct cbit_iommu_step {
    uint32_t device;
    uint64_t address;
    bool write;
    uint32_t level; /* of the table that is read next; 0: the device table */
    cbit_spa_t read_spa;
    bool read_c;
    bool readable, writable;
    cbit_iotlb_entry_t page; /* the result */
} cbit_iommu_step_t;

typedef enum cbit_iommu_next {
    IOMMU_READ, /* read_spa: a quadword under read_c's key */
    IOMMU_DONE,
    IOMMU_FAULT,
} cbit_iommu_next_t;

/* An access that waits for its translation. */
struct cbit_iommu_walk {
    cbit_iommu_t *iommu;
    bool busy;
    cbit_txn_t *client;
    cbit_ps_t began_ps;
    cbit_iommu_step_t step;
    bool translated;
    cbit_iommu_fault_kind_t fault;
    cbit_txn_t read;
    cbit_ps_t refused_ps;
    cbit_waiter_t space;
    cbit_event_t event;
};

struct cbit_iommu {
    cbit_iommu_config_t config;
    uint64_t c_mask;
    cbit_kernel_t *kernel;
    cbit_port_t memory;
    cbit_spa_t table_spa;
    uint32_t table_entries;
    cbit_iommu_device_t devices[CBIT_IOMMU_MAX_DEVICES];
    cbit_iotlb_entry_t *iotlb;
    cbit_iodirectory_t *directory;
    uint64_t touches;
    cbit_iommu_walk_t *walks;
    cbit_waitlist_t waiters;
    cbit_iommu_fault_t last_fault;
    cbit_iommu_stats_t stats;
};

static inline cbit_key_t cbit_iommu_key(bool host_c)
{
    const cbit_access_t access = {.accessor = CBIT_ACCESSOR_DEVICE, .host_c_bit = host_c};
    return cbit_key_of_access(&access);
}

/* Begins a translation; what to do first. */
cbit_iommu_next_t cbit_iommu_begin(cbit_iommu_t *iommu, cbit_iommu_step_t *step,
                                   cbit_iommu_fault_kind_t *fault);
/* Takes the quadword that was read. */
cbit_iommu_next_t cbit_iommu_take(cbit_iommu_t *iommu, cbit_iommu_step_t *step, uint64_t entry,
                                  cbit_iommu_fault_kind_t *fault);

/* The entry that covers an address, or NULL. */
cbit_iotlb_entry_t *cbit_iotlb_find(cbit_iommu_t *iommu, uint32_t device, uint64_t address);
void cbit_iotlb_insert(cbit_iommu_t *iommu, const cbit_iotlb_entry_t *entry);

#endif
