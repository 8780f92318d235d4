#include "workloads/hypervisor/task.h"

#include <stddef.h>

static void end(cbit_hv_task_t *task)
{
    task->steps = NULL;
    if (task->done != NULL) {
        task->done(task->done_self); /* may start the task again: nothing is touched after */
    }
}

static void walk(cbit_hv_task_t *task)
{
    for (;;) {
        if (task->steps[task->at] == NULL) {
            end(task);
            return;
        }
        task->inside = true;
        task->resumed = false;
        cbit_hv_step_t step = task->steps[task->at](task->self);
        task->inside = false;
        if (step == CBIT_HV_STOP) {
            end(task);
            return;
        }
        if (step != CBIT_HV_AGAIN) {
            task->at++;
        }
        if (step != CBIT_HV_NEXT && !task->resumed) {
            return;
        }
    }
}

void cbit_hv_task_start(cbit_hv_task_t *task, const cbit_hv_step_fn *steps, void *self,
                        void (*done)(void *done_self), void *done_self)
{
    *task = (cbit_hv_task_t){.steps = steps, .self = self, .done = done, .done_self = done_self};
    walk(task);
}

void cbit_hv_task_skip_to_last(cbit_hv_task_t *task)
{
    uint32_t last = task->at;
    while (task->steps[last + 1] != NULL) {
        last++;
    }
    task->at = last - 1; /* NEXT counts it up */
}

void cbit_hv_task_resume(void *self)
{
    cbit_hv_task_t *task = self;
    if (task->inside) {
        task->resumed = true;
    } else if (task->steps != NULL) {
        walk(task);
    }
}
