/*
 * The recorder: a hop between the requesters and the fabric that keeps every request's latency and
 * holds the rule that its stages add up. Private to model/platform.
 */
#ifndef CBIT_MODEL_PLATFORM_RECORDER_H
#define CBIT_MODEL_PLATFORM_RECORDER_H

#include "cbit/platform/platform.h"
#include "cbit/sim/port.h"

typedef struct cbit_recorder cbit_recorder_t;

/* One place where requests pass; all of a machine's count together. */
typedef struct cbit_recorder_tap {
    cbit_recorder_t *recorder;
    cbit_port_t below;
} cbit_recorder_tap_t;

struct cbit_recorder {
    cbit_kernel_t *kernel;
    cbit_recorder_tap_t taps[CBIT_FABRIC_MAX_ENTRIES];
    cbit_platform_latency_t read, write;
    cbit_platform_latency_t read_by_source[CBIT_SOURCE_COUNT];
    uint64_t stage_mismatches, in_flight;
    cbit_platform_listener_t listener; /* NULL: nobody wants to know of each */
    void *listener_self;
};

void cbit_recorder_init(cbit_recorder_t *recorder, cbit_kernel_t *kernel, cbit_port_t below);
/* The first tap, which init binds; or any of them, bound to what is below it. */
cbit_port_t cbit_recorder_port(cbit_recorder_t *recorder);
cbit_port_t cbit_recorder_tap(cbit_recorder_t *recorder, uint32_t tap, cbit_port_t below);

#endif
