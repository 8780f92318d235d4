/* The crypto coprocessor's registers and time; what it computes is in the files beside. */
#include "model/sp/ccp.h"

enum { MAX_INPUT_BYTES = SP_SRAM_BYTES };

/* Clocks of an operation, and what it does when they are over: an SP_CCP_* result. */
typedef struct operation {
    uint64_t (*clocks)(const sp_ccp_t *ccp, const cbit_sp_ccp_costs_t *costs);
    uint32_t (*run)(cbit_sp_t *sp);
} operation_t;

static const operation_t operations[] = {
    [SP_CCP_RANDOM] = {ccp_random_clocks, ccp_run_random},
    [SP_CCP_SHA256_BLOCKS] = {ccp_sha256_clocks, ccp_run_sha256},
    [SP_CCP_HMAC_SHA256] = {ccp_hmac_clocks, ccp_run_hmac},
    [SP_CCP_AES_CTR] = {ccp_aes_clocks, ccp_run_aes},
    [SP_CCP_GCM_SEAL] = {ccp_aes_clocks, ccp_run_gcm},
    [SP_CCP_GCM_OPEN] = {ccp_aes_clocks, ccp_run_gcm},
    [SP_CCP_SHA384] = {ccp_sha384_clocks, ccp_run_sha384},
    [SP_CCP_P384_REDUCE] = {ccp_reduce_clocks, ccp_run_p384_reduce},
    [SP_CCP_P384_PUBLIC] = {ccp_one_mul_clocks, ccp_run_p384_public},
    [SP_CCP_P384_ECDH] = {ccp_one_mul_clocks, ccp_run_p384_ecdh},
    [SP_CCP_P384_SIGN] = {ccp_one_mul_clocks, ccp_run_p384_sign},
    [SP_CCP_P384_VERIFY] = {ccp_two_mul_clocks, ccp_run_p384_verify},
    [SP_CCP_P384_CHECK] = {ccp_reduce_clocks, ccp_run_p384_check},
    [SP_CCP_K256_PUBLIC] = {ccp_one_mul_clocks, ccp_run_k256_public},
    [SP_CCP_RSA_PSS_VERIFY] = {ccp_rsa_clocks, ccp_run_rsa_pss_verify},
    [SP_CCP_AES_ECB_ENCRYPT] = {ccp_aes_clocks, ccp_run_aes},
    [SP_CCP_AES_ECB_DECRYPT] = {ccp_aes_clocks, ccp_run_aes},
};

static const operation_t *operation_of(const sp_ccp_t *ccp)
{
    bool known = ccp->op < sizeof operations / sizeof operations[0] &&
                 operations[ccp->op].run != NULL && ccp->length <= MAX_INPUT_BYTES &&
                 ccp->key_length <= MAX_INPUT_BYTES;
    return known ? &operations[ccp->op] : NULL;
}

static void on_done(void *self)
{
    cbit_sp_t *sp = self;
    const operation_t *operation = operation_of(&sp->ccp);
    sp->ccp.result = operation == NULL ? (uint32_t)SP_CCP_BAD_OPERATION : operation->run(sp);
    sp->ccp.busy = false;
    sp->ccp.done = true;
    sp_set_line(sp, SP_LINE_CCP, true);
}

void sp_ccp_init(cbit_sp_t *sp)
{
    cbit_event_init(&sp->ccp.event, on_done, sp);
    cbit_rng_init(&sp->ccp.rng, sp->parts.seed, cbit_splitmix64(sp->parts.boot ^ 0x74726e67u));
}

static void start(cbit_sp_t *sp, uint32_t op)
{
    sp_ccp_t *ccp = &sp->ccp;
    ccp->op = op;
    ccp->busy = true;
    const operation_t *operation = operation_of(ccp);
    uint64_t clocks = sp->config.ccp.start_spclk;
    clocks += operation == NULL ? 0 : operation->clocks(ccp, &sp->config.ccp);
    cbit_event_notify_at(sp->kernel, &ccp->event, sp_after_clocks(sp, clocks > 0 ? clocks : 1));
}

bool sp_ccp_read(cbit_sp_t *sp, uint32_t offset, uint32_t *value)
{
    *value = offset == SP_CCP_OP ? sp->ccp.op : sp->ccp.result << 8 | (sp->ccp.busy ? 1u : 0u);
    return offset == SP_CCP_OP || offset == SP_CCP_STATUS;
}

bool sp_ccp_write(cbit_sp_t *sp, uint32_t offset, uint32_t value)
{
    sp_ccp_t *ccp = &sp->ccp;
    if (offset == SP_CCP_ACK) {
        ccp->done = false;
        sp_set_line(sp, SP_LINE_CCP, false);
        return true;
    }
    if (ccp->busy) {
        return true; /* an operation keeps what it was started with */
    }
    uint32_t *const registers[] = {
        [SP_CCP_SRC / 4] = &ccp->src,
        [SP_CCP_DST / 4] = &ccp->dst,
        [SP_CCP_LENGTH / 4] = &ccp->length,
        [SP_CCP_KEY / 4] = &ccp->key,
        [SP_CCP_KEY_LENGTH / 4] = &ccp->key_length,
        [SP_CCP_AUX / 4] = &ccp->aux,
        [SP_CCP_AUX_LENGTH / 4] = &ccp->aux_length,
    };
    if (offset == SP_CCP_OP) {
        start(sp, value);
        return true;
    }
    uint32_t index = offset / 4;
    if (index >= sizeof registers / sizeof registers[0] || registers[index] == NULL) {
        return false;
    }
    *registers[index] = value;
    return true;
}
