/* The stream driver's inside: one stream, one controller, quick or plain (stream.c, hits.c). */
#ifndef CBIT_MODEL_UMC_DRIVER_H
#define CBIT_MODEL_UMC_DRIVER_H

#include "cbit/dram/checker.h"
#include "model/umc/core.h"
#include "model/umc/plain.h"

enum { UMC_BUCKETS = 16384 };
#define UMC_EVER (UMC_NEVER / 4) /* no run is this long */

typedef struct umc_merged {
    uint32_t user, request;
    uint64_t accept_nck;
} umc_merged_t;

typedef struct umc_driver {
    const cbit_stream_options_t *options;
    const cbit_stream_request_t *requests;
    cbit_dram_device_t device;
    cbit_dram_map_t map;
    umc_policy_t policy;
    umc_core_t *core;   /* the quick controller, or */
    umc_plain_t *plain; /* the plain one */
    uint64_t *done_nck; /* ring: completions of outstanding reads, in order */
    uint64_t ring_mask, done_head, done_tail;
    uint64_t read_nck; /* RD to the end of a read */
    uint32_t depth_nck;
    uint32_t outstanding;
    cbit_dram_checker_t *checker; /* NULL: nobody checks */
    umc_merged_t *merged;
    uint32_t merged_count;
    bool explained_read; /* the request to explain had a read command of its own */
    umc_event_t column;  /* the last column command, if the policy merges reads */
    cbit_stream_result_t result;
} umc_driver_t;

/* A read has ended, in the order in which reads end; its last aes_nck clocks were the engine's. */
static inline void umc_complete(umc_driver_t *d, uint32_t request, uint64_t end_nck,
                                uint32_t aes_nck, const umc_event_t *event)
{
    uint64_t latency = end_nck - event->accept_nck;
    d->result.latency_sum_nck += latency;
    d->result.latency_max_nck =
        latency > d->result.latency_max_nck ? latency : d->result.latency_max_nck;
    d->result.histogram[latency < UMC_BUCKETS ? latency : UMC_BUCKETS - 1]++;
    d->done_nck[d->done_tail++ & d->ring_mask] = end_nck;
    if (d->options->stamps) {
        uint64_t bus_nck = end_nck - aes_nck;
        d->result.stage_nck[0] += event->first_nck - event->accept_nck;
        d->result.stage_nck[1] += bus_nck - event->first_nck;
        d->result.stage_nck[2] += end_nck - bus_nck;
    }
    if (d->options->latency_nck != NULL) {
        d->options->latency_nck[request] = (uint32_t)latency;
    }
}

/* Gives their places in the window back. */
static inline void umc_retire_done(umc_driver_t *d, uint64_t now_nck)
{
    while (d->done_head != d->done_tail &&
           d->done_nck[d->done_head & d->ring_mask] + d->policy.late_callback <= now_nck) {
        d->done_head++;
        d->outstanding--;
    }
}

/*
 * Offers requests from number i on, which is of this place and makes a run possible (core.h), as
 * long as they belong to the run, and returns how many were taken. *at_nck: from when on the next
 * is offered; *last_nck: when the last was taken.
 */
uint64_t umc_offer_hits(umc_driver_t *d, const cbit_dram_place_t *place, uint64_t i, uint64_t count,
                        uint64_t *at_nck, uint64_t *last_nck);

/*
 * The same for requests of any place, as long as none meets another of its line and none makes a
 * run possible; none at all unless the policy and who watches are the usual ones.
 */
uint64_t umc_offer_crowd(umc_driver_t *d, uint64_t i, uint64_t count, uint64_t *at_nck,
                         uint64_t *last_nck);

#endif
