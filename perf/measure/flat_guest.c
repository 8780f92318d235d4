#include "perf/measure/flat_guest.h"

#include "cbit/vcpu/vmcb.h"

enum {
    TABLES = 0x10000,     /* of the host at that address, of the guest at its own */
    PAGE_TABLES = 0x3000, /* behind root, directory pointers and directory */
    LARGE_SHIFT = 21,
    SMALL_SHIFT = 12,
};

#define RIGHTS (CBIT_PTE_P | CBIT_PTE_W | CBIT_PTE_U | CBIT_PTE_A | CBIT_PTE_D)

typedef struct level {
    cbit_spa_t at;   /* where its tables are */
    cbit_key_t key;  /* that they are written under */
    uint64_t parent; /* address that entries for tables have, its C-bit included */
    uint64_t target; /* of the first page, likewise */
} level_t;

static cbit_err_t put64(const cbit_port_t *port, cbit_spa_t spa, cbit_key_t key, uint64_t value)
{
    return port->poke(port->self, spa, key, &value, sizeof value);
}

static cbit_err_t write_level(const cbit_flat_guest_t *guest, const cbit_port_t *port,
                              const level_t *l)
{
    cbit_err_t err = put64(port, l->at, l->key, (l->parent + 0x1000) | RIGHTS);
    if (err == CBIT_ERR_OK) {
        err = put64(port, l->at + 0x1000, l->key, (l->parent + 0x2000) | RIGHTS);
    }
    for (uint64_t i = 0; err == CBIT_ERR_OK && i < guest->bytes >> LARGE_SHIFT; i++) {
        const uint64_t entry = guest->small_pages
                                   ? (l->parent + PAGE_TABLES + (i << SMALL_SHIFT)) | RIGHTS
                                   : (l->target + (i << LARGE_SHIFT)) | CBIT_PTE_PS | RIGHTS;
        err = put64(port, l->at + 0x2000 + i * 8, l->key, entry);
    }
    const uint64_t small = guest->small_pages ? guest->bytes >> SMALL_SHIFT : 0;
    for (uint64_t i = 0; err == CBIT_ERR_OK && i < small; i++) {
        err = put64(port, l->at + PAGE_TABLES + i * 8, l->key,
                    (l->target + (i << SMALL_SHIFT)) | RIGHTS);
    }
    return err;
}

static cbit_err_t write_vmcb(const cbit_flat_guest_t *guest, const cbit_port_t *port,
                             uint64_t c_mask)
{
    uint8_t vmcb[CBIT_VMCB_BYTES] = {0};
    const struct {
        uint32_t offset, len_bytes;
        uint64_t value;
    } fields[] = {
        {CBIT_VMCB_INTERCEPT_3, 4, CBIT_INTERCEPT_3_USUAL},
        {CBIT_VMCB_INTERCEPT_4, 4, CBIT_INTERCEPT_4_USUAL},
        {CBIT_VMCB_ASID, 4, guest->asid},
        {CBIT_VMCB_NESTED_CONTROL, 8, CBIT_NESTED_PAGING | CBIT_NESTED_SEV},
        {CBIT_VMCB_NESTED_CR3, 8, TABLES},
        {CBIT_VMCB_EFER, 8, CBIT_EFER_SVME | CBIT_EFER_LME | CBIT_EFER_LMA},
        {CBIT_VMCB_CR0, 8, CBIT_CR0_PE | CBIT_CR0_PG},
        {CBIT_VMCB_CR4, 8, CBIT_CR4_PAE},
        {CBIT_VMCB_CR3, 8, TABLES | c_mask},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        for (uint32_t b = 0; b < fields[i].len_bytes; b++) {
            vmcb[fields[i].offset + b] = (uint8_t)(fields[i].value >> (8 * b));
        }
    }
    return port->poke(port->self, CBIT_FLAT_VMCB, CBIT_KEY_PLAIN, vmcb, sizeof vmcb);
}

cbit_err_t cbit_flat_guest_write(const cbit_flat_guest_t *guest, const cbit_port_t *port)
{
    const uint64_t c_mask = UINT64_C(1) << guest->c_bit;
    const level_t nested = {
        .at = TABLES, .key = CBIT_KEY_PLAIN, .parent = TABLES, .target = guest->base};
    const level_t own = {.at = guest->base + TABLES,
                         .key = (cbit_key_t)guest->asid,
                         .parent = TABLES | c_mask,
                         .target = c_mask};
    cbit_err_t err = write_level(guest, port, &nested);
    err = err == CBIT_ERR_OK ? write_level(guest, port, &own) : err;
    return err == CBIT_ERR_OK ? write_vmcb(guest, port, c_mask) : err;
}
