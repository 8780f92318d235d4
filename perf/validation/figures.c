#include "perf/validation/figures.h"

#include <stddef.h>

#include "cbit/workloads/hypervisor.h"
#include "perf/validation/ask.h"

#define ANANDTECH   "AnandTech, EPYC 7742 review"
#define ROME_SLIDES "AMD Rome launch slides (from memory, 10 %)"
#define CVM_EVAL    "CVM_eval, SIGMETRICS 2025, EPYC 9334"
#define SNP_FOR_ES  "measured on an SNP guest, stands in for SEV-ES"

enum {
    OTHER = offsetof(cbit_hypervisor_config_t, exit_other_ns),
    VC_OTHER = offsetof(cbit_hypervisor_config_t, exit_vc_other_ns),
};

const validation_figure_t validation_figures[] = {
    /* idle latency: the fabric's fixed part is chosen per preset to meet one of these */
    {"Rome, random reads over 128 MiB, NPS4", 113000, 113000, "ns", VALIDATION_FITTED, 5, ANANDTECH,
     "", ask_walk_ns, "rome", 4, 128},
    {"Rome, random reads over 128 MiB, NPS1", 122000, 122000, "ns", VALIDATION_FITTED, 5, ANANDTECH,
     "", ask_walk_ns, "rome", 1, 128},
    {"Rome, random reads over 512 MiB, NPS4", 125000, 125000, "ns", VALIDATION_PREDICTED, 5,
     ANANDTECH, "from cold caches, where the span hardly matters; with full caches see below",
     ask_walk_ns, "rome", 4, 512},
    {"Rome, random reads over 512 MiB, NPS1", 134000, 134000, "ns", VALIDATION_PREDICTED, 5,
     ANANDTECH, "as above", ask_walk_ns, "rome", 1, 512},
    {"Rome, random reads over 128 MiB, NPS4, caches full", 113000, 113000, "ns",
     VALIDATION_PREDICTED, 5, ANANDTECH,
     "an eighth hits in L3; if the published run's caches were full too, the fabric's fixed part "
     "is too short",
     ask_full_walk_ns, "rome", 4, 128},
    {"Rome, 512 MiB over 128 MiB, NPS4", 12000, 12000, "ns", VALIDATION_PREDICTED, 25, ANANDTECH,
     "caches full: a complex's 16 MiB of L3 hold an eighth of 128 MiB and a 32nd of 512",
     ask_span_ns, "rome", 4, 512},
    {"Rome, 512 MiB over 128 MiB, NPS1", 12000, 12000, "ns", VALIDATION_PREDICTED, 25, ANANDTECH,
     "as above; difference of two published figures of 5 % each", ask_span_ns, "rome", 1, 512},
    {"Milan, local", 105000, 105000, "ns", VALIDATION_FITTED, 10, "AMD Genoa briefing", "",
     ask_walk_ns, "milan", 4, 128},
    {"Genoa, local", 118000, 118000, "ns", VALIDATION_FITTED, 10, "AMD Genoa briefing", "",
     ask_walk_ns, "genoa", 4, 128},
    {"Naples, local", 90000, 90000, "ns", VALIDATION_FITTED, 10, ROME_SLIDES, "", ask_walk_ns,
     "naples", 4, 128},
    {"Turin, one socket", 130000, 130000, "ns", VALIDATION_FITTED, 10,
     "derived from Chips and Cheese, Turin", "", ask_walk_ns, "turin", 1, 128},
    {"Rome, far quadrant of the socket, over local", 10000, 20000, "ns", VALIDATION_PREDICTED, 10,
     ROME_SLIDES, "", ask_farther_ns, "rome", 3, 1},
    {"Rome, other socket, over local", 97000, 107000, "ns", VALIDATION_FITTED, 10, ROME_SLIDES, "",
     ask_farther_ns, "rome", 4, 2},
    {"Naples, other die of the socket, over local", 51000, 51000, "ns", VALIDATION_FITTED, 10,
     ROME_SLIDES, "", ask_farther_ns, "naples", 1, 1},
    {"Naples, other socket, over local", 144000, 144000, "ns", VALIDATION_FITTED, 10, ROME_SLIDES,
     "", ask_farther_ns, "naples", 4, 2},
    /* bandwidth */
    {"Naples, peak of a socket", 170700, 170700, "GB/s", VALIDATION_CONFIGURED, 1, "8 x DDR4-2666",
     "", ask_bus_gbs, "naples", 0, 0},
    {"Rome, peak of a socket", 204800, 204800, "GB/s", VALIDATION_CONFIGURED, 1, ANANDTECH, "",
     ask_bus_gbs, "rome", 0, 0},
    {"Genoa, peak of a socket", 460800, 460800, "GB/s", VALIDATION_CONFIGURED, 1, "AMD data sheet",
     "", ask_bus_gbs, "genoa", 0, 0},
    {"Turin, peak of a socket", 576000, 576000, "GB/s", VALIDATION_CONFIGURED, 1, "12 x DDR5-6000",
     "", ask_bus_gbs, "turin", 0, 0},
    {"Rome, STREAM triad in parts of the peak", 800, 880, "", VALIDATION_PREDICTED, 5,
     "HPC vendor reports (from memory)",
     "an ideal generator with two reads for each write, not the program itself", ask_efficiency,
     "rome", 667, 0},
    {"Rome, 2 of 8 channels populated", 280, 280, "", VALIDATION_PREDICTED, 15, "Thomas-Krenn", "",
     ask_populated, "rome", 2, 8},
    {"Rome, 4 of 8 channels populated", 540, 540, "", VALIDATION_PREDICTED, 15, "Thomas-Krenn", "",
     ask_populated, "rome", 4, 8},
    /* what encryption adds */
    {"SME on a DDR4 server, added to a read", 5000, 8000, "ns", VALIDATION_PREDICTED, 0,
     "user measurements (from memory)", "", ask_adder_ns, "rome", 0, 0},
    {"11 stages at the memory clock, DDR4-2666", 8250, 8250, "ns", VALIDATION_PREDICTED, 10,
     "derived", "11 clocks, and up to one more until the bus clock's next edge", ask_adder_ns,
     "naples", 0, 0},
    {"11 stages at the memory clock, DDR4-3200", 6880, 6880, "ns", VALIDATION_PREDICTED, 5,
     "derived", "", ask_adder_ns, "rome", 0, 0},
    {"11 stages at the memory clock, DDR5-4800", 4580, 4580, "ns", VALIDATION_PREDICTED, 5,
     "derived", "", ask_adder_ns, "genoa", 0, 0},
    {"11 stages at the memory clock, DDR5-6000", 3670, 3670, "ns", VALIDATION_PREDICTED, 5,
     "derived", "", ask_adder_ns, "turin", 0, 0},
    {"SME, slowdown of an application (xz)", 0, 5000, "%", VALIDATION_PREDICTED, 0,
     "AMD deployment guide; Cloudflare 2020", "300 000 instructions from cold caches",
     ask_slowdown_percent, "sme-and-sev", 0, 0},
    {"SEV, slowdown of the same application", 0, 8000, "%", VALIDATION_PREDICTED, 0,
     "SNP cloud VMs 2 to 8 % (Microsoft and AMD, from memory)", "SEV, not SNP: no RMP",
     ask_slowdown_percent, "sme-and-sev", 1, 0},
    /* exits: parameters */
    {"Hypercall of a plain VM, exit and return", 1255000, 1255000, "ns", VALIDATION_CONFIGURED, 0,
     CVM_EVAL, "", ask_exit_ns, NULL, offsetof(cbit_hypervisor_config_t, exit_hypercall_ns), 0},
    {"Port I/O of a plain VM, exit and return", 1635000, 1635000, "ns", VALIDATION_CONFIGURED, 0,
     CVM_EVAL, "", ask_exit_ns, NULL, offsetof(cbit_hypervisor_config_t, exit_io_ns), 0},
    {"MSR access of a plain VM, exit and return", 1290000, 1290000, "ns", VALIDATION_CONFIGURED, 0,
     CVM_EVAL, "", ask_exit_ns, NULL, OTHER, 0},
    {"CPUID of a plain VM, exit and return", 1232000, 1232000, "ns", VALIDATION_CONFIGURED, 5,
     CVM_EVAL, "all other exits cost what an MSR access does", ask_exit_ns, NULL, OTHER, 0},
    {"Hypercall through #VC and GHCB", 3553000, 3553000, "ns", VALIDATION_CONFIGURED, 0, CVM_EVAL,
     SNP_FOR_ES, ask_exit_ns, NULL, offsetof(cbit_hypervisor_config_t, exit_vc_hypercall_ns), 0},
    {"Port I/O through #VC and GHCB", 3885000, 3885000, "ns", VALIDATION_CONFIGURED, 0, CVM_EVAL,
     SNP_FOR_ES, ask_exit_ns, NULL, offsetof(cbit_hypervisor_config_t, exit_vc_io_ns), 0},
    {"MSR access through #VC and GHCB", 3573000, 3573000, "ns", VALIDATION_CONFIGURED, 0, CVM_EVAL,
     SNP_FOR_ES, ask_exit_ns, NULL, VC_OTHER, 0},
    {"CPUID through #VC and GHCB", 3859000, 3859000, "ns", VALIDATION_CONFIGURED, 5, CVM_EVAL,
     "all other exits cost what an MSR access does; " SNP_FOR_ES, ask_exit_ns, NULL, VC_OTHER, 0},
    {.what = NULL},
};

const char *const validation_left_out[][2] = {
    {"SNP: page-state changes, RMP, 4 KiB against 2 MiB host pages, ciphertext hiding",
     "SEV-SNP is not modelled"},
    {"CPUID answered inside an SNP guest, 646 ns",
     "guests' #VC handlers answer no CPUID without an exit"},
    {"Launch of an SNP guest, 257 ms per MiB (SEVeriFast, ASPLOS 2024)",
     "the default is the Secure Processor's own memory speed; with dma_line_ns chosen for it "
     "the model gives 259.6 (workloads/scenarios/launch-rate.json)"},
    {"Parallel launches, 556 ms for each QEMU guest, 33 ms for a minimal one (same source)",
     "these are whole boots; launch-rate.json shows that launches take turns in the Secure "
     "Processor"},
    {"Turin, memory interleaved over both sockets, above 220 ns",
     "memory is not interleaved across sockets"},
    {"Inline XTS-AES-256 capped at 27 GB/s, AES-GCM-256 at 2 GB/s (AMD PG456)",
     "another vendor's controller; an engine of any rate can be configured"},
    {"SGX integrity tree, SGX page swap, SecDDR", "integrity and freshness are not modelled"},
    {"SEV badly pinned 3.4x, well pinned 1.15x (Akram et al., IPDPS 2021)",
     "needs their programs; the scenarios with several nodes show the direction"},
    {"Bounce buffers above half of the cycles of network services (Bifrost, ATC 2023)",
     "needs their services; workloads/scenarios has the cost for block I/O by size"},
    {"swiotlb with one lock and with areas, 20 against 34 Gb/s",
     "locks of a guest's kernel are not modelled"},
    {"Migration through the Secure Processor", "published without figures"},
    {NULL, NULL},
};
