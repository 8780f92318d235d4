/**
 * @file
 * Key ids, and the one function that gives each access its key id.
 */
#ifndef CBIT_SIM_KEY_H
#define CBIT_SIM_KEY_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* PLAIN, HOST, or a guest's ASID (1..1023). Not a key slot: HOST's slot comes from the preset. */
typedef uint16_t cbit_key_t;
enum {
    CBIT_KEY_PLAIN = 0,
    CBIT_KEY_ASID_MAX = 1023,
    CBIT_KEY_HOST = 1024,
    CBIT_KEY_RAW = 1025, /* peek and poke only: the bytes as the DRAM's pins carry them */
};

typedef enum cbit_accessor {
    CBIT_ACCESSOR_SEV_FETCH,      /* SEV guest: instruction fetch */
    CBIT_ACCESSOR_SEV_GUEST_WALK, /* SEV guest: read of its own page tables */
    CBIT_ACCESSOR_SEV_UNPAGED,    /* SEV guest: any access outside long or PAE paging */
    CBIT_ACCESSOR_SEV_DATA,       /* SEV guest: data under long or PAE paging */
    CBIT_ACCESSOR_PLAIN_GUEST,    /* guest without SEV: everything */
    CBIT_ACCESSOR_NESTED_WALK,    /* read of the nested tables */
    CBIT_ACCESSOR_HOST,           /* host software, VMCB, emulated device */
    CBIT_ACCESSOR_DEVICE,         /* real device, with or without IOMMU */
} cbit_accessor_t;

typedef struct cbit_access {
    cbit_accessor_t accessor;
    uint16_t asid;    /* of the running guest; used by the SEV_ accessors only */
    bool guest_c_bit; /* C of the guest's leaf entry */
    bool host_c_bit;  /* C of the nested leaf, the nested table's parent or nCR3, the host entry,
                         the IOMMU entry or the bare address, as the accessor has it */
} cbit_access_t;

/* The key id of an access, by the table of docs/memory-encryption.md (one row per accessor). */
cbit_key_t cbit_key_of_access(const cbit_access_t *access);

#ifdef __cplusplus
}
#endif
#endif
