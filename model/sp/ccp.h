/**
 * @file
 * The operations of the crypto coprocessor. Each checks its addresses, writes its outputs and
 * returns an SP_CCP_* result; its clocks come from the cost table.
 */
#ifndef CBIT_MODEL_SP_CCP_H
#define CBIT_MODEL_SP_CCP_H

#include "model/sp/sp_internal.h"

typedef uint64_t ccp_clocks_t(const sp_ccp_t *ccp, const cbit_sp_ccp_costs_t *costs);
typedef uint32_t ccp_run_t(cbit_sp_t *sp);

ccp_clocks_t ccp_random_clocks, ccp_sha256_clocks, ccp_hmac_clocks, ccp_aes_clocks,
    ccp_sha384_clocks, ccp_reduce_clocks, ccp_one_mul_clocks, ccp_two_mul_clocks, ccp_rsa_clocks;

ccp_run_t ccp_run_random, ccp_run_sha256, ccp_run_hmac, ccp_run_aes, ccp_run_gcm, ccp_run_sha384;
ccp_run_t ccp_run_p384_reduce, ccp_run_p384_public, ccp_run_p384_ecdh, ccp_run_p384_sign,
    ccp_run_p384_verify, ccp_run_p384_check, ccp_run_k256_public, ccp_run_rsa_pss_verify;

#endif
