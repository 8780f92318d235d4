/**
 * @file
 * The other side of the SEV API: what a guest's owner computes, from certificates and keys alone.
 *
 * Nothing here talks to a platform. Random numbers come from the caller's stream, so that a run
 * repeats; a session whose keys must be secret in the real world is not what this is for.
 */
#ifndef CBIT_WORKLOADS_OWNER_H
#define CBIT_WORKLOADS_OWNER_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/rng.h"
#include "sev/cert.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the owner sends (certificate, blob) and keeps (keys). */
typedef struct cbit_owner_session {
    uint8_t tek[SEV_KEY_BYTES], tik[SEV_KEY_BYTES];
    sev_cert_t cert; /* the owner's DH certificate */
    sev_session_t blob;
} cbit_owner_session_t;

/* A session for LAUNCH_START on the platform of that PDH; false: its key is not a point. */
bool cbit_owner_session(const sev_cert_t *pdh, uint32_t policy, cbit_rng_t *rng,
                        cbit_owner_session_t *out);

/* The same with every secret given, for known answers; our scalar is 48 bytes big-endian. */
typedef struct cbit_owner_secrets {
    uint8_t scalar[48], nonce[SEV_NONCE_BYTES], wrap_iv[16];
    uint8_t tek[SEV_KEY_BYTES], tik[SEV_KEY_BYTES];
} cbit_owner_secrets_t;
bool cbit_owner_session_from(const sev_cert_t *pdh, uint32_t policy,
                             const cbit_owner_secrets_t *secrets, cbit_owner_session_t *out);

/* The measurement that LAUNCH_MEASURE must give for that launch digest. */
typedef struct cbit_owner_launch {
    uint8_t api_major, api_minor, build;
    uint32_t policy;
    uint8_t digest[SEV_DIGEST_BYTES], mnonce[SEV_NONCE_BYTES];
} cbit_owner_launch_t;
void cbit_owner_measure(const uint8_t tik[SEV_KEY_BYTES], const cbit_owner_launch_t *launch,
                        uint8_t measure[SEV_DIGEST_BYTES]);

/* A packet for LAUNCH_SECRET: len_bytes (a multiple of 16) of secret, encrypted into out. */
void cbit_owner_secret(const cbit_owner_session_t *session, const uint8_t measure[SEV_DIGEST_BYTES],
                       const uint8_t iv[16], const uint8_t *secret, uint32_t len_bytes,
                       sev_packet_header_t *header, uint8_t *out);

/* Whether one of the certificate's signatures is a good one by that key (its usage and algorithm,
   too). Also for CEK-signed and self-signed certificates; only ECDSA. */
bool cbit_owner_cert_signed_by(const sev_cert_t *cert, const sev_cert_t *by);

/* Whether an ATTESTATION report was signed by that PEK. */
bool cbit_owner_report_good(const sev_report_t *report, const sev_cert_t *pek);

#ifdef __cplusplus
}
#endif
#endif
