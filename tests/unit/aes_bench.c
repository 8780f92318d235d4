#include "tests/unit/aes_bench.h"

#include <string.h>

#include "cbit_test.h"

const uint8_t fips_key[16] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
                              0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f};
const uint8_t fips_plain[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
const uint8_t fips_cipher[16] = {0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30,
                                 0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a};
const uint8_t sp_key[16] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
                            0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};

const char xex_line[] = "2b7f6b1c0acf47efd304ccab638f573615c30f320dbe427c576074d83b2904a8"
                        "70de47ecb94d1296fa2917c9bb8fcc4072ef3c4a0dc7e69a220c88b3d02b0937";
const char xe_line[] = "5b0e196f7eba3198ab7db6d01ff2294925f33f023d8e724c675044e80b193498"
                       "50fe67cc996d32b6da0937e99bafec60128e5e2969a280fd4a65e2d8bc466758";
const cbit_spa_t line_spa = 0x000A5000000C40;

cbit_tweak_t counting_tweak(void)
{
    cbit_tweak_t tweak;
    cbit_tweak_init(&tweak, CBIT_TWEAK_ZERO, 0);
    for (uint32_t i = CBIT_TWEAK_FIRST_BIT; i <= CBIT_TWEAK_LAST_BIT; i++) {
        for (uint32_t k = 0; k < 16; k++) {
            tweak.t[i][k] = (uint8_t)(16 * i + k);
        }
    }
    return tweak;
}

cbit_cipher_t *make_cipher(uint32_t slots, const cbit_tweak_t *tweak, bool xe)
{
    cbit_cipher_t *cipher = NULL;
    ck_assert_int_eq(cbit_cipher_create(slots, tweak, xe, &cipher), CBIT_ERR_OK);
    return cipher;
}

void assert_hex(const uint8_t *bytes, uint32_t len_bytes, const char *hex)
{
    static const char digit[] = "0123456789abcdef";
    char text[2 * 64 + 1];
    for (uint32_t i = 0; i < len_bytes; i++) {
        text[2 * i] = digit[bytes[i] >> 4];
        text[2 * i + 1] = digit[bytes[i] & 15];
    }
    text[2 * len_bytes] = 0;
    ck_assert_str_eq(text, hex);
}

const cbit_aes_engine_config_t usual = {.key_slots = 8, .depth_eclk = 11, .blocks_per_clock = 1};

cbit_aes_engine_t make_engine(const cbit_aes_engine_config_t *config)
{
    cbit_aes_engine_t engine = {NULL, NULL};
    ck_assert_int_eq(cbit_aes_model_factory.create(NULL, 0, config, &engine), CBIT_ERR_OK);
    return engine;
}

cbit_aes_line_t make_line(uint8_t tag, uint64_t first_eclk, uint64_t step_eclk, bool bypass)
{
    cbit_aes_line_t line = {.spa = 0x1000 + 64u * tag, .tag = tag, .bypass = bypass, .slot = 1};
    for (uint32_t i = 0; i < 4; i++) {
        line.beat_eclk[i] = first_eclk + i * step_eclk;
    }
    memset(line.data, tag, sizeof line.data);
    return line;
}

uint64_t offer(cbit_aes_engine_t *engine, cbit_aes_lane_t lane, cbit_aes_line_t line)
{
    return engine->ops->offer(engine->self, lane, &line);
}

bool take(const cbit_aes_engine_t *engine, cbit_aes_lane_t lane, uint8_t tag,
          cbit_aes_result_t *result)
{
    const cbit_aes_result_t *out = engine->ops->take(engine->self, lane, tag);
    if (out != NULL) {
        *result = *out;
    }
    return out != NULL;
}

cbit_aes_result_t assert_left(cbit_aes_engine_t *engine, cbit_aes_lane_t lane, uint8_t tag,
                              const uint64_t out_eclk[4], uint64_t waited_eclk)
{
    cbit_aes_result_t result;
    engine->ops->advance(engine->self, 1000);
    ck_assert(take(engine, lane, tag, &result));
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(result.out_eclk[i], out_eclk[i]);
    }
    ck_assert_uint_eq(result.waited_eclk, waited_eclk);
    return result;
}
