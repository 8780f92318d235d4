/**
 * @file
 * The SP's devices. Buffers given to a device stand in SRAM for as long as the call lasts.
 */
#ifndef FIRMWARE_DRIVERS_H
#define FIRMWARE_DRIVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/lib.h"
#include "sev/sp_map.h"

/* Sleeps until the line (SP_LINE_*) is up. */
void irq_wait(uint32_t line);

/* Resets the SP when it is not called again in time; the longest command takes a tenth of it. */
void watchdog_start(void);
void watchdog_stop(void);

/* Whether x86 runs already: this start came from the watchdog or from system_reset. */
bool started_again(void);

/* Starts hart and devices again from the boot ROM; SRAM stays. Does not return. */
void system_reset(void);

/* ---- mailbox ---- */

/* The command that a doorbell rang for, and its answer. */
uint32_t mailbox_command(void);
void mailbox_answer(uint32_t command, uint32_t status);

/* ---- system memory ---- */

typedef struct spa_range {
    uint64_t spa;
    uint32_t key; /* SP_KEY_PLAIN, SP_KEY_HOST or an ASID */
} spa_range_t;

/* False: some of it is not memory, or the key is not loaded. */
bool dma_read(spa_range_t from, void *to, uint32_t len_bytes);
bool dma_write(spa_range_t to, const void *from, uint32_t len_bytes);

/* A write that goes on while the hart does something else. */
void dma_write_start(spa_range_t to, const void *from, uint32_t len_bytes);
bool dma_finish(void);

/* ---- crypto coprocessor ---- */

/* Runs an operation (SP_CCP_*) whose registers are set; its result, SP_CCP_OK or what went wrong.
 */
uint32_t ccp_run(uint32_t op);

/* Whether the CCP is at rest, and its last operation was this one and ended so. */
bool ccp_result_is(uint32_t op, uint32_t result);

void ccp_random(void *to, uint32_t len_bytes);

/* HMAC-SHA256 of one piece. */
void ccp_hmac(const void *key, uint32_t key_bytes, const void *message, uint32_t len_bytes,
              uint8_t mac[32]);

/* AES-CTR; key_bytes 16 or 32, counter block 16 bytes, big-endian. In place is allowed. */
void ccp_aes_ctr(const void *key, uint32_t key_bytes, const uint8_t counter[16], const void *from,
                 void *to, uint32_t len_bytes);

/* A hash in progress; may lie idle between calls, copied freely. */
typedef struct sha256 {
    uint32_t state[8];
    uint64_t len_bytes;
    uint8_t tail[64];
} sha256_t;

void sha256_start(sha256_t *hash);
void sha256_add(sha256_t *hash, const void *bytes, uint32_t len_bytes);
void sha256_finish(sha256_t *hash, uint8_t digest[32]);

/* The KDF of the API (SP 800-108, counter mode, little-endian fields); out_bytes <= 64. */
void kdf(const void *key, uint32_t key_bytes, const char *label, const void *context,
         uint32_t context_bytes, uint8_t *out, uint32_t out_bytes);

/* SHA-256 of one piece. */
void sha256(const void *bytes, uint32_t len_bytes, uint8_t digest[32]);
void sha384(const void *bytes, uint32_t len_bytes, uint8_t digest[48]);

/* AES-256-GCM under a 32-byte key. */
typedef struct gcm {
    uint8_t iv[12], tag[16];
    uint8_t aad[36]; /* authenticated, not encrypted */
} gcm_t;

void gcm_seal(const uint8_t key[32], gcm_t *gcm, const void *from, void *to, uint32_t len_bytes);
bool gcm_open(const uint8_t key[32], gcm_t *gcm, const void *from, void *to, uint32_t len_bytes);

/* ---- P-384: numbers are 48 bytes, little-endian ---- */

enum { P384_BYTES = 48 };

typedef struct p384_point {
    uint8_t x[P384_BYTES], y[P384_BYTES];
} p384_point_t;

typedef struct p384_signature {
    uint8_t r[P384_BYTES], s[P384_BYTES];
} p384_signature_t;

void p384_scalar(const void *seed, uint32_t seed_bytes, uint8_t scalar[P384_BYTES]);
void p384_random_scalar(uint8_t scalar[P384_BYTES]);
void p384_public(const uint8_t scalar[P384_BYTES], p384_point_t *point);
bool p384_check(const p384_point_t *point);
bool p384_ecdh(const uint8_t scalar[P384_BYTES], const p384_point_t *peer, uint8_t x[P384_BYTES]);
void p384_sign(const uint8_t scalar[P384_BYTES], const uint8_t digest[32], p384_signature_t *out);
bool p384_verify(const p384_point_t *key, const uint8_t digest[32],
                 const p384_signature_t *signature);

/* secp256k1: 32-byte scalar to X and Y, all big-endian. */
void k256_public(const uint8_t scalar[32], uint8_t out[64]);

/* RSA-PSS; exponent then modulus in key, each len_bytes (256 or 512), all little-endian. */
bool rsa_verify(const uint8_t *key, uint32_t len_bytes, const uint8_t *digest,
                uint32_t digest_bytes, uint32_t salt_bytes, const uint8_t *signature);

/* ---- flash ---- */

bool flash_read(uint32_t offset, void *to, uint32_t len_bytes);
/* Any length; the flash must be erased there. */
bool flash_program(uint32_t offset, const void *from, uint32_t len_bytes);
bool flash_erase_sector(uint32_t offset);

/* ---- fuses ---- */

void chip_secret(uint8_t secret[32]);
bool platform_flag(uint32_t flag); /* SP_PLATFORM_* */

/* ---- memory controllers ---- */

/* Loads a key (NULL: clears) into the slot of every channel; with the fuse, each gets its own. */
void keyport_set(uint32_t slot, const uint8_t key[16]);

/* ---- cores and fabric ---- */

#define EVERY_CORE UINT32_MAX /* no enumerator: those are ints in ISO C */
#define EVERY_ASID 0u

bool core_wbinvd_done(uint32_t core);
void core_clear_wbinvd_done(uint32_t core);
void core_set_asid_valid(uint32_t core, uint32_t asid, bool valid);
void fabric_flush(void);

/* ---- console ---- */

void console_text(const char *text);
void console_hex(uint32_t value);

#endif
