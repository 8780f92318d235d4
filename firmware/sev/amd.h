/**
 * @file
 * AMD's side of a platform's certificates: ARK and ASK, which sign CEKs.
 */
#ifndef FIRMWARE_AMD_H
#define FIRMWARE_AMD_H

#include "sev/identity.h"

enum { AMD_CHAIN_MAX_BYTES = 2 * SEV_AMD_CERT_4096_BYTES };

/* Whether a chain (ASK, then ARK) can have that many bytes. */
bool amd_chain_length_good(uint32_t len_bytes);

/* ARK is the pinned root, ASK is signed by it, CEK by ASK. */
sev_status_t amd_chain_check(const uint8_t *chain, uint32_t len_bytes, const sev_cert_t *cek);

#endif
