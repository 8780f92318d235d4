/*
 * A guest whose owner wants to be sure: a session between owner and Secure Processor, its key under
 * the measurement, and a secret that only the measured guest gets. The hypervisor carries papers
 * between the two and can read none of them.
 */
#include "workloads/hypervisor/session.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit/workloads/owner.h"

enum {
    /* The papers of a guest: one page of host memory. */
    CERT_AT = 0,
    BLOB_AT = 0x900,
    HEADER_AT = 0xa00,
    SECRET_AT = 0xb00,
    SECRET_BYTES = CBIT_GUEST_SECRET_BYTES,
    /* PDH_CERT_EXPORT: the PDH, and the chain on two pages behind it. */
    CHAIN_AT = CBIT_PAGE_BYTES,
    EXPORT_BYTES = 3 * CBIT_PAGE_BYTES,
};

struct cbit_hv_session {
    cbit_rng_t rng;
    cbit_owner_session_t owner;
    cbit_spa_t papers_spa;
    uint8_t papers[CBIT_PAGE_BYTES];
    uint8_t secret[SECRET_BYTES];
};

static uint64_t paddr(const cbit_hv_t *hv, cbit_spa_t spa)
{
    return spa | hv->c_bit_mask;
}

uint32_t cbit_hv_policy(const cbit_hv_guest_t *guest)
{
    const cbit_guest_policy_t *policy = &guest->config->policy;
    return (policy->debug ? 0 : (uint32_t)SEV_POLICY_NODBG) |
           (policy->noks ? (uint32_t)SEV_POLICY_NOKS : 0) |
           (policy->nosend ? (uint32_t)SEV_POLICY_NOSEND : 0) |
           (policy->domain ? (uint32_t)SEV_POLICY_DOMAIN : 0) |
           (policy->sev ? (uint32_t)SEV_POLICY_SEV : 0) | (guest->es ? (uint32_t)SEV_POLICY_ES : 0);
}

/* ---- once: the platform's key ---- */

static bool anybody_asks(const cbit_hv_t *hv)
{
    for (uint32_t i = 0; i < hv->guest_count; i++) {
        if (hv->guests[i].session != NULL) {
            return true;
        }
    }
    return hv->target != NULL || hv->source != NULL; /* the other machine */
}

cbit_hv_step_t cbit_hv_export_pdh(void *self)
{
    cbit_hv_t *hv = self;
    hv->command.request.status = SEV_STATUS_SUCCESS;
    if (!anybody_asks(hv)) {
        return CBIT_HV_NEXT;
    }
    if (!cbit_hv_frames_take_run(&hv->frames, EXPORT_BYTES, &hv->pdh_spa)) {
        return cbit_hv_fail(hv, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    const sev_two_ranges_t ranges = {.first_paddr = paddr(hv, hv->pdh_spa),
                                     .first_length = SEV_CERT_BYTES,
                                     .second_paddr = paddr(hv, hv->pdh_spa + CHAIN_AT),
                                     .second_length = SEV_CHAIN_BYTES};
    hv->doing = "PDH_CERT_EXPORT";
    cbit_hv_command_run(&hv->command, SEV_CMD_PDH_CERT_EXPORT, &ranges, sizeof ranges,
                        cbit_hv_task_resume, &hv->task);
    return CBIT_HV_WAIT;
}

cbit_hv_step_t cbit_hv_read_pdh(void *self)
{
    cbit_hv_t *hv = self;
    if (hv->pdh_spa == 0) {
        return CBIT_HV_NEXT;
    }
    cbit_hv_transfer_start(&hv->transfer, CBIT_COMMAND_READ, hv->pdh_spa, hv->host_key, &hv->pdh,
                           sizeof hv->pdh, cbit_hv_task_resume, &hv->task);
    return CBIT_HV_WAIT;
}

/* ---- a guest's ---- */

bool cbit_hv_session_init(cbit_hv_guest_t *guest)
{
    if (!guest->sev || !guest->config->secret) {
        return true;
    }
    guest->session = calloc(1, sizeof *guest->session);
    return guest->session != NULL &&
           cbit_hv_frames_take(&guest->hv->frames, &guest->session->papers_spa);
}

void cbit_hv_session_clear(cbit_hv_guest_t *guest)
{
    if (guest->session != NULL) {
        OPENSSL_cleanse(guest->session, sizeof *guest->session);
        free(guest->session);
        guest->session = NULL;
    }
}

/* The last page of its memory, as firmware of virtual machines sets one aside. */
cbit_gpa_t cbit_hv_secret_gpa(const cbit_hv_guest_t *guest)
{
    return guest->config->memory - CBIT_PAGE_BYTES;
}

cbit_hv_step_t cbit_hv_session_open(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_hv_session_t *session = guest->session;
    cbit_hv_t *hv = guest->hv;
    if (session == NULL) {
        return CBIT_HV_NEXT;
    }
    guest->doing = "opening its owner's session";
    cbit_rng_init(&session->rng, hv->scenario->seed, UINT64_C(0x6f776e6572) << 16 | guest->index);
    if (!cbit_owner_session(&hv->pdh, cbit_hv_policy(guest), &session->rng, &session->owner)) {
        return cbit_hv_fail(hv, CBIT_ERR_INTERNAL, NULL, "the platform's PDH is not a point");
    }
    memcpy(session->papers + CERT_AT, &session->owner.cert, sizeof session->owner.cert);
    memcpy(session->papers + BLOB_AT, &session->owner.blob, sizeof session->owner.blob);
    cbit_hv_transfer_start(&guest->transfer, CBIT_COMMAND_WRITE, session->papers_spa, hv->host_key,
                           session->papers, sizeof session->papers, cbit_hv_task_resume,
                           &guest->task);
    return CBIT_HV_WAIT;
}

void cbit_hv_session_start(const cbit_hv_guest_t *guest, sev_start_t *start)
{
    if (guest->session != NULL) {
        start->cert_paddr = paddr(guest->hv, guest->session->papers_spa + CERT_AT);
        start->cert_length = SEV_CERT_BYTES;
        start->session_paddr = paddr(guest->hv, guest->session->papers_spa + BLOB_AT);
        start->session_length = SEV_SESSION_BYTES;
    }
}

void cbit_hv_session_key(const cbit_hv_guest_t *guest, uint8_t tik[SEV_KEY_BYTES])
{
    if (guest->session != NULL) {
        memcpy(tik, guest->session->owner.tik, SEV_KEY_BYTES);
    }
}

/* ---- the secret ---- */

cbit_hv_step_t cbit_hv_secret_pack(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_hv_session_t *session = guest->session;
    uint8_t iv[16];
    sev_packet_header_t header;
    if (session == NULL) {
        return CBIT_HV_NEXT;
    }
    guest->doing = "its owner's secret";
    cbit_rng_bytes(&session->rng, session->secret, sizeof session->secret);
    cbit_rng_bytes(&session->rng, iv, sizeof iv);
    cbit_owner_secret(&session->owner, guest->measurement, iv, session->secret, SECRET_BYTES,
                      &header, session->papers + SECRET_AT);
    memcpy(session->papers + HEADER_AT, &header, sizeof header);
    cbit_hv_transfer_start(&guest->transfer, CBIT_COMMAND_WRITE, session->papers_spa,
                           guest->hv->host_key, session->papers, sizeof session->papers,
                           cbit_hv_task_resume, &guest->task);
    return CBIT_HV_WAIT;
}

cbit_hv_step_t cbit_hv_secret_send(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_hv_t *hv = guest->hv;
    cbit_spa_t spa;
    guest->command.request.status = SEV_STATUS_SUCCESS;
    if (guest->session == NULL) {
        return CBIT_HV_NEXT;
    }
    if (!cbit_hv_nested_lookup(&guest->nested, cbit_hv_secret_gpa(guest), &spa)) {
        return cbit_hv_fail(hv, CBIT_ERR_INTERNAL, NULL, "guest %s has no page for its secret",
                            guest->config->name);
    }
    const sev_transport_t packet = {
        .handle = guest->handle,
        .header_paddr = paddr(hv, guest->session->papers_spa + HEADER_AT),
        .header_length = SEV_PACKET_HEADER_BYTES,
        .guest_paddr = paddr(hv, spa),
        .guest_length = SECRET_BYTES,
        .trans_paddr = paddr(hv, guest->session->papers_spa + SECRET_AT),
        .trans_length = SECRET_BYTES};
    cbit_hv_command_run(&guest->command, SEV_CMD_LAUNCH_SECRET, &packet, sizeof packet,
                        cbit_hv_task_resume, &guest->task);
    return CBIT_HV_WAIT;
}

void cbit_hv_secret_sent(cbit_hv_guest_t *guest)
{
    if (guest->session != NULL) {
        cbit_guest_expect_secret(guest->soft, guest->session->secret);
    }
}
