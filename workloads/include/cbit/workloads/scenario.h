/**
 * @file
 * A scenario: what to build, what to run on it, what to misuse and what to expect, from JSON.
 *
 * Loading resolves `include` and `--set`, binds every value to a field through rows
 * (cbit/base/rows.h), applies the rules across fields, and finds everything that is wrong before it
 * fails. The result is plain data in one arena: the platform, the hypervisor and the result writer
 * read it; nobody changes it.
 *
 * Sections of the machine (`/host`, `/engine`, ...) are not listed here: they are the rows that the
 * platform exports, bound to `machine`.
 */
#ifndef CBIT_WORKLOADS_SCENARIO_H
#define CBIT_WORKLOADS_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/base/rows.h"
#include "cbit/workloads/engine_mode.h"
#include "cbit/workloads/guest.h"
#include "cbit/workloads/json.h"
#include "cbit/workloads/traffic.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CBIT_SCENARIO_NAME_BYTES = 31,
    CBIT_SCENARIO_TITLE_BYTES = 200,
    CBIT_SCENARIO_PATH_BYTES = 1023,
    CBIT_SCENARIO_MAX_GUESTS = 1024,
    CBIT_SCENARIO_MAX_EVENTS = 4096,
    CBIT_SCENARIO_MAX_EXPECTS = 4096,
    CBIT_SCENARIO_MAX_ROUNDS = 64, /* of a migration */
};

/* The engine modes that an event or an expectation applies to, as written; empty means all. */
typedef struct cbit_engine_list {
    uint32_t *items; /* cbit_engine_mode_t */
    uint32_t count;
} cbit_engine_list_t;

/* ---- guests ---- */

typedef enum cbit_protection {
    CBIT_PROTECTION_NONE,
    CBIT_PROTECTION_SEV,
    CBIT_PROTECTION_SEV_ES,
} cbit_protection_t;

/* What the vCPUs of a guest work on. */
typedef enum cbit_vcpu_data {
    CBIT_VCPU_DATA_OWN,    /* each its own copy, at addresses of its own */
    CBIT_VCPU_DATA_COMMON, /* all of them the same */
} cbit_vcpu_data_t;

/* What the guest's owner forbids the platform, beside what `protection` says (SEV API, policy). */
typedef struct cbit_guest_policy {
    bool debug;  /* without NODBG: the host may decrypt its memory */
    bool noks;   /* no key sharing */
    bool nosend; /* never sent to another platform */
    bool domain; /* only to one with the same owner */
    bool sev;    /* only to an authentic one */
} cbit_guest_policy_t;

typedef struct cbit_scenario_guest {
    char name[CBIT_SCENARIO_NAME_BYTES + 1];
    uint32_t protection; /* cbit_protection_t */
    uint32_t asid;       /* 0: the hypervisor takes the lowest free one */
    uint64_t memory;     /* bytes, multiple of 4 KiB */
    uint32_t vcpus;
    uint32_t vcpu_data; /* cbit_vcpu_data_t */
    uint32_t *cores;    /* vCPU n is pinned to core cores[n % cores_count] */
    uint32_t cores_count;
    uint32_t node;   /* NUMA node of its memory; UINT32_MAX: whatever comes first */
    uint32_t weight; /* of its vCPUs (weighted_fair); 100 is the usual one */
    cbit_guest_policy_t policy;
    bool unaware; /* its system sets no C-bit */
    bool secret;  /* its owner opens a session and sends a secret once the measurement agrees */
    /* Launched once that guest is torn down (DEACTIVATE, DECOMMISSION, WBINVD, DF_FLUSH), and may
       then have its ASID; "" is launched at the start. */
    char after[CBIT_SCENARIO_NAME_BYTES + 1];
    uint32_t after_guest; /* resolved: index into guests, UINT32_MAX for none */
    uint64_t swiotlb;     /* bytes of its bounce buffer; 0: as Linux sizes it */
    cbit_guest_io_load_t io;
    cbit_traffic_t traffic; /* path: file, relative to the file that named it; resolved */
} cbit_scenario_guest_t;

/* ---- events ---- */

/*
 * What the hypervisor does to its guests. All are probes: afterwards the vCPU is put back and goes
 * on. The baseline runs leave misbehaviours out (cbit_event_is_misbehaviour).
 */
typedef enum cbit_event_kind {
    /* VMRUN of the guest's vCPU under `asid` instead of its own (TLB flushed if flush_tlb). */
    CBIT_EVENT_RUN_WITH_ASID,
    /* VMRUN of the guest's vCPU after LAUNCH_FINISH but before ACTIVATE. */
    CBIT_EVENT_SKIP_ACTIVATE,
    /* A real device reads `bytes` of a buffer that the guest has filled with a known pattern. The
       buffer's pages are `pages`; the outcome is what the device got. */
    CBIT_EVENT_DMA_READ,
    /* The same with the device writing and the guest reading; the outcome is what the guest got. */
    CBIT_EVENT_DMA_WRITE,
    /* The guest's ASID gets the key of a fresh guest context by lawful commands; its vCPU runs. */
    CBIT_EVENT_ACTIVATE_OTHER_KEY,
    /* The nested mapping of the page that is executed next: taken away, or another page's. */
    CBIT_EVENT_CLEAR_NESTED_PRESENT,
    CBIT_EVENT_REMAP_PAGE,
    /* Host software reads a page of `pages` (private or shared) through a mapping of its own. */
    CBIT_EVENT_READ_GUEST_PAGE,
    /* What the guest would see of a private page with one bit of its ciphertext flipped, with
       another page's ciphertext in its place, or with what was there `hold_us` before. */
    CBIT_EVENT_FLIP_CIPHERTEXT,
    CBIT_EVENT_MOVE_CIPHERTEXT,
    CBIT_EVENT_REPLAY_PAGE,
    /* One bit of the launch image is changed before LAUNCH_UPDATE_DATA: the owner refuses. */
    CBIT_EVENT_TAMPER_LAUNCH,
    /* The guest makes a private page shared and private again, with the flushes that it needs or
       without (`flush`); the outcome is what it reads in the end. */
    CBIT_EVENT_CONVERT_PAGE,
    /* As remap_page, but the TLB keeps what it knows of the old page. */
    CBIT_EVENT_SKIP_TLB_FLUSH,
    /* A block of the host's choice in place of one of a private page's ciphertext. */
    CBIT_EVENT_WRITE_CIPHERTEXT,
    /* As replay_page, through a second address of the same DRAM: the DIMMs' highest address line is
       cut, always or only meanwhile (`switched`). */
    CBIT_EVENT_ALIAS_DIMM,
    /* INVD on the vCPU's core: what its caches had for the guest and memory did not is lost. */
    CBIT_EVENT_INVD,
    /* An analyser on the memory bus for `for_us`: up to `lines` lines are kept. */
    CBIT_EVENT_CAPTURE_BUS,
    /* Two blocks of the boot code change places: in memory, while the measurement sees the owner's
       order, or in the order of measuring (`order`). */
    CBIT_EVENT_PERMUTE_LAUNCH,
    /* The guest goes on `instructions` at a time, `steps` times, its pages taken away in between
       (`watch_pages`) and the one that it writes looked at. */
    CBIT_EVENT_STEP,
    /* The guest is sent to another platform while it runs (`rounds`, `dirty_threshold`), and goes
       on there; `tamper` is what somebody does to it on the way. */
    CBIT_EVENT_MIGRATE,
    CBIT_EVENT_KINDS,
} cbit_event_kind_t;

typedef enum cbit_event_when {
    CBIT_WHEN_TIME,        /* at at_us, counted from the start of the simulation */
    CBIT_WHEN_LAUNCH,      /* while the guest is launched (skip_activate) */
    CBIT_WHEN_FIRST_VMRUN, /* instead of the guest's first VMRUN: not yet paged */
    CBIT_WHEN_PAGED,       /* at the guest's first VMRUN after it has turned paging on */
} cbit_event_when_t;

typedef enum cbit_event_pages {
    CBIT_PAGES_PRIVATE, /* C = 1: a device sees ciphertext */
    CBIT_PAGES_SHARED,  /* C = 0 */
    CBIT_PAGES_BOUNCED, /* private data that the guest copies through its bounce buffer */
} cbit_event_pages_t;

/* Which order permute_launch changes. */
typedef enum cbit_launch_order {
    CBIT_LAUNCH_ORDER_KEPT,    /* measured in the owner's order, swapped in memory */
    CBIT_LAUNCH_ORDER_CHANGED, /* in place in memory, measured in another order */
} cbit_launch_order_t;
/* What goes wrong with a migration, if anything. */
typedef enum cbit_tamper {
    CBIT_TAMPER_NONE,
    CBIT_TAMPER_MISSED_NOTICE,       /* the guest does not report that a page is private again */
    CBIT_TAMPER_CHANGED_PACKET,      /* the host flips one bit of one packet */
    CBIT_TAMPER_REPLAYED_PACKET,     /* the host sends a page's first packet instead of its last */
    CBIT_TAMPER_SWAPPED_PACKETS,     /* the host swaps two pages' packets */
    CBIT_TAMPER_CHANGED_CERTIFICATE, /* the host flips one bit of the target's key */
    CBIT_TAMPER_OTHER_CERTIFICATE,   /* the host hands over another platform's certificate */
    CBIT_TAMPER_KINDS,
} cbit_tamper_t;

typedef struct cbit_scenario_event {
    uint32_t kind;  /* cbit_event_kind_t */
    uint32_t when;  /* cbit_event_when_t */
    uint64_t at_us; /* picoseconds; CBIT_PS_NEVER unless when is CBIT_WHEN_TIME */
    char guest[CBIT_SCENARIO_NAME_BYTES + 1];
    uint32_t guest_index; /* resolved */
    uint32_t vcpu;
    uint32_t asid;    /* run_with_asid */
    bool flush_tlb;   /* run_with_asid */
    bool flush;       /* convert_page */
    uint32_t device;  /* dma_*: cbit_guest_device_t */
    uint32_t pages;   /* dma_*, read_guest_page: cbit_event_pages_t */
    uint64_t hold_us; /* replay_page, alias_dimm, in ps: from taking the ciphertext to its return */
    uint64_t bytes;   /* dma_*: multiple of 64, at most 256 KiB */
    bool switched;    /* alias_dimm: only while it is used; false: since power-on */
    uint32_t order;   /* permute_launch: cbit_launch_order_t */
    uint64_t for_us;  /* capture_bus, in ps */
    uint32_t lines;   /* capture_bus: kept at most */
    uint32_t instructions, steps; /* step: of each step; how many */
    bool watch_pages;             /* step: nested faults tell the pages of each */
    uint32_t rounds;              /* migrate: at most, before the guest is stopped */
    uint32_t dirty_threshold;     /* migrate: pages; it is stopped when no more are dirty */
    uint32_t tamper;              /* migrate: cbit_tamper_t */
    cbit_engine_list_t engines;
    uint32_t engines_mask; /* resolved: bit m set where it applies in mode m */
} cbit_scenario_event_t;

/* ---- expectations ---- */

typedef enum cbit_expect_op {
    CBIT_EXPECT_EQ,
    CBIT_EXPECT_NE,
    CBIT_EXPECT_LT,
    CBIT_EXPECT_LE,
    CBIT_EXPECT_GT,
    CBIT_EXPECT_GE,
    CBIT_EXPECT_IN,
    CBIT_EXPECT_BETWEEN,
} cbit_expect_op_t;

typedef struct cbit_scenario_expect {
    char path[CBIT_SCENARIO_PATH_BYTES + 1]; /* JSON pointer into result.json */
    uint32_t op;                             /* cbit_expect_op_t */
    const cbit_json_t *value;                /* any JSON */
    cbit_engine_list_t engines;
    uint32_t engines_mask; /* resolved: bit m set where it applies in mode m */
} cbit_scenario_expect_t;

/* ---- where guests migrate to ---- */

/* A second machine of the same kind with its own fuses, keys and memory, and the link to it. */
typedef struct cbit_scenario_target {
    uint64_t seed; /* of its fuses, keys and tweak constants; 0: another one than the scenario's */
    uint64_t link_gbs; /* millionths of GB/s; 0: takes no time */
    uint64_t link_us;  /* kept in ps: one way */
    uint32_t window;   /* packets that are sent and not yet received */
} cbit_scenario_target_t;

/* ---- how it is run ---- */

typedef struct cbit_scenario_run {
    bool baseline; /* also run with the engine off and without protection, for the slowdowns */
} cbit_scenario_run_t;

struct cbit_platform_config; /* cbit/platform/config.h */

typedef struct cbit_scenario {
    char title[CBIT_SCENARIO_TITLE_BYTES + 1];
    uint64_t seed;
    cbit_scenario_run_t run;
    cbit_scenario_guest_t *guests;
    uint32_t guests_count;
    cbit_scenario_event_t *events;
    uint32_t events_count;
    cbit_scenario_expect_t *expect;
    uint32_t expect_count;
    cbit_scenario_target_t target;        /* used if an event is migrate */
    struct cbit_platform_config *machine; /* /host, /sev, /memory and the blocks' sections */
} cbit_scenario_t;

/* The rows of everything but the machine; those of the machine are cbit_platform_rows. */
extern const cbit_row_t cbit_scenario_rows[];

/* True for what a well-behaved hypervisor would never do; such events are absent from baselines. */
bool cbit_event_is_misbehaviour(const cbit_scenario_event_t *event);

typedef struct cbit_scenario_file cbit_scenario_file_t; /* opaque: a loaded scenario, its arena */

typedef struct cbit_scenario_set {
    const char *pointer; /* "/engine/depth_eclk" */
    const char *value;   /* JSON; what is not JSON is taken as a string */
} cbit_scenario_set_t;

/* Further top-level keys that the caller binds: a table of rows and the struct that they describe.
 */
typedef struct cbit_scenario_section {
    const cbit_row_t *rows;
    void *object; /* the caller's; filled by a load that succeeds or not */
} cbit_scenario_section_t;

enum { CBIT_SCENARIO_MAX_SECTIONS = 8 };

typedef struct cbit_scenario_options {
    const cbit_scenario_set_t *sets; /* applied in order after all files */
    uint32_t sets_count;
    const cbit_scenario_section_t *sections; /* "/hypervisor" and what else lies above this layer */
    uint32_t sections_count;
    bool preset; /* accept a preset, which is a machine without guests: to look at, not to run */
    bool full;   /* lay the scenario's "full" object, its long form, over it before the sets */
} cbit_scenario_options_t;

/*
 * Loads path with its includes. options may be NULL. On error *out is untouched and diag holds
 * every finding. The file owns everything that it gives out, and remembers the sections' objects,
 * which must live as long as it.
 */
cbit_err_t cbit_scenario_load(const char *path, const cbit_scenario_options_t *options,
                              cbit_scenario_file_t **out, cbit_diag_t *diag);
/*
 * Loads what a result.json was made from, for running it again: values keep their origins, so that
 * the same version of cbit writes the same bytes. Relative files are looked for where run.json,
 * beside the result, says that they were; CONFLICT when one has changed since. Sets are not
 * applied.
 */
cbit_err_t cbit_scenario_replay(const char *path, const cbit_scenario_options_t *options,
                                cbit_engine_mode_t *mode, cbit_scenario_file_t **out,
                                cbit_diag_t *diag);
void cbit_scenario_file_destroy(cbit_scenario_file_t *file); /* NULL is allowed */

/* What was loaded; it lives as long as the file. */
const cbit_scenario_t *cbit_scenario_of(const cbit_scenario_file_t *file);

/*
 * The resolved configuration, defaults included: every leaf is {value, unit, from, source}. from is
 * "default", "scenario", the name of an included file, or "--set"; source is what the row or the
 * preset gives for the value. NULL when memory is out.
 */
cbit_json_t *cbit_scenario_config(const cbit_scenario_file_t *file, cbit_arena_t *arena);

/* JSON Schema (draft 2020-12) of scenario files, with the sections that a load would bind. Ranges
   of sizes and addresses, which are texts, and rules across values are the loader's alone. */
cbit_json_t *cbit_scenario_schema(const cbit_scenario_section_t *sections, uint32_t sections_count,
                                  cbit_arena_t *arena);

/* The same as a reference for people, in Markdown; to be freed, NULL when memory is out. */
char *cbit_scenario_manual(const cbit_scenario_section_t *sections, uint32_t sections_count);

/* Where each origin's relative files start: {"scenario": "/home/..."}, for run.json. */
cbit_json_t *cbit_scenario_folders(const cbit_scenario_file_t *file, cbit_arena_t *arena);

/* Files that the scenario names, as written and in order of naming: [{file, bytes, sha256, program,
   source, licence, code_generated, instructions}]. NULL after findings. */
cbit_json_t *cbit_scenario_inputs(const cbit_scenario_file_t *file, cbit_arena_t *arena,
                                  cbit_diag_t *diag);

#ifdef __cplusplus
}
#endif
#endif
