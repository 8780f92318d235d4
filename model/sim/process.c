#include "cbit/sim/process.h"

#include <stddef.h>

void cbit_process_init(cbit_process_t *process, cbit_kernel_t *kernel, void (*run)(void *self),
                       void *self)
{
    process->kernel = kernel;
    cbit_event_init(&process->runnable, run, self);
}

void cbit_process_start(cbit_process_t *process)
{
    if (!cbit_event_pending(&process->runnable)) {
        cbit_event_notify_at(process->kernel, &process->runnable,
                             cbit_kernel_now_ps(process->kernel));
    }
}

static void fire(void *self)
{
    const cbit_trigger_t *trigger = self;
    for (cbit_sensitivity_t *edge = trigger->first; edge != NULL; edge = edge->next) {
        cbit_process_start(edge->process);
    }
}

void cbit_trigger_init(cbit_trigger_t *trigger, cbit_kernel_t *kernel)
{
    *trigger = (cbit_trigger_t){.kernel = kernel};
    cbit_event_init(&trigger->event, fire, trigger);
}

void cbit_process_sensitive(cbit_process_t *process, cbit_trigger_t *trigger,
                            cbit_sensitivity_t *edge)
{
    edge->process = process;
    edge->next = NULL;
    *(trigger->last != NULL ? &trigger->last->next : &trigger->first) = edge;
    trigger->last = edge;
}

void cbit_trigger_notify(cbit_trigger_t *trigger)
{
    cbit_event_cancel(trigger->kernel, &trigger->event);
    fire(trigger);
}

void cbit_trigger_notify_delta(cbit_trigger_t *trigger)
{
    /* A pending one is later than this delta's successor only if its time is. */
    if (cbit_event_pending(&trigger->event) &&
        trigger->event.at_ps == cbit_kernel_now_ps(trigger->kernel)) {
        return;
    }
    cbit_event_notify_delta(trigger->kernel, &trigger->event);
}

void cbit_trigger_notify_after(cbit_trigger_t *trigger, cbit_ps_t delay_ps)
{
    const cbit_ps_t at_ps = cbit_kernel_now_ps(trigger->kernel) + delay_ps;
    if (delay_ps == 0) {
        cbit_trigger_notify_delta(trigger);
    } else if (!cbit_event_pending(&trigger->event) || at_ps < trigger->event.at_ps) {
        cbit_event_notify_at(trigger->kernel, &trigger->event, at_ps);
    }
}

void cbit_trigger_cancel(cbit_trigger_t *trigger)
{
    cbit_event_cancel(trigger->kernel, &trigger->event);
}
