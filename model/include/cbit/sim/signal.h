/**
 * @file
 * Signals: values with request and update.
 *
 * What is written becomes readable in the next delta, so that processes of one delta all see the
 * old value, whatever their order. The last write of a delta counts. A write that changes nothing
 * wakes nobody.
 */
#ifndef CBIT_SIM_SIGNAL_H
#define CBIT_SIM_SIGNAL_H

#include "cbit/sim/process.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_signal {
    uint64_t value;         /* what readers see */
    uint64_t written;       /* what they will see */
    cbit_trigger_t changed; /* fires in the delta that sees a new value first */
    struct cbit_signal *next_update;
    bool update_requested;
} cbit_signal_t;

void cbit_signal_init(cbit_signal_t *signal, cbit_kernel_t *kernel, uint64_t value);

void cbit_signal_write(cbit_signal_t *signal, uint64_t value);

static inline uint64_t cbit_signal_read(const cbit_signal_t *signal)
{
    return signal->value;
}

#ifdef __cplusplus
}
#endif
#endif
