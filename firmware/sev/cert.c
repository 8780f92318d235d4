/* Certificates: making, signing, checking. */
#include "sev/identity.h"

static void widen(uint8_t to[SEV_COORDINATE_BYTES], const uint8_t from[P384_BYTES])
{
    memset(to, 0, SEV_COORDINATE_BYTES);
    memcpy(to, from, P384_BYTES);
}

/* False when the number has more than 384 bits. */
static bool narrow(uint8_t to[P384_BYTES], const uint8_t from[SEV_COORDINATE_BYTES])
{
    uint8_t rest = 0;
    memcpy(to, from, P384_BYTES);
    for (uint32_t i = P384_BYTES; i < SEV_COORDINATE_BYTES; i++) {
        rest |= from[i];
    }
    return rest == 0;
}

void cert_make(sev_cert_t *cert, uint32_t usage, const uint8_t key[P384_BYTES])
{
    static p384_point_t point;
    p384_public(key, &point);
    memset(cert, 0, sizeof *cert);
    cert->version = 1;
    cert->api_major = SEV_API_MAJOR;
    cert->api_minor = SEV_API_MINOR;
    cert->usage = usage;
    cert->algo = usage == SEV_USAGE_PDH ? SEV_ALGO_ECDH_SHA256 : SEV_ALGO_ECDSA_SHA256;
    cert->key.ec.curve = SEV_CURVE_P384;
    widen(cert->key.ec.qx, point.x);
    widen(cert->key.ec.qy, point.y);
    cert->signature[0].usage = SEV_USAGE_INVALID;
    cert->signature[1].usage = SEV_USAGE_INVALID;
}

sev_status_t cert_sign(sev_cert_t *cert, uint32_t usage, const uint8_t key[P384_BYTES])
{
    static uint8_t digest[SEV_DIGEST_BYTES];
    static p384_signature_t signature;
    for (uint32_t i = 0; i < 2; i++) {
        sev_signature_t *slot = &cert->signature[i];
        if (slot->usage == SEV_USAGE_INVALID) {
            sha256(cert, SEV_CERT_BODY_BYTES, digest);
            p384_sign(key, digest, &signature);
            memset(slot, 0, sizeof *slot);
            slot->usage = usage;
            slot->algo = SEV_ALGO_ECDSA_SHA256;
            widen(slot->value.ecdsa.r, signature.r);
            widen(slot->value.ecdsa.s, signature.s);
            return SEV_STATUS_SUCCESS;
        }
    }
    return SEV_STATUS_INVALID_CERTIFICATE;
}

sev_status_t cert_point(const sev_cert_t *cert, p384_point_t *point)
{
    static p384_point_t checked;
    bool good = (cert->algo == SEV_ALGO_ECDSA_SHA256 || cert->algo == SEV_ALGO_ECDH_SHA256) &&
                cert->key.ec.curve == SEV_CURVE_P384 && narrow(checked.x, cert->key.ec.qx) &&
                narrow(checked.y, cert->key.ec.qy) && p384_check(&checked);
    if (!good) {
        return SEV_STATUS_INVALID_CERTIFICATE;
    }
    *point = checked;
    return SEV_STATUS_SUCCESS;
}

sev_status_t cert_check_dh(const sev_cert_t *cert, p384_point_t *point)
{
    if (cert->version != 1 || cert->usage != SEV_USAGE_PDH || cert->algo != SEV_ALGO_ECDH_SHA256) {
        return SEV_STATUS_INVALID_CERTIFICATE;
    }
    return cert_point(cert, point);
}

/* SUCCESS, BAD_SIGNATURE, or INVALID_CERTIFICATE when this slot is not by that key. */
static sev_status_t check_slot(const sev_signature_t *slot, const sev_cert_t *by,
                               const p384_point_t *key, const uint8_t digest[SEV_DIGEST_BYTES])
{
    static p384_signature_t signature;
    if ((slot->usage == SEV_USAGE_INVALID) != (slot->algo == SEV_ALGO_INVALID)) {
        return SEV_STATUS_BAD_SIGNATURE; /* half empty: malformed */
    }
    if (slot->usage != by->usage || slot->algo != by->algo) {
        return SEV_STATUS_INVALID_CERTIFICATE;
    }
    bool good = narrow(signature.r, slot->value.ecdsa.r) &&
                narrow(signature.s, slot->value.ecdsa.s) && p384_verify(key, digest, &signature);
    return good ? SEV_STATUS_SUCCESS : SEV_STATUS_BAD_SIGNATURE;
}

static sev_status_t check_signatures(const sev_cert_t *cert, const sev_cert_t *by,
                                     const p384_point_t *key)
{
    static uint8_t digest[SEV_DIGEST_BYTES];
    sev_status_t result = SEV_STATUS_INVALID_CERTIFICATE;
    sha256(cert, SEV_CERT_BODY_BYTES, digest);
    for (uint32_t i = 0; i < 2; i++) {
        sev_status_t status = check_slot(&cert->signature[i], by, key, digest);
        if (status == SEV_STATUS_BAD_SIGNATURE) {
            return status;
        }
        result = status == SEV_STATUS_SUCCESS ? status : result;
    }
    return result;
}

/* Who may sign what (section 9.4). */
static bool relation_allowed(uint32_t usage, uint32_t by)
{
    static const struct {
        uint16_t usage, by;
    } allowed[] = {{SEV_USAGE_PDH, SEV_USAGE_PEK},
                   {SEV_USAGE_PEK, SEV_USAGE_OCA},
                   {SEV_USAGE_PEK, SEV_USAGE_CEK},
                   {SEV_USAGE_OCA, SEV_USAGE_OCA}};
    for (uint32_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        if (allowed[i].usage == usage && allowed[i].by == by) {
            return true;
        }
    }
    return false;
}

sev_status_t cert_validate(const sev_cert_t *cert, const sev_cert_t *by)
{
    static p384_point_t key, own;
    sev_status_t status = cert_point(by, &key);
    if (status == SEV_STATUS_SUCCESS) {
        status = check_signatures(cert, by, &key);
    }
    if (status == SEV_STATUS_SUCCESS && cert->version != 1) {
        status = SEV_STATUS_INVALID_CERTIFICATE;
    }
    if (status == SEV_STATUS_SUCCESS) {
        status = cert_point(cert, &own);
    }
    if (status == SEV_STATUS_SUCCESS && !relation_allowed(cert->usage, by->usage)) {
        status = SEV_STATUS_INVALID_CERTIFICATE;
    }
    return status;
}
