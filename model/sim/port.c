#include "cbit/sim/port.h"

#include <stddef.h>

void cbit_waitlist_add(cbit_waitlist_t *list, cbit_waiter_t *waiter)
{
    if (waiter->queued) {
        return;
    }
    waiter->queued = true;
    waiter->next = NULL;
    if (list->tail == NULL) {
        list->head = waiter;
    } else {
        list->tail->next = waiter;
    }
    list->tail = waiter;
}

bool cbit_waitlist_wake_one(cbit_waitlist_t *list)
{
    cbit_waiter_t *waiter = list->head;
    if (waiter == NULL) {
        return false;
    }
    list->head = waiter->next;
    if (list->head == NULL) {
        list->tail = NULL;
    }
    /* Off the list first: on_space may register again. */
    waiter->queued = false;
    waiter->on_space(waiter->self);
    return true;
}
