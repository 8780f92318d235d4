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

/* ---- memory controllers ---- */

/* Loads a key (NULL: clears) into the slot of every channel; with the fuse, each gets its own. */
void keyport_set(uint32_t slot, const uint8_t key[16]);

/* ---- cores and fabric ---- */

enum { EVERY_CORE = UINT32_MAX, EVERY_ASID = 0 };

bool core_wbinvd_done(uint32_t core);
void core_clear_wbinvd_done(uint32_t core);
void core_set_asid_valid(uint32_t core, uint32_t asid, bool valid);
void fabric_flush(void);

/* ---- console ---- */

void console_text(const char *text);
void console_hex(uint32_t value);

#endif
