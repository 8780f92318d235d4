/*
 * sign: makes a signed image of a payload for the boot ROM (sev/boot.h), or the hash of a key for
 * its fuses.
 *
 *   sign KEY.pem --hash OUT
 *   sign KEY.pem --image PAYLOAD OUT [VERSION [SECURITY_VERSION]]
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "sev/boot.h"
#include "sev/sp_map.h"

static uint8_t image[SP_STAGING_BYTES];

static int fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "sign: %s: %s\n", what, why);
    return 1;
}

static EVP_PKEY *read_key(const char *path)
{
    FILE *file = fopen(path, "rb");
    EVP_PKEY *key = file == NULL ? NULL : PEM_read_PrivateKey(file, NULL, NULL, NULL);
    if (file != NULL) {
        (void)fclose(file);
    }
    return key;
}

static bool get_modulus(const EVP_PKEY *key, uint8_t modulus[SP_IMAGE_MODULUS_BYTES])
{
    BIGNUM *n = NULL, *e = NULL;
    bool good = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
                EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
                BN_num_bits(n) == 8 * SP_IMAGE_MODULUS_BYTES && BN_is_word(e, SP_IMAGE_EXPONENT) &&
                BN_bn2lebinpad(n, modulus, SP_IMAGE_MODULUS_BYTES) == SP_IMAGE_MODULUS_BYTES;
    BN_free(n);
    BN_free(e);
    return good;
}

/* No salt: the same image and key give the same signature. */
static bool sign(EVP_PKEY *key, const uint8_t *bytes, size_t length, uint8_t *signature)
{
    uint8_t big[SP_IMAGE_MODULUS_BYTES];
    size_t got = sizeof big;
    EVP_PKEY_CTX *context = NULL;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool good = md != NULL && EVP_DigestSignInit(md, &context, EVP_sha384(), NULL, key) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(context, 0) == 1 &&
                EVP_DigestSign(md, big, &got, bytes, length) == 1 && got == sizeof big;
    for (size_t i = 0; good && i < sizeof big; i++) {
        signature[i] = big[sizeof big - 1 - i];
    }
    EVP_MD_CTX_free(md);
    return good;
}

static bool write_file(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    bool good = file != NULL && fwrite(bytes, 1, length, file) == length;
    return file != NULL && fclose(file) == 0 && good;
}

/* Behind the header; a payload ends on a word. 0: it cannot be read, or is too long. */
static size_t read_payload(const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t room = sizeof image - SP_IMAGE_HEAD_BYTES;
    size_t got = file == NULL ? 0 : fread(image + SP_IMAGE_HEAD_BYTES, 1, room, file);
    if (file != NULL) {
        got = fgetc(file) == EOF ? got : 0;
        (void)fclose(file);
    }
    return (got + 3) / 4 * 4;
}

static int make_hash(const uint8_t *modulus, const char *out)
{
    uint8_t hash[SP_KEY_HASH_BYTES];
    (void)SHA384(modulus, SP_IMAGE_MODULUS_BYTES, hash);
    return write_file(out, hash, sizeof hash) ? 0 : fail(out, "cannot be written");
}

static int make_image(EVP_PKEY *key, const uint8_t *modulus, int argc, char **argv)
{
    size_t payload = read_payload(argv[3]);
    if (payload == 0) {
        return fail(argv[3], "cannot be read, is empty or too long");
    }
    sp_image_head_t head = {.magic = SP_IMAGE_MAGIC,
                            .format = SP_IMAGE_FORMAT,
                            .version = argc > 5 ? (uint32_t)strtoul(argv[5], NULL, 0) : 0,
                            .security_version = argc > 6 ? (uint32_t)strtoul(argv[6], NULL, 0) : 1,
                            .payload_bytes = (uint32_t)payload};
    memcpy(head.modulus, modulus, sizeof head.modulus);
    memcpy(image, &head, sizeof head);
    size_t length = SP_IMAGE_HEAD_BYTES + payload;
    if (!sign(key, image + SP_IMAGE_MODULUS_BYTES, length - SP_IMAGE_MODULUS_BYTES, image)) {
        return fail(argv[1], "cannot sign");
    }
    return write_file(argv[4], image, length) ? 0 : fail(argv[4], "cannot be written");
}

int main(int argc, char **argv)
{
    uint8_t modulus[SP_IMAGE_MODULUS_BYTES];
    bool hash = argc == 4 && strcmp(argv[2], "--hash") == 0;
    bool whole = argc >= 5 && argc <= 7 && strcmp(argv[2], "--image") == 0;
    if (!hash && !whole) {
        return fail("usage",
                    "KEY.pem --hash OUT | KEY.pem --image PAYLOAD OUT [VERSION [SECURITY]]");
    }
    EVP_PKEY *key = read_key(argv[1]);
    int status = 1;
    if (key == NULL || !get_modulus(key, modulus)) {
        status = fail(argv[1], "is no RSA-4096 private key with exponent 65537");
    } else {
        status = hash ? make_hash(modulus, argv[3]) : make_image(key, modulus, argc, argv);
    }
    EVP_PKEY_free(key);
    return status;
}
