/* What the suites of the AES model share: vectors, a cipher, an engine and its lines. */
#ifndef CBIT_TESTS_AES_BENCH_H
#define CBIT_TESTS_AES_BENCH_H

#include "cbit/aes/cipher.h"
#include "cbit/aes/engine.h"

/* FIPS-197 appendix C.1. */
extern const uint8_t fips_key[16], fips_plain[16], fips_cipher[16];

/* SP 800-38A's key, for the lines below. */
extern const uint8_t sp_key[16];

/*
 * Bytes 00..3f at line_spa under sp_key with counting_tweak, by the openssl command line block by
 * block, the XORs in a script of another language. First XEX, then XE.
 */
extern const char xex_line[], xe_line[];
extern const cbit_spa_t line_spa;

/* t_i = {16 i, 16 i + 1, ... 16 i + 15} mod 256. */
cbit_tweak_t counting_tweak(void);

cbit_cipher_t *make_cipher(uint32_t slots, const cbit_tweak_t *tweak, bool xe);

/* Up to 64 bytes. */
void assert_hex(const uint8_t *bytes, uint32_t len_bytes, const char *hex);

/* 8 slots, 11 edges, a block a clock. */
extern const cbit_aes_engine_config_t usual;

cbit_aes_engine_t make_engine(const cbit_aes_engine_config_t *config);

/* A line of slot 1 whose beats are presented on every step-th edge from first on. */
cbit_aes_line_t make_line(uint8_t tag, uint64_t first_eclk, uint64_t step_eclk, bool bypass);

uint64_t offer(cbit_aes_engine_t *engine, cbit_aes_lane_t lane, cbit_aes_line_t line);

/* What has become of the line, if it is out. */
bool take(const cbit_aes_engine_t *engine, cbit_aes_lane_t lane, uint8_t tag,
          cbit_aes_result_t *result);

/* Advances so far that everything is out, and checks the edges on which the line left. */
cbit_aes_result_t assert_left(cbit_aes_engine_t *engine, cbit_aes_lane_t lane, uint8_t tag,
                              const uint64_t out_eclk[4], uint64_t waited_eclk);

#define EDGES(a, b, c, d) ((uint64_t[4]){a, b, c, d})

#endif
