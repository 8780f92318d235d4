/**
 * @file
 * Certificates, session blobs, packets and reports of the SEV API: layouts that travel.
 *
 * Numbers in certificates (coordinates, R, S, moduli) are little-endian, as everything else.
 */
#ifndef SEV_CERT_H
#define SEV_CERT_H

#include "sev/command.h"

enum {
    SEV_USAGE_ARK = 0x0000,
    SEV_USAGE_ASK = 0x0013,
    SEV_USAGE_INVALID = 0x1000, /* an empty signature slot */
    SEV_USAGE_OCA = 0x1001,
    SEV_USAGE_PEK = 0x1002,
    SEV_USAGE_PDH = 0x1003,
    SEV_USAGE_CEK = 0x1004,
    SEV_ALGO_INVALID = 0,
    SEV_ALGO_RSA_SHA256 = 0x001,
    SEV_ALGO_ECDSA_SHA256 = 0x002,
    SEV_ALGO_ECDH_SHA256 = 0x003,
    SEV_ALGO_RSA_SHA384 = 0x101,
    SEV_ALGO_ECDSA_SHA384 = 0x102,
    SEV_ALGO_ECDH_SHA384 = 0x103,
    SEV_CURVE_P384 = 2,
    SEV_CERT_BODY_BYTES = 0x414, /* what signatures cover */
    SEV_COORDINATE_BYTES = 72,
    SEV_AMD_CERT_2048_BYTES = 832,
    SEV_AMD_CERT_4096_BYTES = 1600,
};

typedef struct sev_signature {
    uint32_t usage, algo; /* of the signing key */
    union {
        struct {
            uint8_t r[SEV_COORDINATE_BYTES], s[SEV_COORDINATE_BYTES];
        } ecdsa;
        uint8_t rsa[512];
    } value;
} sev_signature_t;

typedef struct sev_cert {
    uint32_t version; /* 1 */
    uint8_t api_major, api_minor;
    uint16_t reserved;
    uint32_t usage, algo;
    union {
        struct {
            uint32_t curve;
            uint8_t qx[SEV_COORDINATE_BYTES], qy[SEV_COORDINATE_BYTES];
        } ec;
        struct {
            uint32_t modulus_bits;
            uint8_t exponent[512], modulus[512];
        } rsa;
    } key;
    sev_signature_t signature[2];
} sev_cert_t;

/* ARK and ASK; exponent, modulus and signature follow, each modulus_bits / 8 bytes. */
typedef struct sev_amd_cert_head {
    uint32_t version;
    uint8_t key_id[16], certifying_id[16];
    uint32_t usage;
    uint8_t reserved[16];
    uint32_t exponent_bits, modulus_bits;
} sev_amd_cert_head_t;

typedef struct sev_session {
    uint8_t nonce[SEV_NONCE_BYTES];
    uint8_t wrap_tk[32];
    uint8_t wrap_iv[16];
    uint8_t wrap_mac[SEV_DIGEST_BYTES], policy_mac[SEV_DIGEST_BYTES];
} sev_session_t;

typedef struct sev_packet_header {
    uint32_t flags; /* bit 0: compressed */
    uint8_t iv[16];
    uint8_t mac[SEV_DIGEST_BYTES];
} sev_packet_header_t;

typedef struct sev_report {
    uint8_t mnonce[SEV_NONCE_BYTES], launch_digest[SEV_DIGEST_BYTES];
    uint32_t policy, usage, algo, reserved;
    uint8_t r[SEV_COORDINATE_BYTES], s[SEV_COORDINATE_BYTES];
} sev_report_t;

enum { SEV_REPORT_SIGNED_BYTES = 0x34 };

/* First byte of what a MAC covers. */
enum {
    SEV_CONTEXT_SECRET = 1,
    SEV_CONTEXT_PACKET = 2, /* data and VMSA */
    SEV_CONTEXT_MEASURE = 4,
};

_Static_assert(sizeof(sev_cert_t) == SEV_CERT_BYTES, "certificate");
_Static_assert(sizeof(sev_session_t) == SEV_SESSION_BYTES, "session");
_Static_assert(sizeof(sev_packet_header_t) == SEV_PACKET_HEADER_BYTES, "packet");
_Static_assert(sizeof(sev_report_t) == SEV_REPORT_BYTES, "report");
_Static_assert(sizeof(sev_amd_cert_head_t) == 64, "AMD certificate");

#endif
