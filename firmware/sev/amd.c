#include "sev/amd.h"

/* The root that this firmware trusts: synthetic, made for the model (cli/keys). SHA-384 over the
   first 64 bytes, exponent and modulus of its certificate, as a chip has it in its fuses. */
static const uint8_t root_hash[48] = {
#include "sev/root_hash.inc"
};

enum { HEAD_BYTES = sizeof(sev_amd_cert_head_t) };

/* One certificate of a chain, taken apart. */
typedef struct amd_cert {
    const sev_amd_cert_head_t *head;
    const uint8_t *bytes;
    uint32_t key_bytes; /* of the modulus, and of exponent and signature */
} amd_cert_t;

bool amd_chain_length_good(uint32_t len_bytes)
{
    return len_bytes == 2 * SEV_AMD_CERT_2048_BYTES || len_bytes == 2 * SEV_AMD_CERT_4096_BYTES;
}

static sev_status_t take_apart(const uint8_t *bytes, uint32_t len_bytes, uint32_t usage,
                               amd_cert_t *cert)
{
    cert->bytes = bytes;
    cert->head = (const sev_amd_cert_head_t *)(const void *)bytes;
    cert->key_bytes = cert->head->modulus_bits / 8;
    bool good = cert->head->version == 1 && cert->head->usage == usage &&
                (cert->head->modulus_bits == 2048 || cert->head->modulus_bits == 4096) &&
                cert->head->exponent_bits == cert->head->modulus_bits &&
                len_bytes == HEAD_BYTES + 3 * cert->key_bytes;
    return good ? SEV_STATUS_SUCCESS : SEV_STATUS_INVALID_CERTIFICATE;
}

/* The hash goes with the size of the key: SHA-256 for 2048 bits, SHA-384 for 4096. */
static bool signed_by(const amd_cert_t *by, const void *message, uint32_t len_bytes,
                      const uint8_t *signature)
{
    static uint8_t digest[48];
    bool wide = by->key_bytes == 512;
    if (wide) {
        sha384(message, len_bytes, digest);
    } else {
        sha256(message, len_bytes, digest);
    }
    uint32_t digest_bytes = wide ? 48 : 32; /* and of the salt */
    return rsa_verify(by->bytes + HEAD_BYTES, by->key_bytes, digest, digest_bytes, digest_bytes,
                      signature);
}

static sev_status_t check_root(const amd_cert_t *ark)
{
    static uint8_t digest[48];
    uint32_t covered = HEAD_BYTES + 2 * ark->key_bytes;
    sha384(ark->bytes, covered, digest);
    if (memcmp(digest, root_hash, sizeof digest) != 0 ||
        memcmp(ark->head->key_id, ark->head->certifying_id, sizeof ark->head->key_id) != 0) {
        return SEV_STATUS_INVALID_CERTIFICATE;
    }
    return signed_by(ark, ark->bytes, covered, ark->bytes + covered) ? SEV_STATUS_SUCCESS
                                                                     : SEV_STATUS_BAD_SIGNATURE;
}

static sev_status_t check_ask(const amd_cert_t *ask, const amd_cert_t *ark)
{
    uint32_t covered = HEAD_BYTES + 2 * ask->key_bytes;
    if (memcmp(ask->head->certifying_id, ark->head->key_id, sizeof ark->head->key_id) != 0) {
        return SEV_STATUS_INVALID_CERTIFICATE;
    }
    return signed_by(ark, ask->bytes, covered, ask->bytes + covered) ? SEV_STATUS_SUCCESS
                                                                     : SEV_STATUS_BAD_SIGNATURE;
}

static sev_status_t check_cek(const sev_cert_t *cek, const amd_cert_t *ask)
{
    uint32_t algo = ask->key_bytes == 512 ? SEV_ALGO_RSA_SHA384 : SEV_ALGO_RSA_SHA256;
    if (cek->usage != SEV_USAGE_CEK) {
        return SEV_STATUS_INVALID_CERTIFICATE;
    }
    for (uint32_t i = 0; i < 2; i++) {
        const sev_signature_t *slot = &cek->signature[i];
        if (slot->usage == SEV_USAGE_ASK && slot->algo == algo) {
            return signed_by(ask, cek, SEV_CERT_BODY_BYTES, slot->value.rsa)
                       ? SEV_STATUS_SUCCESS
                       : SEV_STATUS_BAD_SIGNATURE;
        }
    }
    return SEV_STATUS_INVALID_CERTIFICATE;
}

sev_status_t amd_chain_check(const uint8_t *chain, uint32_t len_bytes, const sev_cert_t *cek)
{
    amd_cert_t ask, ark;
    uint32_t half = len_bytes / 2;
    sev_status_t status = take_apart(chain, half, SEV_USAGE_ASK, &ask);
    if (status == SEV_STATUS_SUCCESS) {
        status = take_apart(chain + half, half, SEV_USAGE_ARK, &ark);
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = check_root(&ark);
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = check_ask(&ask, &ark);
    }
    return status == SEV_STATUS_SUCCESS ? check_cek(cek, &ask) : status;
}
