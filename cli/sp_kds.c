#include "cli/sp_kds.h"

#include <stdio.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

/* The keys of the modelled factory, public on purpose: cli/keys. */
extern const char cbit_synthetic_ark_pem[], cbit_synthetic_ask_pem[];

enum { KEY_BYTES = 512, HEAD_BYTES = (int)sizeof(sev_amd_cert_head_t) };

/* The id by which clients know a Rome root; the key under it is ours. */
static const uint8_t ark_id[16] = {0xe6, 0x00, 0x21, 0x22, 0xfb, 0x58, 0x41, 0x93,
                                   0x99, 0xd1, 0x5f, 0xee, 0x7b, 0x13, 0x13, 0x51};
static const uint8_t ask_id[16] = {'c', 'b', 'i', 't', ' ', 's', 'y', 'n',
                                   't', 'h', 'e', 't', 'i', 'c', 0,   1};

typedef struct amd_cert {
    sev_amd_cert_head_t head;
    uint8_t exponent[KEY_BYTES], modulus[KEY_BYTES], signature[KEY_BYTES];
} amd_cert_t;

_Static_assert(sizeof(amd_cert_t) == SEV_AMD_CERT_4096_BYTES, "certificate of 4096 bits");

static EVP_PKEY *read_key(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return key;
}

static bool number_out(const EVP_PKEY *key, const char *name, uint8_t out[KEY_BYTES])
{
    BIGNUM *number = NULL;
    bool good = EVP_PKEY_get_bn_param(key, name, &number) == 1 &&
                BN_bn2lebinpad(number, out, KEY_BYTES) == KEY_BYTES;
    BN_free(number);
    return good;
}

/* RSA-PSS with SHA-384, salt as long as the hash; stored byte-reversed. */
static bool sign(EVP_PKEY *key, const void *message, size_t length, uint8_t out[KEY_BYTES])
{
    uint8_t signature[KEY_BYTES];
    size_t bytes = sizeof signature;
    EVP_PKEY_CTX *parameters = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good =
        context != NULL && EVP_DigestSignInit(context, &parameters, EVP_sha384(), NULL, key) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
        EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1 &&
        EVP_DigestSign(context, signature, &bytes, message, length) == 1 && bytes == KEY_BYTES;
    EVP_MD_CTX_free(context);
    for (int i = 0; i < KEY_BYTES && good; i++) {
        out[i] = signature[KEY_BYTES - 1 - i];
    }
    return good;
}

static bool make_cert(amd_cert_t *cert, EVP_PKEY *key, EVP_PKEY *by, const uint8_t id[16],
                      uint32_t usage)
{
    memset(cert, 0, sizeof *cert);
    cert->head.version = 1;
    cert->head.usage = usage;
    memcpy(cert->head.key_id, id, 16);
    memcpy(cert->head.certifying_id, ark_id, 16);
    cert->head.exponent_bits = cert->head.modulus_bits = 8 * KEY_BYTES;
    return number_out(key, OSSL_PKEY_PARAM_RSA_E, cert->exponent) &&
           number_out(key, OSSL_PKEY_PARAM_RSA_N, cert->modulus) &&
           sign(by, cert, HEAD_BYTES + 2 * KEY_BYTES, cert->signature);
}

static bool make_all(sev_cert_t *cek, amd_cert_t ask_ark[2])
{
    EVP_PKEY *ark = read_key(cbit_synthetic_ark_pem), *ask = read_key(cbit_synthetic_ask_pem);
    sev_signature_t *slot = &cek->signature[0];
    memset(slot, 0, sizeof *slot);
    slot->usage = SEV_USAGE_ASK;
    slot->algo = SEV_ALGO_RSA_SHA384;
    bool good = ark != NULL && ask != NULL &&
                make_cert(&ask_ark[0], ask, ark, ask_id, SEV_USAGE_ASK) &&
                make_cert(&ask_ark[1], ark, ark, ark_id, SEV_USAGE_ARK) &&
                sign(ask, cek, SEV_CERT_BODY_BYTES, slot->value.rsa);
    EVP_PKEY_free(ask);
    EVP_PKEY_free(ark);
    return good;
}

static const char note[] =
    "These certificates belong to a modelled chip. Their root is a key that is public in cbit's\n"
    "sources; they say nothing about any processor that AMD made.\n";

int sp_kds_run(sp_host_t *host, const owner_options_t *options)
{
    static amd_cert_t ask_ark[2];
    flow_t flow = {.host = host, .options = options};
    sev_cert_t pdh, chain[3];
    sp_flow_init(&flow, false);
    sp_flow_export_certs(&flow, &pdh, chain);
    if (flow.status == 0 && !make_all(&chain[2], ask_ark)) {
        sp_flow_fail(&flow, CBIT_ERR_INTERNAL, "kds", ERR_reason_error_string(ERR_get_error()));
    }
    sp_flow_write_out(&flow, options->out, "cek.cert", &chain[2], sizeof chain[2]);
    sp_flow_write_out(&flow, options->out, "chain.cert", chain, sizeof chain);
    sp_flow_write_out(&flow, options->out, "pdh.cert", &pdh, sizeof pdh);
    sp_flow_write_out(&flow, options->out, "ask_ark.cert", ask_ark, sizeof ask_ark);
    sp_flow_write_out(&flow, options->out, "SYNTHETIC.txt", note, sizeof note - 1);
    return flow.status;
}
