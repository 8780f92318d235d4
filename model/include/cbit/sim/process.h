/**
 * @file
 * Processes: callbacks with a sensitivity list (SystemC's SC_METHOD), and the triggers that they
 * are sensitive to (its sc_event).
 *
 * A trigger that fires makes every process that is sensitive to it runnable in the same delta, in
 * the order in which they became sensitive. A process that is already runnable runs once. All
 * structures are intrusive: the owner embeds them, nothing is allocated, and they must stay in
 * place until the kernel is destroyed.
 */
#ifndef CBIT_SIM_PROCESS_H
#define CBIT_SIM_PROCESS_H

#include "cbit/sim/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_process {
    cbit_kernel_t *kernel;
    cbit_event_t runnable;
} cbit_process_t;

/* One edge between a trigger and a process. */
typedef struct cbit_sensitivity {
    cbit_process_t *process;
    struct cbit_sensitivity *next;
} cbit_sensitivity_t;

typedef struct cbit_trigger {
    cbit_kernel_t *kernel;
    cbit_event_t event;
    cbit_sensitivity_t *first, *last;
} cbit_trigger_t;

/* A process that runs when a trigger fires, not by itself at the start. */
void cbit_process_init(cbit_process_t *process, cbit_kernel_t *kernel, void (*run)(void *self),
                       void *self);

/* Makes it runnable now, at the end of the current delta (before the first run: at time 0). */
void cbit_process_start(cbit_process_t *process);

void cbit_trigger_init(cbit_trigger_t *trigger, cbit_kernel_t *kernel);

/* Adds an edge; edge belongs to the caller and serves one pair. Each pair counts once per call. */
void cbit_process_sensitive(cbit_process_t *process, cbit_trigger_t *trigger,
                            cbit_sensitivity_t *edge);

/*
 * A trigger holds one notification, and the earliest wins: immediate before delta before timed. A
 * later one is forgotten, as in SystemC.
 */
void cbit_trigger_notify(cbit_trigger_t *trigger); /* in the current delta */
void cbit_trigger_notify_delta(cbit_trigger_t *trigger);
void cbit_trigger_notify_after(cbit_trigger_t *trigger, cbit_ps_t delay_ps);
void cbit_trigger_cancel(cbit_trigger_t *trigger);

#ifdef __cplusplus
}
#endif
#endif
