#include "cbit/sim/signal.h"

#include "model/sim/update.h"

void cbit_signal_init(cbit_signal_t *signal, cbit_kernel_t *kernel, uint64_t value)
{
    *signal = (cbit_signal_t){.value = value, .written = value};
    cbit_trigger_init(&signal->changed, kernel);
}

void cbit_signal_write(cbit_signal_t *signal, uint64_t value)
{
    signal->written = value;
    if (!signal->update_requested) {
        signal->update_requested = true;
        cbit_kernel_request_update(signal->changed.kernel, signal);
    }
}

void cbit_signal_update(cbit_signal_t *signal)
{
    signal->update_requested = false;
    if (signal->value != signal->written) {
        signal->value = signal->written;
        cbit_trigger_notify_delta(&signal->changed);
    }
}
