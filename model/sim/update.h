/* The kernel's update phase and the signals that it applies. Private to model/sim. */
#ifndef CBIT_MODEL_SIM_UPDATE_H
#define CBIT_MODEL_SIM_UPDATE_H

#include "cbit/sim/signal.h"

/* Has cbit_signal_update called once, before the next delta of this instant. */
void cbit_kernel_request_update(cbit_kernel_t *kernel, cbit_signal_t *signal);

/* Makes the value written the value read; called by the kernel. */
void cbit_signal_update(cbit_signal_t *signal);

#endif
