/**
 * @file
 * The signed firmware image, why the boot ROM refuses one, and what a board comes with.
 *
 * The boot ROM copies the image from flash into SRAM, checks it there against the fuses, copies the
 * payload to where it runs and jumps. DOWNLOAD_FIRMWARE takes the same image from system memory.
 */
#ifndef SEV_BOOT_H
#define SEV_BOOT_H

#include <stdint.h>

enum {
    SP_IMAGE_MAGIC = 0x57465053, /* "SPFW" */
    SP_IMAGE_FORMAT = 1,
    SP_IMAGE_MODULUS_BYTES = 512, /* RSA-4096, exponent 65537 */
    SP_IMAGE_EXPONENT = 65537,
    SP_KEY_HASH_BYTES = 48, /* SHA-384 */
};

/* What stands in flash. Little-endian as everything; the payload follows. RSA-PSS with SHA-384,
   MGF1 over the same and no salt: a signature is a function of image and key, so that the build is
   reproducible to the bit. It covers everything behind itself. */
typedef struct sp_image_head {
    uint8_t signature[SP_IMAGE_MODULUS_BYTES];
    uint32_t magic, format;
    uint32_t version;                        /* API major << 24 | API minor << 16 | build */
    uint32_t security_version;               /* counts fixed weaknesses; older ones are refused */
    uint32_t payload_bytes;                  /* a multiple of 4 */
    uint32_t reserved[11];                   /* 0 */
    uint8_t modulus[SP_IMAGE_MODULUS_BYTES]; /* the fuses hold its SHA-384 */
} sp_image_head_t;

enum {
    SP_IMAGE_HEAD_BYTES = sizeof(sp_image_head_t),
    SP_IMAGE_MIN_BYTES = SP_IMAGE_HEAD_BYTES + 4,
};

_Static_assert(sizeof(sp_image_head_t) == 2 * SP_IMAGE_MODULUS_BYTES + 64, "image header");

/* name, number in the mailbox's REFUSED register, sentence. */
#define SP_REFUSAL_MAP(X)                                                                          \
    X(NONE, 0x00, "no image was refused")                                                          \
    X(ERASED, 0x01, "the flash holds no image")                                                    \
    X(FORMAT, 0x02, "the image has no valid header")                                               \
    X(LENGTH, 0x03, "the image has an impossible length")                                          \
    X(KEY, 0x04, "the image is signed with a key that the fuses do not know")                      \
    X(SIGNATURE, 0x05, "the image does not match its signature")                                   \
    X(VERSION, 0x06, "the image is of an older security version than the fuses allow")             \
    X(FLASH, 0x07, "the flash cannot be read")

enum {
#define SP_REFUSAL_ENUM(name, number, text) SP_REFUSAL_##name = (number),
    SP_REFUSAL_MAP(SP_REFUSAL_ENUM)
#undef SP_REFUSAL_ENUM
};

/* What a board is made of: bytes that stay the caller's. */
typedef struct sp_firmware {
    const uint8_t *rom; /* mask ROM */
    uint32_t rom_bytes;
    const uint8_t *image; /* put into a flash that has none; NULL: nothing is */
    uint32_t image_bytes;
    const uint8_t *key_hash;   /* fuses: SP_KEY_HASH_BYTES of the key that may sign images */
    uint32_t security_version; /* fuses: the oldest that may run */
} sp_firmware_t;

#endif
