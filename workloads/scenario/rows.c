/* Every key of a scenario that is not the machine's, declared once. */
#include "cbit/sim/time.h"
#include "cbit/workloads/scenario.h"

const char *const cbit_engine_mode_words[CBIT_ENGINE_MODES + 1] = {"off", "model", "rtl",
                                                                   "lockstep", NULL};

static const char *const protection_words[] = {"none", "sev", "sev_es", NULL};
static const char *const vcpu_data_words[] = {"own", "common", NULL};
static const char *const event_words[CBIT_EVENT_KINDS + 1] = {"run_with_asid",
                                                              "skip_activate",
                                                              "dma_read",
                                                              "dma_write",
                                                              "activate_other_key",
                                                              "clear_nested_present",
                                                              "remap_page",
                                                              "read_guest_page",
                                                              "flip_ciphertext",
                                                              "move_ciphertext",
                                                              "replay_page",
                                                              "tamper_launch",
                                                              "convert_page",
                                                              "skip_tlb_flush",
                                                              "write_ciphertext",
                                                              "alias_dimm",
                                                              "invd",
                                                              "capture_bus",
                                                              "permute_launch",
                                                              "step",
                                                              "migrate",
                                                              NULL};
static const char *const when_words[] = {"time", "launch", "first_vmrun", "paged", NULL};
static const char *const pages_words[] = {"private", "shared", "bounced", NULL};
static const char *const order_words[] = {"kept", "changed", NULL};
static const char *const device_words[] = {"real", "virtio_blk", "virtio_net", NULL};
static const char *const tamper_words[CBIT_TAMPER_KINDS + 1] = {"none",
                                                                "missed_notice",
                                                                "changed_packet",
                                                                "replayed_packet",
                                                                "swapped_packets",
                                                                "changed_certificate",
                                                                "other_certificate",
                                                                NULL};
static const char *const op_words[] = {"==", "!=", "<", "<=", ">", ">=", "in", "between", NULL};

#define KIND(name) (UINT64_C(1) << (name))
#define DMA_KINDS  (KIND(CBIT_EVENT_DMA_READ) | KIND(CBIT_EVENT_DMA_WRITE))

static const cbit_row_t policy_rows[] = {
    {CBIT_FIELD(BOOL, cbit_guest_policy_t, debug), .source = "QEMU's default policy: NODBG",
     .help = "Without NODBG: the host may read the guest's memory by DBG_DECRYPT"},
    {CBIT_FIELD(BOOL, cbit_guest_policy_t, noks), .source = "by construction",
     .help = "NOKS: no other guest may share its key"},
    {CBIT_FIELD(BOOL, cbit_guest_policy_t, nosend), .source = "by construction",
     .help = "NOSEND: it must not be sent to another platform"},
    {CBIT_FIELD(BOOL, cbit_guest_policy_t, domain), .source = "by construction",
     .help = "DOMAIN: only to a platform of the same owner"},
    {CBIT_FIELD(BOOL, cbit_guest_policy_t, sev), .source = "by construction",
     .help = "SEV: only to a platform whose certificate chain leads to AMD's root"},
    {.key = NULL},
};

static const cbit_row_t guest_rows[] = {
    {CBIT_FIELD(STRING, cbit_scenario_guest_t, name), .min = 1, .max = CBIT_SCENARIO_NAME_BYTES,
     .required = true, .help = "What events, tables and reports call the guest"},
    {CBIT_FIELD(ENUM, cbit_scenario_guest_t, protection), .names = protection_words,
     .fallback = CBIT_PROTECTION_SEV, .source = "by construction: encryption is what is modelled",
     .help = "none: an ordinary guest; sev: launched by the Secure Processor under its own key; "
             "sev_es: its registers as well"},
    {CBIT_FIELD(U32, cbit_scenario_guest_t, asid), .min = 1, .max = 1023, .optional = true,
     .help = "Address space id, which is also the key slot; absent: the lowest free one"},
    {CBIT_FIELD(SIZE, cbit_scenario_guest_t, memory), .unit = "bytes", .min = 4 << 20,
     .max = UINT64_C(1) << 40, .fallback = 256 << 20, .source = "assumed: a small cloud guest",
     .help = "Guest physical memory; whole pages"},
    {CBIT_FIELD(U32, cbit_scenario_guest_t, vcpus), .min = 1, .max = CBIT_GUEST_MAX_VCPUS,
     .fallback = 1, .source = "by construction: traces are of one thread",
     .help = "Virtual CPUs; each runs the guest's traffic, a pattern with a seed of its own"},
    {CBIT_FIELD(ENUM, cbit_scenario_guest_t, vcpu_data), .names = vcpu_data_words,
     .source = "by construction: most threads keep to themselves",
     .help = "own: each vCPU has its copy of the traffic's data; common: all use the same"},
    {.key = "cores",
     .type = CBIT_ROW_ARRAY,
     .element = CBIT_ROW_U32,
     .element_bytes = sizeof(uint32_t),
     .max = CBIT_GUEST_MAX_VCPUS,
     .offset = offsetof(cbit_scenario_guest_t, cores),
     .count_offset = offsetof(cbit_scenario_guest_t, cores_count),
     .optional = true,
     .help = "Cores that its vCPUs are pinned to, in turn; absent: the next ones that are free"},
    {CBIT_FIELD(U32, cbit_scenario_guest_t, node), .max = 7, .fallback = UINT32_MAX,
     .optional = true,
     .help = "NUMA node that its memory comes from, of /fabric/sockets x /fabric/nodes_per_socket; "
             "absent: the first one that has room, whatever cores it runs on"},
    {CBIT_FIELD(U32, cbit_scenario_guest_t, weight), .min = 1, .max = 10000, .fallback = 100,
     .source = "by construction: all alike",
     .help = "Share of a core against others' (/hypervisor/scheduler weighted_fair)"},
    {CBIT_FIELD(BOOL, cbit_scenario_guest_t, secret),
     .source = "by construction: most launches need no owner",
     .help =
         "The owner opens a session (LAUNCH_START with certificate and blob) and sends a secret "
         "once the measurement agrees; the secret goes to the last page of the guest's memory"},
    {CBIT_FIELD(OBJECT, cbit_scenario_guest_t, policy), .rows = policy_rows,
     .help = "What its owner forbids the platform: bits of the policy of LAUNCH_START"},
    {CBIT_FIELD(BOOL, cbit_scenario_guest_t, unaware),
     .source = "by construction: unaware ones do not live long",
     .help = "A guest system that sets no C-bit in its page tables although it runs under sev"},
    {CBIT_FIELD(STRING, cbit_scenario_guest_t, after), .max = CBIT_SCENARIO_NAME_BYTES,
     .optional = true,
     .help = "Guest after whose teardown this one is launched; it may have the same ASID"},
    {CBIT_FIELD(SIZE, cbit_scenario_guest_t, swiotlb), .unit = "bytes", .min = 256 << 10,
     .max = 1 << 30, .optional = true,
     .help = "Size of the bounce buffer, a multiple of 256 KiB; absent: as in Linux, 6 % of "
             "memory, from 64 MiB to 1 GiB, but at most an eighth of memory; 512 KiB without I/O"},
    {CBIT_FIELD(OBJECT, cbit_scenario_guest_t, io), .rows = cbit_guest_io_load_rows,
     .optional = true, .help = "I/O of the guest's program, on each vCPU; absent: none"},
    {CBIT_FIELD(OBJECT, cbit_scenario_guest_t, traffic), .rows = cbit_traffic_rows,
     .required = true, .help = "What the guest runs"},
    {.key = NULL},
};

/* clang-format off: offsetof of a member's member has no row of its own spelling */
#define ENGINES(struct_type)                                                                       \
    {                                                                                              \
        .key = "engines", .type = CBIT_ROW_ARRAY, .element = CBIT_ROW_ENUM,                        \
        .names = cbit_engine_mode_words, .element_bytes = sizeof(uint32_t),                        \
        .max = CBIT_ENGINE_MODES,                                                                  \
        .offset = offsetof(struct_type, engines) + offsetof(cbit_engine_list_t, items),            \
        .count_offset = offsetof(struct_type, engines) + offsetof(cbit_engine_list_t, count),      \
        .optional = true, .help = "Modes of --engine that this applies to; absent: all"            \
    }
/* clang-format on */

static const cbit_row_t event_rows[] = {
    {CBIT_FIELD(ENUM, cbit_scenario_event_t, kind), .names = event_words, .required = true,
     .help = "What is done"},
    {CBIT_FIELD(ENUM, cbit_scenario_event_t, when), .names = when_words,
     .source = "by construction",
     .help = "time: at at_us; launch: before ACTIVATE; first_vmrun: instead of it, not yet paged; "
             "paged: at the first VMRUN after the guest has turned paging on"},
    {CBIT_FIELD(PS, cbit_scenario_event_t, at_us), .unit = "us", .max = UINT64_C(10000000000000),
     .fallback = CBIT_PS_NEVER, .optional = true,
     .help = "Simulated time of the event, from the start"},
    {CBIT_FIELD(STRING, cbit_scenario_event_t, guest), .min = 1, .max = CBIT_SCENARIO_NAME_BYTES,
     .required = true, .help = "Name of the guest that the event acts on"},
    {CBIT_FIELD(U32, cbit_scenario_event_t, vcpu), .max = 1023, .source = "by construction",
     .help = "Its vCPU"},
    {CBIT_FIELD(U32, cbit_scenario_event_t, asid), .min = 1, .max = 1023, .required = true,
     .only_kinds = KIND(CBIT_EVENT_RUN_WITH_ASID), .help = "ASID in the VMCB instead of its own"},
    {CBIT_FIELD(BOOL, cbit_scenario_event_t, flush_tlb), .fallback = true,
     .only_kinds = KIND(CBIT_EVENT_RUN_WITH_ASID), .source = "by construction",
     .help = "Flush the core's TLB before the VMRUN, so that every translation is walked"},
    {CBIT_FIELD(BOOL, cbit_scenario_event_t, flush), .fallback = true,
     .only_kinds = KIND(CBIT_EVENT_CONVERT_PAGE), .source = "Linux: __set_memory_enc_pgtable",
     .help = "Flush the page's lines from the caches before each change of its C-bit"},
    {CBIT_FIELD(ENUM, cbit_scenario_event_t, device), .names = device_words,
     .only_kinds = DMA_KINDS, .source = "by construction: the first of them",
     .help = "real: a device's DMA behind the IOMMU; virtio_blk, virtio_net: emulated by the host"},
    {CBIT_FIELD(ENUM, cbit_scenario_event_t, pages), .names = pages_words, .required = true,
     .only_kinds = DMA_KINDS | KIND(CBIT_EVENT_READ_GUEST_PAGE),
     .help = "Kind of page that the device's buffer is in, or that is read"},
    {CBIT_FIELD(PS, cbit_scenario_event_t, hold_us), .unit = "us", .min = 1000000,
     .max = UINT64_C(10000000000000), .fallback = 50 * 1000000,
     .only_kinds = KIND(CBIT_EVENT_REPLAY_PAGE) | KIND(CBIT_EVENT_ALIAS_DIMM),
     .source = "assumed: long enough for some stores",
     .help = "Time between taking the old ciphertext and putting it back"},
    {CBIT_FIELD(SIZE, cbit_scenario_event_t, bytes), .unit = "bytes", .min = 64, .max = 256 << 10,
     .fallback = 4096, .only_kinds = DMA_KINDS, .source = "assumed: one page",
     .help = "Size of the transfer; a multiple of 64"},
    {CBIT_FIELD(BOOL, cbit_scenario_event_t, switched), .fallback = true,
     .only_kinds = KIND(CBIT_EVENT_ALIAS_DIMM),
     .source =
         "by construction: an interposer that switches; false: a DIMM whose SPD says too much",
     .help = "The DIMMs' highest address line is cut only while the alias is used; false: since "
             "power-on, and the host uses only the lower half of memory"},
    {CBIT_FIELD(ENUM, cbit_scenario_event_t, order), .names = order_words,
     .only_kinds = KIND(CBIT_EVENT_PERMUTE_LAUNCH), .source = "by construction",
     .help = "kept: two blocks are swapped in memory but measured in the owner's order; changed: "
             "they are in their places but measured in the other order"},
    {CBIT_FIELD(PS, cbit_scenario_event_t, for_us), .unit = "us", .min = 1,
     .max = UINT64_C(10000000000000), .fallback = 20 * 1000000,
     .only_kinds = KIND(CBIT_EVENT_CAPTURE_BUS), .source = "assumed: some thousand lines",
     .help = "How long the bus is captured"},
    {CBIT_FIELD(U32, cbit_scenario_event_t, lines), .min = 1, .max = 1 << 20, .fallback = 1 << 16,
     .only_kinds = KIND(CBIT_EVENT_CAPTURE_BUS), .source = "assumed: a small analyser's memory",
     .help = "Lines of 64 bytes to keep; --out writes them to bus-N.csv for event N"},
    {CBIT_FIELD(U32, cbit_scenario_event_t, instructions), .min = 1, .max = 1 << 30, .fallback = 1,
     .only_kinds = KIND(CBIT_EVENT_STEP), .source = "by construction: single steps",
     .help = "Instructions of each step; those that the recording does not separate run together"},
    {CBIT_FIELD(U32, cbit_scenario_event_t, steps), .min = 1, .max = 1 << 20, .fallback = 100,
     .only_kinds = KIND(CBIT_EVENT_STEP), .source = "assumed: enough to see something",
     .help = "Number of steps, after which the guest runs on freely"},
    {CBIT_FIELD(BOOL, cbit_scenario_event_t, watch_pages), .fallback = true,
     .only_kinds = KIND(CBIT_EVENT_STEP), .source = "by construction",
     .help = "Makes all pages not present between steps, so that nested faults reveal which ones "
             "the guest uses"},
    {CBIT_FIELD(U32, cbit_scenario_event_t, rounds), .min = 1, .max = CBIT_SCENARIO_MAX_ROUNDS,
     .fallback = 8, .only_kinds = KIND(CBIT_EVENT_MIGRATE),
     .source = "assumed: what has not converged by then will not",
     .help = "Rounds before the guest is stopped for the last one; the first sends all of its "
             "memory, the others what it has written meanwhile"},
    {CBIT_FIELD(U32, cbit_scenario_event_t, dirty_threshold), .unit = "pages", .max = 1 << 20,
     .fallback = 16, .only_kinds = KIND(CBIT_EVENT_MIGRATE),
     .source = "assumed: about two milliseconds of the Secure Processors",
     .help = "The guest is stopped once at most this many pages are dirty"},
    {CBIT_FIELD(ENUM, cbit_scenario_event_t, tamper), .names = tamper_words,
     .only_kinds = KIND(CBIT_EVENT_MIGRATE), .source = "by construction",
     .help = "What goes wrong on the way: the guest does not tell that one page is private again; "
             "one bit of a packet is changed; a page's first packet replaces its last; two "
             "pages' packets change places; one bit of the target's certificate is changed; the "
             "source's own certificate stands in for it"},
    ENGINES(cbit_scenario_event_t),
    {.key = NULL},
};

static const cbit_row_t expect_rows[] = {
    {CBIT_FIELD(STRING, cbit_scenario_expect_t, path), .min = 1, .max = CBIT_SCENARIO_PATH_BYTES,
     .required = true, .help = "JSON pointer into result.json"},
    {CBIT_FIELD(ENUM, cbit_scenario_expect_t, op), .names = op_words, .required = true,
     .help = "How the value at path is compared; in: equal to one of an array; between: [low, "
             "high], both included"},
    {CBIT_FIELD(JSON, cbit_scenario_expect_t, value), .required = true,
     .help = "Value to compare with"},
    ENGINES(cbit_scenario_expect_t),
    {.key = NULL},
};

static const cbit_row_t target_rows[] = {
    {CBIT_FIELD(U64, cbit_scenario_target_t, seed), .optional = true,
     .help = "Seed of the second machine's fuses, keys and tweak constants; absent: derived from "
             "/seed"},
    {CBIT_FIELD(RATIO, cbit_scenario_target_t, link_gbs), .unit = "GB/s", .min = 1000,
     .max = UINT64_C(1000000000), .fallback = 1250000, .source = "assumed: 10 Gb/s Ethernet",
     .help = "Bandwidth of the link between the machines"},
    {CBIT_FIELD(PS, cbit_scenario_target_t, link_us), .unit = "us", .max = UINT64_C(1000000000000),
     .fallback = 20 * 1000000, .source = "assumed: two switches of one data centre",
     .help = "Latency of one packet on the link, one way, without the time for its length"},
    {CBIT_FIELD(U32, cbit_scenario_target_t, window), .unit = "packets", .min = 1, .max = 1024,
     .fallback = 64, .source = "assumed: 256 KiB of socket buffers",
     .help = "Packets that may be on the link or wait for the second machine's Secure Processor"},
    {.key = NULL},
};

static const cbit_row_t run_rows[] = {
    {CBIT_FIELD(BOOL, cbit_scenario_run_t, baseline), .fallback = true, .source = "by construction",
     .help =
         "Also runs the scenario without the engine and without protection, to compute slowdowns"},
    {.key = NULL},
};

const cbit_row_t cbit_scenario_rows[] = {
    {CBIT_FIELD(STRING, cbit_scenario_t, title), .max = CBIT_SCENARIO_TITLE_BYTES,
     .source = "by construction", .help = "One line for tables and reports"},
    {CBIT_FIELD(U64, cbit_scenario_t, seed), .fallback = 1, .source = "by construction",
     .help = "Seed of every random choice: keys, tweak constants, frames, stored values"},
    {CBIT_FIELD(OBJECT, cbit_scenario_t, run), .rows = run_rows,
     .help = "What is run beside the scenario itself"},
    {CBIT_FIELD(OBJECT, cbit_scenario_t, target), .rows = target_rows,
     .help = "A second machine of the same kind that guests migrate to, and the link to it"},
    {CBIT_FIELD(ARRAY, cbit_scenario_t, guests), .rows = guest_rows, .min = 1,
     .max = CBIT_SCENARIO_MAX_GUESTS, .element_bytes = sizeof(cbit_scenario_guest_t),
     .count_offset = offsetof(cbit_scenario_t, guests_count), .required = true,
     .help = "Virtual machines"},
    {CBIT_FIELD(ARRAY, cbit_scenario_t, events), .rows = event_rows,
     .max = CBIT_SCENARIO_MAX_EVENTS, .element_bytes = sizeof(cbit_scenario_event_t),
     .count_offset = offsetof(cbit_scenario_t, events_count), .optional = true,
     .help = "What hypervisor and devices do to guests besides running them"},
    {CBIT_FIELD(ARRAY, cbit_scenario_t, expect), .rows = expect_rows,
     .max = CBIT_SCENARIO_MAX_EXPECTS, .element_bytes = sizeof(cbit_scenario_expect_t),
     .count_offset = offsetof(cbit_scenario_t, expect_count), .optional = true,
     .help = "What the result must show; a miss gives exit status 1"},
    {.key = NULL},
};
