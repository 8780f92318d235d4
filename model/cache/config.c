/* What can be said about the caches, and what of it is refused. */
#include <inttypes.h>

#include "model/cache/state.h"

#define SOG "AMD Software Optimization Guide for Family 17h Models 30h (56305), section "

/* A table of one level: what it is unless told otherwise. */
#define LEVEL_ROWS(name, least, kib, way_count, clocks, from, text)                                \
    static const cbit_row_t name##_rows[] = {                                                      \
        {CBIT_FIELD(SIZE, cbit_cache_level_config_t, size_bytes), .unit = "bytes", .min = (least), \
         .max = UINT64_C(1) << 30, .fallback = UINT64_C(kib) << 10, .source = (from),              \
         .help = "Capacity: ways x 64 bytes x a power of two" text},                               \
        {CBIT_FIELD(U32, cbit_cache_level_config_t, ways), .unit = "lines", .min = 1, .max = 64,   \
         .fallback = (way_count), .source = (from), .help = "Lines of a set"},                     \
        {CBIT_FIELD(U32, cbit_cache_level_config_t, hit_cclk), .unit = "cclk", .min = 1,           \
         .max = 1000, .fallback = (clocks), .source = (from),                                      \
         .help = "Latency of a hit, from issue to answer"},                                        \
        {.key = NULL},                                                                             \
    }

LEVEL_ROWS(l1i, 0, 32, 8, 4, SOG "2.6.1; clocks assumed as of the data side", "; 0: none");
LEVEL_ROWS(l1d, 0, 32, 8, 4, SOG "2.6.2", "; 0: none");
LEVEL_ROWS(l2, 1024, 512, 8, 12, SOG "2.6.3", "");
LEVEL_ROWS(l3, 0, 16384, 16, 39, SOG "2.6.4", "; 0: none");

/* The kind is public, its figures are not. */
#define PPR                                                                                        \
    "AMD PPR for Family 19h (55901): PREFETCH_CONTROL has L1 and L2 stream and stride units; "

static const cbit_row_t prefetch_rows[] = {
    {CBIT_FIELD(BOOL, cbit_cache_prefetch_config_t, enabled),
     .source = "by construction: the idle latencies are published with prefetchers off or beaten",
     .help = "Prefetch lines at constant strides within a page, from a guest's data accesses that "
             "miss the L1, into the L2"},
    {CBIT_FIELD(U32, cbit_cache_prefetch_config_t, pages), .unit = "pages", .min = 1, .max = 256,
     .fallback = 16, .source = PPR "assumed size",
     .help = "Pages that each core follows at the same time"},
    {CBIT_FIELD(U32, cbit_cache_prefetch_config_t, repeats), .unit = "strides", .min = 1, .max = 64,
     .fallback = 2, .source = PPR "assumed threshold",
     .help = "Equal strides in a page before anything is prefetched"},
    {CBIT_FIELD(U32, cbit_cache_prefetch_config_t, degree), .unit = "lines", .min = 1, .max = 64,
     .fallback = 2, .source = PPR "assumed degree",
     .help = "Lines that one access has prefetched, at most"},
    {CBIT_FIELD(U32, cbit_cache_prefetch_config_t, distance), .unit = "strides", .min = 1,
     .max = 64, .fallback = 8, .source = PPR "assumed distance",
     .help = "How far ahead of the access, in strides; never beyond its page"},
    {.key = NULL},
};

#define LEVEL(field, sentence)                                                                     \
    {                                                                                              \
        CBIT_FIELD(OBJECT, cbit_cache_config_t, field), .rows = field##_rows, .help = (sentence)   \
    }

const cbit_row_t cbit_cache_rows[] = {
    LEVEL(l1i, "Instruction cache of each core"),
    LEVEL(l1d, "Data cache of each core"),
    LEVEL(l2, "Second level of each core; includes the first"),
    LEVEL(l3, "Third level of each core complex"),
    {CBIT_FIELD(BOOL, cbit_cache_config_t, l3_inclusive), .source = SOG "2.6.4: a victim cache",
     .help = "The L3 includes the L2s above it; false: it is a victim cache"},
    {CBIT_FIELD(U32, cbit_cache_config_t, cores_per_complex), .unit = "cores", .min = 1,
     .max = CBIT_CACHE_MAX_CORES, .fallback = 4, .source = "EPYC 7002: four cores share an L3",
     .help = "Cores that share an L3"},
    {CBIT_FIELD(U32, cbit_cache_config_t, mshrs), .unit = "lines", .min = 1, .max = 256,
     .fallback = 48,
     .source = "assumed: the L2's outstanding misses of Zen 2, from bandwidth x latency",
     .help = "Outstanding misses of each core; each MSHR has two write-back buffers"},
    {CBIT_FIELD(U32, cbit_cache_config_t, transfer_cclk), .unit = "cclk", .min = 1, .max = 10000,
     .fallback = 90,
     .source = "assumed: core to core inside a complex takes about 26 ns on Rome (measured by the "
               "press, one round of a ping-pong)",
     .help = "Time to get a line, or ownership of it, from another core of the complex"},
    {CBIT_FIELD(PS, cbit_cache_config_t, transfer_remote_ns), .unit = "ns", .min = 1000,
     .max = 10000000, .fallback = 110000,
     .source = "assumed: core to core across complexes takes about 110 ns on Rome (measured by the "
               "press, one round of a ping-pong)",
     .help = "Time to get a line, or ownership of it, from another complex of the socket"},
    {CBIT_FIELD(PS, cbit_cache_config_t, transfer_socket_ns), .unit = "ns", .min = 1000,
     .max = 10000000, .fallback = 220000,
     .source = "assumed: core to core across sockets takes about twice the 110 ns across complexes "
               "on Rome (measured by the press, one round of a ping-pong)",
     .help = "Time to get a line, or ownership of it, from the other socket"},
    {CBIT_FIELD(OBJECT, cbit_cache_config_t, prefetch), .rows = prefetch_rows,
     .help = "The data prefetcher of each core"},
    {.key = NULL},
};

#define STAT(field, sentence)                                                                      \
    {                                                                                              \
        CBIT_FIELD(U64, cbit_cache_stats_t, field), .unit = "count", .help = sentence              \
    }
const cbit_row_t cbit_cache_stat_rows[] = {
    STAT(l1_hits, "Requests answered by L1"),
    STAT(l2_hits, "Requests answered by L2"),
    STAT(l3_hits, "Requests answered by the complex's L3"),
    STAT(transfers, "Lines, or ownership of them, from another core of the complex"),
    STAT(transfers_remote, "Lines, or ownership of them, from another complex of the socket"),
    STAT(transfers_socket, "Lines, or ownership of them, from the other socket"),
    STAT(invalidations, "Copies that writes took away"),
    STAT(misses, "Lines requested from memory"),
    STAT(merges, "Requests that waited for a fill under way"),
    STAT(writebacks, "Dirty lines sent to memory"),
    STAT(page_flushes, "Writes of the page-flush MSR"),
    STAT(aliases_dropped, "Lines dropped because their address was requested under another key id"),
    STAT(refusals, "Requests refused: no MSHR or buffer was free, or during WBINVD"),
    STAT(prefetches, "Lines that the prefetcher requested"),
    STAT(prefetches_useful, "Prefetched lines that were found in the L2"),
    STAT(prefetches_late, "Prefetched lines that were demanded while their fill was under way"),
    STAT(prefetches_useless, "Prefetched lines that were evicted from the L2 before any demand"),
    STAT(prefetches_dropped,
         "Lines not prefetched, because the free MSHRs are reserved for demands"),
    {.key = NULL},
};

/* ---- checks ---- */

static cbit_err_t out_of_range(const cbit_row_t *row, cbit_diag_place_t place, uint64_t value,
                               cbit_diag_t *diag)
{
    return cbit_diag_add(diag, CBIT_ERR_RANGE, place.text,
                         "%" PRIu64 " is outside %" PRIu64 "..%" PRIu64 " (%s)", value, row->min,
                         row->max, row->unit);
}

/* The sizes next to the one that does not divide. */
static void hint_at_sizes(const cbit_cache_level_config_t *level, uint64_t set_bytes,
                          cbit_diag_t *diag)
{
    uint64_t below = set_bytes;
    while (2 * below <= level->size_bytes) {
        below *= 2;
    }
    cbit_diag_hint(diag, "with %" PRIu32 " ways: %" PRIu64 " or %" PRIu64 " bytes", level->ways,
                   below, 2 * below);
}

static cbit_err_t check_level(const cbit_cache_level_config_t *level, const cbit_row_t *rows,
                              const char *where, const char *name, cbit_diag_t *diag)
{
    const uint64_t values[] = {level->size_bytes, level->ways, level->hit_cclk};
    if (level->size_bytes == 0 && rows[0].min == 0) {
        return CBIT_ERR_OK;
    }
    cbit_err_t err = CBIT_ERR_OK;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (values[i] < rows[i].min || values[i] > rows[i].max) {
            err =
                out_of_range(&rows[i], cbit_diag_place(where, name, rows[i].key), values[i], diag);
        }
    }
    const uint64_t set_bytes = (uint64_t)level->ways * CBIT_LINE_BYTES;
    const uint64_t sets = err == CBIT_ERR_OK ? level->size_bytes / set_bytes : 1;
    if (err == CBIT_ERR_OK &&
        (level->size_bytes % set_bytes != 0 || sets == 0 || (sets & (sets - 1)) != 0)) {
        err = cbit_diag_add(diag, CBIT_ERR_RANGE, cbit_diag_place(where, name, "size_bytes").text,
                            "%" PRIu64 " bytes in %" PRIu32
                            " ways are no power of two of sets; allowed is ways x 64 x 2^n",
                            level->size_bytes, level->ways);
        hint_at_sizes(level, set_bytes, diag);
    }
    return err;
}

static cbit_err_t check_numbers(const cbit_cache_config_t *config, const char *where,
                                cbit_diag_t *diag)
{
    const cbit_cache_prefetch_config_t *prefetch = &config->prefetch;
    const struct {
        const cbit_row_t *rows;
        const char *name, *key;
        uint64_t value;
    } given[] = {
        {cbit_cache_rows, "", "cores_per_complex", config->cores_per_complex},
        {cbit_cache_rows, "", "mshrs", config->mshrs},
        {cbit_cache_rows, "", "transfer_cclk", config->transfer_cclk},
        {cbit_cache_rows, "", "transfer_remote_ns", config->transfer_remote_ns},
        {cbit_cache_rows, "", "transfer_socket_ns", config->transfer_socket_ns},
        {prefetch_rows, "prefetch", "pages", prefetch->pages},
        {prefetch_rows, "prefetch", "repeats", prefetch->repeats},
        {prefetch_rows, "prefetch", "degree", prefetch->degree},
        {prefetch_rows, "prefetch", "distance", prefetch->distance},
    };
    cbit_err_t err = CBIT_ERR_OK;
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        const cbit_row_t *row = cbit_rows_find(given[i].rows, given[i].key);
        bool used = given[i].rows != prefetch_rows || prefetch->enabled;
        if (used && (given[i].value < row->min || given[i].value > row->max)) {
            err = out_of_range(row, cbit_diag_place(where, given[i].name, given[i].key),
                               given[i].value, diag);
        }
    }
    return err;
}

cbit_err_t cbit_cache_check(const cbit_cache_config_t *config, uint32_t cores, const char *where,
                            cbit_diag_t *diag)
{
    const cbit_err_t found[] = {check_level(&config->l1i, l1i_rows, where, "l1i", diag),
                                check_level(&config->l1d, l1d_rows, where, "l1d", diag),
                                check_level(&config->l2, l2_rows, where, "l2", diag),
                                check_level(&config->l3, l3_rows, where, "l3", diag),
                                check_numbers(config, where, diag)};
    cbit_err_t err = CBIT_ERR_OK;
    for (size_t i = 0; i < sizeof found / sizeof found[0]; i++) {
        err = err == CBIT_ERR_OK ? found[i] : err;
    }
    if (cores == 0 || cores > CBIT_CACHE_MAX_CORES) {
        err = cbit_diag_add(diag, CBIT_ERR_RANGE, where, "%" PRIu32 " cores are outside 1..%d",
                            cores, CBIT_CACHE_MAX_CORES);
    }
    return err;
}
