/* Moving a guest's memory: LAUNCH_SECRET, SEND_*, RECEIVE_*. */
#include "sev/amd.h"
#include "sev/es.h"
#include "sev/session.h"

static bool length_good(uint32_t length)
{
    return length != 0 && length % 16 == 0 && length <= SEV_PACKET_MAX_BYTES;
}

/* ---- LAUNCH_SECRET ---- */

sev_status_t cmd_launch_secret(command_t *command)
{
    const sev_transport_t *transport = &command->buffer.transport;
    guest_t *guest;
    uint8_t *data = NULL; /* what is not checked is nowhere, and no DMA finds it */
    sev_status_t status = guest_find(transport->handle, &guest);
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    if (transport->guest_paddr % 16 != 0) {
        return SEV_STATUS_INVALID_ADDRESS;
    }
    if (transport->header_length != SEV_PACKET_HEADER_BYTES ||
        !length_good(transport->guest_length) ||
        transport->trans_length != transport->guest_length) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    status = guest_check_state(command, guest);
    if (status == SEV_STATUS_SUCCESS) {
        status = guest_check_active(guest);
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = packet_receive(guest, SEV_CONTEXT_SECRET, transport, &data);
    }
    if (status == SEV_STATUS_SUCCESS &&
        !dma_write(guest_range(guest, transport->guest_paddr), data, transport->guest_length)) {
        status = SEV_STATUS_HWERROR_PLATFORM;
    }
    packet_wipe();
    return status;
}

/* ---- SEND ---- */

/* The receiver must be a platform of the same owner: section 7, policy.DOMAIN. */
static sev_status_t check_domain(const sev_cert_t *pdh, const sev_cert_t chain[3])
{
    const sev_cert_t *pek = &chain[0], *oca = &chain[1];
    sev_status_t status = cert_validate(oca, oca);
    if (status == SEV_STATUS_SUCCESS) {
        status = cert_validate(pek, oca);
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = cert_validate(pdh, pek);
    }
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): the bytes of the format */
    if (status == SEV_STATUS_SUCCESS && memcmp(oca, &identity.oca, sizeof *oca) != 0) {
        status = SEV_STATUS_POLICY_FAILURE;
    }
    return status;
}

static struct {
    sev_cert_t pdh, chain[3];
    uint8_t amd[AMD_CHAIN_MAX_BYTES];
    sev_session_t session;
    p384_point_t point;
} send;

static bool read_in(uint64_t paddr, void *to, uint32_t len_bytes)
{
    return paddr_check(paddr, len_bytes) == SEV_STATUS_SUCCESS &&
           dma_read(paddr_range(paddr), to, len_bytes);
}

/* The receiver must be a genuine platform, new enough for the policy: section 7, policy.SEV. */
static sev_status_t check_genuine(uint32_t policy, uint32_t amd_length)
{
    const sev_cert_t *pek = &send.chain[0], *cek = &send.chain[2];
    uint32_t major = policy >> SEV_POLICY_API_MAJOR_SHIFT & 0xff;
    uint32_t minor = policy >> SEV_POLICY_API_MINOR_SHIFT & 0xff;
    sev_status_t status = amd_chain_check(send.amd, amd_length, cek);
    if (status == SEV_STATUS_SUCCESS) {
        status = cert_validate(pek, cek);
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = cert_validate(&send.pdh, pek);
    }
    bool old = pek->api_major < major || (pek->api_major == major && pek->api_minor < minor);
    return status == SEV_STATUS_SUCCESS && old ? SEV_STATUS_POLICY_FAILURE : status;
}

static sev_status_t check_receiver(const guest_t *guest, const sev_send_start_t *start)
{
    bool domain = (guest->policy & SEV_POLICY_DOMAIN) != 0;
    bool genuine = (guest->policy & SEV_POLICY_SEV) != 0;
    if (start->pdh_length != SEV_CERT_BYTES ||
        ((domain || genuine) && start->platform_length != SEV_CHAIN_BYTES) ||
        (genuine && !amd_chain_length_good(start->amd_length))) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    if (!read_in(start->pdh_paddr, &send.pdh, SEV_CERT_BYTES) ||
        ((domain || genuine) && !read_in(start->platform_paddr, send.chain, SEV_CHAIN_BYTES)) ||
        (genuine && !read_in(start->amd_paddr, send.amd, start->amd_length)) ||
        paddr_check(start->session_paddr, SEV_SESSION_BYTES) != SEV_STATUS_SUCCESS) {
        return SEV_STATUS_INVALID_ADDRESS;
    }
    sev_status_t status =
        genuine ? check_genuine(guest->policy, start->amd_length) : SEV_STATUS_SUCCESS;
    if (status == SEV_STATUS_SUCCESS && domain) {
        status = check_domain(&send.pdh, send.chain);
    }
    return status == SEV_STATUS_SUCCESS ? cert_check_dh(&send.pdh, &send.point) : status;
}

sev_status_t cmd_send_start(command_t *command)
{
    sev_send_start_t *start = &command->buffer.send_start;
    guest_t *guest;
    sev_status_t status = guest_find(start->handle, &guest);
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    if (start->session_length != SEV_SESSION_BYTES) {
        start->session_length = SEV_SESSION_BYTES;
        return SEV_STATUS_INVALID_LENGTH;
    }
    status = guest_check_state(command, guest);
    if (status == SEV_STATUS_SUCCESS && (guest->policy & SEV_POLICY_NOSEND) != 0) {
        status = SEV_STATUS_POLICY_FAILURE;
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = check_receiver(guest, start);
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = session_offer(&send.point, guest, &send.session);
    }
    /* Looked at again where it takes effect: one fault does not pass both. */
    if ((guest->policy & SEV_POLICY_NOSEND) != 0) {
        guest_wipe_transport(guest);
        wipe(&send, sizeof send);
        return SEV_STATUS_POLICY_FAILURE;
    }
    if (status == SEV_STATUS_SUCCESS &&
        !dma_write(paddr_range(start->session_paddr), &send.session, sizeof send.session)) {
        guest_wipe_transport(guest);
        status = SEV_STATUS_INVALID_ADDRESS;
    }
    if (status == SEV_STATUS_SUCCESS) {
        start->policy = guest->policy;
        guest->state = SEV_GUEST_SUPDATE;
    }
    wipe(&send, sizeof send);
    return status;
}

/* What SEND_UPDATE and RECEIVE_UPDATE ask of the guest, in this order. */
static sev_status_t find_updated(const command_t *command, uint32_t handle, bool vmsa,
                                 guest_t **guest)
{
    sev_status_t status = guest_find(handle, guest);
    if (status == SEV_STATUS_SUCCESS) {
        status = guest_check_state(command, *guest);
    }
    if (status == SEV_STATUS_SUCCESS && vmsa && ((*guest)->policy & SEV_POLICY_ES) == 0) {
        status = SEV_STATUS_UNSUPPORTED;
    }
    return status == SEV_STATUS_SUCCESS ? guest_check_active(*guest) : status;
}

static sev_status_t check_send_update(const command_t *command, sev_transport_t *transport,
                                      guest_t **guest, bool vmsa)
{
    if (transport->header_length < SEV_PACKET_HEADER_BYTES) {
        transport->header_length = SEV_PACKET_HEADER_BYTES;
        return SEV_STATUS_INVALID_LENGTH;
    }
    sev_status_t status = find_updated(command, transport->handle, vmsa, guest);
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    uint32_t length = transport->guest_length;
    if (!length_good(length) || transport->trans_length < length ||
        (vmsa && length != ES_VMSA_BYTES)) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    bool bad = transport->guest_paddr % 16 != 0 ||
               paddr_check(transport->guest_paddr, length) != SEV_STATUS_SUCCESS ||
               paddr_check(transport->trans_paddr, length) != SEV_STATUS_SUCCESS ||
               paddr_check(transport->header_paddr, SEV_PACKET_HEADER_BYTES) != SEV_STATUS_SUCCESS;
    return bad ? SEV_STATUS_INVALID_ADDRESS : SEV_STATUS_SUCCESS;
}

static sev_status_t send_update(command_t *command, bool vmsa)
{
    static sev_packet_header_t header;
    sev_transport_t *transport = &command->buffer.transport;
    guest_t *guest;
    sev_status_t status = check_send_update(command, transport, &guest, vmsa);
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    uint32_t length = transport->guest_length;
    if (!dma_read(guest_range(guest, transport->guest_paddr), packet_data(), length)) {
        status = SEV_STATUS_HWERROR_PLATFORM;
    } else if (vmsa) {
        status = es_close_vmsa(packet_data());
    }
    if (status == SEV_STATUS_SUCCESS) {
        packet_send(guest, length, &header);
        bool out = dma_write(paddr_range(transport->trans_paddr), packet_data(), length) &&
                   dma_write(paddr_range(transport->header_paddr), &header, sizeof header);
        status = out ? SEV_STATUS_SUCCESS : SEV_STATUS_INVALID_ADDRESS;
    }
    transport->header_length = SEV_PACKET_HEADER_BYTES;
    packet_wipe();
    return status;
}

sev_status_t cmd_send_update_data(command_t *command)
{
    return send_update(command, false);
}

sev_status_t cmd_send_update_vmsa(command_t *command)
{
    return send_update(command, true);
}

static sev_status_t send_end(command_t *command, uint8_t state)
{
    guest_t *guest;
    sev_status_t status = guest_find(command->buffer.handle.handle, &guest);
    if (status == SEV_STATUS_SUCCESS) {
        status = guest_check_state(command, guest);
    }
    if (status == SEV_STATUS_SUCCESS) {
        guest_wipe_transport(guest);
        guest->state = state;
    }
    return status;
}

sev_status_t cmd_send_finish(command_t *command)
{
    return send_end(command, SEV_GUEST_SENT);
}

sev_status_t cmd_send_cancel(command_t *command)
{
    return send_end(command, SEV_GUEST_RUNNING);
}

/* ---- RECEIVE ---- */

static sev_status_t check_receive_update(const command_t *command, const sev_transport_t *transport,
                                         guest_t **guest, bool vmsa)
{
    sev_status_t status = find_updated(command, transport->handle, vmsa, guest);
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    uint32_t length = transport->guest_length;
    if (!length_good(length) || transport->trans_length != length ||
        transport->header_length < SEV_PACKET_HEADER_BYTES || (vmsa && length != ES_VMSA_BYTES)) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    return transport->guest_paddr % 16 != 0 ? SEV_STATUS_INVALID_ADDRESS : SEV_STATUS_SUCCESS;
}

static sev_status_t receive_update(command_t *command, bool vmsa)
{
    const sev_transport_t *transport = &command->buffer.transport;
    guest_t *guest;
    uint8_t *data = NULL;
    sev_status_t status = check_receive_update(command, transport, &guest, vmsa);
    if (status == SEV_STATUS_SUCCESS) {
        status = packet_receive(guest, SEV_CONTEXT_PACKET, transport, &data);
    }
    if (status == SEV_STATUS_SUCCESS && vmsa) {
        status = es_open_vmsa(guest, data);
    }
    if (status == SEV_STATUS_SUCCESS &&
        !dma_write(guest_range(guest, transport->guest_paddr), data, transport->guest_length)) {
        status = SEV_STATUS_HWERROR_PLATFORM;
    }
    packet_wipe();
    return status;
}

sev_status_t cmd_receive_update_data(command_t *command)
{
    return receive_update(command, false);
}

sev_status_t cmd_receive_update_vmsa(command_t *command)
{
    return receive_update(command, true);
}
