#include "cbit/workloads/hypervisor.h"

#define US UINT64_C(1000000)
#define NS UINT64_C(1000)

static const char *const asid_policy_names[] = {"bind", "rotate", NULL};

static const char *const iommu_names[] = {"translated", "passthrough", NULL};
static const char *const scheduler_names[] = {"round_robin", "weighted_fair", NULL};

const cbit_row_t cbit_hypervisor_rows[] = {
    {CBIT_FIELD(ENUM, cbit_hypervisor_config_t, scheduler), .names = scheduler_names,
     .fallback = CBIT_SCHEDULER_ROUND_ROBIN, .source = "by construction: the simplest one",
     .help = "Which vCPU runs next on a shared core; weighted_fair: the one that has run least for "
             "its guest's weight"},
    {CBIT_FIELD(BOOL, cbit_hypervisor_config_t, balance), .fallback = true,
     .source = "Linux: an idle core pulls waiting tasks (newidle balance)",
     .help = "An idle core takes vCPUs that wait elsewhere and are not pinned"},
    {CBIT_FIELD(PS, cbit_hypervisor_config_t, quantum_us), .unit = "us", .min = 10 * US,
     .max = 1000000 * US, .fallback = 1000 * US,
     .source = "assumed: the tick of a Linux kernel with HZ=1000",
     .help = "Time slice of a vCPU that shares its core"},
    {CBIT_FIELD(PS, cbit_hypervisor_config_t, exit_io_ns), .unit = "ns", .max = 1000000 * NS,
     .fallback = 1635 * NS,
     .source = "CVM_eval, SIGMETRICS 2025: port I/O of a plain VM on EPYC 9334, exit and return",
     .help = "Exit for port I/O and return to the guest, the processor's share included"},
    {CBIT_FIELD(PS, cbit_hypervisor_config_t, exit_hypercall_ns), .unit = "ns", .max = 1000000 * NS,
     .fallback = 1255 * NS,
     .source = "CVM_eval, SIGMETRICS 2025: hypercall of a plain VM on EPYC 9334, exit and return",
     .help = "Exit for a hypercall and return to the guest, the processor's share included"},
    {CBIT_FIELD(PS, cbit_hypervisor_config_t, exit_other_ns), .unit = "ns", .max = 1000000 * NS,
     .fallback = 1290 * NS,
     .source = "assumed: as an MSR exit (CVM_eval, SIGMETRICS 2025, plain VM on EPYC 9334)",
     .help = "Any other exit and return to the guest, the processor's share included"},
    {CBIT_FIELD(PS, cbit_hypervisor_config_t, exit_vc_io_ns), .unit = "ns", .max = 1000000 * NS,
     .fallback = 3885 * NS,
     .source =
         "CVM_eval, SIGMETRICS 2025: port I/O of an SNP guest on EPYC 9334, through #VC, GHCB "
         "and VMGEXIT; stands in for SEV-ES",
     .help =
         "SEV-ES: port I/O, as exit_io_ns; the model's traffic for VMSA and GHCB is added to it"},
    {CBIT_FIELD(PS, cbit_hypervisor_config_t, exit_vc_hypercall_ns), .unit = "ns",
     .max = 1000000 * NS, .fallback = 3553 * NS,
     .source = "CVM_eval, SIGMETRICS 2025: hypercall of an SNP guest on EPYC 9334; stands in for "
               "SEV-ES",
     .help = "SEV-ES: a hypercall, as exit_hypercall_ns"},
    {CBIT_FIELD(PS, cbit_hypervisor_config_t, exit_vc_other_ns), .unit = "ns", .max = 1000000 * NS,
     .fallback = 3573 * NS,
     .source = "CVM_eval, SIGMETRICS 2025: MSR exit of an SNP guest on EPYC 9334; stands in for "
               "SEV-ES",
     .help = "SEV-ES: any other exit that the guest asks for, as exit_other_ns"},
    {CBIT_FIELD(PS, cbit_hypervisor_config_t, device_ns), .unit = "ns", .max = 1000000 * NS,
     .fallback = 1000 * NS, .source = "assumed: one PCIe round trip and a little logic",
     .help = "Doorbell to a device's first DMA request"},
    {CBIT_FIELD(PS, cbit_hypervisor_config_t, emulation_ns), .unit = "ns", .max = 1000000 * NS,
     .fallback = 5000 * NS,
     .source = "assumed: an eventfd's wake-up of the emulating thread and its own work",
     .help = "Doorbell of an emulated device to its first access to data"},
    {CBIT_FIELD(BOOL, cbit_hypervisor_config_t, marked_tables), .fallback = true,
     .source = "Linux: KVM maps pages accessed and dirty",
     .help = "Nested tables are built with accessed and dirty bits set; false: walks set them"},
    {CBIT_FIELD(ENUM, cbit_hypervisor_config_t, iommu), .names = iommu_names,
     .source = "Linux: VFIO maps a guest's memory at its own addresses",
     .help = "translated: real devices use guest addresses, through I/O page tables in host "
             "memory; passthrough: they use system physical addresses, C-bit included (iommu=pt)"},
    {CBIT_FIELD(U32, cbit_hypervisor_config_t, dma_mask_bits), .unit = "bits", .min = 32, .max = 64,
     .fallback = 64, .source = "by construction: what PCI Express devices drive",
     .help = "Address bits that real devices drive; the host copies for them what they cannot "
             "reach, in particular addresses with the C-bit"},
    {CBIT_FIELD(ENUM, cbit_hypervisor_config_t, asid_policy), .names = asid_policy_names,
     .fallback = CBIT_ASID_BIND, .source = "KVM binds an ASID for a guest's life",
     .help = "bind: a launch beyond the last ASID is refused; rotate: guests take turns"},
    {CBIT_FIELD(PS, cbit_hypervisor_config_t, asid_residency_us), .unit = "us", .min = US,
     .max = 10000000 * US, .fallback = 5000 * US,
     .source = "assumed: several time slices, so that the flushes stay below the work",
     .help = "Minimum time for which a guest keeps its ASID while others wait (rotate)"},
    {CBIT_FIELD(PS, cbit_hypervisor_config_t, probe_limit_us), .unit = "us", .min = US,
     .max = 1000000 * US, .fallback = 100 * US,
     .source = "design choice: far above what the 64 instructions of the check can take",
     .help = "A probed vCPU that has not exited by then is interrupted"},
    {.key = NULL},
};

const cbit_row_t cbit_hypervisor_section_rows[] = {
    {.key = "hypervisor",
     .type = CBIT_ROW_OBJECT,
     .rows = cbit_hypervisor_rows,
     .help = "What the hypervisor's own software does and costs"},
    {.key = NULL},
};

const char *const cbit_guest_end_words[CBIT_GUEST_ENDS + 1] = {"finished", "died", "refused", NULL};

#define COUNTER(struct_type, field, sentence)                                                      \
    {                                                                                              \
        CBIT_FIELD(U64, struct_type, field), .help = (sentence)                                    \
    }
#define PICOSECONDS(struct_type, field, sentence)                                                  \
    {                                                                                              \
        CBIT_FIELD(U64, struct_type, field), .unit = "ps", .help = (sentence)                      \
    }

const cbit_row_t cbit_run_check_rows[] = {
    COUNTER(cbit_run_checks_t, stage_mismatches,
            "Requests whose stages do not add up to their latency"),
    COUNTER(cbit_run_checks_t, requests_lost,
            "Requests that entered a memory controller and never left"),
    COUNTER(cbit_run_checks_t, load_mismatches,
            "Loads that did not return what the shadow of the stores says"),
    COUNTER(cbit_run_checks_t, fetch_mismatches,
            "Instruction fetches that did not return the recording, probes not counted"),
    COUNTER(cbit_run_checks_t, io_mismatches,
            "Blocks of device I/O that came out other than they went in"),
    COUNTER(cbit_run_checks_t, foreign_blocks,
            "16-byte blocks of another guest's plaintext that reached a core"),
    COUNTER(cbit_run_checks_t, measurements_wrong,
            "Launches whose measurement is not the one that the guest's owner computes"),
    COUNTER(cbit_run_checks_t, sp_failures,
            "Commands of a lawful sequence that the firmware refused"),
    {.key = NULL},
};

const cbit_row_t cbit_run_guest_rows[] = {
    PICOSECONDS(cbit_run_guest_t, launch_ps, "LAUNCH_START sent to LAUNCH_FINISH answered"),
    {CBIT_FIELD(U64, cbit_run_guest_t, launch_bytes), .unit = "bytes",
     .help = "Measured and encrypted by LAUNCH_UPDATE_DATA"},
    PICOSECONDS(cbit_run_guest_t, first_vmrun_ps, "When the guest first ran"),
    PICOSECONDS(cbit_run_guest_t, run_ps,
                "First VMRUN, or the end of the warm-up, to the end; probes not counted"),
    PICOSECONDS(cbit_run_guest_t, probe_ps, "Time taken by probes"),
    COUNTER(cbit_run_guest_t, vmruns, "VMRUNs of its vCPUs, probes not counted"),
    COUNTER(cbit_run_guest_t, exits_ioio, "Exits for port I/O"),
    COUNTER(cbit_run_guest_t, exits_npf, "Nested page faults"),
    COUNTER(cbit_run_guest_t, exits_intr, "Exits for interrupts of the host"),
    COUNTER(cbit_run_guest_t, exits_hlt, "HLT exits, the program's end included"),
    COUNTER(cbit_run_guest_t, exits_other, "All other exits"),
    PICOSECONDS(cbit_run_guest_t, core_ps,
                "Time for which its vCPUs had a core, the hypervisor's work for them included"),
    COUNTER(cbit_run_guest_t, vmgexits, "Exits that the guest asked for through its GHCB (SEV-ES)"),
    COUNTER(cbit_run_guest_t, vc_exceptions, "#VC exceptions that it has handled (SEV-ES)"),
    COUNTER(cbit_run_guest_t, moves, "Times that one of its vCPUs went to another core"),
    COUNTER(cbit_run_guest_t, tlb_flushes,
            "VMRUNs that flushed the guest's ASID on their core, because another vCPU of it had "
            "run there or this one elsewhere"),
    COUNTER(cbit_run_guest_t, asid_losses, "Times that its ASID was given to another guest"),
    COUNTER(cbit_run_guest_t, io_requests, "Requests that a device has served"),
    {CBIT_FIELD(U64, cbit_run_guest_t, io_bytes), .unit = "bytes",
     .help = "Bytes moved by devices"},
    COUNTER(cbit_run_guest_t, io_failed,
            "Transfers that failed: no room in the bounce buffer, or the device had given up"),
    COUNTER(cbit_run_guest_t, device_errors, "Times that a device found nonsense in its queue"),
    COUNTER(cbit_run_guest_t, interrupts, "Interrupts of devices that its vCPUs have taken"),
    COUNTER(cbit_run_guest_t, dma_private_reads,
            "Lines of private pages that devices read, without getting what the guest had written"),
    COUNTER(cbit_run_guest_t, dma_private_writes,
            "Lines of private pages that devices overwrote, which are garbage for the guest"),
    COUNTER(cbit_run_guest_t, dma_bounces,
            "Pieces of transfers that the host copied because the device could not reach them"),
    {CBIT_FIELD(U64, cbit_run_guest_t, dma_bounced_bytes), .unit = "bytes",
     .help = "Bytes of those copies"},
    {CBIT_FIELD(U64, cbit_run_guest_t, swiotlb_slots), .unit = "slots",
     .help = "Size of the bounce buffer, in slots of 2 KiB"},
    COUNTER(cbit_run_guest_t, swiotlb_mappings, "Mappings of the bounce buffer"),
    COUNTER(cbit_run_guest_t, swiotlb_failures,
            "Mappings that failed because the bounce buffer was full"),
    COUNTER(cbit_run_guest_t, swiotlb_fallovers, "Mappings in another area than the vCPU's own"),
    {CBIT_FIELD(U64, cbit_run_guest_t, swiotlb_high_water), .unit = "slots",
     .help = "Maximum of slots in use at the same time"},
    {CBIT_FIELD(U64, cbit_run_guest_t, swiotlb_occupancy), .unit = "slots",
     .help = "Slots in use, on average after each mapping"},
    COUNTER(cbit_run_guest_t, loads_checked, "Loads compared with the shadow of the stores"),
    COUNTER(cbit_run_guest_t, fetches_checked, "Fetches compared with the recording"),
    COUNTER(cbit_run_guest_t, load_mismatches,
            "Loads that did not return what the shadow of the stores says"),
    COUNTER(cbit_run_guest_t, loads_raced,
            "Loads of data shared by vCPUs that saw the stores in another order than the shadow"),
    COUNTER(cbit_run_guest_t, fetch_mismatches,
            "Fetches that did not return the recording, probes not counted"),
    COUNTER(cbit_run_guest_t, loads_corrupted,
            "Such loads, of a page whose content a migration has lost"),
    COUNTER(cbit_run_guest_t, dirty_faults,
            "Nested faults of the dirty log: first stores to pages since their last round"),
    COUNTER(cbit_run_guest_t, notices,
            "Hypercalls by which it has told which of its pages are shared"),
    {CBIT_FIELD(U64, cbit_run_guest_t, bounced_bytes), .unit = "bytes",
     .help = "Copied through the bounce buffer"},
    {CBIT_FIELD(U64, cbit_run_guest_t, resident_pages), .unit = "pages",
     .help = "Guest pages that have a frame of the host"},
    {.key = NULL},
};

const cbit_row_t cbit_run_round_rows[] = {
    {CBIT_FIELD(U64, cbit_run_round_t, private_pages), .unit = "pages",
     .help = "Sent through both Secure Processors"},
    {CBIT_FIELD(U64, cbit_run_round_t, shared_pages), .unit = "pages", .help = "Sent in clear"},
    {CBIT_FIELD(U64, cbit_run_round_t, bytes), .unit = "bytes",
     .help = "On the link, headers included"},
    PICOSECONDS(cbit_run_round_t, begin_ps, "When its pages were taken out of the dirty log"),
    PICOSECONDS(cbit_run_round_t, span_ps, "From then until the last of them was on the link"),
    PICOSECONDS(cbit_run_round_t, send_ps,
                "The source's Secure Processor: doorbell to answer of SEND_UPDATE commands"),
    PICOSECONDS(cbit_run_round_t, receive_ps,
                "The target's: doorbell to answer of RECEIVE_UPDATE commands"),
    {CBIT_FIELD(U64, cbit_run_round_t, dirty_pages), .unit = "pages",
     .help = "Written to in the meantime: what the next round sends"},
    {.key = NULL},
};

const cbit_row_t cbit_run_migration_rows[] = {
    PICOSECONDS(cbit_run_migration_t, begin_ps, "When the migration began"),
    PICOSECONDS(cbit_run_migration_t, total_ps,
                "Until the guest runs on the target, or until it is given up"),
    PICOSECONDS(cbit_run_migration_t, setup_ps,
                "SEND_START on the source to ACTIVATE on the target"),
    PICOSECONDS(cbit_run_migration_t, downtime_ps,
                "From stopping the guest until it may go on, there or here"),
    {CBIT_FIELD(U64, cbit_run_migration_t, bytes), .unit = "bytes",
     .help = "On the link, headers included"},
    {CBIT_FIELD(U64, cbit_run_migration_t, state_pages), .unit = "pages",
     .help = "VMCBs, and VMSAs of guests with encrypted state"},
    {CBIT_FIELD(U64, cbit_run_migration_t, pages_compared), .unit = "pages",
     .help = "Compared after the last round, each as the guest sees it here and there"},
    {CBIT_FIELD(U64, cbit_run_migration_t, pages_wrong), .unit = "pages",
     .help = "Those that are not the same"},
    {.key = NULL},
};

const cbit_row_t cbit_run_event_rows[] = {
    COUNTER(cbit_run_event_t, info1, "EXITINFO1 of the exit"),
    COUNTER(cbit_run_event_t, info2, "EXITINFO2 of the exit"),
    COUNTER(cbit_run_event_t, blocks, "16-byte blocks that reached the core or the device"),
    COUNTER(cbit_run_event_t, foreign_blocks,
            "Those of them that are plaintext of a guest that does not run here"),
    COUNTER(cbit_run_event_t, changed_blocks,
            "Probes of memory: 16-byte blocks that are not what their owner wrote"),
    COUNTER(cbit_run_event_t, xor_values,
            "move_ciphertext: values that what is seen xor what was moved takes"),
    PICOSECONDS(cbit_run_event_t, span_ps, "From the start until everything was put back"),
    {.key = NULL},
};
