/* Session blobs and packets: sections 8.2 and 8.3. */
#include "sev/session.h"

/* Everything that a key exchange needs for a moment. */
static struct scratch {
    sev_cert_t cert;
    sev_session_t session;
    p384_point_t point;
    uint8_t z[P384_BYTES], z_big_endian[P384_BYTES];
    uint8_t master[SEV_KEY_BYTES], kek[SEV_KEY_BYTES], kik[SEV_KEY_BYTES];
    uint8_t mac[SEV_DIGEST_BYTES];
    uint8_t keys[2 * SEV_KEY_BYTES]; /* TEK, TIK */
    uint8_t policy[4];
} scratch;

sev_status_t policy_check(uint32_t policy)
{
    uint32_t major = policy >> SEV_POLICY_API_MAJOR_SHIFT & 0xff;
    uint32_t minor = policy >> SEV_POLICY_API_MINOR_SHIFT & 0xff;
    bool old = SEV_API_MAJOR < major || (SEV_API_MAJOR == major && SEV_API_MINOR < minor);
    return old || (policy & SEV_POLICY_RESERVED) != 0 ? SEV_STATUS_POLICY_FAILURE
                                                      : SEV_STATUS_SUCCESS;
}

/* KEK and KIK from our DH key, the peer's point and the nonce. */
static bool derive(const p384_point_t *peer, const uint8_t nonce[SEV_NONCE_BYTES])
{
    if (!p384_ecdh(identity.pdh_key, peer, scratch.z)) {
        return false;
    }
    for (uint32_t i = 0; i < P384_BYTES; i++) {
        scratch.z_big_endian[i] = scratch.z[P384_BYTES - 1 - i];
    }
    kdf(scratch.z_big_endian, P384_BYTES, "sev-master-secret", nonce, SEV_NONCE_BYTES,
        scratch.master, sizeof scratch.master);
    kdf(scratch.master, sizeof scratch.master, "sev-kek", NULL, 0, scratch.kek, SEV_KEY_BYTES);
    kdf(scratch.master, sizeof scratch.master, "sev-kik", NULL, 0, scratch.kik, SEV_KEY_BYTES);
    return true;
}

static sev_status_t read_in(uint64_t paddr, uint32_t length, void *to, uint32_t expected)
{
    if (length != expected) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    sev_status_t status = paddr_check(paddr, expected);
    if (status == SEV_STATUS_SUCCESS && !dma_read(paddr_range(paddr), to, expected)) {
        status = SEV_STATUS_INVALID_ADDRESS;
    }
    return status;
}

static bool wrap_mac_good(void)
{
    const sev_session_t *session = &scratch.session;
    wipe(scratch.mac, sizeof scratch.mac);
    ccp_hmac(scratch.kik, SEV_KEY_BYTES, session->wrap_tk, sizeof session->wrap_tk, scratch.mac);
    return ccp_result_is(SP_CCP_HMAC_SHA256, SP_CCP_OK) &&
           equal_secret(scratch.mac, session->wrap_mac, sizeof scratch.mac);
}

static bool policy_mac_good(uint32_t policy)
{
    wipe(scratch.mac, sizeof scratch.mac);
    store_le32(scratch.policy, policy);
    ccp_hmac(scratch.keys + SEV_KEY_BYTES, SEV_KEY_BYTES, scratch.policy, 4, scratch.mac);
    return ccp_result_is(SP_CCP_HMAC_SHA256, SP_CCP_OK) &&
           equal_secret(scratch.mac, scratch.session.policy_mac, sizeof scratch.mac);
}

static sev_status_t unwrap(uint32_t policy)
{
    const sev_session_t *session = &scratch.session;
    if (!derive(&scratch.point, session->nonce)) {
        return SEV_STATUS_INVALID_CERTIFICATE;
    }
    if (!wrap_mac_good()) {
        return SEV_STATUS_BAD_MEASUREMENT;
    }
    ccp_aes_ctr(scratch.kek, SEV_KEY_BYTES, session->wrap_iv, session->wrap_tk, scratch.keys,
                sizeof scratch.keys);
    return policy_mac_good(policy) ? SEV_STATUS_SUCCESS : SEV_STATUS_BAD_MEASUREMENT;
}

sev_status_t session_accept(const sev_start_t *start, guest_t *guest_keys)
{
    sev_status_t status = read_in(start->session_paddr, start->session_length, &scratch.session,
                                  sizeof scratch.session);
    if (status == SEV_STATUS_SUCCESS) {
        status = read_in(start->cert_paddr, start->cert_length, &scratch.cert, sizeof scratch.cert);
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = cert_check_dh(&scratch.cert, &scratch.point);
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = unwrap(start->policy);
    }
    /* Once more from the beginning: one fault does not make two comparisons. */
    if (status == SEV_STATUS_SUCCESS && !(wrap_mac_good() && policy_mac_good(start->policy))) {
        status = SEV_STATUS_BAD_MEASUREMENT;
    }
    if (status == SEV_STATUS_SUCCESS) {
        memcpy(guest_keys->tek, scratch.keys, SEV_KEY_BYTES);
        memcpy(guest_keys->tik, scratch.keys + SEV_KEY_BYTES, SEV_KEY_BYTES);
    }
    wipe(&scratch, sizeof scratch);
    return status;
}

sev_status_t session_offer(const p384_point_t *receiver, guest_t *guest, sev_session_t *session)
{
    static sev_session_t made;
    scratch.point = *receiver;
    ccp_random(made.nonce, sizeof made.nonce);
    ccp_random(made.wrap_iv, sizeof made.wrap_iv);
    ccp_random(scratch.keys, sizeof scratch.keys);
    if (!derive(&scratch.point, made.nonce)) {
        wipe(&scratch, sizeof scratch);
        return SEV_STATUS_INVALID_CERTIFICATE;
    }
    ccp_aes_ctr(scratch.kek, SEV_KEY_BYTES, made.wrap_iv, scratch.keys, made.wrap_tk,
                sizeof made.wrap_tk);
    ccp_hmac(scratch.kik, SEV_KEY_BYTES, made.wrap_tk, sizeof made.wrap_tk, made.wrap_mac);
    store_le32(scratch.policy, guest->policy);
    ccp_hmac(scratch.keys + SEV_KEY_BYTES, SEV_KEY_BYTES, scratch.policy, 4, made.policy_mac);
    memcpy(guest->tek, scratch.keys, SEV_KEY_BYTES);
    memcpy(guest->tik, scratch.keys + SEV_KEY_BYTES, SEV_KEY_BYTES);
    *session = made;
    wipe(&scratch, sizeof scratch);
    return SEV_STATUS_SUCCESS;
}

/* What a packet's MAC covers, in one piece: context, flags, IV, both lengths, data, and for secrets
   the measurement. The data begin on a word. */
static struct packet {
    uint8_t pad[3];
    uint8_t context;
    uint8_t flags[4], iv[16], guest_length[4], trans_length[4];
    uint8_t data[SEV_PACKET_MAX_BYTES + SEV_DIGEST_BYTES];
} packet;

enum { PACKET_HEAD_BYTES = 1 + 4 + 16 + 4 + 4 };

uint8_t *packet_data(void)
{
    return packet.data;
}

void packet_wipe(void)
{
    wipe(&packet, sizeof packet);
}

static void packet_mac(const guest_t *guest, uint8_t context, const sev_packet_header_t *head,
                       uint32_t len_bytes, uint8_t mac[SEV_DIGEST_BYTES])
{
    static uint8_t tik[SEV_KEY_BYTES];
    uint32_t covered = PACKET_HEAD_BYTES + len_bytes;
    packet.context = context;
    store_le32(packet.flags, head->flags);
    memcpy(packet.iv, head->iv, sizeof packet.iv);
    store_le32(packet.guest_length, len_bytes);
    store_le32(packet.trans_length, len_bytes);
    if (context == SEV_CONTEXT_SECRET) {
        memcpy(packet.data + len_bytes, guest->measure, SEV_DIGEST_BYTES);
        covered += SEV_DIGEST_BYTES;
    }
    memcpy(tik, guest->tik, sizeof tik);
    ccp_hmac(tik, sizeof tik, &packet.context, covered, mac);
    wipe(tik, sizeof tik);
}

static sev_packet_header_t header; /* of the packet that was read in */

static bool packet_mac_good(const guest_t *guest, uint8_t context, uint32_t len_bytes)
{
    static uint8_t mac[SEV_DIGEST_BYTES];
    wipe(mac, sizeof mac);
    packet_mac(guest, context, &header, len_bytes, mac);
    bool good =
        ccp_result_is(SP_CCP_HMAC_SHA256, SP_CCP_OK) && equal_secret(mac, header.mac, sizeof mac);
    wipe(mac, sizeof mac);
    return good;
}

sev_status_t packet_receive(const guest_t *guest, uint8_t context, const sev_transport_t *transport,
                            uint8_t **data)
{
    uint32_t length = transport->guest_length;
    bool readable = paddr_check(transport->header_paddr, sizeof header) == SEV_STATUS_SUCCESS &&
                    paddr_check(transport->trans_paddr, length) == SEV_STATUS_SUCCESS &&
                    paddr_check(transport->guest_paddr, length) == SEV_STATUS_SUCCESS &&
                    dma_read(paddr_range(transport->header_paddr), &header, sizeof header) &&
                    dma_read(paddr_range(transport->trans_paddr), packet.data, length);
    if (!readable) {
        return SEV_STATUS_INVALID_ADDRESS;
    }
    /* The API asks secrets for the MAC first, received pages for the flag first. */
    if (context == SEV_CONTEXT_PACKET && (header.flags & 1) != 0) {
        return SEV_STATUS_UNSUPPORTED;
    }
    if (!packet_mac_good(guest, context, length)) {
        return SEV_STATUS_BAD_MEASUREMENT;
    }
    if ((header.flags & 1) != 0) {
        return SEV_STATUS_UNSUPPORTED;
    }
    if (!packet_mac_good(guest, context, length)) { /* one fault does not make two comparisons */
        return SEV_STATUS_BAD_MEASUREMENT;
    }
    ccp_aes_ctr(guest->tek, SEV_KEY_BYTES, header.iv, packet.data, packet.data, length);
    *data = packet.data;
    return SEV_STATUS_SUCCESS;
}

void packet_send(const guest_t *guest, uint32_t len_bytes, sev_packet_header_t *made)
{
    static uint8_t mac[SEV_DIGEST_BYTES];
    static uint8_t iv[16];
    ccp_random(iv, sizeof iv);
    ccp_aes_ctr(guest->tek, SEV_KEY_BYTES, iv, packet.data, packet.data, len_bytes);
    made->flags = 0;
    memcpy(made->iv, iv, sizeof iv);
    packet_mac(guest, SEV_CONTEXT_PACKET, made, len_bytes, mac);
    memcpy(made->mac, mac, sizeof mac);
}
