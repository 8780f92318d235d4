/**
 * @file
 * Somebody who watches a run as it goes: what a timeline is made of.
 *
 * Watching changes nothing: the same events fire at the same times. Slices are told when they end,
 * in order of their ends; slices of one track do not overlap.
 */
#ifndef CBIT_WORKLOADS_WATCH_H
#define CBIT_WORKLOADS_WATCH_H

#include <stdint.h>

#include "cbit/sim/time.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Who was busy; `index` of a slice counts within its kind. */
typedef enum cbit_watch_track {
    CBIT_WATCH_CORE,   /* by core: a guest between VMRUN and #VMEXIT, the host's work on the exit, a
                          WBINVD, a probe */
    CBIT_WATCH_SP,     /* one: a command, from its doorbell to its answer */
    CBIT_WATCH_DEVICE, /* by guest: a transfer, from the doorbell to its end */
    CBIT_WATCH_TARGET_CORE, /* the same two of the machine that guests migrate to */
    CBIT_WATCH_TARGET_SP,
    CBIT_WATCH_TRACKS,
} cbit_watch_track_t;

typedef struct cbit_watch_slice {
    cbit_watch_track_t track;
    uint32_t index;
    const char *name;   /* guest, command or "WBINVD": stays as long as the run */
    const char *detail; /* exit's word, firmware's status, kind of probe: static; NULL: none */
    cbit_ps_t begin_ps, end_ps;
} cbit_watch_slice_t;

/* Counters at an instant, all of them since the run began but for the last. */
typedef struct cbit_watch_sample {
    cbit_ps_t at_ps;
    uint64_t read_lines, written_lines; /* on the DRAM buses */
    uint64_t lines_encrypted, lines_decrypted;
    uint64_t in_flight; /* requests between leaving the caches and their answers */
} cbit_watch_sample_t;

typedef struct cbit_watch {
    void *self;
    cbit_ps_t sample_ps; /* how far apart samples are */
    void (*on_slice)(void *self, const cbit_watch_slice_t *slice);
    void (*on_sample)(void *self, const cbit_watch_sample_t *sample);
} cbit_watch_t;

#ifdef __cplusplus
}
#endif
#endif
