/* The platform's keys: OCA, PEK and PDH are random, CEK comes from the chip. */
#include "sev/identity.h"

identity_t identity;

/* The endorsement key is derived each time that it is needed: it is nowhere in between. */
static void cek_key(uint8_t key[P384_BYTES])
{
    static uint8_t secret[32], digest[SEV_DIGEST_BYTES], seed[56];
    chip_secret(secret);
    sha256(secret, sizeof secret, digest);
    kdf(digest, sizeof digest, "sev-chip-endorsement-key", NULL, 0, seed, sizeof seed);
    p384_scalar(seed, sizeof seed, key);
    wipe(secret, sizeof secret);
    wipe(digest, sizeof digest);
    wipe(seed, sizeof seed);
}

void identity_cek(sev_cert_t *cert)
{
    static uint8_t key[P384_BYTES];
    cek_key(key);
    cert_make(cert, SEV_USAGE_CEK, key);
    wipe(key, sizeof key);
}

void identity_cek_sign(sev_cert_t *cert)
{
    static uint8_t key[P384_BYTES];
    cek_key(key);
    cert_sign(cert, SEV_USAGE_CEK, key);
    wipe(key, sizeof key);
}

static void make_oca(void)
{
    p384_random_scalar(identity.oca_key);
    cert_make(&identity.oca, SEV_USAGE_OCA, identity.oca_key);
    cert_sign(&identity.oca, SEV_USAGE_OCA, identity.oca_key);
    identity.externally_owned = 0;
}

static void make_pek(void)
{
    p384_random_scalar(identity.pek_key);
    cert_make(&identity.pek, SEV_USAGE_PEK, identity.pek_key);
    cert_sign(&identity.pek, SEV_USAGE_OCA, identity.oca_key);
    identity_cek_sign(&identity.pek);
}

sev_status_t identity_save(void)
{
    return store_save(&identity);
}

sev_status_t identity_make_pdh(void)
{
    p384_random_scalar(identity.pdh_key);
    cert_make(&identity.pdh, SEV_USAGE_PDH, identity.pdh_key);
    cert_sign(&identity.pdh, SEV_USAGE_PEK, identity.pek_key);
    return identity_save();
}

sev_status_t identity_make_all(void)
{
    make_oca();
    make_pek();
    return identity_make_pdh();
}

sev_status_t identity_load(uint64_t nv_paddr)
{
    bool found = false;
    store_use(nv_paddr);
    sev_status_t status = store_load(&identity, &found);
    if (status != SEV_STATUS_SUCCESS) {
        identity_forget();
        sev_status_t erased = store_erase();
        return erased == SEV_STATUS_SUCCESS ? status : erased;
    }
    return found ? SEV_STATUS_SUCCESS : identity_make_all();
}

sev_status_t identity_erase(void)
{
    identity_forget();
    store_use(0);
    return store_erase();
}

void identity_forget(void)
{
    wipe(&identity, sizeof identity);
}
