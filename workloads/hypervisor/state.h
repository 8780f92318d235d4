/* What the hypervisor keeps: guests, their vCPUs and devices, cores, probes. Private; see hv.h. */
#ifndef CBIT_WORKLOADS_HYPERVISOR_STATE_H
#define CBIT_WORKLOADS_HYPERVISOR_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/platform/platform.h"
#include "cbit/vcpu/vmcb.h"
#include "cbit/workloads/guest.h"
#include "cbit/workloads/hypervisor.h"
#include "cbit/workloads/spdriver.h"
#include "sev/cert.h"
#include "sev/command.h"
#include "sev/status.h"
#include "workloads/hypervisor/asids.h"
#include "workloads/hypervisor/blocks.h"
#include "workloads/hypervisor/frames.h"
#include "workloads/hypervisor/measure.h"
#include "workloads/hypervisor/nested.h"
#include "workloads/hypervisor/task.h"
#include "workloads/hypervisor/transfer.h"

typedef struct cbit_hv cbit_hv_t;
typedef struct cbit_hv_core cbit_hv_core_t;
typedef struct cbit_hv_guest cbit_hv_guest_t;
typedef struct cbit_hv_vcpu cbit_hv_vcpu_t;
typedef struct cbit_hv_probe cbit_hv_probe_t;
typedef struct cbit_hv_session cbit_hv_session_t;
typedef struct cbit_hv_migration cbit_hv_migration_t;

/* ---- a place in a queue: for the flush lock and for flushes ---- */

typedef struct cbit_hv_turn {
    void (*granted)(void *self);
    void *self;
    struct cbit_hv_turn *next;
} cbit_hv_turn_t;

typedef struct cbit_hv_turns {
    cbit_hv_turn_t *head, *tail;
} cbit_hv_turns_t;

void cbit_hv_turns_add(cbit_hv_turns_t *turns, cbit_hv_turn_t *turn);
cbit_hv_turn_t *cbit_hv_turns_take(cbit_hv_turns_t *turns); /* NULL when empty */

/* ---- one command to the Secure Processor at a time, with its buffer in host memory ---- */

typedef struct cbit_hv_command {
    cbit_hv_t *hv;
    cbit_hv_transfer_t transfer;
    cbit_spdriver_request_t request;
    cbit_spa_t buffer_spa; /* one frame; its second half is for what a command points to */
    uint32_t len_bytes;
    uint8_t bytes[SEV_COMMAND_BUFFER_MAX_BYTES];
    void (*done)(void *self);
    void *done_self;
} cbit_hv_command_t;

enum { CBIT_HV_COMMAND_ANSWER_OFFSET = CBIT_PAGE_BYTES / 2 };

bool cbit_hv_command_init(cbit_hv_command_t *command, cbit_hv_t *hv);
/* With a frame that is there already. */
void cbit_hv_command_bind(cbit_hv_command_t *command, cbit_hv_t *hv, cbit_spa_t buffer_spa);

/*
 * Writes len_bytes of in to the buffer, rings the mailbox, reads the buffer back into
 * command->bytes, calls done. request.status holds the answer.
 */
void cbit_hv_command_run(cbit_hv_command_t *command, uint32_t id, const void *in,
                         uint32_t len_bytes, void (*done)(void *self), void *done_self);

/* The address of offset in the command's frame as the SP wants it: with the C-bit of SME hosts. */
uint64_t cbit_hv_command_paddr(const cbit_hv_command_t *command, uint32_t offset);

/* ---- probes ---- */

typedef enum cbit_hv_probe_state {
    CBIT_HV_PROBE_ABSENT, /* not for this engine or baseline */
    CBIT_HV_PROBE_WAITING,
    CBIT_HV_PROBE_DUE,    /* at the next chance */
    CBIT_HV_PROBE_ACTIVE, /* dma_read: the guest's driver has been asked */
    CBIT_HV_PROBE_DONE,
} cbit_hv_probe_state_t;

/* A page of a guest as the DRAM holds it and as its owner sees it. */
typedef struct cbit_hv_page {
    cbit_gpa_t gpa;
    cbit_spa_t spa;
    uint8_t raw[CBIT_PAGE_BYTES], plain[CBIT_PAGE_BYTES], seen[CBIT_PAGE_BYTES];
} cbit_hv_page_t;

/* Where a page of a guest lies. */
typedef struct cbit_hv_place {
    cbit_spa_t spa;
    cbit_gpa_t gpa;
} cbit_hv_place_t;

/* A line that only caches had. */
typedef struct cbit_hv_dirty {
    cbit_spa_t spa;
    cbit_key_t key;
    uint8_t bytes[CBIT_LINE_BYTES];
} cbit_hv_dirty_t;

enum { CBIT_HV_GRANTED = 64 };

struct cbit_hv_probe {
    cbit_hv_t *hv;
    uint32_t index; /* of the scenario's event */
    const cbit_scenario_event_t *event;
    cbit_run_event_t *result;
    cbit_hv_probe_state_t state;
    cbit_event_t alarm; /* CBIT_WHEN_TIME */
    uint32_t io;        /* dma_read: the driver's number of the request */
    cbit_ps_t begun_ps;
    cbit_hv_blocks_t foreign; /* plaintext of the guests that own the probe's ASID */
    cbit_hv_blocks_t common;  /* that of the probed guest: the same code is in many guests */
    cbit_key_t own_key;       /* the key id that the probe names: only its blocks are compared */
    cbit_guest_stats_t before;
    uint8_t saved[CBIT_VMCB_BYTES];
    bool mapped; /* probe_run.c, nested tables: gpa was at spa */
    cbit_gpa_t gpa;
    cbit_spa_t spa;
    cbit_hv_command_t command; /* probe_key.c */
    cbit_hv_turn_t turn;
    uint32_t handle;
    cbit_hv_page_t page, other; /* probe_memory.c */
    cbit_hv_page_t *album;      /* replay_page: pictures of album_count pages */
    uint32_t album_count, album_at;
    bool album_taken;
    cbit_hv_place_t *places; /* capture_bus: the guest's private pages, by spa */
    uint32_t places_count, lines_room;
    cbit_hv_dirty_t *dirty; /* invd: what memory did not have */
    uint32_t dirty_count, dirty_room;
    bool short_of_memory;
    cbit_hv_vcpu_t *stepped;             /* step */
    cbit_gpa_t granted[CBIT_HV_GRANTED]; /* step: pages that this step was given back */
    uint32_t granted_count;
    bool writes;           /* step: page is one that this step writes, with its picture */
    uint32_t tries;        /* of one that the guest did not come to */
    cbit_ps_t again_at_ps; /* not over yet: when it is due again */
};

/* ---- vCPUs and guests ---- */

enum { CBIT_HV_LAUNCH_STEPS = 32 };
enum { CBIT_HV_LANES = 8, CBIT_HV_CHAIN = 3 };

typedef struct cbit_hv_device cbit_hv_device_t;

/* A descriptor as the device has read it. */
typedef struct cbit_hv_descriptor {
    cbit_gpa_t gpa;
    uint32_t len;
    bool writes;
} cbit_hv_descriptor_t;

/* What a transfer goes through when its device does not reach the memory: a frame that it reaches.
 */
typedef struct cbit_hv_bounce {
    struct cbit_hv_bounce *next;
    cbit_run_guest_t *result;
    cbit_hv_transfer_t *transfer; /* the device's, whose way this is */
    cbit_hv_transfer_t host;
    cbit_hv_task_t task, *waiting;
    cbit_spa_t frame_spa, spa;
    cbit_key_t key;
    bool write;
    void *bytes;
    uint32_t len;
    uint8_t copied[CBIT_PAGE_BYTES];
} cbit_hv_bounce_t;

/* One transfer of a device. */
typedef struct cbit_hv_lane {
    cbit_hv_device_t *device;
    enum { CBIT_HV_LANE_FREE, CBIT_HV_LANE_MOVING, CBIT_HV_LANE_ENDED } state;
    uint64_t order; /* in which it ended */
    cbit_hv_task_t task;
    cbit_hv_transfer_t transfer;
    cbit_event_t timer;
    uint32_t head, count, at, offset; /* chain; where in it */
    cbit_hv_descriptor_t chain[CBIT_HV_CHAIN];
    uint8_t header[64]; /* also the status byte */
    uint32_t io;
    cbit_guest_io_status_t status;
    uint32_t moved; /* bytes of data */
    uint8_t *bytes; /* status.bytes of them */
    bool faulted;   /* an address that no table maps */
    cbit_ps_t begun_ps;
} cbit_hv_lane_t;

/* What serves one virtqueue of a vCPU. */
struct cbit_hv_device {
    cbit_hv_vcpu_t *vcpu;
    uint32_t queue;
    cbit_hv_task_t task, publish_task; /* available ring; used ring */
    cbit_hv_transfer_t transfer, publisher;
    uint8_t ring_bytes[CBIT_VIRTQ_DESCRIPTOR_BYTES], used_bytes[CBIT_VIRTQ_USED_BYTES];
    uint16_t seen, used; /* indices */
    bool kicked, more, wants_lane, broken;
    bool silent; /* the driver polls */
    cbit_hv_lane_t *lane, *published;
    cbit_hv_bounce_t *bounces; /* one for each of its transfers that has needed it */
    uint32_t busy_lanes;
    uint64_t ended;
    cbit_hv_lane_t lanes[CBIT_HV_LANES];
};

struct cbit_hv_vcpu {
    cbit_hv_guest_t *guest;
    uint32_t index;
    cbit_hv_core_t *home;
    cbit_spa_t vmcb_spa, vmsa_spa;
    uint8_t vmsa[CBIT_VMCB_BYTES]; /* SEV-ES: as it is measured */
    uint8_t vmcb[CBIT_VMCB_BYTES]; /* as last written by the hypervisor */
    bool queued, ended;
    bool parked; /* ready, but its guest has no ASID now, or a probe's other guest is on its way */
    cbit_hv_vcpu_t *next; /* in its core's queue */
    cbit_hv_core_t *last_core;
    uint64_t vmruns;
    cbit_ps_t slice_used_ps; /* since it came to its core's queue */
    cbit_ps_t fair_ps;       /* what it has run, for its weight */
    const cbit_program_t *program;
    cbit_program_t bound_program; /* as its core has it: core.c stands between */
    bool stepping;                /* it is interrupted after step_left more instructions */
    uint32_t step_left;
    uint32_t looks;       /* probes: operations that it may still perform */
    cbit_op_t last_fetch; /* what it executes; size 0: nothing yet */
    bool refetches;       /* probes: it has still to fetch that again */
    bool has_loaded;
    bool holds; /* held was pulled and not handed out */
    cbit_op_t held;
    cbit_hv_device_t *devices[CBIT_GUEST_QUEUES]; /* made at the first doorbell */
    bool halted;                                  /* waits for an interrupt */
    bool irq_pending;       /* one is there, and the guest has not been told */
    uint32_t broken_queues; /* whose devices have given up: told with it */
};

typedef enum cbit_hv_phase {
    CBIT_HV_PHASE_WAITING, /* for the guest that it comes after */
    CBIT_HV_PHASE_LAUNCHING,
    CBIT_HV_PHASE_RUNNING,
    CBIT_HV_PHASE_LEAVING,
    CBIT_HV_PHASE_GONE,
} cbit_hv_phase_t;

/* dirty.h */
typedef struct cbit_hv_dirty_log {
    uint8_t *pages; /* by number, 1: written to; NULL: nobody wants to know */
    uint64_t count;
    bool protects; /* some pages may be write-protected */
} cbit_hv_dirty_log_t;

/* A page that is mapped to another one's frame. */
typedef struct cbit_hv_remap {
    cbit_gpa_t gpa;
    cbit_spa_t home;
} cbit_hv_remap_t;

/* Blocks of the boot code that change places on the way into the measurement (permute.c). */
typedef struct cbit_hv_permutation {
    bool active;
    uint32_t order;         /* cbit_launch_order_t */
    uint32_t first, second; /* first < second: numbers of 16-byte blocks */
    uint32_t part;          /* of the image's first run: which is measured now */
} cbit_hv_permutation_t;

struct cbit_hv_guest {
    cbit_hv_t *hv;
    uint32_t index;
    const cbit_scenario_guest_t *config;
    bool sev, es; /* es: sev as well */
    cbit_hv_phase_t phase;
    cbit_trace_source_t *sources; /* one for each vCPU */
    cbit_guest_t *soft;           /* its software */
    uint32_t warming;             /* vCPUs whose warm-up is not over */
    bool measured; /* its warm-up is over; what follows is when, and what it had counted */
    cbit_ps_t measured_from_ps;
    cbit_vcpu_stats_t warm_up;
    cbit_run_guest_t *result;
    cbit_hv_task_t task;                                /* launch, teardown */
    cbit_hv_step_fn launch_steps[CBIT_HV_LAUNCH_STEPS]; /* those of its kind */
    cbit_hv_task_t image_task;                          /* one LAUNCH_UPDATE_DATA */
    const char *doing;                                  /* for the diagnostic of a hang */
    cbit_hv_command_t command;
    cbit_hv_transfer_t transfer;
    cbit_hv_turn_t turn;
    cbit_event_t start; /* pace.c: when its vCPUs are let go */
    cbit_hv_nested_t nested;
    uint32_t device_id;      /* of its real device, as the IOMMU knows it; 0: it has none */
    cbit_hv_nested_t domain; /* the I/O page tables of that; empty: not translated */
    uint8_t device_entry[CBIT_IOMMU_DTE_BYTES];
    cbit_hv_session_t *session; /* of its owner; NULL: none */
    cbit_hv_digest_t *digest;
    uint8_t measurement[SEV_MEASUREMENT_BYTES];
    uint32_t asid;   /* of VMRUN; plain guests have one too, above those with keys */
    uint32_t handle; /* 0: none */
    bool asid_taken, activated, refused;
    bool dead;      /* one of its vCPUs has died: the others stop */
    bool paused;    /* migration: its vCPUs are kept off the cores */
    bool migrating; /* its teardown waits for that */
    bool stands_in; /* migration: what it has on the other machine; not one of the scenario's */
    uint8_t *told_shared; /* by page number; NULL: nobody will want to know */
    cbit_hv_dirty_log_t dirty;
    bool swapped; /* rotation: launched, but its ASID is (being) given to another */
    cbit_ps_t resident_since_ps;
    cbit_hv_guest_t *rotor_next;
    uint64_t probe_fetch_mismatches; /* of probes: not held against the guest */
    uint32_t piece;                  /* launch: which piece (and before that, which VMCB) */
    bool state_begun;                /* launch: piece counts the vCPUs here */
    uint64_t piece_at;               /* launch: bytes of it done */
    cbit_gpa_t region_gpa;           /* launch: how far its memory is flushed */
    cbit_hv_permutation_t permutation;
    uint64_t run_bytes; /* launch: contiguous host memory of one LAUNCH_UPDATE_DATA */
    cbit_ps_t launch_begin_ps;
    cbit_hv_remap_t *remaps; /* by an attacker, in order of the first time */
    uint32_t remap_count;
    uint32_t vcpus_left;
    uint32_t flushed; /* teardown: vCPUs whose save areas are flushed */
    bool ended;       /* none of its vCPUs is left, and its teardown waits for its devices */
    cbit_hv_vcpu_t *vcpus;
};

/* ---- cores ---- */

struct cbit_hv_core {
    cbit_hv_t *hv;
    uint32_t number;
    cbit_vcpu_t *cpu;
    cbit_hv_transfer_t transfer; /* host software on this core */
    cbit_hv_task_t task;
    bool busy;
    bool in_vmrun, in_probe;
    bool yielding; /* busy, but only waiting: it can execute a WBINVD */
    bool wbinvd_wanted, wbinvd_active;
    cbit_hv_vcpu_t *running;
    cbit_hv_probe_t *probe;
    const cbit_hv_vcpu_t *bound;
    cbit_hv_vcpu_t *queue_head, *queue_tail;
    cbit_ps_t charged_ps;    /* up to then, the time of `running` is counted */
    cbit_ps_t fair_floor_ps; /* the least fair_ps of those that have run here */
    cbit_event_t timer, quantum;
    cbit_ps_t begun_ps, wbinvd_begun_ps; /* what it is doing now: for who watches */
    cbit_exit_t exit;
    uint8_t ghcb[CBIT_LINE_BYTES]; /* SEV-ES: what the guest says of its exit */
    bool has_ghcb;
    cbit_spa_t ghcb_spa;
    cbit_gpa_t ghcb_gpa;
    cbit_spa_t last_vmcb[CBIT_KEY_ASID_MAX + 1]; /* by ASID: whose translations the TLB may hold */
};

/* ---- rotation of ASIDs: one turn at a time ---- */

typedef struct cbit_hv_rotor {
    cbit_hv_task_t task;
    cbit_hv_command_t command;
    cbit_hv_turn_t turn;
    cbit_event_t timer;
    cbit_hv_guest_t *head, *tail; /* who waits for an ASID */
    cbit_hv_guest_t *victim, *granted;
    uint32_t vcpu;
} cbit_hv_rotor_t;

enum { CBIT_HV_NODES = 8 }; /* two sockets of four */

/* ---- all of it ---- */

struct cbit_hv {
    const cbit_scenario_t *scenario;
    const cbit_hypervisor_options_t *options;
    uint64_t seed; /* of the machine */
    cbit_hypervisor_config_t config;
    cbit_platform_config_t machine; /* as built: the baseline's changes made */
    cbit_diag_t *diag;
    cbit_platform_t *platform;
    cbit_kernel_t *kernel;
    cbit_spdriver_t *driver;
    cbit_key_t host_key;
    cbit_key_t raw_key;  /* zero-time view of what the pins carry */
    bool ciphered;       /* there are engines */
    uint64_t c_bit_mask; /* of host addresses; 0 without SME */
    cbit_hv_frames_t frames;
    cbit_hv_frames_t node_frames[CBIT_HV_NODES]; /* of NUMA nodes that guests have named */
    cbit_hv_asids_t asids, es_asids;             /* those of SEV-ES lie below */
    cbit_spa_t tmr_spa;                          /* trusted memory region; 0: no SEV-ES */
    uint32_t next_plain_asid;
    uint32_t next_core;  /* of vCPUs that are not pinned */
    cbit_hv_task_t task; /* platform boot, end */
    cbit_hv_command_t command;
    const char *doing;
    cbit_hv_owner_t owner;
    cbit_hv_transfer_t transfer;
    cbit_spa_t pdh_spa; /* session.c: where PDH_CERT_EXPORT wrote; 0: nobody asked */
    sev_cert_t pdh;
    /* Flushing: WBINVD on all cores, then DF_FLUSH. */
    cbit_hv_task_t flush_task;
    cbit_hv_command_t flush_command;
    cbit_hv_turns_t flush_waiting, flush_served;
    cbit_hv_turn_t flush_turn, boot_turn;
    uint32_t wbinvds_left;
    cbit_hv_rotor_t rotor;
    cbit_spa_t device_table_spa; /* 0: the IOMMU translates nothing */
    uint8_t *device_table;       /* as it was written at boot */
    bool lock_held;
    cbit_hv_turns_t lock_waiting;
    cbit_hv_core_t *cores;
    uint32_t core_count;
    cbit_hv_guest_t *guests;
    uint32_t guest_count, guests_gone;
    cbit_hv_probe_t *probes;
    uint32_t probe_count;
    cbit_hv_probe_t *attack_probe; /* attacker.c: its hv is NULL when nobody uses it */
    bool skip_tlb_flush;
    bool attack_captures; /* attacker.c: its program wants the lines on the bus */
    /* Migration: a second machine, whose hypervisor has no guests of its own. */
    cbit_hv_t *target; /* NULL: no guest of this run migrates */
    cbit_hv_t *source; /* of the target: the other way round */
    cbit_hypervisor_options_t target_options;
    cbit_hv_turns_t boot_waiting; /* who waits until it has booted */
    bool booted;
    cbit_hv_migration_t **migrations; /* by the scenario's event; NULL where there is none */
    uint32_t migrations_open;         /* their stand-ins are still there */
    cbit_run_result_t *result;
    cbit_ps_t sampled_ps; /* watch.c: when last */
    cbit_err_t err;
    bool checking; /* built, but not run */
    bool over;
};

#endif
