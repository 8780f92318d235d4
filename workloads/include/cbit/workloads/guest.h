/**
 * @file
 * What an SEV guest's operating system does: its launch image, its page tables with the C-bit, its
 * bounce buffer, and the program that a vCPU pulls.
 *
 * The launch image is real bytes: a 32-bit boot stub that turns long-mode paging on, 4-level page
 * tables (4 KiB leaves; C = 1 but for shared pages), a page of kernel code, and the recorded
 * program's own pages. Data pages are mapped and cleared by the guest's kernel on first touch, with
 * stores of its own, so every load has an expected value and is compared with it. A guest that sets
 * no C-bit under SEV writes such an entry in plain, where the walk reads it as ciphertext.
 *
 * Guest physical memory, from 0:
 *
 *     0x0010_0000  boot stub, one page, entered at its first byte with paging off
 *     0x0010_1000  kernel code, one page; kernel stack, one page
 *     0x0010_3000  page tables
 *     ...          virtqueue and bounce buffer (shared), I/O buffers (private, shared)
 *     ...          frames for program and data pages, handed out in a seeded order
 *
 * Not modelled: interrupts inside the guest, and the #PF of demand paging (the program knows what
 * it will touch; the entry's store and the clearing are real traffic, the exception is not).
 */
#ifndef CBIT_WORKLOADS_GUEST_H
#define CBIT_WORKLOADS_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/base/rows.h"
#include "cbit/sim/txn.h"
#include "cbit/vcpu/program.h"
#include "cbit/workloads/trace.h"
#include "cbit/workloads/virtqueue.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_guest cbit_guest_t; /* opaque */

enum {
    CBIT_GUEST_BOOT_GPA = 0x100000,    /* entry point: RIP of the first VMRUN */
    CBIT_GUEST_IO_MAX_BYTES = 1 << 18, /* one mapping of the bounce buffer: 128 slots of 2 KiB */
    CBIT_GUEST_SLOT_BYTES = 2048,
    CBIT_GUEST_DOORBELL_PORT = 0xcb17,
    CBIT_GUEST_HYPERCALL_MEASURE = 0xcb01, /* VMMCALL's value: the warm-up is over */
    CBIT_GUEST_HYPERCALL_START = 0xcb02,   /* the other vCPUs may begin */
    CBIT_GUEST_HYPERCALL_FLUSH = 0xcb03,   /* CLFLUSH of a page: its number from bit 16 on */
    CBIT_GUEST_HYPERCALL_NOTICE = 0xcb04,  /* pages are private or shared from now on */
    CBIT_GUEST_MAX_VCPUS = 64,
};

/*
 * A notice of page encryption status, as Linux guests give it by KVM_HC_MAP_GPA_RANGE so that their
 * pages can be migrated: number in bits 15:0, private in bit 16, pages in 31:17, first page's
 * number from bit 32 on.
 */
typedef struct cbit_guest_notice {
    bool is_private;
    cbit_gpa_t gpa;
    uint32_t pages;
} cbit_guest_notice_t;
/* False: the VMMCALL's value is another call. */
bool cbit_guest_notice(uint64_t value, cbit_guest_notice_t *notice);

/* What a transfer's buffer consists of. */
typedef enum cbit_guest_io_pages {
    CBIT_GUEST_IO_PRIVATE, /* device is told a private buffer: the driver of an unaware guest */
    CBIT_GUEST_IO_SHARED,  /* a buffer that is shared from the start */
    CBIT_GUEST_IO_BOUNCED, /* private buffer, copied through the bounce buffer (swiotlb) */
} cbit_guest_io_pages_t;

/* How a driver learns that a device is done. */
typedef enum cbit_guest_completion {
    CBIT_GUEST_COMPLETION_INTERRUPT, /* HLT until one comes, when there is nothing else to do */
    CBIT_GUEST_COMPLETION_POLL,      /* reads the used ring's index again and again */
} cbit_guest_completion_t;

/* What a driver does when the bounce buffer has no room. */
typedef enum cbit_guest_on_full {
    CBIT_GUEST_ON_FULL_REQUEUE, /* tries again when one of its transfers has come back */
    CBIT_GUEST_ON_FULL_REPORT,  /* the transfer has failed */
} cbit_guest_on_full_t;

/* The I/O of a guest's program, the same on each of its vCPUs. */
typedef struct cbit_guest_io_load {
    uint64_t every_instructions; /* of the recorded program between transfers; 0: no I/O */
    uint64_t bytes;              /* of each transfer; multiple of 64, at most 256 KiB */
    uint32_t pages;              /* cbit_guest_io_pages_t; an unencrypted guest bounces nothing */
    uint64_t read_fraction;      /* millionths of the transfers that come from the device */
    uint32_t device;             /* cbit_guest_device_t */
    uint32_t depth;              /* transfers in flight before a vCPU waits; 1: waits for each */
    uint32_t completion;         /* cbit_guest_completion_t */
    bool access_platform;        /* false: rings and buffers are private, as without that feature */
    uint32_t on_full;            /* cbit_guest_on_full_t */
} cbit_guest_io_load_t;
extern const cbit_row_t cbit_guest_io_load_rows[];

typedef struct cbit_guest_config {
    const char *where;      /* JSON pointer of the guest in messages; NULL: none */
    uint64_t memory_bytes;  /* multiple of 4 KiB, at least 4 MiB */
    uint32_t vcpus;         /* at most CBIT_GUEST_MAX_VCPUS; 0: 1 */
    bool common_data;       /* all vCPUs on the same data; false: each has its own */
    uint32_t c_bit;         /* 47 or 51 */
    bool encrypted;         /* false: C is never set (guest without SEV) */
    bool encrypted_state;   /* SEV-ES: #VC handler, GHCB */
    bool unaware;           /* encrypted, but its system sets no C-bit all the same */
    uint64_t seed;          /* frame order and stored values */
    uint64_t swiotlb_bytes; /* bounce buffer; multiple of 256 KiB; 0: as Linux sizes it */
    bool secret;            /* keeps its last page for a secret of its owner */
    bool converts;          /* keeps a page for cbit_guest_convert */
    bool notices;           /* tells the hypervisor which pages are shared */
    bool
        misses_notice; /* of a data page that was shared once it does not tell that it is private */
    uint64_t io_room_bytes;        /* the largest transfer besides those of `io`; 0: none */
    uint64_t warm_up_instructions; /* before CBIT_GUEST_HYPERCALL_MEASURE; 0: no such call */
    uint64_t max_instructions;     /* ends the program early; 0: at the source's end */
    cbit_guest_io_load_t io;
    uint32_t instructions_per_cclk; /* 1..16; 0: 2. Turns gaps into think time */
} cbit_guest_config_t;

/*
 * Reads the sources (one for each vCPU, of the same program) once to learn which pages they touch,
 * and builds image and page tables. The sources stay the caller's, must outlive the guest, and are
 * read again by the programs. RANGE when the footprint does not fit into memory_bytes.
 */
cbit_err_t cbit_guest_create(const cbit_guest_config_t *config, const cbit_trace_source_t *sources,
                             cbit_guest_t **out, cbit_diag_t *diag);
void cbit_guest_destroy(cbit_guest_t *guest); /* NULL is allowed */

/* ---- launch ---- */

/* Page-aligned, whole pages, in ascending gpa without overlap: what LAUNCH_UPDATE_DATA measures. */
typedef struct cbit_guest_piece {
    cbit_gpa_t gpa;
    uint64_t len_bytes;
    const uint8_t *bytes; /* the guest's */
    const char *name;     /* "boot", "kernel", "page tables", "program" */
} cbit_guest_piece_t;

/* The guest's own array, valid as long as the guest. */
const cbit_guest_piece_t *cbit_guest_pieces(const cbit_guest_t *guest, uint32_t *count);

/* State of the first VMRUN: 32-bit protected mode, flat, paging off, IDT limit 0. */
typedef struct cbit_guest_entry {
    uint64_t rip, rsp, rflags;
    uint64_t cr0, cr3, cr4, efer;
    uint64_t long_mode_cr3;        /* what the boot stub ends up with, C-bit included */
    uint64_t gdtr_base, idtr_base; /* SEV-ES: for #VC; else both limits are 0 */
    uint32_t gdtr_limit, idtr_limit;
} cbit_guest_entry_t;
void cbit_guest_entry(const cbit_guest_t *guest, cbit_guest_entry_t *entry);

/* The program of one vCPU, pulled from CBIT_GUEST_BOOT_GPA on; NULL: there is no such vCPU. Those
   behind vCPU 0 may begin once it has called CBIT_GUEST_HYPERCALL_START. */
const cbit_program_t *cbit_guest_program(cbit_guest_t *guest, uint32_t vcpu);

/* OK, or why the program ended early: its source failed, or memory is out. */
cbit_err_t cbit_guest_error(const cbit_guest_t *guest);

/* True once the last operation was handed out; running again gives END again. */
bool cbit_guest_ended(const cbit_guest_t *guest, uint32_t vcpu);

/* True once the boot stub runs on its final page tables: its 64-bit part has written CR3 again. */
bool cbit_guest_paged(const cbit_guest_t *guest, uint32_t vcpu);

/* Where a vCPU's GHCB is (SEV-ES). */
cbit_gpa_t cbit_guest_ghcb_gpa(const cbit_guest_t *guest, uint32_t vcpu);

/* ---- what its memory should hold ---- */

typedef enum cbit_guest_area {
    CBIT_GUEST_AREA_NONE,    /* not mapped by the guest */
    CBIT_GUEST_AREA_PRIVATE, /* C = 1, or what would be so in a guest without SEV */
    CBIT_GUEST_AREA_SHARED,  /* C = 0 */
} cbit_guest_area_t;
cbit_guest_area_t cbit_guest_area_at(const cbit_guest_t *guest, cbit_gpa_t gpa);

/* Where the guest maps an address; false when it does not. */
bool cbit_guest_translate(const cbit_guest_t *guest, cbit_gva_t gva, cbit_gpa_t *gpa);

/*
 * The bytes that the guest believes are at gpa (launch image, clears and stores handed out so far);
 * false when it has never written there. At most one page, not crossing one.
 */
bool cbit_guest_plaintext(const cbit_guest_t *guest, cbit_gpa_t gpa, void *bytes,
                          uint32_t len_bytes);

/* A private page of known, not all-zero plaintext, chosen by `which` (any number). */
bool cbit_guest_pick_private_page(const cbit_guest_t *guest, uint64_t which, cbit_gpa_t *gpa);

/* Calls visit for every page of memory whose plaintext is known, in ascending gpa. */
void cbit_guest_for_each_known_page(const cbit_guest_t *guest,
                                    void (*visit)(void *visitor, cbit_gpa_t gpa, bool is_private,
                                                  const uint8_t bytes[CBIT_PAGE_BYTES]),
                                    void *visitor);

/* ---- I/O ---- */

typedef struct cbit_guest_io {
    uint32_t pages;   /* cbit_guest_io_pages_t */
    bool from_device; /* false: the device reads memory; true: it writes memory */
    uint32_t bytes;   /* 64..CBIT_GUEST_IO_MAX_BYTES, multiple of 64 */
    uint64_t pattern; /* both sides' data are cbit_guest_io_pattern of this number */
    uint32_t device;  /* cbit_guest_device_t */
} cbit_guest_io_t;

typedef enum cbit_guest_io_state {
    CBIT_GUEST_IO_QUEUED,    /* the guest has not come to it yet */
    CBIT_GUEST_IO_AT_DEVICE, /* doorbell rung (IOIO exit); waits for its interrupt */
    CBIT_GUEST_IO_COPYING,   /* device answered; the guest copies or checks */
    CBIT_GUEST_IO_DONE,
} cbit_guest_io_state_t;

typedef struct cbit_guest_io_status {
    cbit_guest_io_state_t state;
    cbit_gpa_t gpa; /* of the data, as the descriptor tells the device; contiguous */
    uint32_t bytes;
    bool from_device;
    bool failed; /* no room in the bounce buffer, or the device has given up */
    uint32_t device;
    uint64_t pattern;      /* of the data that one side sends */
    uint32_t pages;        /* as used: cbit_guest_io_pages_t */
    uint64_t mismatches;   /* 64-byte loads of the guest that did not see the pattern */
    uint64_t copied_bytes; /* through the bounce buffer, both directions */
} cbit_guest_io_status_t;

/* Fills bytes with what both sides expect at `offset` of the transfer (offset multiple of 8). */
void cbit_guest_io_pattern(uint64_t pattern, uint64_t offset, void *bytes, uint32_t len_bytes);

/*
 * Asks a vCPU's driver for one transfer, done between two records of its program (after its
 * boot). It fills or clears the buffer, maps it, writes descriptors and the available ring and
 * rings the queue's doorbell: OUT to CBIT_GUEST_DOORBELL_PORT + queue, an IOIO exit. *id names it
 * from then on. CONFLICT when CBIT_GUEST_IO_QUEUE requests wait already.
 */
enum { CBIT_GUEST_IO_QUEUE = 64 };
cbit_err_t cbit_guest_io_request(cbit_guest_t *guest, uint32_t vcpu, const cbit_guest_io_t *io,
                                 uint32_t *id, cbit_diag_t *diag);
bool cbit_guest_io_status(const cbit_guest_t *guest, uint32_t vcpu, uint32_t id,
                          cbit_guest_io_status_t *status);

/* Where a vCPU's queue has its page; queue: a cbit_guest_device_t, or CBIT_GUEST_DEVICES for the
   network's receive queue. */
cbit_gpa_t cbit_guest_queue_gpa(const cbit_guest_t *guest, uint32_t vcpu, uint32_t queue);

/* The request whose chain begins at a descriptor of a queue; false when the driver has none. */
bool cbit_guest_io_at_head(const cbit_guest_t *guest, uint32_t vcpu, uint32_t queue, uint32_t head,
                           uint32_t *id);

/* The device's interrupt has reached the vCPU: call when it is about to run. */
void cbit_guest_io_interrupt(cbit_guest_t *guest, uint32_t vcpu);

/* The device has found its queue to be nonsense and gives up: what it has, has failed. Call with
   the interrupt that says so. */
void cbit_guest_io_broken(cbit_guest_t *guest, uint32_t vcpu, uint32_t queue);

/* True when the vCPU's latest HLT waits for an interrupt. */
bool cbit_guest_io_waits(const cbit_guest_t *guest, uint32_t vcpu);
/* True while it has not looked at the one that it was given last. */
bool cbit_guest_io_interrupted(const cbit_guest_t *guest, uint32_t vcpu);

/* ---- its owner's secret ---- */

enum { CBIT_GUEST_SECRET_BYTES = 64 };

/* What the owner has sent to the guest's last page: vCPU 0 reads it once it has booted, and counts
   in secret_reads and secret_right. Call before the guest runs. */
void cbit_guest_expect_secret(cbit_guest_t *guest, const uint8_t secret[CBIT_GUEST_SECRET_BYTES]);

/* ---- pages that change sides ---- */

/* What vCPU 0 reads of a page that it has made shared and private again. */
typedef struct cbit_guest_conversion {
    bool done;
    uint32_t lines, old_lines,
        shared_lines; /* read; as before the first change; as written between */
} cbit_guest_conversion_t;

/*
 * Asks vCPU 0 to fill a private page, make it shared, fill it anew, make it private and read it:
 * page-table entry, INVLPG, and before each change CLFLUSH of the page, if flush is set. One at a
 * time; CONFLICT while another one is under way.
 */
cbit_err_t cbit_guest_convert(cbit_guest_t *guest, bool flush);
void cbit_guest_conversion(const cbit_guest_t *guest, cbit_guest_conversion_t *conversion);

/* ---- migration ---- */

/* Whether only loads and stores of the program touch a page: no code, no table, no device. */
bool cbit_guest_is_data(const cbit_guest_t *guest, cbit_gpa_t gpa);
/* A page was lost on its way by somebody's misbehaviour: loads of it that are not as they should be
   count as loads_corrupted, and not as mismatches. */
void cbit_guest_spoil(cbit_guest_t *guest, cbit_gpa_t gpa);

/* ---- counters ---- */

typedef struct cbit_guest_stats {
    uint64_t instructions, records;
    uint64_t fetches, fetches_checked, fetch_mismatches;
    uint64_t loads_checked, load_mismatches, loads_raced, loads_corrupted;
    uint64_t stores, pages_cleared, pages_private, pages_shared;
    uint64_t pages_generated; /* fetched from, but not in the trace: stand-in code */
    uint64_t io_requests, io_mismatches, io_failed, bounce_copied_bytes;
    uint64_t interrupts, vc_exceptions, secret_reads, secret_right;
    uint64_t swiotlb_slots, swiotlb_mappings, swiotlb_failures, swiotlb_fallovers;
    uint64_t swiotlb_high_water, swiotlb_used_sum; /* slots; the sum: at each mapping */
} cbit_guest_stats_t;
extern const cbit_row_t cbit_guest_stat_rows[];
void cbit_guest_stats(const cbit_guest_t *guest, cbit_guest_stats_t *stats);

#ifdef __cplusplus
}
#endif
#endif
