/* Launching a guest, and receiving one. */
#include "sev/es.h"
#include "sev/session.h"

/* The guest whose key a new one shares; NULL for a key of its own. */
static sev_status_t find_sharer(uint32_t handle, uint32_t policy, guest_t **sharer)
{
    *sharer = NULL;
    if (handle == 0) {
        return SEV_STATUS_SUCCESS;
    }
    sev_status_t status = guest_find(handle, sharer);
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    return (*sharer)->policy == policy && (policy & SEV_POLICY_NOKS) == 0
               ? SEV_STATUS_SUCCESS
               : SEV_STATUS_POLICY_FAILURE;
}

static uint32_t free_handle(void)
{
    for (uint32_t handle = 1; handle <= SEV_HANDLE_MAX; handle++) {
        if (fw.guests[handle].state == SEV_GUEST_UNINIT) {
            return handle;
        }
    }
    return 0;
}

/* What both ways into a guest's life check, in their order; fresh gets the transport keys. */
static sev_status_t check_start(const sev_start_t *start, bool session, guest_t *fresh,
                                guest_t **sharer)
{
    sev_status_t status = SEV_STATUS_SUCCESS;
    if (session) {
        status = platform_flag(SP_PLATFORM_IDENTITY) ? session_accept(start, fresh)
                                                     : SEV_STATUS_UNSUPPORTED;
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = policy_check(start->policy);
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = find_sharer(start->handle, start->policy, sharer);
    }
    if (status == SEV_STATUS_SUCCESS && free_handle() == 0) {
        status = SEV_STATUS_RESOURCE_LIMIT;
    }
    if (status == SEV_STATUS_SUCCESS && (start->policy & SEV_POLICY_ES) != 0 && !fw.es) {
        status = SEV_STATUS_UNSUPPORTED;
    }
    return status;
}

static sev_status_t start_guest(sev_start_t *start, bool session, uint8_t state)
{
    static guest_t fresh;
    guest_t *sharer = NULL;
    sev_status_t status = check_start(start, session, &fresh, &sharer);
    if (status == SEV_STATUS_SUCCESS) {
        if (sharer != NULL) {
            memcpy(fresh.vek, sharer->vek, sizeof fresh.vek);
        } else {
            ccp_random(fresh.vek, sizeof fresh.vek);
        }
        ccp_random(fresh.offline_key, sizeof fresh.offline_key);
        sha256_start(&fresh.hash);
        fresh.policy = start->policy;
        fresh.state = state;
        start->handle = free_handle();
        fw.guests[start->handle] = fresh;
        fw.guest_count++;
        fw.platform = SEV_PLATFORM_WORKING;
    }
    wipe(&fresh, sizeof fresh);
    return status;
}

sev_status_t cmd_launch_start(command_t *command)
{
    sev_start_t *start = &command->buffer.start;
    return start_guest(start, start->cert_paddr != 0, SEV_GUEST_LUPDATE);
}

sev_status_t cmd_receive_start(command_t *command)
{
    return start_guest(&command->buffer.start, true, SEV_GUEST_RUPDATE);
}

sev_status_t cmd_launch_update_data(command_t *command)
{
    const sev_launch_range_t *range = &command->buffer.launch_range;
    guest_t *guest;
    sev_status_t status = guest_find(range->handle, &guest);
    if (status == SEV_STATUS_SUCCESS) {
        status = guest_check_state(command, guest);
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = guest_check_active(guest);
    }
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    if (range->paddr % 16 != 0) {
        return SEV_STATUS_INVALID_ADDRESS;
    }
    if (range->length == 0 || range->length % 16 != 0) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    status = paddr_check(range->paddr, range->length);
    return status != SEV_STATUS_SUCCESS
               ? status
               : memory_convert(paddr_range(range->paddr), guest_range(guest, range->paddr),
                                range->length, &guest->hash);
}

/* The page is hashed as it came; then it gets its record, and its key. */
static sev_status_t encrypt_vmsa(guest_t *guest, uint64_t paddr)
{
    static uint8_t vmsa[ES_VMSA_BYTES];
    sev_status_t status = SEV_STATUS_HWERROR_PLATFORM;
    if (dma_read(paddr_range(paddr), vmsa, sizeof vmsa)) {
        sha256_t before = guest->hash;
        sha256_add(&guest->hash, vmsa, sizeof vmsa);
        status = es_open_vmsa(guest, vmsa);
        if (status == SEV_STATUS_SUCCESS &&
            !dma_write(guest_range(guest, paddr), vmsa, sizeof vmsa)) {
            status = SEV_STATUS_HWERROR_PLATFORM;
        }
        if (status != SEV_STATUS_SUCCESS) {
            guest->hash = before;
        }
    }
    wipe(vmsa, sizeof vmsa);
    return status;
}

sev_status_t cmd_launch_update_vmsa(command_t *command)
{
    const sev_launch_range_t *range = &command->buffer.launch_range;
    guest_t *guest;
    if (range->length != ES_VMSA_BYTES) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    sev_status_t status = guest_find(range->handle, &guest);
    if (status == SEV_STATUS_SUCCESS) {
        status = guest_check_state(command, guest);
    }
    if (status == SEV_STATUS_SUCCESS && (guest->policy & SEV_POLICY_ES) == 0) {
        status = SEV_STATUS_UNSUPPORTED;
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = guest_check_active(guest);
    }
    if (status == SEV_STATUS_SUCCESS && range->paddr % 16 != 0) {
        status = SEV_STATUS_INVALID_ADDRESS;
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = paddr_check(range->paddr, range->length);
    }
    return status == SEV_STATUS_SUCCESS ? encrypt_vmsa(guest, range->paddr) : status;
}

/* MEASURE = HMAC(TIK, 04, API major, minor, build, policy, LD, MNONCE), out as MEASURE, MNONCE. */
static sev_status_t measure(guest_t *guest, uint64_t paddr)
{
    static struct {
        uint8_t context, api_major, api_minor, build;
        uint8_t policy[4], digest[SEV_DIGEST_BYTES], mnonce[SEV_NONCE_BYTES];
    } message;
    static uint8_t out[SEV_MEASUREMENT_BYTES];
    message.context = 0x04;
    message.api_major = SEV_API_MAJOR;
    message.api_minor = SEV_API_MINOR;
    message.build = SEV_BUILD;
    store_le32(message.policy, guest->policy);
    sha256_t copy = guest->hash; /* a failing write leaves the guest as it was */
    static sha256_t hash;
    hash = copy;
    sha256_finish(&hash, message.digest);
    ccp_random(message.mnonce, sizeof message.mnonce);
    ccp_hmac(guest->tik, sizeof guest->tik, &message, sizeof message, out);
    memcpy(out + SEV_DIGEST_BYTES, message.mnonce, SEV_NONCE_BYTES);
    if (!dma_write(paddr_range(paddr), out, sizeof out)) {
        return SEV_STATUS_INVALID_ADDRESS;
    }
    memcpy(guest->measure, out, SEV_DIGEST_BYTES);
    memcpy(guest->launch_digest, message.digest, SEV_DIGEST_BYTES);
    return SEV_STATUS_SUCCESS;
}

sev_status_t cmd_launch_measure(command_t *command)
{
    sev_launch_range_t *range = &command->buffer.launch_range;
    guest_t *guest;
    sev_status_t status = guest_find(range->handle, &guest);
    if (status == SEV_STATUS_SUCCESS) {
        status = guest_check_state(command, guest);
    }
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    uint32_t length = range->length;
    range->length = SEV_MEASUREMENT_BYTES;
    if (length < SEV_MEASUREMENT_BYTES) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    status = paddr_check(range->paddr, SEV_MEASUREMENT_BYTES);
    if (status == SEV_STATUS_SUCCESS) {
        status = measure(guest, range->paddr);
    }
    if (status == SEV_STATUS_SUCCESS) {
        guest->state = SEV_GUEST_LSECRET;
    }
    return status;
}

/* LAUNCH_FINISH and RECEIVE_FINISH: the row's guest state tells which may come here. */
static sev_status_t finish(command_t *command)
{
    guest_t *guest;
    sev_status_t status = guest_find(command->buffer.handle.handle, &guest);
    if (status == SEV_STATUS_SUCCESS) {
        status = guest_check_state(command, guest);
    }
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    asid_run(guest);
    guest_wipe_transport(guest);
    guest->state = SEV_GUEST_RUNNING;
    return SEV_STATUS_SUCCESS;
}

sev_status_t cmd_launch_finish(command_t *command)
{
    return finish(command);
}

sev_status_t cmd_receive_finish(command_t *command)
{
    return finish(command);
}

static sev_status_t report(const guest_t *guest, const sev_attestation_t *request)
{
    static sev_report_t out;
    static uint8_t digest[SEV_DIGEST_BYTES];
    static p384_signature_t signature;
    memset(&out, 0, sizeof out);
    memcpy(out.mnonce, request->mnonce, sizeof out.mnonce);
    memcpy(out.launch_digest, guest->launch_digest, sizeof out.launch_digest);
    out.policy = guest->policy;
    out.usage = SEV_USAGE_PEK;
    out.algo = SEV_ALGO_ECDSA_SHA256;
    sha256(&out, SEV_REPORT_SIGNED_BYTES, digest);
    p384_sign(identity.pek_key, digest, &signature);
    memcpy(out.r, signature.r, sizeof signature.r);
    memcpy(out.s, signature.s, sizeof signature.s);
    return dma_write(paddr_range(request->paddr), &out, sizeof out) ? SEV_STATUS_SUCCESS
                                                                    : SEV_STATUS_INVALID_ADDRESS;
}

sev_status_t cmd_attestation(command_t *command)
{
    sev_attestation_t *request = &command->buffer.attestation;
    guest_t *guest;
    sev_status_t status = guest_find(request->handle, &guest);
    if (status == SEV_STATUS_SUCCESS) {
        status = guest_check_state(command, guest);
    }
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    uint32_t length = request->length;
    request->length = SEV_REPORT_BYTES;
    if (length < SEV_REPORT_BYTES) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    status = paddr_check(request->paddr, SEV_REPORT_BYTES);
    return status == SEV_STATUS_SUCCESS ? report(guest, request) : status;
}
