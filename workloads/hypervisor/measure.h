/**
 * @file
 * The guest owner's side of a launch: what LAUNCH_MEASURE must answer for this image.
 */
#ifndef CBIT_WORKLOADS_HYPERVISOR_MEASURE_H
#define CBIT_WORKLOADS_HYPERVISOR_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/err.h"
#include "sev/command.h"

/* What the owner knows besides the image. */
typedef struct cbit_hv_owner {
    uint8_t api_major, api_minor, build; /* of the platform, from PLATFORM_STATUS */
    uint32_t policy;
    uint8_t tik[SEV_KEY_BYTES]; /* transport integrity key; zero for a launch without session */
} cbit_hv_owner_t;

typedef struct cbit_hv_digest cbit_hv_digest_t; /* opaque: the launch digest under way */

/* NULL when OpenSSL has no memory left. */
cbit_hv_digest_t *cbit_hv_digest_create(void);
void cbit_hv_digest_destroy(cbit_hv_digest_t *digest); /* NULL is allowed */

/* Plaintext of one LAUNCH_UPDATE_DATA, in call order. */
cbit_err_t cbit_hv_digest_add(cbit_hv_digest_t *digest, const void *bytes, uint64_t len_bytes);

/*
 * Ends the digest and compares: answer is what LAUNCH_MEASURE left, MEASURE[32] and MNONCE[16]
 * (SEV API, 6.5.2: MEASURE = HMAC-SHA256(TIK, 04h, API_MAJOR, API_MINOR, BUILD, POLICY, digest,
 * MNONCE)). INTERNAL only if OpenSSL fails.
 */
cbit_err_t cbit_hv_digest_check(cbit_hv_digest_t *digest, const cbit_hv_owner_t *owner,
                                const uint8_t answer[SEV_MEASUREMENT_BYTES], bool *agrees);

#endif
