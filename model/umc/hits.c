/*
 * Runs of reads that hit open rows, with nothing else queued: order and distance of the commands
 * are known, so they are issued and accepted here without plans, lanes or queues (core.h, run.c).
 */
#include "model/umc/driver.h"

enum { LONG_RUN = 16 }; /* shorter ones are not worth the change */

/* The next RD of a run. */
typedef struct next_hit {
    uint64_t at_nck; /* UMC_NEVER if nothing is queued */
    uint32_t bank;   /* of the run's */
} next_hit_t;

static inline void find_next(const umc_run_t *run, next_hit_t *next)
{
    uint64_t accept_nck = 0;
    *next = (next_hit_t){.at_nck = UMC_NEVER};
    for (uint32_t k = 0; k < run->banks; k++) {
        const umc_run_bank_t *bank = &run->bank[k];
        if (bank->head == bank->tail) {
            continue;
        }
        uint64_t came_nck = bank->ring[bank->head % UMC_RUN].accept_nck;
        uint64_t at_nck = bank->next_nck > came_nck ? bank->next_nck : came_nck + 1;
        if (at_nck < next->at_nck || (at_nck == next->at_nck && came_nck < accept_nck)) {
            *next = (next_hit_t){.at_nck = at_nck, .bank = k};
            accept_nck = came_nck;
        }
    }
}

static inline void issue_hit(umc_driver_t *d, umc_run_t *run, next_hit_t *next)
{
    uint64_t at_nck = next->at_nck;
    umc_run_bank_t *bank = &run->bank[next->bank];
    const umc_run_hit_t *hit = &bank->ring[bank->head++ % UMC_RUN];
    const umc_event_t event = {.at_nck = at_nck,
                               .accept_nck = hit->accept_nck,
                               .first_nck = hit->first_nck == UMC_NEVER ? at_nck : hit->first_nck};
    bank->last_nck = at_nck;
    bank->issued++;
    run->queued--;
    for (uint32_t k = 0; k < run->banks; k++) {
        uint64_t next_nck = at_nck + run->step_nck[next->bank][k];
        run->bank[k].next_nck = next_nck > run->bank[k].next_nck ? next_nck : run->bank[k].next_nck;
    }
    umc_complete(d, hit->user, at_nck + d->read_nck, d->depth_nck, &event);
    find_next(run, next);
}

/*
 * As stream.c does for any request: moves *at_nck on to the clock of acceptance, issuing what comes
 * before. False if the run ends first; *at_nck is then where to go on.
 */
static inline bool accept_hit(umc_driver_t *d, umc_run_t *run, next_hit_t *next, uint64_t *at_nck)
{
    while (*at_nck < run->end_nck) {
        while (next->at_nck <= *at_nck) {
            issue_hit(d, run, next);
        }
        umc_retire_done(d, *at_nck);
        bool full = d->outstanding >= d->options->window;
        if (!full && run->queued < d->policy.read_entries) {
            return true;
        }
        if (full && d->done_head != d->done_tail) {
            uint64_t done_nck = d->done_nck[d->done_head & d->ring_mask] + d->policy.late_callback;
            *at_nck = done_nck > *at_nck ? done_nck : *at_nck;
        } else if (next->at_nck >= run->end_nck) {
            return false;
        } else {
            *at_nck = full ? *at_nck : next->at_nck;
            issue_hit(d, run, next);
        }
    }
    return false;
}

/* The bank whose open row a request hits; run->banks if it is a write or hits none. */
static inline uint32_t bank_hit(const umc_driver_t *d, const cbit_stream_request_t *request,
                                const umc_run_t *run, cbit_dram_place_t *place)
{
    if ((request->arrival_nck & CBIT_STREAM_WRITE) != 0 ||
        !cbit_dram_map_place(&d->map, request->address, place)) {
        return run->banks;
    }
    uint32_t k = 0;
    while (k < run->banks &&
           (run->bank[k].bank != place->flat_bank || run->bank[k].row != place->row)) {
        k++;
    }
    return k;
}

static uint64_t offer_run(umc_driver_t *d, umc_run_t *run, uint64_t i, uint64_t count,
                          uint64_t *at_nck, uint64_t *last_nck)
{
    uint64_t taken = 0, now_nck = *at_nck;
    cbit_dram_place_t place;
    next_hit_t next;
    find_next(run, &next);
    for (; i + taken < count; taken++) {
        const cbit_stream_request_t *request = &d->requests[i + taken];
        uint32_t k = bank_hit(d, request, run, &place);
        if (k == run->banks) {
            break;
        }
        now_nck = request->arrival_nck > now_nck ? request->arrival_nck : now_nck;
        if (!accept_hit(d, run, &next, &now_nck)) {
            break;
        }
        umc_run_bank_t *bank = &run->bank[k];
        bank->ring[bank->tail++ % UMC_RUN] =
            (umc_run_hit_t){.line = request->address >> CBIT_DRAM_LINE_BITS,
                            .accept_nck = now_nck,
                            .first_nck = UMC_NEVER,
                            .user = (uint32_t)(i + taken),
                            .column = place.column};
        run->queued++;
        if (bank->tail - bank->head == 1) {
            find_next(run, &next);
        }
        d->outstanding++;
        *last_nck = now_nck++;
    }
    d->result.reads += taken;
    *at_nck = now_nck;
    return taken;
}

uint64_t umc_offer_hits(umc_driver_t *d, const cbit_dram_place_t *place, uint64_t i, uint64_t count,
                        uint64_t *at_nck, uint64_t *last_nck)
{
    umc_run_t run;
    cbit_dram_place_t later;
    if (i + LONG_RUN >= count ||
        !cbit_dram_map_place(&d->map, d->requests[i + LONG_RUN].address, &later) ||
        later.flat_bank != place->flat_bank || later.row != place->row) {
        return 0;
    }
    umc_run_begin(d->core, place, &run);
    uint64_t taken = offer_run(d, &run, i, count, at_nck, last_nck);
    umc_run_end(d->core, &run);
    return taken;
}
