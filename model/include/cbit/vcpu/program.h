/**
 * @file
 * A guest's program as the vCPU pulls it: one operation after the other.
 *
 * The program says what the recorded software did. The vCPU performs it on real bytes: when the
 * bytes that an instruction fetch returns are not the recorded ones, the recording no longer says
 * what the processor does, and the vCPU decodes what is there instead (cbit/vcpu/vcpu.h).
 */
#ifndef CBIT_VCPU_PROGRAM_H
#define CBIT_VCPU_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/sim/txn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cbit_op_kind {
    CBIT_OP_FETCH,     /* gva, size, expect: instruction bytes; may cross lines and pages */
    CBIT_OP_LOAD,      /* gva, size, depends, copied */
    CBIT_OP_STORE,     /* gva, size, data, or copied */
    CBIT_OP_THINK,     /* cclk core clocks without memory; every other operation issues in one */
    CBIT_OP_IO,        /* port I/O: exits to the hypervisor with value */
    CBIT_OP_HYPERCALL, /* VMMCALL: exits with value */
    CBIT_OP_WRITE_CR3, /* value: turns long-mode paging on, or changes the root; flushes the TLB */
    CBIT_OP_INVLPG,    /* gva */
    CBIT_OP_VMGEXIT,   /* SEV-ES: exits with MSR C001_0130 = value (cbit/vcpu/ghcb.h) */
    CBIT_OP_HLT,       /* exits */
    CBIT_OP_END,       /* the program is over: exits with HLT, and `next` is not called again */
} cbit_op_kind_t;

typedef struct cbit_op {
    cbit_op_kind_t kind;
    cbit_gva_t gva;
    uint32_t size_bytes; /* fetch: 1..64; load, store: 1..64 */
    bool depends;        /* waits for the previous load */
    /* A load and the store right behind it, of the same size: the store writes what the load has
       returned, not its data. Both have it set, and the program has an on_data. */
    bool copied;
    uint32_t instructions; /* retired with this operation */
    uint64_t cclk;
    uint64_t value;
    uint64_t cookie;               /* the program's own */
    uint8_t data[CBIT_LINE_BYTES]; /* store: what is written; fetch: the recorded bytes */
} cbit_op_t;

typedef struct cbit_program {
    void *self;
    /* Fills *op; false is the same as CBIT_OP_END. */
    bool (*next)(void *self, cbit_op_t *op);
    /* A load or fetch has its bytes (op->size_bytes of them), those of a fetch that is not as
       recorded included. Loads answer in their order. May be NULL. */
    void (*on_data)(void *self, const cbit_op_t *op, const uint8_t *bytes);
    /* SEV-ES: op would exit to the hypervisor, and raised #VC instead, with that exit code as its
       error. The exception has been delivered through the guest's IDT, op counts as done, and what
       `next` gives from now on is the handler. NULL or false: the program has none, and the run
       ends with BUDGET. */
    bool (*on_vc)(void *self, const cbit_op_t *op, uint64_t error);
    /* What `next` gives depends on nothing that happens in the machine (bytes, times, other
       programs): it may be asked for an operation while the one before it is in progress. The host
       then fetches what a miss looks at while it works on another one; results are the same. */
    bool may_ask_ahead;
} cbit_program_t;

#ifdef __cplusplus
}
#endif
#endif
