/**
 * @file
 * Host memory by the frame: which 4 KiB of system physical memory are in use.
 *
 * Frames of an ended guest may still be in caches under its key; they wait in quarantine until the
 * hypervisor has flushed, as KVM flushes before it gives a guest's pages back.
 */
#ifndef CBIT_WORKLOADS_HYPERVISOR_FRAMES_H
#define CBIT_WORKLOADS_HYPERVISOR_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/err.h"
#include "cbit/sim/txn.h"

typedef struct cbit_hv_frame_list {
    cbit_spa_t *items;
    uint64_t count, room;
} cbit_hv_frame_list_t;

typedef struct cbit_hv_frames {
    cbit_spa_t next, limit; /* never used so far: [next, limit) */
    cbit_spa_t top;         /* end of memory; limit is lower once a frame above it was chosen */
    cbit_hv_frame_list_t free, quarantine;
} cbit_hv_frames_t;

/* Frames of [base, limit), both 4 KiB aligned. */
void cbit_hv_frames_init(cbit_hv_frames_t *frames, cbit_spa_t base, cbit_spa_t limit);
void cbit_hv_frames_clear(cbit_hv_frames_t *frames);

/* A frame, the most recently freed first; false when memory is used up. */
bool cbit_hv_frames_take(cbit_hv_frames_t *frames, cbit_spa_t *spa);

/* len_bytes (rounded up to frames) of contiguous memory that was never used before. */
bool cbit_hv_frames_take_run(cbit_hv_frames_t *frames, uint64_t len_bytes, cbit_spa_t *spa);

/* The frame at spa for a user who wants this one; nothing above it is given to others from now on.
   False when it has been given to somebody, or lies outside. */
bool cbit_hv_frames_choose(cbit_hv_frames_t *frames, cbit_spa_t spa);

/* Gives a frame back at once: no cache holds it under a key that only its user had. */
cbit_err_t cbit_hv_frames_free(cbit_hv_frames_t *frames, cbit_spa_t spa);

/* Gives a frame back behind the next flush. NO_MEMORY leaves it in use. */
cbit_err_t cbit_hv_frames_retire(cbit_hv_frames_t *frames, cbit_spa_t spa);

/* All caches were flushed: what was retired may be taken again. NO_MEMORY leaves it retired. */
cbit_err_t cbit_hv_frames_flushed(cbit_hv_frames_t *frames);

#endif
