#define _POSIX_C_SOURCE 200809L
#include "cosim/vectors.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cosim/rsp.h"

enum {
    MAX_MESSAGE_BYTES = 1024,
    MAX_FOLDERS_DEEP = 16,
    PATH_BYTES = 1024,
    MONTE_CARLO_ROUNDS = 1000,
    XTS_KEY_BYTES = 2 * CBIT_KEY_BYTES,
    GF_POLYNOMIAL = 0x87, /* x^128 = x^7 + x^2 + x + 1 */
};

typedef struct runner {
    const cbit_block_t *block;
    cbit_vectors_result_t *result;
    const char *path;
    bool monte_carlo; /* by the name of the file, as NIST has it */
} runner_t;

typedef enum outcome { PASSED, FAILED, NOT_APPLICABLE } outcome_t;

/* ---- ECB ------------------------------------------------------------------------------------- */

static bool crypt_message(const cbit_block_t *block, cbit_aes_lane_t lane, const uint8_t *in,
                          uint8_t *out, size_t len_bytes)
{
    for (size_t at = 0; at < len_bytes; at += CBIT_BLOCK_BYTES) {
        if (!block->crypt(block->self, lane, in + at, out + at)) {
            return false;
        }
    }
    return true;
}

/* The output is the next input, a thousand times. */
static bool crypt_monte_carlo(const cbit_block_t *block, cbit_aes_lane_t lane, const uint8_t *in,
                              uint8_t *out)
{
    memcpy(out, in, CBIT_BLOCK_BYTES);
    for (uint32_t i = 0; i < MONTE_CARLO_ROUNDS; i++) {
        uint8_t next[CBIT_BLOCK_BYTES];
        if (!block->crypt(block->self, lane, out, next)) {
            return false;
        }
        memcpy(out, next, sizeof next);
    }
    return true;
}

static outcome_t run_ecb(const runner_t *runner, const cbit_rsp_record_t *record)
{
    uint8_t key[CBIT_KEY_BYTES], plain[MAX_MESSAGE_BYTES], secret[MAX_MESSAGE_BYTES];
    size_t len = cbit_rsp_bytes(record, "PLAINTEXT", plain, sizeof plain);
    bool usable = cbit_rsp_bytes(record, "KEY", key, sizeof key) == sizeof key && len > 0 &&
                  len % CBIT_BLOCK_BYTES == 0 && cbit_rsp_text(record, "IV") == NULL &&
                  cbit_rsp_bytes(record, "CIPHERTEXT", secret, sizeof secret) == len;
    cbit_aes_lane_t lane = record->decrypt ? CBIT_AES_DECRYPT : CBIT_AES_ENCRYPT;
    const cbit_block_t *block = runner->block;
    if (!usable || !block->can(block->self, lane)) {
        return NOT_APPLICABLE;
    }
    const uint8_t *in = record->decrypt ? secret : plain;
    const uint8_t *expected = record->decrypt ? plain : secret;
    for (uint32_t p = 0; p < (runner->monte_carlo ? 1 : block->placements); p++) {
        uint8_t out[MAX_MESSAGE_BYTES];
        uint32_t placement = runner->monte_carlo ? record->line % block->placements : p;
        bool answered = block->set_key(block->self, key, placement) &&
                        (runner->monte_carlo ? crypt_monte_carlo(block, lane, in, out)
                                             : crypt_message(block, lane, in, out, len));
        if (!answered || memcmp(out, expected, len) != 0) {
            return FAILED;
        }
    }
    return PASSED;
}

/* ---- XTS, around the block cipher ------------------------------------------------------------ */

static void multiply_by_x(uint8_t t[CBIT_BLOCK_BYTES])
{
    uint8_t carry = 0;
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        uint8_t next = t[i] >> 7;
        t[i] = (uint8_t)(t[i] << 1 | carry);
        carry = next;
    }
    t[0] ^= carry != 0 ? GF_POLYNOMIAL : 0;
}

static bool xts_block(const cbit_block_t *block, cbit_aes_lane_t lane,
                      const uint8_t t[CBIT_BLOCK_BYTES], const uint8_t *in, uint8_t *out)
{
    uint8_t x[CBIT_BLOCK_BYTES];
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        x[i] = in[i] ^ t[i];
    }
    if (!block->crypt(block->self, lane, x, out)) {
        return false;
    }
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        out[i] ^= t[i];
    }
    return true;
}

/* A unit with a part of a block at its end: the part is filled up with the end of the block before.
 */
static bool xts_steal(const cbit_block_t *block, cbit_aes_lane_t lane, uint8_t t[CBIT_BLOCK_BYTES],
                      const uint8_t *in, uint8_t *out, size_t rest)
{
    uint8_t next[CBIT_BLOCK_BYTES], whole[CBIT_BLOCK_BYTES], filled[CBIT_BLOCK_BYTES];
    memcpy(next, t, sizeof next);
    multiply_by_x(next);
    bool decrypt = lane == CBIT_AES_DECRYPT;
    if (!xts_block(block, lane, decrypt ? next : t, in, whole)) {
        return false;
    }
    memcpy(filled, in + CBIT_BLOCK_BYTES, rest);
    memcpy(filled + rest, whole + rest, CBIT_BLOCK_BYTES - rest);
    memcpy(out + CBIT_BLOCK_BYTES, whole, rest);
    return xts_block(block, lane, decrypt ? t : next, filled, out);
}

static bool xts_unit(const cbit_block_t *block, cbit_aes_lane_t lane,
                     const uint8_t key[XTS_KEY_BYTES], const uint8_t number[CBIT_BLOCK_BYTES],
                     uint32_t placement, const uint8_t *in, uint8_t *out, size_t len_bytes)
{
    uint8_t t[CBIT_BLOCK_BYTES];
    size_t rest = len_bytes % CBIT_BLOCK_BYTES;
    size_t plain_end = rest == 0 ? len_bytes : len_bytes - rest - CBIT_BLOCK_BYTES;
    if (!block->set_key(block->self, key + CBIT_KEY_BYTES, placement) ||
        !block->crypt(block->self, CBIT_AES_ENCRYPT, number, t) ||
        !block->set_key(block->self, key, placement)) {
        return false;
    }
    for (size_t at = 0; at < plain_end; at += CBIT_BLOCK_BYTES) {
        if (!xts_block(block, lane, t, in + at, out + at)) {
            return false;
        }
        multiply_by_x(t);
    }
    return rest == 0 || xts_steal(block, lane, t, in + plain_end, out + plain_end, rest);
}

/* The unit's number: 16 bytes of hex, or a decimal sequence number, least significant byte first.
 */
static bool xts_number(const cbit_rsp_record_t *record, uint8_t number[CBIT_BLOCK_BYTES])
{
    const char *sequence = cbit_rsp_text(record, "DATAUNITSEQNUMBER");
    if (sequence == NULL) {
        return cbit_rsp_bytes(record, "I", number, CBIT_BLOCK_BYTES) == CBIT_BLOCK_BYTES;
    }
    uint64_t value = strtoull(sequence, NULL, 10);
    memset(number, 0, CBIT_BLOCK_BYTES);
    for (uint32_t i = 0; i < sizeof value; i++) {
        number[i] = (uint8_t)(value >> (8 * i));
    }
    return true;
}

static outcome_t run_xts(const runner_t *runner, const cbit_rsp_record_t *record)
{
    uint8_t key[XTS_KEY_BYTES], number[CBIT_BLOCK_BYTES];
    uint8_t plain[MAX_MESSAGE_BYTES], secret[MAX_MESSAGE_BYTES];
    unsigned long bits = strtoul(cbit_rsp_text(record, "DATAUNITLEN"), NULL, 10);
    size_t len = cbit_rsp_bytes(record, "PT", plain, sizeof plain);
    bool usable = bits % 8 == 0 && len == bits / 8 && len >= CBIT_BLOCK_BYTES &&
                  cbit_rsp_bytes(record, "CT", secret, sizeof secret) == len &&
                  cbit_rsp_bytes(record, "KEY", key, sizeof key) == sizeof key &&
                  xts_number(record, number);
    cbit_aes_lane_t lane = record->decrypt ? CBIT_AES_DECRYPT : CBIT_AES_ENCRYPT;
    const cbit_block_t *block = runner->block;
    if (!usable || !block->can(block->self, CBIT_AES_ENCRYPT) || !block->can(block->self, lane)) {
        return NOT_APPLICABLE;
    }
    const uint8_t *in = record->decrypt ? secret : plain;
    const uint8_t *expected = record->decrypt ? plain : secret;
    for (uint32_t placement = 0; placement < block->placements; placement++) {
        uint8_t out[MAX_MESSAGE_BYTES];
        if (!xts_unit(block, lane, key, number, placement, in, out, len) ||
            memcmp(out, expected, len) != 0) {
            return FAILED;
        }
    }
    return PASSED;
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool run_record(void *self, const cbit_rsp_record_t *record)
{
    runner_t *runner = self;
    cbit_vectors_result_t *result = runner->result;
    bool xts = cbit_rsp_text(record, "DATAUNITLEN") != NULL;
    if (cbit_rsp_text(record, "COUNT") == NULL) {
        return true;
    }
    outcome_t outcome = xts ? run_xts(runner, record) : run_ecb(runner, record);
    if (outcome == NOT_APPLICABLE) {
        result->not_applicable++;
        return true;
    }
    result->run++;
    if (outcome == PASSED) {
        result->passed++;
        return true;
    }
    if (result->failed++ == 0) {
        (void)snprintf(result->first_failure, sizeof result->first_failure,
                       "%.400s: line %u: %s %s differs", runner->path, (unsigned)record->line,
                       xts ? "XTS" : "ECB", record->decrypt ? "decryption" : "encryption");
    }
    return true;
}

static cbit_err_t run_file(const char *path, const cbit_block_t *block,
                           cbit_vectors_result_t *result, cbit_diag_t *diag)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    runner_t runner = {
        .block = block, .result = result, .path = path, .monte_carlo = strstr(name, "MCT") != NULL};
    result->files++;
    return cbit_rsp_read(path, run_record, &runner, diag);
}

static bool is_rsp(const char *name)
{
    size_t len = strlen(name);
    return len > 4 && strcmp(name + len - 4, ".rsp") == 0;
}

static cbit_err_t run_folder(const char *folder, uint32_t deep, const cbit_block_t *block,
                             cbit_vectors_result_t *result, cbit_diag_t *diag);

static cbit_err_t run_entry(const char *folder, const char *name, uint32_t deep,
                            const cbit_block_t *block, cbit_vectors_result_t *result,
                            cbit_diag_t *diag)
{
    char path[PATH_BYTES];
    struct stat info;
    int len = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (name[0] == '.' || len >= (int)sizeof path || lstat(path, &info) != 0) {
        return CBIT_ERR_OK;
    }
    if (S_ISDIR(info.st_mode)) { /* not a link to one, which may lead back here */
        return deep == MAX_FOLDERS_DEEP ? CBIT_ERR_OK
                                        : run_folder(path, deep + 1, block, result, diag);
    }
    return is_rsp(name) ? run_file(path, block, result, diag) : CBIT_ERR_OK;
}

static cbit_err_t run_folder(const char *folder, uint32_t deep, const cbit_block_t *block,
                             cbit_vectors_result_t *result, cbit_diag_t *diag)
{
    struct dirent **entries = NULL;
    cbit_err_t err = CBIT_ERR_OK;
    int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0) {
        cbit_diag_set_file(diag, folder);
        err = cbit_diag_add(diag, CBIT_ERR_OPEN, NULL, "cannot be opened as a folder");
        cbit_diag_set_file(diag, NULL);
        return err;
    }
    for (int i = 0; i < count; i++) {
        if (err == CBIT_ERR_OK) {
            err = run_entry(folder, entries[i]->d_name, deep, block, result, diag);
        }
        free(entries[i]);
    }
    free(entries);
    return err;
}

cbit_err_t cbit_vectors_run(const char *folder, const cbit_block_t *block,
                            cbit_vectors_result_t *result, cbit_diag_t *diag)
{
    memset(result, 0, sizeof *result);
    cbit_err_t err = run_folder(folder, 0, block, result, diag);
    if (err == CBIT_ERR_OK && result->run == 0) {
        cbit_diag_set_file(diag, folder);
        err = cbit_diag_add(diag, CBIT_ERR_FORMAT, NULL,
                            result->files == 0
                                ? "has no .rsp file"
                                : "has no vector that applies; ECB and XTS with 128-bit keys do");
        cbit_diag_set_file(diag, NULL);
    }
    return err == CBIT_ERR_OK && result->failed > 0 ? CBIT_ERR_MISMATCH : err;
}
