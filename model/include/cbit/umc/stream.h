/**
 * @file
 * A bare stream of requests into one controller: timing only, no kernel, no data.
 *
 * The stream is offered strictly in order, at most one request a DRAM clock. A request is accepted
 * in the first clock in which its arrival time has come, fewer than `window` reads are outstanding
 * (reads only; writes are posted) and its queue has room. A read's latency is the clock of its last
 * data beat (or last plaintext beat with an engine) minus the clock of its acceptance.
 */
#ifndef CBIT_UMC_STREAM_H
#define CBIT_UMC_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/dram/checker.h"
#include "cbit/dram/device.h"
#include "cbit/dram/energy.h"
#include "cbit/dram/map.h"
#include "cbit/umc/config.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_stream_request {
    uint64_t address;     /* of the channel */
    uint64_t arrival_nck; /* bit 63: a write */
} cbit_stream_request_t;

#define CBIT_STREAM_WRITE (UINT64_C(1) << 63)

enum { CBIT_STREAM_REASONS = 80, CBIT_STREAM_STEPS = 192 };

typedef struct cbit_stream_reason {
    const char *reason; /* a rule's name, or what the controller did instead */
    uint64_t nck;
    bool dram; /* steps: after the request's first command */
} cbit_stream_reason_t;

/* Where the time of reads went, clock by clock, from acceptance to the last data beat. */
typedef struct cbit_stream_explain {
    uint32_t request; /* whose steps are kept in order, by number; UINT32_MAX: nobody's */
    uint32_t step_count, total_count;
    cbit_stream_reason_t steps[CBIT_STREAM_STEPS];
    cbit_stream_reason_t totals[CBIT_STREAM_REASONS]; /* of all reads */
} cbit_stream_explain_t;

typedef struct cbit_stream_options {
    uint32_t window;                /* outstanding reads, at least 1 */
    bool plain;                     /* the clock-by-clock controller: slow, the oracle */
    bool plain_scan;                /* the quick one without vector instructions */
    uint32_t engine_depth_nck;      /* 0: no engine; else its depth in DRAM clocks */
    bool check;                     /* replay every command through the independent checker */
    bool stamps;                    /* keep every request's stage times (adds to the work done) */
    cbit_stream_explain_t *explain; /* filled in, which takes time; may be NULL */
    uint32_t *latency_nck;          /* of each request, writes 0; may be NULL */
    /* Every command in order; may be NULL. */
    void (*on_command)(void *self, const char *name, uint64_t at_nck, uint32_t rank, uint32_t group,
                       uint32_t bank, uint32_t row, uint32_t column);
    void *self;
    /* The line, in `stream`, of a request that an error is about; NULL: requests are numbered. */
    uint64_t (*line_of)(const void *stream, uint64_t request);
    const void *stream;
} cbit_stream_options_t;

typedef struct cbit_stream_result {
    uint64_t requests, reads, writes;
    uint64_t end_nck; /* when the last read was complete */
    uint64_t forwarded, coalesced, merged;
    uint64_t column_commands, row_hits, activates, precharges, refreshes, commands;
    uint64_t power_downs, self_refreshes; /* entries */
    uint64_t latency_sum_nck, latency_max_nck;
    uint64_t stage_nck[3]; /* queue, dram, aes; over all reads, with `stamps` */
    uint64_t checked, violations;
    uint64_t overlaps;               /* bursts that overlap by the policy's leave (ranks_overlap) */
    cbit_dram_violation_t violation; /* the first one */
    uint64_t tck_num_ps, tck_den;
    uint32_t burst_nck;        /* of the data bus, for one line */
    cbit_dram_energy_t energy; /* of the quick controller; zero with plain */
    /* Reads by latency in clocks, the last bucket holds all beyond. */
    uint32_t buckets;
    uint64_t *histogram; /* owned: cbit_stream_result_free */
} cbit_stream_result_t;

/* On error *result is untouched and diag says what is wrong, requests by line or number. */
cbit_err_t cbit_stream_run(const cbit_umc_config_t *config, const cbit_stream_options_t *options,
                           const cbit_stream_request_t *requests, uint64_t count,
                           cbit_stream_result_t *result, cbit_diag_t *diag);
void cbit_stream_result_free(cbit_stream_result_t *result);

/* The latency in clocks that per_mille of the reads do not exceed (1000: the maximum). */
uint64_t cbit_stream_percentile_nck(const cbit_stream_result_t *result, uint32_t per_mille);

#ifdef __cplusplus
}
#endif
#endif
