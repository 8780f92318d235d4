/*
 * Runs of reads that hit one open row, with nothing else queued: order and distance of the commands
 * are known, so they are issued and accepted here without plans, lanes or queues (core.h, run.c).
 */
#include "model/umc/driver.h"

enum { LONG_RUN = 16 }; /* shorter ones are not worth the change */

static inline bool hits_row(const umc_driver_t *d, const cbit_stream_request_t *request,
                            const umc_run_t *run, cbit_dram_place_t *place)
{
    return (request->arrival_nck & CBIT_STREAM_WRITE) == 0 &&
           cbit_dram_map_place(&d->map, request->address, place) && place->flat_bank == run->bank &&
           place->row == run->row;
}

static inline void issue_hit(umc_driver_t *d, umc_run_t *run, uint64_t at_nck)
{
    const umc_run_hit_t *hit = &run->ring[run->head++ % UMC_RUN];
    const umc_event_t event = {.at_nck = at_nck,
                               .accept_nck = hit->accept_nck,
                               .first_nck = hit->first_nck == UMC_NEVER ? at_nck : hit->first_nck};
    run->last_nck = at_nck;
    run->next_nck = at_nck + run->step_nck;
    run->issued++;
    umc_complete(d, hit->user, at_nck + d->read_nck, &event);
}

/* The clock of the run's next RD, which must be before its end; UMC_NEVER if it has none. */
static inline uint64_t next_hit_nck(const umc_run_t *run)
{
    uint64_t free_nck = run->ring[run->head % UMC_RUN].accept_nck + 1;
    return run->head == run->tail ? UMC_NEVER : run->next_nck > free_nck ? run->next_nck : free_nck;
}

/*
 * As stream.c does for any request: moves *at_nck on to the clock of acceptance, issuing what comes
 * before. False if the run ends first; *at_nck is then where to go on.
 */
static inline bool accept_hit(umc_driver_t *d, umc_run_t *run, uint64_t *at_nck)
{
    for (;;) {
        uint64_t rd_nck = next_hit_nck(run);
        if (*at_nck >= run->end_nck) {
            return false;
        }
        if (rd_nck <= *at_nck) {
            issue_hit(d, run, rd_nck);
            continue;
        }
        umc_retire_done(d, *at_nck);
        bool full = d->outstanding >= d->options->window;
        if (!full && run->tail - run->head < d->policy.read_entries) {
            return true;
        }
        if (full && d->done_head != d->done_tail) {
            uint64_t done_nck = d->done_nck[d->done_head & d->ring_mask] + d->policy.late_callback;
            *at_nck = done_nck > *at_nck ? done_nck : *at_nck;
        } else if (rd_nck >= run->end_nck) {
            return false;
        } else {
            issue_hit(d, run, rd_nck);
            *at_nck = full ? *at_nck : rd_nck;
        }
    }
}

uint64_t umc_offer_hits(umc_driver_t *d, uint64_t i, uint64_t count, uint64_t *at_nck,
                        uint64_t *last_nck)
{
    umc_run_t run;
    cbit_dram_place_t place;
    uint64_t taken = 0;
    (void)cbit_dram_map_place(&d->map, d->requests[i].address, &place);
    run.bank = place.flat_bank;
    run.row = place.row;
    if (i + LONG_RUN >= count || !hits_row(d, &d->requests[i + LONG_RUN], &run, &place)) {
        return 0;
    }
    umc_run_begin(d->core, &run);
    for (; i + taken < count; taken++) {
        const cbit_stream_request_t *request = &d->requests[i + taken];
        if (!hits_row(d, request, &run, &place)) {
            break;
        }
        *at_nck = request->arrival_nck > *at_nck ? request->arrival_nck : *at_nck;
        if (!accept_hit(d, &run, at_nck)) {
            break;
        }
        run.ring[run.tail++ % UMC_RUN] =
            (umc_run_hit_t){.line = request->address >> CBIT_DRAM_LINE_BITS,
                            .accept_nck = *at_nck,
                            .first_nck = UMC_NEVER,
                            .user = (uint32_t)(i + taken),
                            .column = place.column};
        d->result.reads++;
        d->outstanding++;
        *last_nck = *at_nck;
        ++*at_nck;
    }
    umc_run_end(d->core, &run);
    return taken;
}
