#include "workloads/hypervisor/measure.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/hypervisor/bytes.h"

enum {
    CONTEXT_LAUNCH_MEASURE = 0x04,
    MEASURED_BYTES = 1 + 1 + 1 + 1 + 4 + SEV_DIGEST_BYTES + SEV_NONCE_BYTES,
};

struct cbit_hv_digest {
    EVP_MD_CTX *sha256;
};

cbit_hv_digest_t *cbit_hv_digest_create(void)
{
    cbit_hv_digest_t *digest = calloc(1, sizeof *digest);
    if (digest == NULL) {
        return NULL;
    }
    digest->sha256 = EVP_MD_CTX_new();
    if (digest->sha256 == NULL || EVP_DigestInit_ex(digest->sha256, EVP_sha256(), NULL) != 1) {
        cbit_hv_digest_destroy(digest);
        return NULL;
    }
    return digest;
}

void cbit_hv_digest_destroy(cbit_hv_digest_t *digest)
{
    if (digest != NULL) {
        EVP_MD_CTX_free(digest->sha256);
        free(digest);
    }
}

cbit_err_t cbit_hv_digest_add(cbit_hv_digest_t *digest, const void *bytes, uint64_t len_bytes)
{
    return EVP_DigestUpdate(digest->sha256, bytes, (size_t)len_bytes) == 1 ? CBIT_ERR_OK
                                                                           : CBIT_ERR_INTERNAL;
}

cbit_err_t cbit_hv_digest_check(cbit_hv_digest_t *digest, const cbit_hv_owner_t *owner,
                                const uint8_t answer[SEV_MEASUREMENT_BYTES], bool *agrees)
{
    uint8_t message[MEASURED_BYTES] = {CONTEXT_LAUNCH_MEASURE, owner->api_major, owner->api_minor,
                                       owner->build};
    cbit_hv_put_le(message + 4, owner->policy, 4);
    uint8_t measure[SEV_DIGEST_BYTES];
    unsigned int len = 0;
    if (EVP_DigestFinal_ex(digest->sha256, message + 8, &len) != 1 || len != SEV_DIGEST_BYTES) {
        return CBIT_ERR_INTERNAL;
    }
    memcpy(message + 8 + SEV_DIGEST_BYTES, answer + SEV_DIGEST_BYTES, SEV_NONCE_BYTES);
    if (HMAC(EVP_sha256(), owner->tik, SEV_KEY_BYTES, message, sizeof message, measure, &len) ==
        NULL) {
        return CBIT_ERR_INTERNAL;
    }
    *agrees = CRYPTO_memcmp(measure, answer, sizeof measure) == 0;
    return CBIT_ERR_OK;
}
