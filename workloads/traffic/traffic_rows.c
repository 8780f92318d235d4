/* The parameters of traffic, declared once; and the rules across them. */
#include <inttypes.h>
#include <stdio.h>

#include "cbit/workloads/traffic.h"

const char *const cbit_traffic_kind_words[CBIT_TRAFFIC_KINDS + 1] = {
    "trace", "stream", "random", "chase",  "strided", "zipf",
    "gups",  "mixed",  "idle",   "phases", NULL};

static const char *const kernel_words[] = {"copy", "scale", "add", "triad", NULL};

#define ONLY(kind)   (UINT64_C(1) << (CBIT_TRAFFIC_##kind))
#define PATTERNS     (((UINT64_C(1) << CBIT_TRAFFIC_KINDS) - 1) & ~ONLY(TRACE) & ~ONLY(PHASES))
#define TOUCHING     (PATTERNS & ~ONLY(IDLE))
#define CHOOSING     (ONLY(RANDOM) | ONLY(STRIDED) | ONLY(ZIPF) | ONLY(MIXED))
#define MAX_ACCESSES (UINT64_C(1) << 40)

/* clang-format off: one row a parameter */
#define KIND_ROW                                                                                   \
    {                                                                                              \
        CBIT_FIELD(ENUM, cbit_traffic_t, kind), .names = cbit_traffic_kind_words,                  \
                                                .required = true,                                  \
                                                .help = "Source of the guest's memory accesses"    \
    }
#define PATTERN_ROWS                                                                               \
    {CBIT_FIELD(U64, cbit_traffic_t, accesses),                                                    \
     .min = 1,                                                                                     \
     .max = MAX_ACCESSES,                                                                          \
     .fallback = 1000000,                                                                          \
     .only_kinds = PATTERNS,                                                                       \
     .source = "assumed: a few hundred microseconds of a core that misses its caches",             \
     .help = "Loads and stores in all; for idle, instruction fetches"},                            \
        {CBIT_FIELD(SIZE, cbit_traffic_t, footprint),                                              \
         .unit = "bytes",                                                                          \
         .min = 4096,                                                                              \
         .max = UINT64_C(1) << 40,                                                                 \
         .fallback = 16 << 20,                                                                     \
         .only_kinds = TOUCHING,                                                                   \
         .source = "assumed: more than a core's share of the last-level cache",                    \
         .help = "Memory that the accesses fall into"},                                            \
        {CBIT_FIELD(SIZE, cbit_traffic_t, stride),                                                 \
         .unit = "bytes",                                                                          \
         .min = 1,                                                                                 \
         .max = UINT64_C(1) << 40,                                                                 \
         .fallback = 64,                                                                           \
         .only_kinds = ONLY(CHASE) | ONLY(STRIDED),                                                \
         .source = "by construction: one cache line",                                              \
         .help = "Distance from item to item"},                                                    \
        {CBIT_FIELD(RATIO, cbit_traffic_t, read_fraction),                                         \
         .max = 1000000,                                                                           \
         .fallback = 670000,                                                                       \
         .only_kinds = CHOOSING,                                                                   \
         .source = "assumed: two loads for each store",                                            \
         .help = "Share of the accesses that are loads"},                                          \
        {CBIT_FIELD(RATIO, cbit_traffic_t, sequential_fraction),                                   \
         .max = 1000000,                                                                           \
         .fallback = 500000,                                                                       \
         .only_kinds = ONLY(MIXED),                                                                \
         .source = "assumed: half and half",                                                       \
         .help = "Share of the accesses that walk through the footprint in order"},                \
        {CBIT_FIELD(RATIO, cbit_traffic_t, exponent),                                              \
         .max = 4000000,                                                                           \
         .fallback = 990000,                                                                       \
         .only_kinds = ONLY(ZIPF),                                                                 \
         .source = "YCSB's default",                                                               \
         .help = "Rank r is chosen in proportion to r to the power of minus this"},                \
        {CBIT_FIELD(ENUM, cbit_traffic_t, kernel),                                                 \
         .names = kernel_words,                                                                    \
         .fallback = CBIT_STREAM_TRIAD,                                                            \
         .only_kinds = ONLY(STREAM),                                                               \
         .source = "STREAM's usual figure of merit",                                               \
         .help = "Which of STREAM's loops"},                                                       \
        {CBIT_FIELD(U32, cbit_traffic_t, access_bytes),                                            \
         .unit = "bytes",                                                                          \
         .min = 1,                                                                                 \
         .max = 64,                                                                                \
         .fallback = 8,                                                                            \
         .only_kinds = TOUCHING,                                                                   \
         .source = "assumed: one double or pointer",                                               \
         .help = "Size of each load and store; a power of two"},                                   \
    {                                                                                              \
        CBIT_FIELD(U32, cbit_traffic_t, gap),                                                      \
            .unit = "instructions", .min = 1, .max = 1000000, .fallback = 4,                       \
            .only_kinds = PATTERNS, .source = "assumed: a compiled inner loop",                    \
            .help = "Instructions for each access, the access included"                            \
    }
/* clang-format on */

const cbit_row_t cbit_traffic_phase_rows[] = {
    KIND_ROW,
    PATTERN_ROWS,
    {.key = NULL},
};

const cbit_row_t cbit_traffic_rows[] = {
    KIND_ROW,
    {CBIT_FIELD(STRING, cbit_traffic_t, file), .min = 1, .max = CBIT_TRAFFIC_PATH_BYTES,
     .required = true, .only_kinds = ONLY(TRACE),
     .help = "Recorded trace (.cbt), relative to the file that names it"},
    {CBIT_FIELD(U64, cbit_traffic_t, max_instructions), .unit = "instructions", .max = UINT64_MAX,
     .source = "by construction: 0 replays all of it",
     .help = "Ends the program after this many instructions; 0: runs all of it"},
    {CBIT_FIELD(U64, cbit_traffic_t, warm_up_instructions), .unit = "instructions",
     .max = UINT64_MAX, .source = "by construction: 0 measures all of it",
     .help = "Instructions that warm caches and memory before the guest's measurements begin"},
    PATTERN_ROWS,
    {CBIT_FIELD(ARRAY, cbit_traffic_t, phases), .rows = cbit_traffic_phase_rows,
     .element_bytes = sizeof(cbit_traffic_t),
     .count_offset = offsetof(cbit_traffic_t, phases_count), .min = 1,
     .max = CBIT_TRAFFIC_MAX_PHASES, .required = true, .only_kinds = ONLY(PHASES),
     .help = "Patterns that follow each other"},
    {.key = NULL},
};

/* ---- rules across fields ---- */

typedef struct checker {
    const char *where;
    cbit_diag_t *diag;
    cbit_err_t err;
} checker_t;

static void tell(checker_t *checker, const char *key, const char *what)
{
    char where[256];
    (void)snprintf(where, sizeof where, "%s/%s", checker->where, key);
    checker->err = cbit_diag_add(checker->diag, CBIT_ERR_RANGE, where, "%s", what);
}

static bool has_stride(const cbit_traffic_t *traffic)
{
    return traffic->kind == CBIT_TRAFFIC_STRIDED || traffic->kind == CBIT_TRAFFIC_CHASE;
}

static void check_sizes(checker_t *checker, const cbit_traffic_t *traffic)
{
    uint32_t size = traffic->access_bytes;
    if (size == 0 || size > CBIT_TRACE_LINE_BYTES || (size & (size - 1)) != 0) {
        tell(checker, "access_bytes", "must be a power of two in 1..64");
        return;
    }
    if (traffic->footprint < CBIT_TRACE_PAGE_BYTES || traffic->footprint >> 40 > 1 ||
        traffic->footprint % size != 0) {
        tell(checker, "footprint", "must be a multiple of access_bytes in 4KiB..1TiB");
        return;
    }
    if (has_stride(traffic) && (traffic->stride < size || traffic->stride % size != 0 ||
                                traffic->stride > traffic->footprint)) {
        tell(checker, "stride", "must be a multiple of access_bytes and at most the footprint");
    }
}

static void check_phase(checker_t *checker, const cbit_traffic_t *traffic)
{
    if (traffic->kind == CBIT_TRAFFIC_TRACE || traffic->kind >= CBIT_TRAFFIC_PHASES) {
        tell(checker, "kind", "a phase must be a pattern: not a trace, nor phases");
        return;
    }
    if (traffic->accesses == 0 || traffic->accesses > MAX_ACCESSES) {
        tell(checker, "accesses", "must be in 1..2^40");
    }
    if (traffic->gap == 0) {
        tell(checker, "gap", "must be at least 1: an access is an instruction");
    }
    if (traffic->kind != CBIT_TRAFFIC_IDLE) {
        check_sizes(checker, traffic);
    }
}

cbit_err_t cbit_traffic_check(const cbit_traffic_t *traffic, const char *where, cbit_diag_t *diag)
{
    checker_t checker = {.where = where, .diag = diag};
    if (traffic->max_instructions != 0 &&
        traffic->warm_up_instructions >= traffic->max_instructions) {
        tell(&checker, "warm_up_instructions", "must be less than max_instructions");
    }
    if (traffic->kind == CBIT_TRAFFIC_TRACE) {
        return checker.err;
    }
    if (traffic->kind != CBIT_TRAFFIC_PHASES) {
        check_phase(&checker, traffic);
        return checker.err;
    }
    if (traffic->phases_count == 0 || traffic->phases_count > CBIT_TRAFFIC_MAX_PHASES) {
        tell(&checker, "phases", "must be 1..64 patterns");
        return checker.err;
    }
    for (uint32_t i = 0; i < traffic->phases_count; i++) {
        char place[128];
        (void)snprintf(place, sizeof place, "%s/phases/%" PRIu32, where, i);
        checker.where = place;
        check_phase(&checker, &traffic->phases[i]);
    }
    return checker.err;
}
