/**
 * @file
 * A task: a table of steps that is walked one after the other, with waits in between.
 *
 * The hypervisor's software is sequential where the machine is not: a launch sends a command, waits
 * for the interrupt, sends the next. Each step is a function; when it starts something that ends
 * later it returns WAIT and hands cbit_hv_task_resume to whatever it waits for. An answer that
 * comes before the step has returned is kept, so a callee may answer at once.
 */
#ifndef CBIT_WORKLOADS_HYPERVISOR_TASK_H
#define CBIT_WORKLOADS_HYPERVISOR_TASK_H

#include <stdbool.h>
#include <stdint.h>

typedef enum cbit_hv_step {
    CBIT_HV_NEXT,  /* go on with the next step at once */
    CBIT_HV_WAIT,  /* resume continues with the next step */
    CBIT_HV_AGAIN, /* resume comes back to this step */
    CBIT_HV_STOP,  /* the task is over: the steps behind are left out */
} cbit_hv_step_t;

typedef cbit_hv_step_t (*cbit_hv_step_fn)(void *self);

/* The owner embeds this; all zero is an idle task. */
typedef struct cbit_hv_task {
    const cbit_hv_step_fn *steps; /* ended by NULL; NULL itself: idle */
    uint32_t at;
    bool inside;  /* a step is running */
    bool resumed; /* ...and was answered before it returned */
    void *self;
    void (*done)(void *done_self);
    void *done_self;
} cbit_hv_task_t;

/* Starts an idle task at its first step; done (may be NULL) is called once, after the last. */
void cbit_hv_task_start(cbit_hv_task_t *task, const cbit_hv_step_fn *steps, void *self,
                        void (*done)(void *done_self), void *done_self);

/* The answer that a waiting task waits for. Takes a cbit_hv_task_t; void * to serve as callback. */
void cbit_hv_task_resume(void *task);

/* For a step that returns NEXT: all steps between it and the task's last one are left out. */
void cbit_hv_task_skip_to_last(cbit_hv_task_t *task);

static inline bool cbit_hv_task_idle(const cbit_hv_task_t *task)
{
    return task->steps == (void *)0;
}

#endif
