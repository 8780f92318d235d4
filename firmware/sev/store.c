/*
 * The store of what outlives the power: AES-256-GCM under a key of the chip, in flash or (INIT_EX)
 * in host memory.
 *
 * In flash two banks are used by turns. A bank is erased, its body is programmed, its header comes
 * last; so whenever the power fails, one bank is whole. The one with the higher sequence counts.
 */
#include "sev/identity.h"

enum {
    BANK_BYTES = 3 * SP_FLASH_SECTOR_BYTES,
    BANKS = 2,
    HEADER_BYTES = SP_FLASH_PAGE_BYTES, /* a page of its own */
    MAGIC = 0x54494243,                 /* "CBIT" */
};

_Static_assert(sizeof(identity_t) <= BANK_BYTES - HEADER_BYTES, "the identity fits a bank");
_Static_assert(sizeof(identity_t) + HEADER_BYTES <= SEV_NV_BYTES, "and the store of INIT_EX");

typedef struct header {
    uint32_t magic, sequence, length, version;
    gcm_t gcm; /* authenticates the four words above too */
} header_t;

static uint64_t nv;
static uint32_t sequence; /* of what is stored now */
static header_t header;
static uint8_t body[sizeof(identity_t)];

uint64_t store_nv_paddr(void)
{
    return nv;
}

void store_use(uint64_t nv_paddr)
{
    nv = nv_paddr;
}

static void storage_key(uint8_t key[32])
{
    static uint8_t secret[32];
    chip_secret(secret);
    kdf(secret, sizeof secret, "cbit-sev-store", NULL, 0, key, 32);
    wipe(secret, sizeof secret);
}

static void bind(header_t *h)
{
    memset(h->gcm.aad, 0, sizeof h->gcm.aad);
    memcpy(h->gcm.aad, h, 16);
}

static bool blank(const void *bytes, uint32_t len_bytes)
{
    const uint8_t *byte = bytes;
    for (uint32_t i = 0; i < len_bytes; i++) {
        if (byte[i] != 0xff) {
            return false;
        }
    }
    return true;
}

/* ---- where a bank is: host memory has one ---- */

static bool bank_read(uint32_t bank, uint32_t offset, void *to, uint32_t len_bytes)
{
    if (nv != 0) {
        return dma_read(paddr_range(nv + offset), to, len_bytes);
    }
    return flash_read(bank * BANK_BYTES + offset, to, len_bytes);
}

static bool bank_write(uint32_t bank, uint32_t offset, const void *from, uint32_t len_bytes)
{
    if (nv != 0) {
        return dma_write(paddr_range(nv + offset), from, len_bytes);
    }
    return flash_program(bank * BANK_BYTES + offset, from, len_bytes);
}

static bool bank_erase(uint32_t bank)
{
    static uint8_t page[SP_FLASH_PAGE_BYTES];
    uint32_t bytes = nv != 0 ? (uint32_t)SEV_NV_BYTES : (uint32_t)BANK_BYTES;
    bool good = true;
    for (uint32_t at = 0; at < bytes && good;
         at += nv != 0 ? (uint32_t)SP_FLASH_PAGE_BYTES : (uint32_t)SP_FLASH_SECTOR_BYTES) {
        memset(page, 0xff, sizeof page);
        good = nv != 0 ? bank_write(0, at, page, sizeof page)
                       : flash_erase_sector(bank * BANK_BYTES + at);
    }
    return good;
}

static uint32_t banks(void)
{
    return nv != 0 ? 1 : BANKS;
}

/* Opens a bank into body; header is that bank's. */
static bool bank_open(uint32_t bank)
{
    static uint8_t key[32];
    if (!bank_read(bank, 0, &header, sizeof header) || header.magic != MAGIC ||
        header.length != sizeof body || header.version != 1 ||
        !bank_read(bank, HEADER_BYTES, body, sizeof body)) {
        return false;
    }
    storage_key(key);
    bind(&header);
    bool good = gcm_open(key, &header.gcm, body, body, sizeof body);
    wipe(key, sizeof key);
    return good;
}

sev_status_t store_load(identity_t *into, bool *found)
{
    bool spoilt = false;
    *found = false;
    sequence = 0;
    for (uint32_t bank = 0; bank < banks(); bank++) {
        if (bank_open(bank)) {
            if (!*found || header.sequence > sequence) {
                sequence = header.sequence;
                memcpy(into, body, sizeof *into);
            }
            *found = true;
        } else {
            spoilt = spoilt || !blank(&header, sizeof header);
        }
    }
    wipe(body, sizeof body);
    return spoilt && !*found ? SEV_STATUS_SECURE_DATA_INVALID : SEV_STATUS_SUCCESS;
}

sev_status_t store_save(const identity_t *from)
{
    static uint8_t key[32];
    uint32_t bank = (sequence + 1) % banks();
    header =
        (header_t){.magic = MAGIC, .sequence = sequence + 1, .length = sizeof body, .version = 1};
    ccp_random(header.gcm.iv, sizeof header.gcm.iv);
    bind(&header);
    storage_key(key);
    gcm_seal(key, &header.gcm, from, body, sizeof body);
    wipe(key, sizeof key);
    bool good = bank_erase(bank) && bank_write(bank, HEADER_BYTES, body, sizeof body) &&
                bank_write(bank, 0, &header, sizeof header);
    sequence += good ? 1 : 0;
    return good ? SEV_STATUS_SUCCESS : SEV_STATUS_HWERROR_PLATFORM;
}

/* Which bank has the newest whole store; when none is whole it does not matter. */
static uint32_t newest_bank(void)
{
    uint32_t newest = 0, best = 0;
    for (uint32_t bank = 0; bank < banks(); bank++) {
        if (bank_open(bank) && header.sequence > best) {
            best = header.sequence;
            newest = bank;
        }
    }
    wipe(body, sizeof body);
    return newest;
}

/* The newest last: a power cut in between never brings an older identity back. */
sev_status_t store_erase(void)
{
    bool good = true;
    uint32_t newest = newest_bank();
    for (uint32_t i = 1; i <= banks(); i++) {
        good = bank_erase((newest + i) % banks()) && good;
    }
    sequence = 0;
    return good ? SEV_STATUS_SUCCESS : SEV_STATUS_HWERROR_PLATFORM;
}
