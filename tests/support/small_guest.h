/* A guest of 2 MiB on one core, by hand: host tables, guest tables, a VMCB and a program that is an
   array of operations. For tests of model/vcpu. */
#ifndef CBIT_SMALL_GUEST_H
#define CBIT_SMALL_GUEST_H

#include "cbit/cache/cache.h"
#include "cbit/vcpu/vcpu.h"
#include "cbit/vcpu/vmcb.h"
#include "tests/support/fake_memory.h"

enum {
    SMALL_VMCB = 0x1000,
    SMALL_NESTED_CR3 = 0x10000, /* then 0x11000, 0x12000 and the page table at 0x13000 */
    SMALL_BASE = 0x200000,      /* where the guest's memory starts in the host's */
    SMALL_GUEST_CR3 = 0x10000,  /* guest physical; likewise; maps all 2 MiB one to one */
    SMALL_SHARED = 0x100000,    /* from here on pages have C = 0 */
    SMALL_C_BIT = 47,
    SMALL_ASID = 5,
    SMALL_OPS = 512,
    SMALL_CORES = 4,
};
#define SMALL_C      (UINT64_C(1) << SMALL_C_BIT)
#define SMALL_RIGHTS (CBIT_PTE_P | CBIT_PTE_W | CBIT_PTE_U)

typedef struct small_guest {
    cbit_kernel_t *kernel;
    fake_memory_t *memory;
    cbit_cache_t *cache; /* NULL: the core asks memory itself */
    cbit_port_t port;
    cbit_vcpu_t *vcpu;               /* the first core */
    cbit_vcpu_t *vcpus[SMALL_CORES]; /* all; their VMCBs are one page after the other */
    uint32_t cores;
    cbit_program_t program; /* of the first core */
    cbit_op_t ops[SMALL_OPS];
    uint32_t op_count, op_next, next_calls;
    uint32_t data_calls;
    struct {
        cbit_op_t op;
        uint8_t bytes[CBIT_LINE_BYTES];
        cbit_ps_t at_ps;
    } data[SMALL_OPS];
    uint32_t exits;
    cbit_exit_t exit; /* the latest */
    cbit_exit_t exit_of[SMALL_CORES];
} small_guest_t;

/* 1 GHz core, memory 50 ns, a cache of 4 KiB a way (0: none) and 3 clocks; the VMCB is ready for
 * long mode at rip 0x1000 under SMALL_ASID. */
small_guest_t *small_guest_create(uint32_t cache_ways);
/* The same with walk caches, which that one leaves out to make every walk 24 reads. */
small_guest_t *small_guest_create_with(uint32_t cache_ways, uint32_t walk_cache_entries);
/* Several cores, L1 and L2 of their own, L3 of each complex; only the first core has a program. */
typedef struct small_smp {
    uint32_t cores, cores_per_complex;
    bool coherent;
    bool prefetch;                    /* from the second access of a page on */
    const cbit_cache_config_t *cache; /* NULL: the usual ones */
    const cbit_vcpu_config_t *core;
    /* What stands between a core and its cache; NULL: nothing. */
    cbit_port_t (*wrap)(void *self, uint32_t core, cbit_port_t cache);
    void *self;
} small_smp_t;
small_guest_t *small_guest_create_smp(const small_smp_t *smp);
void small_guest_destroy(small_guest_t *guest);

/* Runs from VMRUN to its exit; everything else that is pending as well. */
void small_guest_run(small_guest_t *guest);
/* VMRUN of one core's own VMCB, without waiting. */
void small_guest_begin(small_guest_t *guest, uint32_t core);

cbit_op_t *small_guest_add(small_guest_t *guest, cbit_op_kind_t kind, uint64_t gva, uint32_t size);
/* A store of eight bytes at the end of the program. */
void small_guest_store(small_guest_t *guest, uint64_t gva, uint64_t value);
/* Puts code into the guest's memory (private) and the fetch of it into the program. */
void small_guest_code(small_guest_t *guest, uint64_t gva, const uint8_t *bytes, uint32_t len);

/* Bytes of guest memory as its own key or another one sees them; one to one addresses. */
void small_guest_put(small_guest_t *guest, uint64_t gpa, cbit_key_t key, const void *bytes,
                     uint32_t len);
void small_guest_get(small_guest_t *guest, uint64_t gpa, cbit_key_t key, void *bytes, uint32_t len);

uint64_t small_guest_get64(small_guest_t *guest, uint64_t gpa, cbit_key_t key);

/* The last exit had that reason, in the VMCB too. */
void small_guest_exited(small_guest_t *guest, int32_t reason);
cbit_vcpu_stats_t small_guest_stats(small_guest_t *guest); /* of the first core */

void small_guest_vmcb(small_guest_t *guest, uint32_t offset, uint64_t value, uint32_t len);
uint64_t small_guest_vmcb_get(small_guest_t *guest, uint32_t offset, uint32_t len);

/* Clears accessed and dirty in all tables, guest and nested, which are built with both set. */
void small_guest_unmark(small_guest_t *guest);
/* The entries that map an address. */
void small_guest_set_entry(small_guest_t *guest, uint64_t gva, uint64_t entry);
void small_guest_set_nested(small_guest_t *guest, uint64_t gpa, uint64_t entry);

#endif
