#include "workloads/hypervisor/hv.h"

void cbit_hv_turns_add(cbit_hv_turns_t *turns, cbit_hv_turn_t *turn)
{
    turn->next = NULL;
    if (turns->tail == NULL) {
        turns->head = turn;
    } else {
        turns->tail->next = turn;
    }
    turns->tail = turn;
}

cbit_hv_turn_t *cbit_hv_turns_take(cbit_hv_turns_t *turns)
{
    cbit_hv_turn_t *turn = turns->head;
    if (turn != NULL) {
        turns->head = turn->next;
        turns->tail = turns->head == NULL ? NULL : turns->tail;
    }
    return turn;
}

void cbit_hv_lock(cbit_hv_t *hv, cbit_hv_turn_t *turn)
{
    if (hv->lock_held) {
        cbit_hv_turns_add(&hv->lock_waiting, turn);
        return;
    }
    hv->lock_held = true;
    turn->granted(turn->self);
}

void cbit_hv_unlock(cbit_hv_t *hv)
{
    cbit_hv_turn_t *turn = cbit_hv_turns_take(&hv->lock_waiting);
    if (turn == NULL) {
        hv->lock_held = false;
        return;
    }
    turn->granted(turn->self); /* the lock passes on */
}

static cbit_hv_step_t flush_lock(void *self)
{
    cbit_hv_t *hv = self;
    hv->flush_turn = (cbit_hv_turn_t){.granted = cbit_hv_task_resume, .self = &hv->flush_task};
    cbit_hv_lock(hv, &hv->flush_turn);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t flush_caches(void *self)
{
    cbit_hv_t *hv = self;
    /* Whoever asks from here on needs another flush. */
    hv->flush_served = hv->flush_waiting;
    hv->flush_waiting = (cbit_hv_turns_t){0};
    hv->wbinvds_left = hv->core_count;
    for (uint32_t i = 0; i < hv->core_count; i++) {
        hv->result->wbinvds++;
        cbit_hv_core_wbinvd(&hv->cores[i]);
    }
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t flush_fabric(void *self)
{
    cbit_hv_t *hv = self;
    hv->result->df_flushes++;
    cbit_hv_command_run(&hv->flush_command, SEV_CMD_DF_FLUSH, NULL, 0, cbit_hv_task_resume,
                        &hv->flush_task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t flush_done(void *self)
{
    cbit_hv_t *hv = self;
    if (hv->flush_command.request.status != SEV_STATUS_SUCCESS) {
        hv->result->checks.sp_failures++;
        return cbit_hv_fail(hv, CBIT_ERR_INTERNAL, NULL, "DF_FLUSH after WBINVD failed: %s",
                            cbit_spdriver_status_name(hv->flush_command.request.status));
    }
    cbit_hv_asids_flushed(&hv->asids);
    cbit_hv_asids_flushed(&hv->es_asids);
    if (cbit_hv_nodes_flushed(hv) != CBIT_ERR_OK) {
        return cbit_hv_fail(hv, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    cbit_hv_unlock(hv);
    return CBIT_HV_NEXT;
}

static const cbit_hv_step_fn flush_steps[] = {flush_lock, flush_caches, flush_fabric, flush_done,
                                              NULL};

static void flush_over(void *self)
{
    cbit_hv_t *hv = self;
    if (hv->err != CBIT_ERR_OK) {
        return;
    }
    cbit_hv_turns_t served = hv->flush_served;
    hv->flush_served = (cbit_hv_turns_t){0};
    if (hv->flush_waiting.head != NULL) {
        cbit_hv_task_start(&hv->flush_task, flush_steps, hv, flush_over, hv);
    }
    for (cbit_hv_turn_t *turn; (turn = cbit_hv_turns_take(&served)) != NULL;) {
        turn->granted(turn->self);
    }
}

void cbit_hv_flush(cbit_hv_t *hv, cbit_hv_turn_t *turn)
{
    cbit_hv_turns_add(&hv->flush_waiting, turn);
    if (cbit_hv_task_idle(&hv->flush_task)) {
        cbit_hv_task_start(&hv->flush_task, flush_steps, hv, flush_over, hv);
    }
}

void cbit_hv_wbinvd_done(cbit_hv_t *hv)
{
    if (--hv->wbinvds_left == 0) {
        cbit_hv_task_resume(&hv->flush_task);
    }
}
