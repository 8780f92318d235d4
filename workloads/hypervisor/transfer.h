/**
 * @file
 * A run of bytes moved through a port as timed requests, a few of them in flight at a time: what
 * memcpy of the hypervisor and a device's DMA engine do.
 */
#ifndef CBIT_WORKLOADS_HYPERVISOR_TRANSFER_H
#define CBIT_WORKLOADS_HYPERVISOR_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/sim/kernel.h"
#include "cbit/sim/port.h"

/* Outstanding lines of one copying core or DMA engine. */
enum { CBIT_HV_TRANSFER_WINDOW = 8 };

typedef struct cbit_hv_transfer cbit_hv_transfer_t;

typedef struct cbit_hv_transfer_slot {
    cbit_hv_transfer_t *owner;
    uint64_t at; /* offset of its bytes in the run */
    bool busy;
    cbit_txn_t txn;
} cbit_hv_transfer_slot_t;

struct cbit_hv_transfer {
    cbit_kernel_t *kernel;
    cbit_port_t port;
    cbit_command_t command;
    cbit_source_t source;
    uint16_t source_id;
    cbit_spa_t spa;
    cbit_key_t key;
    uint8_t *bytes; /* read: filled in; write: only read */
    uint64_t len_bytes;
    uint64_t next; /* first offset that has not been sent */
    uint32_t in_flight;
    bool pumping;
    bool active;
    cbit_err_t err; /* the first error of any of its requests */
    cbit_waiter_t waiter;
    cbit_hv_transfer_slot_t slots[CBIT_HV_TRANSFER_WINDOW];
    void (*done)(void *self);
    void *done_self;
    uint8_t line[CBIT_LINE_BYTES]; /* for a caller who has no other place for its bytes */
};

/* Binds an idle transfer to a port; it may be used for any number of runs, one at a time. */
void cbit_hv_transfer_init(cbit_hv_transfer_t *transfer, cbit_kernel_t *kernel, cbit_port_t port,
                           cbit_source_t source, uint16_t source_id);

/*
 * Moves len_bytes (0 is allowed) between bytes and spa; done is called when the last request was
 * answered, possibly before this returns. Writes leave bytes alone. The transfer must be idle.
 */
void cbit_hv_transfer_start(cbit_hv_transfer_t *transfer, cbit_command_t command, cbit_spa_t spa,
                            cbit_key_t key, void *bytes, uint64_t len_bytes,
                            void (*done)(void *self), void *done_self);

#endif
