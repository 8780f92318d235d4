#include "cbit/fabric/fabric.h"

const cbit_row_t cbit_fabric_rows[] = {
    {CBIT_FIELD(U32, cbit_fabric_config_t, channels), .min = 1, .max = CBIT_FABRIC_MAX_CHANNELS,
     .fallback = 8, .source = "AMD EPYC 7002 series data sheet: 8 memory channels a socket",
     .help = "Memory channels, each with its controller and engine; of DDR5 its sub-channels"},
    {CBIT_FIELD(SIZE, cbit_fabric_config_t, interleave_bytes), .unit = "bytes", .min = 64,
     .max = 4096, .fallback = 256,
     .source = "AMD PPR for family 17h: smallest channel interleave size is 256 bytes",
     .help = "Consecutive bytes that go to one channel; a power of two"},
    {CBIT_FIELD(BOOL, cbit_fabric_config_t, hash), .fallback = true,
     .source = "assumed: server controllers hash, the bits are not published",
     .help = "XOR higher address bits into the channel number (channel counts of a power of two)"},
    {CBIT_FIELD(U32, cbit_fabric_config_t, sockets), .min = 1, .max = 2, .fallback = 1,
     .source = "assumed: one socket unless a preset or scenario says otherwise",
     .help = "Sockets; each has its half of the channels"},
    {CBIT_FIELD(U32, cbit_fabric_config_t, nodes_per_socket), .min = 1, .max = 4, .fallback = 1,
     .source = "AMD workload tuning guide for EPYC 7002: NPS1 is the default setting",
     .help = "NUMA nodes of a socket (NPS): 1, 2 or 4; memory is split over them in order"},
    {CBIT_FIELD(PS, cbit_fabric_config_t, request_ns), .unit = "ns", .max = 1000000,
     .fallback = 29000,
     .source = "assumed: one half of what is left of Rome's 113 ns after caches, DRAM and AES",
     .help = "Time of a request from the caches to its memory controller, unloaded"},
    {CBIT_FIELD(PS, cbit_fabric_config_t, return_ns), .unit = "ns", .max = 1000000,
     .fallback = 29000, .source = "assumed: the other half",
     .help = "Time of an answer from the memory controller back to the caches, unloaded"},
    {CBIT_FIELD(PS, cbit_fabric_config_t, hop_ns), .unit = "ns", .max = 1000000, .fallback = 4500,
     .source =
         "derived: Rome's 122 ns (NPS1) is 9 ns above its 113 ns (NPS4), and channels are one "
         "step away on average (AnandTech, EPYC 7742 review)",
     .help = "Time of one step between quadrants of a socket, each way"},
    {CBIT_FIELD(PS, cbit_fabric_config_t, socket_ns), .unit = "ns", .max = 1000000,
     .fallback = 46000,
     .source =
         "derived: half of 201 - 104 ns (AMD Rome launch slides, other socket and local) less "
         "a step",
     .help = "Time to the other socket, each way"},
    {CBIT_FIELD(U32, cbit_fabric_config_t, link_entries), .min = 1, .max = 4096, .fallback = 64,
     .source = "assumed: enough for every core's outstanding misses",
     .help = "Requests under way to one channel before senders are refused"},
    {CBIT_FIELD(U64, cbit_fabric_config_t, clock_khz), .unit = "kHz", .min = 100000,
     .max = 10000000, .fallback = 1467000,
     .source = "AMD workload tuning guide for EPYC 7002: fabric clock 1467 MHz",
     .help = "Clock of the fabric, in which the widths of its ports count"},
    {CBIT_FIELD(U32, cbit_fabric_config_t, read_bytes), .unit = "bytes/clock", .max = 4096,
     .fallback = 0, .source = "AMD at ISSCC 2020 (chiplets of Zen 2): a die reads 32 bytes a clock",
     .help = "Data to one core complex, at most; 0: no limit"},
    {CBIT_FIELD(U32, cbit_fabric_config_t, write_bytes), .unit = "bytes/clock", .max = 4096,
     .fallback = 0,
     .source = "AMD at ISSCC 2020 (chiplets of Zen 2): a die writes 16 bytes a clock",
     .help = "Data from one core complex, at most; 0: no limit"},
    {CBIT_FIELD(U32, cbit_fabric_config_t, io_bytes), .unit = "bytes/clock", .max = 4096,
     .fallback = 0, .source = "assumed: the I/O hub is as wide as two dies' reads",
     .help = "Data of devices and Secure Processor, each way, at most; 0: no limit"},
    {CBIT_FIELD(U32, cbit_fabric_config_t, socket_bytes), .unit = "bytes/clock", .max = 4096,
     .fallback = 0,
     .source = "derived: four links of 16 lanes at 16 GT/s (xGMI of EPYC 7002) carry 128 GB/s",
     .help = "Data between the sockets, each way, at most; 0: no limit"},
    {.key = NULL},
};

const cbit_row_t cbit_fabric_stat_rows[] = {
    {CBIT_FIELD(U64, cbit_fabric_stats_t, requests), .help = "Requests accepted"},
    {CBIT_FIELD(U64, cbit_fabric_stats_t, replies), .help = "Answers delivered"},
    {CBIT_FIELD(U64, cbit_fabric_stats_t, refused), .help = "Sends that found their link full"},
    {CBIT_FIELD(U64, cbit_fabric_stats_t, hops), .help = "Quadrants that requests crossed"},
    {CBIT_FIELD(U64, cbit_fabric_stats_t, remote), .help = "Requests for the other socket"},
    {CBIT_FIELD(U64, cbit_fabric_stats_t, machine_checks),
     .help = "Answers with an error: bad address or key slot not loaded"},
    {CBIT_FIELD(U64, cbit_fabric_stats_t, port_waited_ps), .unit = "ps",
     .help =
         "Time that data waited for a port or the link between the sockets, summed over all data"},
    {CBIT_FIELD(U64, cbit_fabric_stats_t, busiest_ps), .unit = "ps",
     .help = "Time that the busiest direction of a port was busy"},
    {.key = NULL},
};

cbit_err_t cbit_fabric_check(const cbit_fabric_config_t *config, const char *where,
                             cbit_diag_t *diag)
{
    if ((config->interleave_bytes & (config->interleave_bytes - 1)) != 0) {
        cbit_err_t err =
            cbit_diag_add(diag, CBIT_ERR_RANGE, cbit_diag_place(where, "", "interleave_bytes").text,
                          "%llu bytes are not a power of two; allowed is 64..4096",
                          (unsigned long long)config->interleave_bytes);
        cbit_diag_hint(diag, "\"256\" is what hardware does");
        return err;
    }
    uint32_t nodes = config->sockets * config->nodes_per_socket;
    if (config->nodes_per_socket == 3) {
        cbit_err_t err = cbit_diag_add(diag, CBIT_ERR_CONFLICT,
                                       cbit_diag_place(where, "", "nodes_per_socket").text,
                                       "a socket of 3 nodes; allowed is 1, 2 or 4");
        cbit_diag_hint(diag, "NPS1, NPS2 and NPS4 are what hardware offers");
        return err;
    }
    if (nodes == 0 || config->channels % nodes != 0) {
        cbit_err_t err = cbit_diag_add(
            diag, CBIT_ERR_CONFLICT, cbit_diag_place(where, "", "nodes_per_socket").text,
            "%lu channels do not divide into %lu nodes, %lu in each socket",
            (unsigned long)config->channels, (unsigned long)nodes,
            (unsigned long)config->nodes_per_socket);
        cbit_diag_hint(diag, "every node needs as many channels, or its cores have no memory of "
                             "their own: fewer nodes, or another number of /fabric/channels");
        return err;
    }
    return CBIT_ERR_OK;
}
