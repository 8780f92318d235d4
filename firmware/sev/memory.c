/* The host's view of a guest's memory where the policy allows it: DBG_*, COPY. */
#include "sev/state.h"

enum { CHUNK_BYTES = 4096 };

/* Each chunk is read once, and hashed while it is on its way out. */
sev_status_t memory_convert(spa_range_t from, spa_range_t to, uint32_t len_bytes, sha256_t *hash)
{
    static uint8_t chunk[CHUNK_BYTES];
    sev_status_t status = SEV_STATUS_SUCCESS;
    while (len_bytes > 0 && status == SEV_STATUS_SUCCESS) {
        uint32_t part = len_bytes < CHUNK_BYTES ? len_bytes : CHUNK_BYTES;
        if (!dma_read(from, chunk, part)) {
            status = SEV_STATUS_HWERROR_PLATFORM;
            break;
        }
        dma_write_start(to, chunk, part);
        if (hash != NULL) {
            sha256_add(hash, chunk, part);
        }
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

static sev_status_t debug(const command_t *command, bool decrypt)
{
    const sev_debug_t *debug = &command->buffer.debug;
    guest_t *guest;
    if (debug->src_paddr % 16 != 0 || debug->dst_paddr % 16 != 0) {
        return SEV_STATUS_INVALID_ADDRESS;
    }
    if (debug->length == 0 || debug->length % 16 != 0) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    sev_status_t status = guest_find(debug->handle, &guest);
    if (status == SEV_STATUS_SUCCESS && (guest->policy & SEV_POLICY_NODBG) != 0) {
        status = SEV_STATUS_POLICY_FAILURE;
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = guest_check_active(guest);
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = paddr_check(debug->src_paddr, debug->length);
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = paddr_check(debug->dst_paddr, debug->length);
    }
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    if ((guest->policy & SEV_POLICY_NODBG) != 0) { /* again: one fault does not pass both */
        return SEV_STATUS_POLICY_FAILURE;
    }
    spa_range_t from = paddr_range(debug->src_paddr), to = paddr_range(debug->dst_paddr);
    if (decrypt) {
        from = guest_range(guest, debug->src_paddr);
    } else {
        to = guest_range(guest, debug->dst_paddr);
    }
    return memory_convert(from, to, debug->length, NULL);
}

sev_status_t cmd_dbg_decrypt(command_t *command)
{
    return debug(command, true);
}

sev_status_t cmd_dbg_encrypt(command_t *command)
{
    return debug(command, false);
}

sev_status_t cmd_copy(command_t *command)
{
    const sev_copy_t *copy = &command->buffer.copy;
    guest_t *guest;
    sev_status_t status = guest_find(copy->handle, &guest);
    if (status == SEV_STATUS_SUCCESS) {
        status = guest_check_active(guest);
    }
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    if (copy->length == 0 || copy->length % 4096 != 0) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    if (copy->src_paddr % 4096 != 0 || copy->dst_paddr % 4096 != 0 ||
        paddr_check(copy->src_paddr, copy->length) != SEV_STATUS_SUCCESS ||
        paddr_check(copy->dst_paddr, copy->length) != SEV_STATUS_SUCCESS) {
        return SEV_STATUS_INVALID_ADDRESS;
    }
    spa_range_t from = guest_range(guest, copy->src_paddr),
                to = guest_range(guest, copy->dst_paddr);
    bool overlap = from.spa < to.spa + copy->length && to.spa < from.spa + copy->length;
    return overlap ? SEV_STATUS_SUCCESS : memory_convert(from, to, copy->length, NULL);
}
