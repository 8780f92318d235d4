/* What the files of the guest share: its pages, its layout, and what its program stands at. */
#ifndef CBIT_GUEST_STATE_H
#define CBIT_GUEST_STATE_H

#include "cbit/base/rng.h"
#include "cbit/workloads/guest.h"
#include "workloads/guest/swiotlb.h"
#include "workloads/traffic/page_map.h"

/* ---- addresses ---- */

#define CBIT_GUEST_TEXT_GVA          UINT64_C(0xffffffff81000000)
#define CBIT_GUEST_STACK_GVA         UINT64_C(0xffffffff81001000)
#define CBIT_GUEST_TABLES_GVA        UINT64_C(0xffffffff82000000)
#define CBIT_GUEST_RING_GVA          UINT64_C(0xffff888000000000)
#define CBIT_GUEST_SWIOTLB_GVA       UINT64_C(0xffff888040000000)
#define CBIT_GUEST_HEADS_PRIVATE_GVA UINT64_C(0xffff888000800000)
#define CBIT_GUEST_HEADS_SHARED_GVA  UINT64_C(0xffff888000c00000)
#define CBIT_GUEST_GHCB_GVA          UINT64_C(0xffff888000e00000)
#define CBIT_GUEST_CONVERT_GVA       UINT64_C(0xffff888000f00000)
#define CBIT_GUEST_SECRET_GVA        UINT64_C(0xffff8880001ff000)
#define CBIT_GUEST_IO_PRIVATE_GVA    UINT64_C(0xffff888100000000)
#define CBIT_GUEST_IO_SHARED_GVA     UINT64_C(0xffff888200000000)

enum {
    CBIT_GUEST_TEXT_GPA = 0x101000,
    CBIT_GUEST_STACK_GPA = 0x102000,
    CBIT_GUEST_TABLES_GPA = 0x103000,
};

/* ---- pages ---- */

typedef enum cbit_guest_use {
    CBIT_GUEST_USE_BOOT, /* launched, in this order of gpa */
    CBIT_GUEST_USE_TEXT,
    CBIT_GUEST_USE_STACK,
    CBIT_GUEST_USE_TABLE,
    CBIT_GUEST_USE_RING,
    CBIT_GUEST_USE_SWIOTLB,
    CBIT_GUEST_USE_GHCB,
    CBIT_GUEST_USE_CONVERT,
    CBIT_GUEST_USE_SECRET,
    CBIT_GUEST_USE_HEADS_PRIVATE, /* headers and status bytes of transfers */
    CBIT_GUEST_USE_HEADS_SHARED,
    CBIT_GUEST_USE_IO_PRIVATE,
    CBIT_GUEST_USE_IO_SHARED,
    CBIT_GUEST_USE_PROGRAM, /* launched: the program's code and read-only data */
    CBIT_GUEST_USE_DATA,    /* mapped and cleared on first touch */
} cbit_guest_use_t;

typedef struct cbit_guest_page {
    cbit_gva_t gva;
    cbit_gpa_t gpa;
    uint8_t use; /* cbit_guest_use_t */
    bool is_private;
    bool executable;
    bool recorded;  /* in the source as an image page: the same for all vCPUs */
    bool common;    /* several vCPUs touch it: vCPU 0 makes it ready before the others start */
    bool spoiled;   /* its content was lost: loads of it prove nothing any more */
    uint16_t owner; /* while pages are collected: who touched it first */
    const uint8_t *launched; /* its bytes in the launch image, or NULL */
    uint8_t *bytes;          /* what it holds since the guest wrote to it, or NULL */
} cbit_guest_page_t;

/* A growing array of bytes in whole pages: table pages, program pages. */
typedef struct cbit_guest_blob {
    uint8_t *bytes;
    uint32_t pages, room;
} cbit_guest_blob_t;

/* A fresh zeroed page at the end; NULL when memory is out. Moves the others. */
uint8_t *cbit_guest_blob_add(cbit_guest_blob_t *blob);

typedef struct cbit_guest_pages {
    cbit_guest_page_t *items;
    uint32_t count, room;
    cbit_page_map_t by_gva; /* page number to index */
} cbit_guest_pages_t;

/* Appends a page; NULL when memory is out. */
cbit_guest_page_t *cbit_guest_pages_add(cbit_guest_pages_t *pages, cbit_guest_use_t use,
                                        cbit_gva_t gva, cbit_gpa_t gpa);
/* Sorts by gpa and makes the index, once all pages are there; false when memory is out. */
bool cbit_guest_pages_index(cbit_guest_pages_t *pages);
void cbit_guest_pages_free(cbit_guest_pages_t *pages);
cbit_guest_page_t *cbit_guest_page_at_gva(const cbit_guest_pages_t *pages, cbit_gva_t gva);
cbit_guest_page_t *cbit_guest_page_at_gpa(const cbit_guest_pages_t *pages, cbit_gpa_t gpa);

/* What the page holds now; NULL when nobody has written to it. */
const uint8_t *cbit_guest_page_bytes(const cbit_guest_page_t *page);
/* The same to write to: zeros, or a copy of the launch image, at first. NULL: memory is out. */
uint8_t *cbit_guest_page_write(cbit_guest_page_t *page);

/* ---- page tables ---- */

typedef struct cbit_guest_tables {
    cbit_guest_blob_t blob; /* table i is at CBIT_GUEST_TABLES_GPA + 4096 i; 0 is the root */
    uint64_t c_mask;        /* 0: the guest sets no C-bit */
} cbit_guest_tables_t;

/* Makes the tables above a page's entry; false when memory is out. */
bool cbit_guest_tables_reserve(cbit_guest_tables_t *tables, cbit_gva_t gva);
/* A page's leaf entry, and where it stands: its byte within the tables, which must be reserved. */
uint64_t cbit_guest_tables_leaf(const cbit_guest_tables_t *tables, const cbit_guest_page_t *page);
uint64_t cbit_guest_tables_slot(const cbit_guest_tables_t *tables, cbit_gva_t gva);
/* Writes the leaf into the launch image. */
void cbit_guest_tables_map(cbit_guest_tables_t *tables, const cbit_guest_page_t *page);

/* ---- code ---- */

/* What the kernel's page is made of; the program fetches these ranges. */
typedef struct cbit_guest_code {
    uint16_t offset;
    uint8_t size_bytes, instructions;
} cbit_guest_code_t;
extern const cbit_guest_code_t cbit_guest_code_enter, cbit_guest_code_fault, cbit_guest_code_map,
    cbit_guest_code_clear, cbit_guest_code_copy, cbit_guest_code_doorbell,
    cbit_guest_code_interrupt, cbit_guest_code_vc, cbit_guest_code_vc_end,
    cbit_guest_code_hypercall, cbit_guest_code_exit;
void cbit_guest_fill_text(uint8_t page[CBIT_PAGE_BYTES]);
/* Where the interrupt descriptor table is in the kernel's page, and its limit: up to #VC; and the
   boot stub's descriptor table. */
enum {
    CBIT_GUEST_IDT_OFFSET = 0x800,
    CBIT_GUEST_IDT_LIMIT = 30 * 16 - 1,
    CBIT_GUEST_GDT_OFFSET = 0x88,
    CBIT_GUEST_GDT_LIMIT = 23,
};

/* The boot stub's parts: 32-bit until paging is on, the jump to 64-bit code, 64-bit code. */
extern const cbit_guest_code_t cbit_guest_boot_legacy, cbit_guest_boot_jump,
    cbit_guest_boot_long_cr3, cbit_guest_boot_long_enter;
void cbit_guest_fill_boot(uint8_t page[CBIT_PAGE_BYTES], uint64_t cr3, uint64_t long_mode_cr3);

/* ---- the program ---- */

enum {
    CBIT_GUEST_QUEUE_OPS = 512,
    CBIT_GUEST_EXPECTED = 1024, /* more than a vCPU has loads outstanding */
    CBIT_GUEST_BATCH = 512,
    CBIT_GUEST_NEAR_PAGES = 64, /* a power of two */
    CBIT_GUEST_RACE_DEPTH = 8,  /* more than a store buffer holds of one word, but for freaks */
};

/* ---- data that several vCPUs use (races.c) ---- */

/*
 * Loads are compared with a shadow of the stores in the order in which they were handed out. Where
 * several vCPUs use a line, memory may see another order; then a load is right when each of its
 * bytes is one of the last few that a vCPU has stored there, or what was there before all of them.
 */
typedef struct cbit_guest_races {
    cbit_page_map_t by_line;     /* line number to index */
    uint32_t count, room, vcpus; /* lines */
    uint8_t *bytes; /* of each line and vCPU: CBIT_GUEST_RACE_DEPTH bytes for each of 64 */
    uint8_t *fill;  /* and how many of them */
} cbit_guest_races_t;

bool cbit_guest_races_init(cbit_guest_races_t *races, uint32_t vcpus);
void cbit_guest_races_free(cbit_guest_races_t *races);
/* Remembers a store within one line; false when memory is out. */
bool cbit_guest_races_store(cbit_guest_races_t *races, uint32_t vcpu, cbit_gva_t gva,
                            const uint8_t *bytes, uint32_t len_bytes);
/* Whether a load may have returned this; before: what was there at first. */
bool cbit_guest_races_allow(const cbit_guest_races_t *races, cbit_gva_t gva, const uint8_t *bytes,
                            const uint8_t *before, uint32_t len_bytes);

typedef enum cbit_guest_load_kind {
    CBIT_GUEST_LOAD_DATA,      /* of the program or of memory: as the shadow says */
    CBIT_GUEST_LOAD_IO,        /* of a transfer: what the device should have left there */
    CBIT_GUEST_LOAD_SECRET,    /* of the owner's secret */
    CBIT_GUEST_LOAD_CONVERTED, /* of a page that has changed sides: anything may come */
    CBIT_GUEST_LOAD_RING,      /* of a used ring: the driver wants to know */
} cbit_guest_load_kind_t;

/* A load that was handed out, and what it must return. */
typedef struct cbit_guest_expected {
    uint64_t cookie;
    cbit_gva_t gva;
    uint8_t kind; /* cbit_guest_load_kind_t */
    uint32_t io;
    uint8_t bytes[CBIT_LINE_BYTES];
} cbit_guest_expected_t;

/* One piece of memory that a transfer tells its device. */
typedef struct cbit_guest_io_segment {
    cbit_gva_t gva; /* the driver's own; bounced: what is copied */
    cbit_gpa_t gpa;
    uint32_t bytes;
    bool from_device, mapped;
    uint64_t bounce; /* mapped: offset in the pool */
} cbit_guest_io_segment_t;

enum { CBIT_GUEST_IO_SEGMENTS = 3 };

typedef struct cbit_guest_io_slot {
    cbit_guest_io_t request;
    cbit_guest_io_status_t status;
    bool hopeless; /* the program's own transfer through pages that no device can read */
    uint32_t queue, head;
    uint16_t descriptors[CBIT_GUEST_IO_SEGMENTS];
    uint32_t buffer; /* which of the vCPU's buffers */
    cbit_guest_io_segment_t segments[CBIT_GUEST_IO_SEGMENTS];
    uint32_t segment_count;
    bool answered; /* in flight, and its used element has been read */
    bool filled;   /* its buffer is ready: the bounce buffer had no room for it */
} cbit_guest_io_slot_t;

/* What the driver does now, one line at a time. */
typedef enum cbit_guest_io_step {
    CBIT_GUEST_IO_STEP_NONE,
    CBIT_GUEST_IO_STEP_FILL,  /* the pattern, or nothing, into the buffer */
    CBIT_GUEST_IO_STEP_MAP,   /* private segments to the bounce buffer */
    CBIT_GUEST_IO_STEP_RING,  /* descriptors, available ring, doorbell */
    CBIT_GUEST_IO_STEP_SYNC,  /* unmap: bounce buffer to private segments */
    CBIT_GUEST_IO_STEP_CHECK, /* the driver's user reads what came */
} cbit_guest_io_step_t;

/* One virtqueue as its driver keeps it. */
typedef struct cbit_guest_queue {
    uint16_t avail, used; /* indices: written, and seen */
    uint32_t free_count;  /* descriptors */
    uint16_t free[64];    /* a stack of them */
    uint32_t ids[64];     /* by head: the request */
    uint32_t in_flight;
    bool broken;
} cbit_guest_queue_t;

/* Where a driver is that looks for answers. */
typedef struct cbit_guest_look {
    enum { LOOK_IDLE, LOOK_INDEX, LOOK_ELEMENT } at;
    uint32_t queue;
    uint64_t cookie; /* of the load that is waited for */
    bool answered;
    uint8_t bytes[8];
} cbit_guest_look_t;

/* The driver of one vCPU: requests are ids in order; ids below `begun` are at a device or over. */
typedef struct cbit_guest_driver {
    cbit_guest_io_slot_t slots[CBIT_GUEST_IO_QUEUE]; /* id modulo the size */
    uint32_t done, begun, requested; /* ids: all below are over; the next to begin; to give out */
    uint32_t active;                 /* the one that `step` is about */
    cbit_guest_io_step_t step;
    uint32_t segment, at; /* within it */
    uint64_t own;         /* transfers that the program has asked for */
    uint64_t buffers;     /* bit set: taken */
    cbit_guest_queue_t queues[CBIT_GUEST_QUEUES];
    cbit_guest_look_t look;
    bool interrupted, halted;
    uint32_t retries, polls;
    bool full; /* a mapping found no room, and nothing of this vCPU has come back since */
} cbit_guest_driver_t;

/* What one virtual CPU stands at: its own share of the program, and its driver. */
typedef struct cbit_guest_cpu {
    cbit_guest_t *guest;
    uint32_t index;
    const cbit_trace_source_t *source;
    cbit_guest_page_t *near_pages[CBIT_GUEST_NEAR_PAGES]; /* looked up last, by low page number */

    cbit_program_t program;
    uint32_t cr3_writes; /* handed out: by 32-bit code, then by 64-bit code */
    bool booted, warm, source_ended, ended;
    uint32_t prepared; /* vCPU 0: pages made ready for all of them */
    bool others_started;
    cbit_trace_record_t batch[CBIT_GUEST_BATCH];
    uint32_t batch_at, batch_count;
    uint64_t replayed;     /* instructions of records handed out */
    uint64_t owed;         /* instructions not yet paid in core clocks */
    uint64_t store_number; /* of the stores of the recorded program */
    uint64_t cookie;       /* of the last load */
    cbit_guest_expected_t expected[CBIT_GUEST_EXPECTED];
    cbit_op_t queue[CBIT_GUEST_QUEUE_OPS];
    uint32_t queue_at, queue_count;
    cbit_op_t behind_vc[CBIT_GUEST_QUEUE_OPS];

    cbit_guest_driver_t driver;
} cbit_guest_cpu_t;

struct cbit_guest {
    cbit_guest_config_t config;
    cbit_guest_cpu_t *cpus; /* config.vcpus */
    cbit_guest_pages_t pages;
    cbit_guest_tables_t tables;
    cbit_guest_blob_t program_bytes;
    uint8_t boot[CBIT_PAGE_BYTES], text[CBIT_PAGE_BYTES];
    cbit_guest_piece_t pieces[4];
    uint32_t piece_count;
    cbit_gpa_t swiotlb_gpa, io_private_gpa, io_shared_gpa, ring_gpa;
    cbit_gpa_t heads_private_gpa, heads_shared_gpa, ghcb_gpa;
    uint64_t buffer_bytes; /* of each I/O buffer: a vCPU has io.depth of either kind */
    cbit_swiotlb_t swiotlb;
    struct {
        enum {
            CONVERT_IDLE,
            CONVERT_OLD,
            CONVERT_SHARE,
            CONVERT_NEW,
            CONVERT_HIDE,
            CONVERT_READ,
            CONVERT_WAIT,
            CONVERT_CLEAN
        } step;
        bool flush, asked;
        uint32_t at, answers;
        cbit_guest_conversion_t result;
    } convert;
    bool secret_expected, secret_asked;
    uint8_t secret[CBIT_GUEST_SECRET_BYTES];
    uint32_t noticed;         /* pages that notices at boot have come to */
    cbit_guest_races_t races; /* what several vCPUs have stored where others look */
    cbit_err_t failed;        /* a source failed, or memory is out: the programs end */
    cbit_guest_stats_t stats;
};

/* ---- between the files ---- */

/* Fills in defaults; RANGE when a size is not usable. */
cbit_err_t cbit_guest_check_config(cbit_guest_config_t *config, cbit_diag_t *diag);
/* Collects the pages that the source touches; fills pages with PROGRAM and DATA, no gpa yet. */
cbit_err_t cbit_guest_collect(cbit_guest_t *guest, cbit_diag_t *diag);
/* Gives every page its frame, builds tables and pieces. */
cbit_err_t cbit_guest_lay_out(cbit_guest_t *guest, cbit_diag_t *diag);

/* Where a vCPU has what its records name: data of its own is apart from that of the others. */
cbit_gva_t cbit_guest_place(const cbit_guest_t *guest, uint32_t vcpu, cbit_gva_t gva);

/* The page at gva, or NULL: cbit_guest_page_at_gva, once the pages stay where they are. */
cbit_guest_page_t *cbit_guest_page_of(cbit_guest_cpu_t *cpu, cbit_gva_t gva);

/* Appends to the queue of operations. cbit_guest_new_op leaves data unset. */
void cbit_guest_push_code(cbit_guest_cpu_t *cpu, const cbit_guest_code_t *code);
cbit_op_t *cbit_guest_new_op(cbit_guest_cpu_t *cpu, cbit_op_kind_t kind);
/* A load of [gva, +size) in one line; `expected` is what must come of one of kind IO, else NULL.
   Returns its cookie. */
uint64_t cbit_guest_push_load(cbit_guest_cpu_t *cpu, cbit_gva_t gva, uint32_t size_bytes,
                              bool depends, uint32_t instructions, cbit_guest_load_kind_t kind,
                              const uint8_t *expected, uint32_t io);
void cbit_guest_push_store(cbit_guest_cpu_t *cpu, cbit_gva_t gva, const uint8_t *bytes,
                           uint32_t size_bytes, uint32_t instructions);
/* Clears the page at gva if it was never touched; false when it cannot be. */
bool cbit_guest_touch(cbit_guest_cpu_t *cpu, cbit_gva_t gva);

/* driver.c: one line of the active transfer's step. */
void cbit_guest_driver_begin(cbit_guest_cpu_t *cpu, uint32_t id);
void cbit_guest_driver_finish(cbit_guest_cpu_t *cpu, uint32_t id);
void cbit_guest_driver_step(cbit_guest_cpu_t *cpu);
cbit_guest_io_slot_t *cbit_guest_io_slot(cbit_guest_cpu_t *cpu, uint32_t id);
void cbit_guest_driver_init(cbit_guest_cpu_t *cpu);
/* virtqueue.c: offers a transfer's segments to its device; false when the queue is full. */
bool cbit_guest_queue_offer(cbit_guest_cpu_t *cpu, uint32_t id);
/* Looks for answers in the used rings; true while a load is on its way or was pushed. */
bool cbit_guest_queue_look(cbit_guest_cpu_t *cpu);
/* The bytes of a load of kind RING. */
void cbit_guest_queue_answer(cbit_guest_cpu_t *cpu, uint64_t cookie, const uint8_t *bytes,
                             uint32_t size_bytes);

/* vc.c: the #VC handler, for an operation that would have exited. */
bool cbit_guest_on_vc(void *cpu, const cbit_op_t *op, uint64_t error);

/* notice.c: tells the hypervisor of one range of shared pages; false when all are told. */
bool cbit_guest_notice_advance(cbit_guest_cpu_t *cpu);
void cbit_guest_push_notice(cbit_guest_cpu_t *cpu, const cbit_guest_notice_t *notice);

/* convert.c: the next operations of a conversion; false when there is none. */
bool cbit_guest_convert_advance(cbit_guest_cpu_t *cpu);
void cbit_guest_convert_answer(cbit_guest_t *guest, uint64_t offset, const uint8_t *bytes);
void cbit_guest_push_map(cbit_guest_cpu_t *cpu, const cbit_guest_page_t *page);

/* Pushes the driver's next operations; false when it has nothing to do. idle: the program has
   nothing more to do either. */
bool cbit_guest_io_advance(cbit_guest_cpu_t *cpu, bool idle);

#endif
