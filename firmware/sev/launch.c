/* Launching a guest. */
#include "sev/state.h"

static sev_status_t check_policy(uint32_t policy)
{
    uint32_t major = policy >> SEV_POLICY_API_MAJOR_SHIFT & 0xff;
    uint32_t minor = policy >> SEV_POLICY_API_MINOR_SHIFT & 0xff;
    bool old = SEV_API_MAJOR < major || (SEV_API_MAJOR == major && SEV_API_MINOR < minor);
    return old || (policy & SEV_POLICY_RESERVED) != 0 ? SEV_STATUS_POLICY_FAILURE
                                                      : SEV_STATUS_SUCCESS;
}

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

sev_status_t cmd_launch_start(command_t *command)
{
    sev_start_t *start = &command->buffer.start;
    if (start->cert_paddr != 0) {
        return SEV_STATUS_UNSUPPORTED; /* a session needs P-384 */
    }
    guest_t *sharer;
    sev_status_t status = check_policy(start->policy);
    if (status == SEV_STATUS_SUCCESS) {
        status = find_sharer(start->handle, start->policy, &sharer);
    }
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    uint32_t handle = free_handle();
    if (handle == 0) {
        return SEV_STATUS_RESOURCE_LIMIT;
    }
    if ((start->policy & SEV_POLICY_ES) != 0 && !fw.es) {
        return SEV_STATUS_UNSUPPORTED;
    }
    guest_t *guest = &fw.guests[handle];
    if (sharer != NULL) {
        memcpy(guest->vek, sharer->vek, sizeof guest->vek);
    } else {
        ccp_random(guest->vek, sizeof guest->vek);
    }
    ccp_random(guest->offline_key, sizeof guest->offline_key);
    sha256_start(&guest->hash);
    guest->policy = start->policy;
    guest->state = SEV_GUEST_LUPDATE;
    fw.guest_count++;
    fw.platform = SEV_PLATFORM_WORKING;
    start->handle = handle;
    return SEV_STATUS_SUCCESS;
}

enum { CHUNK_BYTES = 4096 };

/* Each chunk is read once, and hashed while the guest's ciphertext is on its way out. */
static sev_status_t encrypt_in_place(guest_t *guest, uint64_t paddr, uint32_t len_bytes)
{
    static uint8_t chunk[CHUNK_BYTES];
    sev_status_t status = SEV_STATUS_SUCCESS;
    spa_range_t from = paddr_range(paddr);
    spa_range_t to = {.spa = from.spa, .key = guest->asid};
    while (len_bytes > 0 && status == SEV_STATUS_SUCCESS) {
        uint32_t part = len_bytes < CHUNK_BYTES ? len_bytes : CHUNK_BYTES;
        if (!dma_read(from, chunk, part)) {
            status = SEV_STATUS_HWERROR_PLATFORM;
            break;
        }
        dma_write_start(to, chunk, part);
        sha256_add(&guest->hash, chunk, part);
        if (!dma_finish()) {
            status = SEV_STATUS_HWERROR_PLATFORM;
        }
        from.spa += part;
        to.spa += part;
        len_bytes -= part;
    }
    wipe(chunk, sizeof chunk);
    return status;
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
    return status == SEV_STATUS_SUCCESS ? encrypt_in_place(guest, range->paddr, range->length)
                                        : status;
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

sev_status_t cmd_launch_finish(command_t *command)
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
