#include "sev/es.h"

enum {
    RECORD_BYTES = 64,
    RECORDS = 2048, /* in the first 128 KiB of the TMR: two for each guest */
    POINTER_OFFSET = ES_VMSA_BYTES - 8,
};

typedef struct record {
    uint32_t checksum, valid;
    uint8_t reserved[RECORD_BYTES - 8];
} record_t;

static uint16_t owners[RECORDS]; /* handle; 0: free */

/* CRC-32 (IEEE 802.3), four bits at a time. */
static uint32_t crc32(const uint8_t *bytes, uint32_t len_bytes)
{
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                       0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                       0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = UINT32_MAX;
    for (uint32_t i = 0; i < len_bytes; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static uint64_t load_pointer(const uint8_t vmsa[ES_VMSA_BYTES])
{
    return load_le32(vmsa + POINTER_OFFSET) | (uint64_t)load_le32(vmsa + POINTER_OFFSET + 4) << 32;
}

static void store_pointer(uint8_t vmsa[ES_VMSA_BYTES], uint64_t spa)
{
    store_le32(vmsa + POINTER_OFFSET, (uint32_t)spa);
    store_le32(vmsa + POINTER_OFFSET + 4, (uint32_t)(spa >> 32));
}

sev_status_t es_open_vmsa(const guest_t *guest, uint8_t vmsa[ES_VMSA_BYTES])
{
    static record_t record;
    for (uint32_t i = 0; i < RECORDS; i++) {
        if (owners[i] == 0) {
            spa_range_t at = {.spa = fw.tmr_spa + i * RECORD_BYTES, .key = SP_KEY_PLAIN};
            store_pointer(vmsa, at.spa);
            record = (record_t){.checksum = crc32(vmsa, ES_VMSA_BYTES), .valid = 1};
            if (!dma_write(at, &record, sizeof record)) {
                return SEV_STATUS_HWERROR_PLATFORM;
            }
            owners[i] = (uint16_t)(guest - fw.guests);
            return SEV_STATUS_SUCCESS;
        }
    }
    return SEV_STATUS_RESOURCE_LIMIT;
}

sev_status_t es_close_vmsa(uint8_t vmsa[ES_VMSA_BYTES])
{
    static record_t record;
    uint64_t spa = load_pointer(vmsa);
    uint64_t offset = spa - fw.tmr_spa;
    if (spa < fw.tmr_spa || offset >= (uint64_t)RECORDS * RECORD_BYTES ||
        offset % RECORD_BYTES != 0 || owners[(uint32_t)offset / RECORD_BYTES] == 0) {
        return SEV_STATUS_INVALID_PARAM;
    }
    spa_range_t at = {.spa = spa, .key = SP_KEY_PLAIN};
    if (!dma_read(at, &record, sizeof record)) {
        return SEV_STATUS_HWERROR_PLATFORM;
    }
    if (record.valid != 1 || record.checksum != crc32(vmsa, ES_VMSA_BYTES)) {
        return SEV_STATUS_INVALID_PARAM;
    }
    store_pointer(vmsa, 0);
    return SEV_STATUS_SUCCESS;
}

void es_free_records(const guest_t *guest)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        if (owners[i] == guest - fw.guests) {
            owners[i] = 0;
        }
    }
}

void es_reset(void)
{
    memset(owners, 0, sizeof owners);
}
