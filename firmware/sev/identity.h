/**
 * @file
 * Who the platform is: its keys, its certificates, and where they are kept.
 */
#ifndef FIRMWARE_IDENTITY_H
#define FIRMWARE_IDENTITY_H

#include "sev/state.h"

/* What outlives the power, in this layout, encrypted under keys of the chip. */
typedef struct identity {
    uint32_t externally_owned;
    uint8_t oca_key[P384_BYTES]; /* zero when externally owned */
    uint8_t pek_key[P384_BYTES], pdh_key[P384_BYTES];
    sev_cert_t oca, pek, pdh;
} identity_t;

extern identity_t identity;

/* Loads what is stored, makes what is missing, keeps it; with nv_paddr the store is in host memory.
   SECURE_DATA_INVALID: the store was bad and is now empty. */
sev_status_t identity_load(uint64_t nv_paddr);

/* Forgets everything in SRAM. */
void identity_forget(void);

/* Erases the store: the next INIT makes new keys. */
sev_status_t identity_erase(void);

/* New OCA, PEK and PDH; new PDH; both keep the result. */
sev_status_t identity_make_all(void);
sev_status_t identity_make_pdh(void);
sev_status_t identity_save(void);

/* The chip's endorsement certificate, without signatures. */
void identity_cek(sev_cert_t *cert);

/* Signs a body with the chip's endorsement key. */
void identity_cek_sign(sev_cert_t *cert);

/* Where the store of INIT_EX is; 0: flash. */
uint64_t store_nv_paddr(void);
void store_use(uint64_t nv_paddr);

/* SUCCESS with *found telling whether there was anything, or SECURE_DATA_INVALID. */
sev_status_t store_load(identity_t *into, bool *found);
sev_status_t store_save(const identity_t *from);
sev_status_t store_erase(void);

/* ---- certificates ---- */

/* A certificate of one of our own keys, unsigned. */
void cert_make(sev_cert_t *cert, uint32_t usage, const uint8_t key[P384_BYTES]);

/* Adds a signature to the first empty slot; INVALID_CERTIFICATE when there is none. */
sev_status_t cert_sign(sev_cert_t *cert, uint32_t usage, const uint8_t key[P384_BYTES]);

/* Whether `cert` is a well-formed certificate whose signer is `by`. */
sev_status_t cert_validate(const sev_cert_t *cert, const sev_cert_t *by);

/* The key of an ECDSA or ECDH certificate; INVALID_CERTIFICATE unless it is a point of P-384. */
sev_status_t cert_point(const sev_cert_t *cert, p384_point_t *point);

/* A peer's DH certificate: version, usage, algorithm and key; its signature is not looked at. */
sev_status_t cert_check_dh(const sev_cert_t *cert, p384_point_t *point);

#endif
