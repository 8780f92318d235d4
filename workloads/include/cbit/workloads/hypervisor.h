/**
 * @file
 * One whole simulation: builds the machine of a scenario, runs the synthetic hypervisor with its
 * guests on it until all of them have ended, and hands over everything that was counted.
 *
 * The hypervisor follows KVM: platform INIT through the mailbox, WBINVD on all cores, DF_FLUSH; for
 * each SEV guest LAUNCH_START, ACTIVATE, LAUNCH_UPDATE_DATA, LAUNCH_MEASURE, LAUNCH_FINISH, VMRUN;
 * at its end DEACTIVATE, DECOMMISSION, and WBINVD with DF_FLUSH before the ASID is used again. A
 * guest without protection does not involve the Secure Processor.
 *
 * A misbehaviour of the scenario is a probe: its effect on the vCPU is undone afterwards, and the
 * guest goes on. The time that it took does not count as the guest's run time.
 *
 * Every counter is an integer, every time is picoseconds. The same scenario, options and seed give
 * the same result to the byte, whichever of the engines model, rtl and lockstep is behind
 * `engines`.
 */
#ifndef CBIT_WORKLOADS_HYPERVISOR_H
#define CBIT_WORKLOADS_HYPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/aes/engine.h"
#include "cbit/base/diag.h"
#include "cbit/base/rows.h"
#include "cbit/platform/platform.h"
#include "cbit/workloads/engine_mode.h"
#include "cbit/workloads/migration.h"
#include "cbit/workloads/scenario.h"
#include "cbit/workloads/trace.h"
#include "cbit/workloads/watch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a run is compared with. Baselines leave misbehaviours out. */
typedef enum cbit_baseline {
    CBIT_BASELINE_NONE,   /* not a baseline: the run itself */
    CBIT_BASELINE_LAWFUL, /* the run without misbehaviours, from which slowdowns are computed: the
                             caches and TLBs that a probe leaves cold outlast it */
    CBIT_BASELINE_ENGINE_OFF,  /* no cipher and no latency; same addresses, traffic, SP commands */
    CBIT_BASELINE_UNPROTECTED, /* every guest with protection none: no bounce buffers, no SP, no SME
                                */
} cbit_baseline_t;

/* What happens when there are more guests than ASIDs. */
typedef enum cbit_asid_policy {
    CBIT_ASID_BIND,   /* as KVM: an ASID for a guest's life; a launch beyond the last is refused */
    CBIT_ASID_ROTATE, /* by turns: DEACTIVATE, WBINVD on all cores, DF_FLUSH, ACTIVATE */
} cbit_asid_policy_t;

/* Which of the vCPUs that share a core runs next. */
typedef enum cbit_scheduler {
    CBIT_SCHEDULER_ROUND_ROBIN,
    CBIT_SCHEDULER_WEIGHTED_FAIR, /* the one that has run least for its guest's weight */
} cbit_scheduler_t;

/* How real devices address memory. */
typedef enum cbit_iommu_mode {
    CBIT_IOMMU_TRANSLATED,  /* by guest physical addresses, through page tables of each guest */
    CBIT_IOMMU_PASSTHROUGH, /* by system physical addresses, C-bit included: Linux's iommu=pt */
} cbit_iommu_mode_t;

/* What the hypervisor's own software costs and does. */
typedef struct cbit_hypervisor_config {
    uint32_t scheduler;         /* cbit_scheduler_t */
    bool balance;               /* an idle core takes waiting vCPUs that are not pinned */
    uint64_t quantum_us;        /* kept in ps: a vCPU's time slice */
    uint64_t exit_io_ns;        /* kept in ps: port I/O, guest to guest, as measured */
    uint64_t exit_hypercall_ns; /* likewise */
    uint64_t exit_vc_io_ns;     /* the same three through #VC, GHCB and VMGEXIT */
    uint64_t exit_vc_hypercall_ns, exit_vc_other_ns;
    uint64_t exit_other_ns;     /* likewise: interrupts, nested faults */
    uint64_t device_ns;         /* kept in ps: doorbell to the device's first DMA request */
    uint64_t emulation_ns;      /* kept in ps: the same for an emulated device */
    bool marked_tables;         /* nested entries are accessed and dirty from the start */
    uint32_t iommu;             /* cbit_iommu_mode_t */
    uint32_t dma_mask_bits;     /* address bits that real devices drive */
    uint32_t asid_policy;       /* cbit_asid_policy_t; guests that name their ASID keep it */
    uint64_t asid_residency_us; /* kept in ps: rotate: minimum time for which an ASID is kept */
    uint64_t probe_limit_us;    /* kept in ps: when a probed vCPU that still runs is interrupted */
} cbit_hypervisor_config_t;
extern const cbit_row_t cbit_hypervisor_rows[];
/* The section "/hypervisor" of a scenario: one OBJECT row, bound to a cbit_hypervisor_config_t. */
extern const cbit_row_t cbit_hypervisor_section_rows[];

struct cbit_run_result;
struct cbit_attack;

typedef struct cbit_hypervisor_options {
    cbit_engine_mode_t mode;                  /* selects events; OFF leaves `engines` unused */
    const cbit_aes_engine_factory_t *engines; /* stays the caller's; NULL: off */
    cbit_baseline_t baseline;
    const cbit_hypervisor_config_t *config; /* NULL: the rows' defaults */
    /* Baselines: the run that this is compared with. Guests start at the same times as there, so
       that they meet the same neighbours; NULL: as soon as they can. */
    const struct cbit_run_result *pace;
    const struct cbit_attack *attack;   /* a hostile program (cbit/attacker.h); NULL: none */
    const struct sp_firmware *firmware; /* of the Secure Processor; stays the caller's */
    cbit_ps_t limit_ps; /* a run that is not over by then is RANGE; 0: ten simulated seconds */
    const cbit_watch_t *watch;      /* may be NULL */
    const cbit_trace_sink_t *trace; /* gets all events of the first machine; may be NULL */
    void *self;
    void (*on_console)(void *self, char c); /* Secure Processor's console; may be NULL */
    /* Told about every 65536 kernel events; may be NULL. */
    void (*on_progress)(void *self, cbit_ps_t now_ps, uint64_t kernel_events);
} cbit_hypervisor_options_t;

/* Counts of broken invariants: all must be zero. */
typedef struct cbit_run_checks {
    uint64_t stage_mismatches; /* requests whose stages do not add up to their latency */
    uint64_t requests_lost;    /* entered a memory controller and did not leave */
    uint64_t load_mismatches;  /* loads that did not return what the shadow of the stores says */
    uint64_t fetch_mismatches; /* fetches that did not return the recording, probes not counted */
    uint64_t io_mismatches;    /* blocks that device I/O changed */
    uint64_t foreign_blocks;   /* 16-byte blocks of another guest's plaintext that reached a core */
    uint64_t measurements_wrong; /* launches whose measurement is not the owner's */
    uint64_t sp_failures;        /* commands of a lawful sequence that the firmware refused */
} cbit_run_checks_t;
extern const cbit_row_t cbit_run_check_rows[];

enum { CBIT_RUN_NAME_BYTES = 64 };

/* How a guest came to its end. */
typedef enum cbit_guest_end {
    CBIT_GUEST_FINISHED, /* its program ran to the end */
    CBIT_GUEST_DIED,     /* an exit that no hypervisor can resume from; see last_exit */
    CBIT_GUEST_REFUSED,  /* was never launched: no ASID, or the firmware refused */
    CBIT_GUEST_ENDS,
} cbit_guest_end_t;

/* "finished", "died", "refused". */
extern const char *const cbit_guest_end_words[CBIT_GUEST_ENDS + 1];

typedef struct cbit_run_guest {
    char name[CBIT_RUN_NAME_BYTES];
    uint32_t asid; /* 0: protection none */
    uint32_t end;  /* cbit_guest_end_t */
    int32_t last_exit;
    bool launch_measurement_ok; /* owner's digest agrees with LAUNCH_MEASURE */
    bool secret_ok;             /* the guest has read the secret that its owner has sent */
    uint64_t launch_ps;         /* LAUNCH_START sent to LAUNCH_FINISH answered */
    uint64_t launch_bytes;      /* through LAUNCH_UPDATE_DATA */
    uint64_t started_ps;        /* its vCPUs were let go: the first VMRUN follows */
    uint64_t first_vmrun_ps;
    uint64_t run_ps;   /* first VMRUN to the end, probes not counted: what slowdown compares */
    uint64_t probe_ps; /* time taken by probes */
    uint64_t vmruns, exits_ioio, exits_npf, exits_intr, exits_hlt, exits_other;
    uint64_t core_ps; /* time for which its vCPUs had a core, the hypervisor's work included */
    uint64_t vmgexits, vc_exceptions;
    uint64_t moves;       /* of its vCPUs from core to core */
    uint64_t tlb_flushes; /* VMRUNs that flushed its ASID: another vCPU of it ran there last */
    uint64_t asid_losses; /* times that its ASID was given to another guest */
    uint64_t io_requests, io_bytes, io_failed, device_errors, interrupts;
    uint64_t dma_private_reads, dma_private_writes; /* lines */
    uint64_t dma_bounces, dma_bounced_bytes; /* by the host, for devices that do not reach them */
    uint64_t swiotlb_slots, swiotlb_mappings, swiotlb_failures, swiotlb_fallovers;
    uint64_t swiotlb_high_water, swiotlb_occupancy; /* slots */
    uint64_t loads_checked, fetches_checked, load_mismatches, fetch_mismatches;
    uint64_t loads_raced;     /* agreed with another order of several vCPUs' stores */
    uint64_t loads_corrupted; /* of a page whose content a migration has lost */
    uint64_t dirty_faults;    /* stores to pages that were write-protected to see them */
    uint64_t notices;         /* of pages that are private or shared from now on */
    uint64_t bounced_bytes;   /* copied through the bounce buffer */
    uint64_t resident_pages;  /* guest pages that have a host frame */
    cbit_vcpu_stats_t vcpu;   /* summed over its vCPUs and the cores that they ran on */
} cbit_run_guest_t;
extern const cbit_row_t cbit_run_guest_rows[];

typedef struct cbit_run_event {
    bool skipped;       /* it did not happen; the rest is unset but for guest, vcpu and kind */
    const char *reason; /* of that: "engine" (its `engines` do not name this mode), "migrated"
                           (its guest had gone to the other machine), "ended" (or was over) */
    cbit_ps_t at_ps;
    uint32_t guest; /* index */
    uint32_t vcpu;
    uint32_t asid;       /* the ASID that VMRUN, the key or the device access used; 0 if none */
    const char *kind;    /* as in the scenario; static text */
    int32_t exit_code;   /* of the VMEXIT, or the firmware's status for SP commands */
    const char *outcome; /* exit's word, plaintext, ciphertext, garbage, stale, ok, refused */
    uint64_t info1, info2;
    uint64_t blocks;         /* 16-byte blocks under that key that reached the core or the device */
    uint64_t foreign_blocks; /* those of them that are another guest's plaintext */
    uint64_t changed_blocks; /* memory probes: blocks that are not what they should be */
    uint64_t xor_values;     /* move_ciphertext: values that (seen xor moved plaintext) takes */
    uint64_t span_ps;        /* from its start until everything was put back */
    cbit_bus_line_t *lines;  /* capture_bus: in order of time; the result's */
    uint64_t lines_count;
} cbit_run_event_t;
extern const cbit_row_t cbit_run_event_rows[];

/* Large (histograms): not for the stack. */
typedef struct cbit_run_result {
    cbit_ps_t time_ps;             /* end of the last guest's teardown */
    cbit_platform_stats_t machine; /* latencies, caches, controllers, engines, SP */
    cbit_umc_account_t *memory;    /* energy, reasons and levels of the memory controllers */
    uint64_t wbinvds, df_flushes;  /* asked for by the hypervisor; a WBINVD is one core's */
    cbit_run_checks_t checks;
    uint32_t guest_count;
    cbit_run_guest_t *guests; /* scenario order */
    uint32_t event_count;
    cbit_run_event_t *events; /* scenario order */
    uint32_t migration_count;
    cbit_run_migration_t *migrations; /* scenario order; each event's that was not skipped */
} cbit_run_result_t;

/* When a guest came to its end; 0 for one that never ran. */
static inline cbit_ps_t cbit_run_guest_end_ps(const cbit_run_guest_t *guest)
{
    return guest->first_vmrun_ps + guest->run_ps + guest->probe_ps;
}

/*
 * Runs the scenario to its end. *out is filled by success only and belongs to the caller, who ends
 * it with cbit_run_result_clear. Errors: what the scenario asks for does not fit the machine or
 * names a bad trace (CONFLICT, RANGE, FORMAT, INPUT_FILE: diag says which pointer); NO_MEMORY;
 * INTERNAL when the simulation stopped with unfinished guests (a hang is a bug in cbit, and diag
 * names what every guest was waiting for).
 */
cbit_err_t cbit_hypervisor_run(const cbit_scenario_t *scenario,
                               const cbit_hypervisor_options_t *options, cbit_run_result_t *out,
                               cbit_diag_t *diag);

/* Reports what cbit_hypervisor_run would refuse before its first event. Builds programs and
   machine, and destroys them. */
cbit_err_t cbit_hypervisor_check(const cbit_scenario_t *scenario,
                                 const cbit_hypervisor_options_t *options, cbit_diag_t *diag);

/* Frees what the result owns; an all-zero result is allowed. */
void cbit_run_result_clear(cbit_run_result_t *result);

#ifdef __cplusplus
}
#endif
#endif
