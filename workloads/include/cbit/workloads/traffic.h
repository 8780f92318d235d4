/**
 * @file
 * What a guest runs: a recorded trace or a synthetic pattern, declared once for scenarios and for
 * `cbit trace gen`.
 */
#ifndef CBIT_WORKLOADS_TRAFFIC_H
#define CBIT_WORKLOADS_TRAFFIC_H

#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/base/rows.h"
#include "cbit/workloads/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CBIT_TRAFFIC_PATH_BYTES = 1023,
    CBIT_TRAFFIC_MAX_PHASES = 64,
};

typedef enum cbit_traffic_kind {
    CBIT_TRAFFIC_TRACE,   /* replays a recorded program */
    CBIT_TRAFFIC_STREAM,  /* McCalpin's four kernels over arrays that share the footprint */
    CBIT_TRAFFIC_RANDOM,  /* independent accesses anywhere */
    CBIT_TRAFFIC_CHASE,   /* each load's address comes from the one before; every item in turn */
    CBIT_TRAFFIC_STRIDED, /* a fixed step, around and around */
    CBIT_TRAFFIC_ZIPF,    /* few items get most accesses */
    CBIT_TRAFFIC_GUPS,    /* read, modify, write of random 8-byte words */
    CBIT_TRAFFIC_MIXED,   /* a sequential stream and random accesses */
    CBIT_TRAFFIC_IDLE,    /* instructions without data accesses */
    CBIT_TRAFFIC_PHASES,  /* one pattern after the other */
    CBIT_TRAFFIC_KINDS,
} cbit_traffic_kind_t;
extern const char *const cbit_traffic_kind_words[CBIT_TRAFFIC_KINDS + 1];

typedef enum cbit_stream_kernel {
    CBIT_STREAM_COPY,  /* b[i] = a[i] */
    CBIT_STREAM_SCALE, /* b[i] = q a[i] */
    CBIT_STREAM_ADD,   /* c[i] = a[i] + b[i] */
    CBIT_STREAM_TRIAD, /* c[i] = a[i] + q b[i] */
} cbit_stream_kernel_t;

/* One kind of traffic and its parameters; which apply to which kind is in the rows. */
typedef struct cbit_traffic cbit_traffic_t;
struct cbit_traffic {
    uint32_t kind;                          /* cbit_traffic_kind_t */
    char file[CBIT_TRAFFIC_PATH_BYTES + 1]; /* trace: as written; opened is `path` */
    const char *path;                       /* trace: the file, relative to here; no row */
    uint64_t max_instructions;              /* ends the guest's program early; 0: all of it */
    uint64_t warm_up_instructions;          /* run before the guest's measurements begin */

    uint64_t accesses;            /* data accesses of the whole pattern; idle: fetches */
    uint64_t footprint;           /* bytes that they fall into, from CBIT_TRAFFIC_BASE_GVA on */
    uint64_t stride;              /* strided, chase: bytes from item to item */
    uint64_t read_fraction;       /* millionths of the accesses that are loads */
    uint64_t sequential_fraction; /* mixed: millionths that belong to the stream */
    uint64_t exponent;     /* zipf: millionths; rank r is chosen in proportion to r^-exponent */
    uint32_t kernel;       /* stream: cbit_stream_kernel_t */
    uint32_t access_bytes; /* of each load and store */
    uint32_t gap;          /* instructions for each access, its own included */

    cbit_traffic_t *phases; /* phases: in order; none of them a trace or phases itself */
    uint32_t phases_count;
};

/* The rows of an object that describes traffic, and of a phase in it. */
extern const cbit_row_t cbit_traffic_rows[];
extern const cbit_row_t cbit_traffic_phase_rows[];

#define CBIT_TRAFFIC_BASE_GVA UINT64_C(0x10000000) /* data of patterns */
#define CBIT_TRAFFIC_CODE_GVA UINT64_C(0x00400000) /* their code: one page for each phase */

/* Rules across fields, told at `where` (a JSON pointer to the object, or ""); OK when all hold. */
cbit_err_t cbit_traffic_check(const cbit_traffic_t *traffic, const char *where, cbit_diag_t *diag);

/*
 * A source of the traffic's references. For a trace, `missing` is as for cbit_trace_reader_open. A
 * pattern is the same for the same seed, and takes memory that does not grow with its length. The
 * traffic is copied; source->destroy ends it.
 */
cbit_err_t cbit_traffic_open(const cbit_traffic_t *traffic, uint64_t seed, cbit_err_t missing,
                             cbit_trace_source_t *source, cbit_diag_t *diag);

#ifdef __cplusplus
}
#endif
#endif
