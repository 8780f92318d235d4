/* The crypto coprocessor, and what is built from its operations. */
#include "drivers/drivers.h"
#include "drivers/mmio.h"

uint32_t ccp_run(uint32_t op)
{
    SP_WRITE(CCP, OP, op);
    irq_wait(SP_LINE_CCP);
    uint32_t status = SP_READ(CCP, STATUS);
    SP_WRITE(CCP, ACK, 1);
    /* Still busy: the wait was cut short, and the result is that of another operation. */
    return (status & 1) != 0 ? (uint32_t)SP_CCP_BAD_OPERATION : status >> 8;
}

bool ccp_result_is(uint32_t op, uint32_t result)
{
    return SP_READ(CCP, STATUS) == result << 8 && SP_READ(CCP, OP) == op;
}

void ccp_random(void *to, uint32_t len_bytes)
{
    SP_WRITE(CCP, DST, sp_address(to));
    SP_WRITE(CCP, LENGTH, len_bytes);
    ccp_run(SP_CCP_RANDOM);
}

void ccp_hmac(const void *key, uint32_t key_bytes, const void *message, uint32_t len_bytes,
              uint8_t mac[32])
{
    SP_WRITE(CCP, KEY, sp_address(key));
    SP_WRITE(CCP, KEY_LENGTH, key_bytes);
    SP_WRITE(CCP, SRC, sp_address(message));
    SP_WRITE(CCP, LENGTH, len_bytes);
    SP_WRITE(CCP, DST, sp_address(mac));
    ccp_run(SP_CCP_HMAC_SHA256);
}

void ccp_aes_ctr(const void *key, uint32_t key_bytes, const uint8_t counter[16], const void *from,
                 void *to, uint32_t len_bytes)
{
    SP_WRITE(CCP, KEY, sp_address(key));
    SP_WRITE(CCP, KEY_LENGTH, key_bytes);
    SP_WRITE(CCP, AUX, sp_address(counter));
    SP_WRITE(CCP, SRC, sp_address(from));
    SP_WRITE(CCP, LENGTH, len_bytes);
    SP_WRITE(CCP, DST, sp_address(to));
    ccp_run(SP_CCP_AES_CTR);
}

void sha256_start(sha256_t *hash)
{
    /* FIPS 180-4, 5.3.3 */
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(hash->state, initial, sizeof initial);
    hash->len_bytes = 0;
    memset(hash->tail, 0, sizeof hash->tail);
}

static void sha256_blocks(sha256_t *hash, const void *bytes, uint32_t len_bytes)
{
    SP_WRITE(CCP, AUX, sp_address(hash->state));
    SP_WRITE(CCP, SRC, sp_address(bytes));
    SP_WRITE(CCP, LENGTH, len_bytes);
    ccp_run(SP_CCP_SHA256_BLOCKS);
}

void sha256_add(sha256_t *hash, const void *bytes, uint32_t len_bytes)
{
    const uint8_t *from = bytes;
    uint32_t used = (uint32_t)hash->len_bytes % 64;
    hash->len_bytes += len_bytes;
    if (used > 0) {
        uint32_t part = len_bytes < 64 - used ? len_bytes : 64 - used;
        memcpy(hash->tail + used, from, part);
        from += part;
        len_bytes -= part;
        if (used + part < 64) {
            return;
        }
        sha256_blocks(hash, hash->tail, 64);
    }
    uint32_t whole = len_bytes & ~63u;
    if (whole > 0) {
        sha256_blocks(hash, from, whole);
    }
    memcpy(hash->tail, from + whole, len_bytes - whole);
}

void sha256_finish(sha256_t *hash, uint8_t digest[32])
{
    uint32_t used = (uint32_t)hash->len_bytes % 64;
    uint64_t bits = hash->len_bytes * 8;
    hash->tail[used++] = 0x80;
    if (used > 56) {
        memset(hash->tail + used, 0, 64 - used);
        sha256_blocks(hash, hash->tail, 64);
        used = 0;
    }
    memset(hash->tail + used, 0, 56 - used);
    for (uint32_t i = 0; i < 8; i++) {
        hash->tail[56 + i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    sha256_blocks(hash, hash->tail, 64);
    for (uint32_t i = 0; i < 8; i++) {
        for (uint32_t j = 0; j < 4; j++) {
            digest[4 * i + j] = (uint8_t)(hash->state[i] >> (24 - 8 * j));
        }
    }
    wipe(hash, sizeof *hash);
}

enum { KDF_LABEL_MAX = 32, KDF_CONTEXT_MAX = 16 };

void kdf(const void *key, uint32_t key_bytes, const char *label, const void *context,
         uint32_t context_bytes, uint8_t *out, uint32_t out_bytes)
{
    static uint8_t message[4 + KDF_LABEL_MAX + 1 + KDF_CONTEXT_MAX + 4];
    static uint8_t mac[32];
    uint32_t used = 4;
    for (; *label != '\0'; label++) {
        message[used++] = (uint8_t)*label;
    }
    message[used++] = 0;
    if (context_bytes > 0) {
        memcpy(message + used, context, context_bytes);
        used += context_bytes;
    }
    store_le32(message + used, 8 * out_bytes);
    used += 4;
    for (uint32_t done = 0, i = 1; done < out_bytes; i++) {
        uint32_t part = out_bytes - done < 32 ? out_bytes - done : 32;
        store_le32(message, i);
        ccp_hmac(key, key_bytes, message, used, mac);
        memcpy(out + done, mac, part);
        done += part;
    }
    wipe(mac, sizeof mac);
    wipe(message, sizeof message);
}

void sha256(const void *bytes, uint32_t len_bytes, uint8_t digest[32])
{
    static sha256_t hash;
    sha256_start(&hash);
    sha256_add(&hash, bytes, len_bytes);
    sha256_finish(&hash, digest);
}

void sha384(const void *bytes, uint32_t len_bytes, uint8_t digest[48])
{
    SP_WRITE(CCP, SRC, sp_address(bytes));
    SP_WRITE(CCP, LENGTH, len_bytes);
    SP_WRITE(CCP, DST, sp_address(digest));
    ccp_run(SP_CCP_SHA384);
}

static uint32_t gcm_run(uint32_t op, const uint8_t key[32], gcm_t *gcm, const void *from, void *to,
                        uint32_t len_bytes)
{
    SP_WRITE(CCP, KEY, sp_address(key));
    SP_WRITE(CCP, KEY_LENGTH, 32);
    SP_WRITE(CCP, AUX, sp_address(gcm));
    SP_WRITE(CCP, AUX_LENGTH, sizeof *gcm);
    SP_WRITE(CCP, SRC, sp_address(from));
    SP_WRITE(CCP, LENGTH, len_bytes);
    SP_WRITE(CCP, DST, sp_address(to));
    return ccp_run(op);
}

void gcm_seal(const uint8_t key[32], gcm_t *gcm, const void *from, void *to, uint32_t len_bytes)
{
    gcm_run(SP_CCP_GCM_SEAL, key, gcm, from, to, len_bytes);
}

bool gcm_open(const uint8_t key[32], gcm_t *gcm, const void *from, void *to, uint32_t len_bytes)
{
    return gcm_run(SP_CCP_GCM_OPEN, key, gcm, from, to, len_bytes) == SP_CCP_OK;
}
