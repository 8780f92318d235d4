/* Ownership of the platform: certificates out, certificates in, keys anew. */
#include "sev/identity.h"

static sev_cert_t certs[3]; /* what goes out or came in */

sev_status_t cmd_pek_gen(command_t *command)
{
    (void)command;
    return identity_make_all();
}

sev_status_t cmd_pdh_gen(command_t *command)
{
    (void)command;
    return identity_make_pdh();
}

sev_status_t cmd_platform_reset(command_t *command)
{
    (void)command;
    return identity_erase();
}

static void empty_signatures(sev_cert_t *cert)
{
    memset(cert->signature, 0, sizeof cert->signature);
    cert->signature[0].usage = SEV_USAGE_INVALID;
    cert->signature[1].usage = SEV_USAGE_INVALID;
}

static sev_status_t write_out(uint64_t paddr, const void *from, uint32_t len_bytes)
{
    return dma_write(paddr_range(paddr), from, len_bytes) ? SEV_STATUS_SUCCESS
                                                          : SEV_STATUS_INVALID_ADDRESS;
}

sev_status_t cmd_pek_csr(command_t *command)
{
    sev_range_t *csr = &command->buffer.range;
    uint32_t length = csr->length;
    csr->length = SEV_CERT_BYTES;
    if (length < SEV_CERT_BYTES) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    sev_status_t status = paddr_check(csr->paddr, SEV_CERT_BYTES);
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    certs[0] = identity.pek;
    empty_signatures(&certs[0]);
    return write_out(csr->paddr, &certs[0], SEV_CERT_BYTES);
}

sev_status_t cmd_pdh_cert_export(command_t *command)
{
    sev_two_ranges_t *out = &command->buffer.two_ranges;
    bool too_short = out->first_length < SEV_CERT_BYTES || out->second_length < SEV_CHAIN_BYTES;
    out->first_length = SEV_CERT_BYTES;
    out->second_length = SEV_CHAIN_BYTES;
    if (too_short) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    sev_status_t status = paddr_check(out->first_paddr, SEV_CERT_BYTES);
    if (status == SEV_STATUS_SUCCESS) {
        status = paddr_check(out->second_paddr, SEV_CHAIN_BYTES);
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = write_out(out->first_paddr, &identity.pdh, SEV_CERT_BYTES);
    }
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    certs[0] = identity.pek;
    certs[1] = identity.oca;
    identity_cek(&certs[2]);
    return write_out(out->second_paddr, certs, SEV_CHAIN_BYTES);
}

/* The chip's signature of the current PEK, into the free slot of the imported one. */
static sev_status_t move_cek_signature(sev_cert_t *imported)
{
    const sev_signature_t *own = NULL;
    for (uint32_t i = 0; i < 2; i++) {
        if (identity.pek.signature[i].usage == SEV_USAGE_CEK) {
            own = &identity.pek.signature[i];
        }
    }
    for (uint32_t i = 0; i < 2 && own != NULL; i++) {
        if (imported->signature[i].usage == SEV_USAGE_INVALID) {
            imported->signature[i] = *own;
            return SEV_STATUS_SUCCESS;
        }
    }
    return SEV_STATUS_INVALID_CERTIFICATE;
}

static sev_status_t check_import(sev_cert_t *pek, const sev_cert_t *oca)
{
    if (oca->algo == SEV_ALGO_RSA_SHA256 || oca->algo == SEV_ALGO_RSA_SHA384) {
        return SEV_STATUS_UNSUPPORTED;
    }
    sev_status_t status = cert_validate(oca, oca);
    if (status == SEV_STATUS_SUCCESS && oca->usage != SEV_USAGE_OCA) {
        status = SEV_STATUS_INVALID_CERTIFICATE;
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = cert_validate(pek, oca);
    }
    if (status == SEV_STATUS_SUCCESS && memcmp(pek, &identity.pek, SEV_CERT_BODY_BYTES) != 0) {
        status = SEV_STATUS_INVALID_CERTIFICATE;
    }
    return status == SEV_STATUS_SUCCESS ? move_cek_signature(pek) : status;
}

sev_status_t cmd_pek_cert_import(command_t *command)
{
    const sev_two_ranges_t *in = &command->buffer.two_ranges;
    if (identity.externally_owned != 0) {
        return SEV_STATUS_ALREADY_OWNED;
    }
    if (in->first_length != SEV_CERT_BYTES || in->second_length != SEV_CERT_BYTES) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    bool readable = paddr_check(in->first_paddr, SEV_CERT_BYTES) == SEV_STATUS_SUCCESS &&
                    paddr_check(in->second_paddr, SEV_CERT_BYTES) == SEV_STATUS_SUCCESS &&
                    dma_read(paddr_range(in->first_paddr), &certs[0], SEV_CERT_BYTES) &&
                    dma_read(paddr_range(in->second_paddr), &certs[1], SEV_CERT_BYTES);
    if (!readable) {
        return SEV_STATUS_INVALID_ADDRESS;
    }
    sev_status_t status = check_import(&certs[0], &certs[1]);
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    identity.pek = certs[0];
    identity.oca = certs[1];
    identity.externally_owned = 1;
    wipe(identity.oca_key, sizeof identity.oca_key);
    return identity_make_pdh();
}

sev_status_t cmd_get_id(command_t *command)
{
    static uint8_t secret[32], id[SEV_ID_BYTES];
    sev_range_t *range = &command->buffer.range;
    uint32_t length = range->length;
    range->length = SEV_ID_BYTES;
    if (length < SEV_ID_BYTES) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    sev_status_t status = paddr_check(range->paddr, SEV_ID_BYTES);
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    chip_secret(secret);
    k256_public(secret, id);
    wipe(secret, sizeof secret);
    return write_out(range->paddr, id, sizeof id);
}
