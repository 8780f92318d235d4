#include "boot/image.h"

#include "drivers/mmio.h"

static uint8_t key[2 * SP_IMAGE_MODULUS_BYTES]; /* exponent, modulus: as the CCP takes them */
static uint8_t digest[SP_KEY_HASH_BYTES], key_digest[SP_KEY_HASH_BYTES];
static uint8_t fused[SP_KEY_HASH_BYTES];

static const sp_image_head_t *head_of(const uint8_t *image)
{
    return (const sp_image_head_t *)(const void *)image;
}

static void read_fuses(void)
{
    for (uint32_t i = 0; i < SP_KEY_HASH_BYTES; i += 4) {
        store_le32(fused + i, mmio_read32(SP_REGISTER(PLATFORM, KEY_HASH0) + i));
    }
}

static bool version_good(const sp_image_head_t *head, uint32_t floor)
{
    if (platform_flag(SP_PLATFORM_ROLLBACK)) {
        return true;
    }
    return head->security_version >= floor && head->security_version >= SP_READ(PLATFORM, SECURITY);
}

static bool header_good(const sp_image_head_t *head)
{
    uint32_t rest = head->magic ^ SP_IMAGE_MAGIC;
    rest |= head->format ^ SP_IMAGE_FORMAT;
    for (uint32_t i = 0; i < sizeof head->reserved / 4; i++) {
        rest |= head->reserved[i];
    }
    return rest == 0;
}

static uint32_t check_key(const sp_image_head_t *head)
{
    read_fuses();
    sha384(head->modulus, SP_IMAGE_MODULUS_BYTES, key_digest);
    return equal_secret(key_digest, fused, sizeof fused) ? IMAGE_GOOD : (uint32_t)SP_REFUSAL_KEY;
}

static uint32_t check_signature(const uint8_t *image, uint32_t len_bytes)
{
    const sp_image_head_t *head = head_of(image);
    wipe(key, sizeof key);
    store_le32(key, SP_IMAGE_EXPONENT);
    memcpy(key + SP_IMAGE_MODULUS_BYTES, head->modulus, SP_IMAGE_MODULUS_BYTES);
    sha384(image + SP_IMAGE_MODULUS_BYTES, len_bytes - SP_IMAGE_MODULUS_BYTES, digest);
    return rsa_verify(key, SP_IMAGE_MODULUS_BYTES, digest, sizeof digest, 0, head->signature)
               ? IMAGE_GOOD
               : (uint32_t)SP_REFUSAL_SIGNATURE;
}

uint32_t image_check(const uint8_t *image, uint32_t len_bytes, uint32_t floor)
{
    const sp_image_head_t *head = head_of(image);
    if (len_bytes < SP_IMAGE_MIN_BYTES || len_bytes > SP_STAGING_BYTES) {
        return SP_REFUSAL_LENGTH;
    }
    if (!header_good(head)) {
        return SP_REFUSAL_FORMAT;
    }
    if (head->payload_bytes != len_bytes - SP_IMAGE_HEAD_BYTES || head->payload_bytes % 4 != 0) {
        return SP_REFUSAL_LENGTH;
    }
    uint32_t verdict = check_key(head);
    if (verdict != IMAGE_GOOD) {
        return verdict;
    }
    if (!version_good(head, floor)) {
        return SP_REFUSAL_VERSION;
    }
    return check_signature(image, len_bytes);
}

uint32_t image_check_again(const uint8_t *image, uint32_t len_bytes, uint32_t floor)
{
    const sp_image_head_t *head = head_of(image);
    static uint8_t now[SP_KEY_HASH_BYTES];
    uint32_t verdict = SP_REFUSAL_SIGNATURE;
    bool verified = ccp_result_is(SP_CCP_RSA_PSS_VERIFY, SP_CCP_OK);
    read_fuses();
    sha384(head->modulus, SP_IMAGE_MODULUS_BYTES, now);
    bool known =
        equal_secret(now, fused, sizeof fused) && equal_secret(now, key_digest, sizeof now);
    bool used = equal_secret(key + SP_IMAGE_MODULUS_BYTES, head->modulus, SP_IMAGE_MODULUS_BYTES);
    sha384(image + SP_IMAGE_MODULUS_BYTES, len_bytes - SP_IMAGE_MODULUS_BYTES, now);
    bool same = equal_secret(now, digest, sizeof now);
    if (verified && known && used && same && version_good(head, floor)) {
        verdict = IMAGE_GOOD;
    }
    return verdict;
}
