/* The link between two machines, and the target's side of a migration. */
#include <stdlib.h>
#include <string.h>

#include "workloads/hypervisor/bytes.h"
#include "workloads/hypervisor/migrate.h"
#include "workloads/hypervisor/session.h"
#include "workloads/hypervisor/vmcb.h"

enum { FRAME_BYTES = 16 }; /* assumed: address, kind and length before each page */

static uint64_t paddr(const cbit_hv_migration_t *m, uint32_t offset)
{
    return (m->desk_spa + offset) | m->hv->target->c_bit_mask;
}

static cbit_hv_step_t copy_in(cbit_hv_migration_t *m, cbit_hv_task_t *task, cbit_spa_t spa,
                              void *bytes, uint32_t len_bytes)
{
    cbit_hv_transfer_start(&m->stand_in->transfer, CBIT_COMMAND_WRITE, spa, m->hv->target->host_key,
                           bytes, len_bytes, cbit_hv_task_resume, task);
    return CBIT_HV_WAIT;
}

/* ---- the link ---- */

static cbit_ps_t length_ps(const cbit_hv_migration_t *m, uint64_t len_bytes)
{
    uint64_t gbs = m->hv->scenario->target.link_gbs;
    /* bytes / (gbs / 10^6 x 10^9 B/s), in ps */
    return gbs == 0 ? 0 : len_bytes * UINT64_C(1000000000) / gbs;
}

bool cbit_hv_link_has_room(const cbit_hv_migration_t *m)
{
    /* One place is for the packet that changes places with another. */
    return m->ring_count + (m->holds_packet ? 1 : 0) < m->ring_size;
}

bool cbit_hv_link_idle(const cbit_hv_migration_t *m)
{
    return m->ring_count == 0 && cbit_hv_task_idle(&m->take_task);
}

void cbit_hv_link_put(cbit_hv_migration_t *m, const cbit_hv_packet_t *packet)
{
    cbit_hv_packet_t *place = &m->ring[(m->ring_first + m->ring_count) % m->ring_size];
    cbit_ps_t now_ps = cbit_hv_now(m->hv);
    uint64_t len_bytes = CBIT_PAGE_BYTES + FRAME_BYTES;
    if (packet->kind == CBIT_HV_PACKET_PRIVATE || packet->kind == CBIT_HV_PACKET_VMSA) {
        len_bytes += SEV_PACKET_HEADER_BYTES;
    }
    m->link_free_ps =
        (m->link_free_ps > now_ps ? m->link_free_ps : now_ps) + length_ps(m, len_bytes);
    *place = *packet;
    place->due_ps = m->link_free_ps + m->hv->scenario->target.link_us;
    cbit_hv_migrate_round(m, packet->round)->bytes += len_bytes;
    m->result->bytes += len_bytes;
    if (m->ring_count++ == 0) {
        cbit_event_notify_at(m->hv->kernel, &m->arrival, place->due_ps);
    }
}

void cbit_hv_link_drop(cbit_hv_migration_t *m)
{
    if (cbit_hv_task_idle(&m->take_task)) {
        cbit_event_cancel(m->hv->kernel, &m->arrival);
        m->ring_count = 0;
    } else {
        m->ring_count = 1; /* the one that is being taken */
    }
}

/* ---- a packet arrives ---- */

static cbit_hv_vcpu_t *vcpu_of(const cbit_hv_migration_t *m)
{
    return &m->stand_in->vcpus[m->incoming.vcpu];
}

/* What it becomes. */
static bool place_of(cbit_hv_migration_t *m, cbit_spa_t *spa)
{
    cbit_hv_guest_t *stand_in = m->stand_in;
    switch (m->incoming.kind) {
    case CBIT_HV_PACKET_VMSA:
        *spa = vcpu_of(m)->vmsa_spa;
        return true;
    case CBIT_HV_PACKET_VMCB:
        *spa = vcpu_of(m)->vmcb_spa;
        return true;
    default:
        /* A page that the guest got later than its others gets a frame now. */
        return cbit_hv_nested_frame(&stand_in->nested, m->incoming.gpa, spa) ||
               (cbit_hv_frames_take(cbit_hv_frames_for(stand_in), spa) &&
                cbit_hv_nested_map(&stand_in->nested, m->incoming.gpa, *spa) == CBIT_ERR_OK);
    }
}

/* The lines of it that caches hold under other keys must not come down on it later. */
static cbit_hv_step_t take_flush(void *self)
{
    cbit_hv_migration_t *m = self;
    cbit_spa_t spa;
    m->incoming = m->ring[m->ring_first];
    if (!place_of(m, &spa)) {
        return cbit_hv_fail(m->hv, CBIT_ERR_CONFLICT, "/memory/size_bytes",
                            "guest %s needs more memory than the target has left",
                            m->guest->config->name);
    }
    cbit_platform_clflush(m->hv->target->platform, spa, CBIT_PAGE_BYTES, cbit_hv_task_resume,
                          &m->take_task);
    return CBIT_HV_WAIT;
}

/* The vCPU's control area is this machine's, its state the guest's. */
static void adapt_vmcb(cbit_hv_migration_t *m)
{
    uint8_t *vmcb = vcpu_of(m)->vmcb;
    memcpy(vmcb, m->incoming.bytes, CBIT_VMCB_BYTES);
    cbit_hv_vmcb_set_asid(vmcb, m->stand_in->asid);
    cbit_hv_put_le(vmcb + CBIT_VMCB_NESTED_CR3, cbit_hv_nested_root(&m->stand_in->nested), 8);
    cbit_hv_put_le(vmcb + CBIT_VMCB_VMSA, vcpu_of(m)->vmsa_spa, 8);
}

/* Pages in clear and VMCBs go where they belong, the others to where RECEIVE_UPDATE finds them. */
static cbit_hv_step_t take_data(void *self)
{
    cbit_hv_migration_t *m = self;
    cbit_spa_t spa = 0;
    (void)place_of(m, &spa);
    if (m->incoming.kind == CBIT_HV_PACKET_VMCB) {
        adapt_vmcb(m);
        return copy_in(m, &m->take_task, spa, vcpu_of(m)->vmcb, CBIT_VMCB_BYTES);
    }
    if (m->incoming.kind != CBIT_HV_PACKET_SHARED) {
        spa = m->desk_spa + CBIT_HV_MIGRATE_DATA_AT;
    }
    return copy_in(m, &m->take_task, spa, m->incoming.bytes, CBIT_PAGE_BYTES);
}

static bool through_sp(const cbit_hv_migration_t *m)
{
    return m->incoming.kind == CBIT_HV_PACKET_PRIVATE || m->incoming.kind == CBIT_HV_PACKET_VMSA;
}

static cbit_hv_step_t take_header(void *self)
{
    cbit_hv_migration_t *m = self;
    return through_sp(m) ? copy_in(m, &m->take_task, m->desk_spa + CBIT_HV_MIGRATE_HEADER_AT,
                                   &m->incoming.header, sizeof m->incoming.header)
                         : CBIT_HV_STOP;
}

static cbit_hv_step_t take_receive(void *self)
{
    cbit_hv_migration_t *m = self;
    cbit_spa_t spa = 0;
    (void)place_of(m, &spa);
    const sev_transport_t transport = {.handle = m->stand_in->handle,
                                       .header_paddr = paddr(m, CBIT_HV_MIGRATE_HEADER_AT),
                                       .header_length = SEV_PACKET_HEADER_BYTES,
                                       .guest_paddr = spa | m->hv->target->c_bit_mask,
                                       .guest_length = CBIT_PAGE_BYTES,
                                       .trans_paddr = paddr(m, CBIT_HV_MIGRATE_DATA_AT),
                                       .trans_length = CBIT_PAGE_BYTES};
    uint32_t id = m->incoming.kind == CBIT_HV_PACKET_VMSA ? (uint32_t)SEV_CMD_RECEIVE_UPDATE_VMSA
                                                          : (uint32_t)SEV_CMD_RECEIVE_UPDATE_DATA;
    cbit_hv_command_run(&m->stand_in->command, id, &transport, sizeof transport,
                        cbit_hv_task_resume, &m->take_task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t taken(void *self)
{
    cbit_hv_migration_t *m = self;
    const cbit_spdriver_request_t *request = &m->stand_in->command.request;
    cbit_hv_migrate_round(m, m->incoming.round)->receive_ps += request->done_ps - request->rung_ps;
    return cbit_hv_migrate_checked(m, m->stand_in);
}

static const cbit_hv_step_fn take_steps[] = {take_flush,   take_data, take_header,
                                             take_receive, taken,     NULL};

static void take_next(void *self);

/* Whoever waits for room, or for nothing to be on the way, may go on. */
static void wake(cbit_hv_migration_t *m)
{
    cbit_hv_migrate_wait_t wait = m->wait;
    if (wait == CBIT_HV_MIGRATE_WAIT_WINDOW) {
        m->wait = CBIT_HV_MIGRATE_NO_WAIT;
        cbit_hv_task_resume(&m->round_task);
    } else if (wait == CBIT_HV_MIGRATE_WAIT_DRAIN && (m->failed || cbit_hv_link_idle(m))) {
        m->wait = CBIT_HV_MIGRATE_NO_WAIT;
        cbit_hv_task_resume(&m->task);
    }
}

static void take_over(void *self)
{
    cbit_hv_migration_t *m = self;
    if (m->hv->err != CBIT_ERR_OK) {
        return;
    }
    m->ring_first = (m->ring_first + 1) % m->ring_size;
    m->ring_count--;
    if (m->failed) {
        m->ring_count = 0;
    } else if (m->ring_count > 0) {
        take_next(m);
    }
    wake(m);
}

static void take_next(void *self)
{
    cbit_hv_migration_t *m = self;
    cbit_ps_t due_ps = m->ring[m->ring_first].due_ps;
    if (due_ps > cbit_hv_now(m->hv)) {
        cbit_event_notify_at(m->hv->kernel, &m->arrival, due_ps);
    } else {
        cbit_hv_task_start(&m->take_task, take_steps, m, take_over, m);
    }
}

static void delay_over(void *self)
{
    cbit_hv_migration_t *m = self;
    cbit_hv_task_resume(&m->receive_task);
}

void cbit_hv_link_init(cbit_hv_migration_t *m)
{
    cbit_event_init(&m->arrival, take_next, m);
    cbit_event_init(&m->delay, delay_over, m);
}

/* ---- RECEIVE_START ---- */

/* The sender's certificate and the blob; the target's own have gone the other way before. */
static cbit_hv_step_t papers_travel(void *self)
{
    cbit_hv_migration_t *m = self;
    uint64_t len_bytes = 2 * SEV_CERT_BYTES + SEV_CHAIN_BYTES + SEV_SESSION_BYTES;
    if (!m->stand_in->sev) {
        return CBIT_HV_STOP;
    }
    cbit_event_notify_at(m->hv->kernel, &m->delay,
                         cbit_hv_now(m->hv) + length_ps(m, len_bytes) +
                             2 * m->hv->scenario->target.link_us);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t place_certificate(void *self)
{
    cbit_hv_migration_t *m = self;
    return copy_in(m, &m->receive_task, m->desk_spa + CBIT_HV_MIGRATE_CERT_AT, &m->hv->pdh,
                   sizeof m->hv->pdh);
}

static cbit_hv_step_t place_blob(void *self)
{
    cbit_hv_migration_t *m = self;
    return copy_in(m, &m->receive_task, m->desk_spa + CBIT_HV_MIGRATE_BLOB_AT, &m->blob,
                   sizeof m->blob);
}

static cbit_hv_step_t receive_start(void *self)
{
    cbit_hv_migration_t *m = self;
    const sev_start_t start = {.policy = cbit_hv_policy(m->guest),
                               .cert_paddr = paddr(m, CBIT_HV_MIGRATE_CERT_AT),
                               .cert_length = SEV_CERT_BYTES,
                               .session_paddr = paddr(m, CBIT_HV_MIGRATE_BLOB_AT),
                               .session_length = SEV_SESSION_BYTES};
    cbit_hv_command_run(&m->stand_in->command, SEV_CMD_RECEIVE_START, &start, sizeof start,
                        cbit_hv_task_resume, &m->receive_task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t receive_started(void *self)
{
    cbit_hv_migration_t *m = self;
    sev_start_t start;
    if (cbit_hv_migrate_checked(m, m->stand_in) == CBIT_HV_STOP) {
        return CBIT_HV_STOP;
    }
    memcpy(&start, m->stand_in->command.bytes, sizeof start);
    m->stand_in->handle = start.handle;
    const sev_activate_t activate = {.handle = start.handle, .asid = m->stand_in->asid};
    cbit_hv_command_run(&m->stand_in->command, SEV_CMD_ACTIVATE, &activate, sizeof activate,
                        cbit_hv_task_resume, &m->receive_task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t activated(void *self)
{
    cbit_hv_migration_t *m = self;
    cbit_hv_step_t step = cbit_hv_migrate_checked(m, m->stand_in);
    m->stand_in->activated = step == CBIT_HV_NEXT;
    return step;
}

const cbit_hv_step_fn cbit_hv_receive_start_steps[] = {
    papers_travel, place_certificate, place_blob, receive_start, receive_started, activated, NULL};
