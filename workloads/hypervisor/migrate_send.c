/* The source's side of a migration: SEND_START, and pages one by one. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/hypervisor/migrate.h"
#include "workloads/hypervisor/session.h"

static uint64_t paddr(const cbit_hv_migration_t *m, uint32_t offset)
{
    return (m->papers_spa + offset) | m->hv->c_bit_mask;
}

/* Host software between the papers and a buffer of ours. */
static cbit_hv_step_t copy(cbit_hv_migration_t *m, cbit_hv_task_t *task, cbit_command_t command,
                           cbit_spa_t spa, void *bytes, uint32_t len_bytes)
{
    cbit_hv_transfer_start(&m->guest->transfer, command, spa, m->hv->host_key, bytes, len_bytes,
                           cbit_hv_task_resume, task);
    return CBIT_HV_WAIT;
}

/* ---- SEND_START ---- */

/* What the target has exported, or what somebody says that it has. */
static cbit_hv_step_t fetch_certificates(void *self)
{
    cbit_hv_migration_t *m = self;
    const cbit_hv_t *target = m->hv->target;
    uint32_t tamper = m->probe->event->tamper;
    if (!m->guest->sev) {
        return CBIT_HV_STOP; /* there is nobody to ask */
    }
    memcpy(m->pdh, tamper == CBIT_TAMPER_OTHER_CERTIFICATE ? &m->hv->pdh : &target->pdh,
           sizeof m->pdh);
    if (tamper == CBIT_TAMPER_CHANGED_CERTIFICATE) {
        m->pdh[offsetof(sev_cert_t, key) + 8] ^= 1; /* of the point's x */
    }
    cbit_hv_transfer_start(&m->stand_in->transfer, CBIT_COMMAND_READ,
                           target->pdh_spa + CBIT_PAGE_BYTES, target->host_key, m->chain,
                           sizeof m->chain, cbit_hv_task_resume, &m->round_task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t place_pdh(void *self)
{
    cbit_hv_migration_t *m = self;
    return copy(m, &m->round_task, CBIT_COMMAND_WRITE, m->papers_spa + CBIT_HV_MIGRATE_CERT_AT,
                m->pdh, sizeof m->pdh);
}

static cbit_hv_step_t place_chain(void *self)
{
    cbit_hv_migration_t *m = self;
    return copy(m, &m->round_task, CBIT_COMMAND_WRITE, m->papers_spa + CBIT_HV_MIGRATE_CHAIN_AT,
                m->chain, sizeof m->chain);
}

static cbit_hv_step_t send_start(void *self)
{
    cbit_hv_migration_t *m = self;
    const sev_send_start_t start = {.handle = m->guest->handle,
                                    .pdh_paddr = paddr(m, CBIT_HV_MIGRATE_CERT_AT),
                                    .pdh_length = SEV_CERT_BYTES,
                                    .platform_paddr = paddr(m, CBIT_HV_MIGRATE_CHAIN_AT),
                                    .platform_length = SEV_CHAIN_BYTES,
                                    .session_paddr = paddr(m, CBIT_HV_MIGRATE_BLOB_AT),
                                    .session_length = SEV_SESSION_BYTES};
    cbit_hv_command_run(&m->guest->command, SEV_CMD_SEND_START, &start, sizeof start,
                        cbit_hv_task_resume, &m->round_task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t send_started(void *self)
{
    cbit_hv_migration_t *m = self;
    if (cbit_hv_migrate_checked(m, m->guest) == CBIT_HV_STOP) {
        return CBIT_HV_STOP;
    }
    m->sending = true;
    return copy(m, &m->round_task, CBIT_COMMAND_READ, m->papers_spa + CBIT_HV_MIGRATE_BLOB_AT,
                &m->blob, sizeof m->blob);
}

const cbit_hv_step_fn cbit_hv_send_start_steps[] = {fetch_certificates, place_pdh,    place_chain,
                                                    send_start,         send_started, NULL};

/* ---- what somebody does to packets ---- */

/* A page's content as the guest has it, without taking time. */
static void peek_page(const cbit_hv_migration_t *m, cbit_gpa_t gpa, uint8_t *bytes)
{
    cbit_port_t port = cbit_platform_host_port(m->hv->platform, 0);
    cbit_spa_t spa;
    memset(bytes, 0, CBIT_PAGE_BYTES);
    if (cbit_hv_nested_frame(&m->guest->nested, gpa, &spa)) {
        for (uint32_t at = 0; at < CBIT_PAGE_BYTES; at += CBIT_LINE_BYTES) {
            (void)port.peek(port.self, spa + at, (cbit_key_t)m->guest->asid, bytes + at,
                            CBIT_LINE_BYTES);
        }
    }
}

static void keep(cbit_hv_migration_t *m, const cbit_hv_packet_t *packet)
{
    cbit_hv_kept_t **place = &m->kept[packet->gpa / CBIT_PAGE_BYTES];
    if (*place == NULL && (*place = malloc(sizeof **place)) != NULL) {
        (*place)->packet = *packet;
        peek_page(m, packet->gpa, (*place)->plain);
    }
}

static void replay(cbit_hv_migration_t *m, cbit_hv_packet_t *packet)
{
    const cbit_hv_kept_t *kept = m->kept[packet->gpa / CBIT_PAGE_BYTES];
    uint8_t plain[CBIT_PAGE_BYTES];
    peek_page(m, packet->gpa, plain);
    if (kept != NULL && memcmp(kept->plain, plain, sizeof plain) != 0) {
        packet->header = kept->packet.header;
        memcpy(packet->bytes, kept->packet.bytes, sizeof packet->bytes);
        m->tampered = true;
        m->replayed_gpa = packet->gpa;
    }
}

/* The second of two: each goes as the other. */
static void swap(cbit_hv_migration_t *m, cbit_hv_packet_t *packet)
{
    cbit_gpa_t gpa = packet->gpa;
    packet->gpa = m->held_packet.gpa;
    m->held_packet.gpa = gpa;
    m->holds_packet = false;
    m->tampered = true;
    cbit_hv_link_put(m, &m->held_packet);
}

/* False: the packet is held back for now. */
static bool tamper(cbit_hv_migration_t *m, cbit_hv_packet_t *packet)
{
    uint32_t kind = m->probe->event->tamper;
    if (m->tampered || packet->kind != CBIT_HV_PACKET_PRIVATE ||
        !cbit_guest_is_data(m->guest->soft, packet->gpa)) {
        return true;
    }
    if (kind == CBIT_TAMPER_CHANGED_PACKET) {
        packet->bytes[100] ^= 1;
        m->tampered = true;
    } else if (kind == CBIT_TAMPER_REPLAYED_PACKET && !m->last) {
        keep(m, packet);
    } else if (kind == CBIT_TAMPER_REPLAYED_PACKET) {
        replay(m, packet);
    } else if (kind == CBIT_TAMPER_SWAPPED_PACKETS && m->last && !m->holds_packet) {
        m->held_packet = *packet;
        m->holds_packet = true;
        return false;
    } else if (kind == CBIT_TAMPER_SWAPPED_PACKETS && m->last) {
        swap(m, packet);
    }
    return true;
}

/* ---- one page, or the state of one vCPU ---- */

static bool through_sp(const cbit_hv_packet_t *packet)
{
    return packet->kind == CBIT_HV_PACKET_PRIVATE || packet->kind == CBIT_HV_PACKET_VMSA;
}

static bool source_of(const cbit_hv_migration_t *m, const cbit_hv_packet_t *packet, cbit_spa_t *spa)
{
    const cbit_hv_vcpu_t *vcpu = &m->guest->vcpus[packet->vcpu];
    if (packet->kind == CBIT_HV_PACKET_VMSA || packet->kind == CBIT_HV_PACKET_VMCB) {
        *spa = packet->kind == CBIT_HV_PACKET_VMSA ? vcpu->vmsa_spa : vcpu->vmcb_spa;
        return true;
    }
    return cbit_hv_nested_frame(&m->guest->nested, packet->gpa, spa);
}

static cbit_hv_step_t page_begin(void *self)
{
    cbit_hv_migration_t *m = self;
    cbit_hv_packet_t *packet = &m->outgoing;
    cbit_spa_t spa;
    if (!source_of(m, packet, &spa)) {
        return CBIT_HV_STOP; /* noted by a device that wrote where nothing is */
    }
    if (!through_sp(packet)) {
        return copy(m, &m->page_task, CBIT_COMMAND_READ, spa, packet->bytes, CBIT_PAGE_BYTES);
    }
    const sev_transport_t transport = {.handle = m->guest->handle,
                                       .header_paddr = paddr(m, CBIT_HV_MIGRATE_HEADER_AT),
                                       .header_length = SEV_PACKET_HEADER_BYTES,
                                       .guest_paddr = spa | m->hv->c_bit_mask,
                                       .guest_length = CBIT_PAGE_BYTES,
                                       .trans_paddr = paddr(m, CBIT_HV_MIGRATE_DATA_AT),
                                       .trans_length = CBIT_PAGE_BYTES};
    uint32_t id = packet->kind == CBIT_HV_PACKET_VMSA ? (uint32_t)SEV_CMD_SEND_UPDATE_VMSA
                                                      : (uint32_t)SEV_CMD_SEND_UPDATE_DATA;
    cbit_hv_command_run(&m->guest->command, id, &transport, sizeof transport, cbit_hv_task_resume,
                        &m->page_task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t page_answered(void *self)
{
    cbit_hv_migration_t *m = self;
    const cbit_spdriver_request_t *request = &m->guest->command.request;
    if (!through_sp(&m->outgoing)) {
        return CBIT_HV_NEXT;
    }
    cbit_hv_migrate_round(m, m->outgoing.round)->send_ps += request->done_ps - request->rung_ps;
    if (cbit_hv_migrate_checked(m, m->guest) == CBIT_HV_STOP) {
        return CBIT_HV_STOP;
    }
    return copy(m, &m->page_task, CBIT_COMMAND_READ, m->papers_spa + CBIT_HV_MIGRATE_HEADER_AT,
                &m->outgoing.header, sizeof m->outgoing.header);
}

static cbit_hv_step_t page_data(void *self)
{
    cbit_hv_migration_t *m = self;
    return through_sp(&m->outgoing)
               ? copy(m, &m->page_task, CBIT_COMMAND_READ, m->papers_spa + CBIT_HV_MIGRATE_DATA_AT,
                      m->outgoing.bytes, CBIT_PAGE_BYTES)
               : CBIT_HV_NEXT;
}

static cbit_hv_step_t page_post(void *self)
{
    cbit_hv_migration_t *m = self;
    cbit_run_round_t *round = cbit_hv_migrate_round(m, m->outgoing.round);
    round->private_pages += m->outgoing.kind == CBIT_HV_PACKET_PRIVATE;
    round->shared_pages += m->outgoing.kind == CBIT_HV_PACKET_SHARED;
    if (tamper(m, &m->outgoing)) {
        cbit_hv_link_put(m, &m->outgoing);
    }
    return CBIT_HV_NEXT;
}

static const cbit_hv_step_fn page_steps[] = {page_begin, page_answered, page_data, page_post, NULL};

/* What comes next: pages, and after those of the last round the vCPUs' state. False: all is sent.
 */
static bool choose(cbit_hv_migration_t *m)
{
    cbit_hv_packet_t *packet = &m->outgoing;
    uint64_t each = m->guest->es ? 2 : 1;
    packet->round = m->result->round_count;
    packet->vcpu = 0;
    packet->gpa = 0;
    if (m->list_at < m->list_count) {
        packet->gpa = m->list[m->list_at++];
        packet->kind = cbit_hv_believes_shared(m->guest, packet->gpa) ? CBIT_HV_PACKET_SHARED
                                                                      : CBIT_HV_PACKET_PRIVATE;
        return true;
    }
    if (!m->last || m->state_at == each * m->guest->config->vcpus) {
        return false;
    }
    packet->vcpu = (uint32_t)(m->state_at / each);
    packet->kind = m->state_at % each == each - 1 ? CBIT_HV_PACKET_VMCB : CBIT_HV_PACKET_VMSA;
    m->state_at++;
    m->result->state_pages++;
    return true;
}

cbit_hv_step_t cbit_hv_send_next(void *self)
{
    cbit_hv_migration_t *m = self;
    if (m->failed || m->guest->ended) {
        return cbit_hv_migrate_fail(m, "ended", "", SEV_STATUS_SUCCESS);
    }
    if (!cbit_hv_link_has_room(m)) {
        m->wait = CBIT_HV_MIGRATE_WAIT_WINDOW;
        return CBIT_HV_AGAIN;
    }
    if (choose(m)) {
        cbit_hv_task_start(&m->page_task, page_steps, m, cbit_hv_task_resume, &m->round_task);
        return CBIT_HV_AGAIN;
    }
    if (m->holds_packet) { /* there was no second one to change places with */
        m->holds_packet = false;
        cbit_hv_link_put(m, &m->held_packet);
    }
    return CBIT_HV_NEXT;
}
