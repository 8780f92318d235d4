#include "workloads/hypervisor/migrate.h"

#include <stdlib.h>

#include "workloads/hypervisor/dirty.h"

/* ---- what the phases share ---- */

cbit_run_round_t *cbit_hv_migrate_round(cbit_hv_migration_t *m, uint32_t round)
{
    return &m->result->rounds[round];
}

cbit_hv_step_t cbit_hv_migrate_fail(cbit_hv_migration_t *m, const char *outcome,
                                    const char *command, uint32_t status)
{
    if (!m->failed) {
        m->failed = true;
        m->result->outcome = outcome;
        m->result->command = command;
        m->result->status = status == SEV_STATUS_SUCCESS ? "" : cbit_spdriver_status_name(status);
        m->probe->result->exit_code = (int32_t)status;
    }
    return CBIT_HV_STOP;
}

cbit_hv_step_t cbit_hv_migrate_checked(cbit_hv_migration_t *m, const cbit_hv_guest_t *side)
{
    const cbit_spdriver_request_t *request = &side->command.request;
    return request->status == SEV_STATUS_SUCCESS
               ? CBIT_HV_NEXT
               : cbit_hv_migrate_fail(m, "refused", cbit_spdriver_command_name(request->command),
                                      request->status);
}

static cbit_hv_step_t unless_failed(const cbit_hv_migration_t *m)
{
    return m->failed || m->hv->err != CBIT_ERR_OK ? CBIT_HV_STOP : CBIT_HV_NEXT;
}

/* A command about the guest that is nothing but its handle. */
static cbit_hv_step_t send_handle(cbit_hv_guest_t *side, uint32_t id, cbit_hv_task_t *task)
{
    const sev_handle_t handle = {.handle = side->handle};
    side->command.request.status = SEV_STATUS_SUCCESS;
    if (!side->sev) {
        return CBIT_HV_NEXT;
    }
    cbit_hv_command_run(&side->command, id, &handle, sizeof handle, cbit_hv_task_resume, task);
    return CBIT_HV_WAIT;
}

/* ---- one round ---- */

static cbit_hv_step_t round_pause(void *self)
{
    cbit_hv_migration_t *m = self;
    m->doing = "stopping the vCPUs";
    if (!m->guest->paused) {
        cbit_hv_sched_pause(m->guest);
    }
    return CBIT_HV_NEXT;
}

static bool still(const cbit_hv_migration_t *m)
{
    return cbit_hv_sched_still(m->guest) && !cbit_hv_devices_busy(m->guest);
}

static cbit_hv_step_t round_still(void *self)
{
    cbit_hv_migration_t *m = self;
    if (still(m)) {
        return CBIT_HV_NEXT;
    }
    m->wait = CBIT_HV_MIGRATE_WAIT_STILL;
    return CBIT_HV_AGAIN;
}

/* All pages at first, afterwards those that were written to since they were taken. */
static cbit_hv_step_t round_take(void *self)
{
    cbit_hv_migration_t *m = self;
    cbit_hv_guest_t *guest = m->guest;
    cbit_spa_t spa;
    m->list_count = 0;
    m->list_at = 0;
    for (cbit_gpa_t gpa = 0; gpa < guest->config->memory; gpa += CBIT_PAGE_BYTES) {
        bool wanted = cbit_hv_dirty_take(guest, gpa);
        if (m->result->round_count == 0 && cbit_hv_nested_frame(&guest->nested, gpa, &spa)) {
            cbit_hv_dirty_protect(guest, gpa);
            wanted = true;
        }
        if (wanted) {
            m->list[m->list_count++] = gpa;
        }
    }
    cbit_hv_migrate_round(m, m->result->round_count)->begin_ps = cbit_hv_now(m->hv);
    return CBIT_HV_NEXT;
}

static cbit_hv_step_t round_write(void *self)
{
    cbit_hv_migration_t *m = self;
    m->doing = "write-protecting pages";
    return m->last ? CBIT_HV_NEXT
                   : cbit_hv_write_nested(m->guest, &m->guest->transfer, &m->round_task);
}

/* Whoever runs again walks anew: no core knows a protected page as writable. */
static cbit_hv_step_t round_resume(void *self)
{
    cbit_hv_migration_t *m = self;
    if (m->last) {
        return CBIT_HV_NEXT;
    }
    for (uint32_t i = 0; i < m->hv->core_count; i++) {
        m->hv->cores[i].last_vmcb[m->guest->asid] = 0;
    }
    cbit_hv_sched_resume(m->guest);
    return CBIT_HV_NEXT;
}

static cbit_hv_step_t round_end(void *self)
{
    cbit_hv_migration_t *m = self;
    cbit_run_round_t *round = cbit_hv_migrate_round(m, m->result->round_count++);
    round->span_ps = cbit_hv_now(m->hv) - round->begin_ps;
    round->dirty_pages = cbit_hv_dirty_count(m->guest);
    return CBIT_HV_NEXT;
}

static const cbit_hv_step_fn round_steps[] = {round_pause, round_still,  round_take,
                                              round_write, round_resume, cbit_hv_send_next,
                                              round_end,   NULL};

/* ---- from here to there ---- */

static cbit_hv_step_t await_target(void *self)
{
    cbit_hv_migration_t *m = self;
    m->doing = "waiting for the target to boot";
    if (m->hv->target->booted) {
        return CBIT_HV_NEXT;
    }
    m->turn = (cbit_hv_turn_t){.granted = cbit_hv_task_resume, .self = &m->task};
    cbit_hv_turns_add(&m->hv->target->boot_waiting, &m->turn);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t prepare(void *self)
{
    cbit_hv_migration_t *m = self;
    m->doing = "making ready its memory on the target";
    cbit_hv_prepare_memory(m->stand_in, cbit_hv_task_resume, &m->task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t prepared(void *self)
{
    cbit_hv_migration_t *m = self;
    if (m->stand_in->sev && !m->stand_in->asid_taken) {
        return cbit_hv_migrate_fail(m, "refused", "no ASID is free", SEV_STATUS_SUCCESS);
    }
    m->result->to_asid = m->stand_in->sev ? m->stand_in->asid : 0;
    return unless_failed(m);
}

static cbit_hv_step_t start_sending(void *self)
{
    cbit_hv_migration_t *m = self;
    m->doing = "SEND_START";
    m->result->setup_ps = cbit_hv_now(m->hv);
    cbit_hv_task_start(&m->round_task, cbit_hv_send_start_steps, m, cbit_hv_task_resume, &m->task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t start_receiving(void *self)
{
    cbit_hv_migration_t *m = self;
    if (m->failed) {
        return CBIT_HV_STOP;
    }
    m->doing = "RECEIVE_START";
    cbit_hv_task_start(&m->receive_task, cbit_hv_receive_start_steps, m, cbit_hv_task_resume,
                       &m->task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t begin_log(void *self)
{
    cbit_hv_migration_t *m = self;
    m->result->setup_ps = cbit_hv_now(m->hv) - m->result->setup_ps;
    if (!cbit_hv_dirty_begin(m->guest)) {
        return cbit_hv_fail(m->hv, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    return unless_failed(m);
}

static bool rounds_over(cbit_hv_migration_t *m)
{
    const cbit_scenario_event_t *event = m->probe->event;
    if (m->result->round_count == 0) {
        return false;
    }
    m->result->converged = cbit_hv_dirty_count(m->guest) <= event->dirty_threshold;
    return m->result->converged || m->result->round_count >= event->rounds;
}

static cbit_hv_step_t start_round(cbit_hv_migration_t *m)
{
    m->doing = "sending pages";
    cbit_hv_task_start(&m->round_task, round_steps, m, cbit_hv_task_resume, &m->task);
    return CBIT_HV_AGAIN;
}

static cbit_hv_step_t rounds(void *self)
{
    cbit_hv_migration_t *m = self;
    if (unless_failed(m) == CBIT_HV_STOP || m->guest->ended) {
        return cbit_hv_migrate_fail(m, "ended", "", SEV_STATUS_SUCCESS);
    }
    return rounds_over(m) ? CBIT_HV_NEXT : start_round(m);
}

/* Stop and copy. */
static cbit_hv_step_t stop(void *self)
{
    cbit_hv_migration_t *m = self;
    m->last = true;
    m->stopped_ps = cbit_hv_now(m->hv);
    cbit_hv_sched_pause(m->guest);
    (void)start_round(m);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t drain(void *self)
{
    cbit_hv_migration_t *m = self;
    m->doing = "waiting for the target to receive the rest";
    if (!m->failed && !cbit_hv_link_idle(m)) {
        m->wait = CBIT_HV_MIGRATE_WAIT_DRAIN;
        return CBIT_HV_AGAIN;
    }
    return unless_failed(m);
}

static cbit_hv_step_t finish_sending(void *self)
{
    cbit_hv_migration_t *m = self;
    m->doing = "SEND_FINISH";
    return send_handle(m->guest, SEV_CMD_SEND_FINISH, &m->task);
}

static cbit_hv_step_t finish_tables(void *self)
{
    cbit_hv_migration_t *m = self;
    if (cbit_hv_migrate_checked(m, m->guest) == CBIT_HV_STOP) {
        return CBIT_HV_STOP;
    }
    m->sending = false;
    return cbit_hv_write_nested(m->stand_in, &m->stand_in->transfer, &m->task);
}

static cbit_hv_step_t finish_receiving(void *self)
{
    cbit_hv_migration_t *m = self;
    m->doing = "RECEIVE_FINISH";
    return send_handle(m->stand_in, SEV_CMD_RECEIVE_FINISH, &m->task);
}

static cbit_hv_step_t change_over(void *self)
{
    cbit_hv_migration_t *m = self;
    cbit_hv_step_t step = cbit_hv_migrate_checked(m, m->stand_in);
    if (step == CBIT_HV_NEXT) {
        m->result->outcome = "ok";
        cbit_hv_migrate_compare(m);
        cbit_hv_dirty_end(m->guest);
        cbit_hv_hand_over(m);
        m->handed_over = true;
    }
    return step;
}

static const cbit_hv_step_fn steps[] = {
    await_target, prepare, prepared,       start_sending, start_receiving,  begin_log,   rounds,
    stop,         drain,   finish_sending, finish_tables, finish_receiving, change_over, NULL};

/* ---- the end, one way or the other ---- */

static void settle(cbit_hv_migration_t *m)
{
    cbit_hv_guest_t *guest = m->guest;
    cbit_run_event_t *event = m->probe->result;
    cbit_ps_t now_ps = cbit_hv_now(m->hv);
    m->result->total_ps = now_ps - m->result->begin_ps;
    m->result->downtime_ps = m->stopped_ps == 0 ? 0 : now_ps - m->stopped_ps;
    event->outcome = m->result->outcome;
    event->span_ps = m->result->total_ps;
    m->probe->state = CBIT_HV_PROBE_DONE;
    m->doing = "over";
    guest->migrating = false;
    cbit_hv_sched_resume(guest);
    cbit_hv_teardown(m->stand_in);
    cbit_hv_device_idle(&guest->vcpus[0]); /* its end may have waited */
}

static cbit_hv_step_t cancel_wait(void *self)
{
    cbit_hv_migration_t *m = self;
    m->doing = "giving up";
    cbit_hv_link_drop(m);
    if (!cbit_hv_link_idle(m)) {
        m->wait = CBIT_HV_MIGRATE_WAIT_DRAIN;
        return CBIT_HV_AGAIN;
    }
    return CBIT_HV_NEXT;
}

/* The context that was sent cannot go back to running; one that is being sent can. */
static cbit_hv_step_t cancel_send(void *self)
{
    cbit_hv_migration_t *m = self;
    m->guest->command.request.status = SEV_STATUS_SUCCESS;
    return m->sending ? send_handle(m->guest, SEV_CMD_SEND_CANCEL, &m->task) : CBIT_HV_NEXT;
}

static cbit_hv_step_t cancelled(void *self)
{
    cbit_hv_migration_t *m = self;
    m->hv->result->checks.sp_failures += m->guest->command.request.status != SEV_STATUS_SUCCESS;
    cbit_hv_dirty_end(m->guest);
    return CBIT_HV_NEXT;
}

static const cbit_hv_step_fn cancel_steps[] = {cancel_wait, cancel_send, cancelled, NULL};

static void settled(void *self)
{
    settle(self);
}

static void over(void *self)
{
    cbit_hv_migration_t *m = self;
    if (m->hv->err != CBIT_ERR_OK) {
        return;
    }
    if (m->handed_over) {
        settle(m);
    } else {
        cbit_hv_task_start(&m->task, cancel_steps, m, settled, m);
    }
}

void cbit_hv_migrate(cbit_hv_probe_t *probe, cbit_hv_vcpu_t *vcpu)
{
    (void)vcpu; /* all of them go */
    cbit_hv_t *hv = probe->hv;
    cbit_hv_migration_t *m = hv->migrations[probe->index];
    probe->state = CBIT_HV_PROBE_ACTIVE;
    probe->result->skipped = false;
    probe->result->at_ps = cbit_hv_now(hv);
    probe->result->asid = m->guest->sev ? m->guest->asid : 0;
    m->result->from_asid = probe->result->asid;
    m->result->begin_ps = cbit_hv_now(hv);
    m->guest->migrating = true;
    hv->migrations_open++;
    cbit_hv_task_start(&m->task, steps, m, over, m);
}

void cbit_hv_migrate_poke(cbit_hv_t *hv)
{
    hv = hv->source != NULL ? hv->source : hv;
    for (uint32_t i = 0; hv->migrations != NULL && i < hv->scenario->events_count; i++) {
        cbit_hv_migration_t *m = hv->migrations[i];
        if (m != NULL && m->wait == CBIT_HV_MIGRATE_WAIT_STILL && still(m)) {
            m->wait = CBIT_HV_MIGRATE_NO_WAIT;
            cbit_hv_task_resume(&m->round_task);
        }
    }
}

/* ---- before and after the run ---- */

static cbit_err_t create(cbit_hv_t *hv, uint32_t index, cbit_run_migration_t *result)
{
    cbit_hv_migration_t *m = calloc(1, sizeof *m);
    const cbit_scenario_event_t *event = &hv->scenario->events[index];
    if (m == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    hv->migrations[index] = m;
    m->hv = hv;
    m->probe = &hv->probes[index];
    m->guest = &hv->guests[event->guest_index];
    m->result = result;
    m->ring_size = hv->scenario->target.window == 0 ? 1 : hv->scenario->target.window;
    uint64_t pages = m->guest->config->memory / CBIT_PAGE_BYTES;
    *result = (cbit_run_migration_t){.event = index,
                                     .guest = event->guest_index,
                                     .outcome = "",
                                     .command = "",
                                     .status = "",
                                     .rounds = calloc(event->rounds + 2, sizeof *result->rounds)};
    m->list = calloc(pages, sizeof *m->list);
    m->ring = calloc(m->ring_size, sizeof *m->ring);
    m->kept = event->tamper == CBIT_TAMPER_REPLAYED_PACKET ? calloc(pages, sizeof *m->kept) : NULL;
    cbit_hv_link_init(m);
    m->stand_in = cbit_hv_stand_in_create(m);
    bool got =
        cbit_hv_frames_take_run(&hv->frames, CBIT_HV_MIGRATE_DESK_BYTES, &m->papers_spa) &&
        cbit_hv_frames_take_run(&hv->target->frames, CBIT_HV_MIGRATE_DESK_BYTES, &m->desk_spa);
    return got && m->stand_in != NULL && m->list != NULL && m->ring != NULL &&
                   result->rounds != NULL &&
                   (m->kept != NULL || event->tamper != CBIT_TAMPER_REPLAYED_PACKET)
               ? CBIT_ERR_OK
               : CBIT_ERR_NO_MEMORY;
}

cbit_err_t cbit_hv_migrations_create(cbit_hv_t *hv)
{
    uint32_t count = hv->scenario->events_count;
    hv->migrations = calloc(count + 1, sizeof(cbit_hv_migration_t *));
    hv->result->migrations = calloc(count + 1, sizeof *hv->result->migrations);
    if (hv->migrations == NULL || hv->result->migrations == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    cbit_err_t err = CBIT_ERR_OK;
    for (uint32_t i = 0; i < count && err == CBIT_ERR_OK; i++) {
        if (hv->probes[i].state != CBIT_HV_PROBE_ABSENT &&
            hv->scenario->events[i].kind == CBIT_EVENT_MIGRATE) {
            err = create(hv, i, &hv->result->migrations[hv->result->migration_count++]);
        }
    }
    return err;
}

void cbit_hv_migrations_destroy(cbit_hv_t *hv)
{
    for (uint32_t i = 0; hv->migrations != NULL && i < hv->scenario->events_count; i++) {
        cbit_hv_migration_t *m = hv->migrations[i];
        if (m == NULL) {
            continue;
        }
        for (uint64_t n = 0; m->kept != NULL && n < m->guest->config->memory / CBIT_PAGE_BYTES;
             n++) {
            free(m->kept[n]);
        }
        cbit_hv_stand_in_destroy(m->stand_in);
        free(m->kept);
        free(m->list);
        free(m->ring);
        free(m);
    }
    free(hv->migrations);
    hv->migrations = NULL;
}
