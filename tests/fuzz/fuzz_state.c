/*
 * The state file of cbit sp: a chip's own one with any changes, whole or not, its check sum made
 * right again or not. It is refused and stays as it is, or the chip boots from it; and whatever the
 * flash holds, the boot ROM starts no image but the signed one.
 */
#define _XOPEN_SOURCE 700

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/sha.h>

#include "cbit/workloads/spdriver.h"
#include "cli/sp_host.h"
#include "cli/sp_state.h"
#include "firmware/image.h"
#include "sev/abi.h"
#include "sev/sp_map.h"
#include "tests/fuzz/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the first byte of an input asks for. */
enum { SUM_RIGHT = 1, OTHER_LENGTH = 2, BOOT = 4 };

enum {
    HEAD_BYTES = 24, /* magic, seed, boots */
    SUM_AT = HEAD_BYTES + CBIT_SP_FLASH_BYTES,
    STATE_BYTES = SUM_AT + SHA256_DIGEST_LENGTH,
    IMAGE_AT = HEAD_BYTES + SP_FLASH_IMAGE_OFFSET,
};

static char folder[] = "/tmp/cbit-fuzz-state-XXXXXX";
static char path[64], lock_path[64];
static uint8_t sound[STATE_BYTES]; /* after INIT: both banks of the store may be written */

static void forget(void)
{
    (void)unlink(path);
    (void)unlink(lock_path);
    (void)rmdir(folder);
}

static uint32_t init(sp_host_t *host)
{
    sev_init_t buffer = {0};
    return sp_host_command(host, SEV_CMD_INIT, &buffer, sizeof buffer);
}

static void make_sound(void)
{
    const sp_host_options_t options = {
        .state = path, .seed = 1, .seed_given = true, .image = "built-in"};
    sp_host_t *host = NULL;
    cbit_diag_t *diag = cbit_diag_create();
    fuzz_require(mkdtemp(folder) != NULL && atexit(forget) == 0, "no temporary folder");
    (void)snprintf(path, sizeof path, "%s/chip", folder);
    (void)snprintf(lock_path, sizeof lock_path, "%s/chip.lock", folder);
    fuzz_require(sp_host_open(&options, &host, diag) == CBIT_ERR_OK && init(host) == 0 &&
                     sp_host_close(host, diag) == CBIT_ERR_OK,
                 "a sound chip");
    cbit_diag_destroy(diag);
    fuzz_require(fuzz_read_file(path, sound, sizeof sound) == sizeof sound, "a state file");
}

/* The chip is powered up, asked, and down again: the file has one boot more, and can be read. */
static void boot(const uint8_t *file, size_t len)
{
    static uint8_t after[STATE_BYTES + 256];
    const sp_host_options_t options = {.state = path};
    sp_host_t *host = NULL;
    cbit_diag_t *diag = cbit_diag_create();
    cbit_err_t err = sp_host_open(&options, &host, diag);
    fuzz_require((err == CBIT_ERR_OK) == (cbit_diag_count(diag) == 0), "an error has a finding");
    fuzz_require(err == CBIT_ERR_OK || err == CBIT_ERR_FORMAT, "an error of the file");
    if (err == CBIT_ERR_OK) {
        sev_platform_status_t status;
        fuzz_require(memcmp(file + IMAGE_AT, sound + IMAGE_AT, cbit_firmware.image_bytes) == 0,
                     "an image that nobody signed was started");
        fuzz_require(sp_host_command(host, SEV_CMD_PLATFORM_STATUS, &status, sizeof status) == 0,
                     "a firmware that runs tells how it is");
        const uint32_t answer = init(host);
        fuzz_require(answer == SEV_STATUS_SUCCESS || answer == SEV_STATUS_SECURE_DATA_INVALID,
                     "a store is good or is not");
        fuzz_require(sp_host_close(host, diag) == CBIT_ERR_OK, "the file is written");
    }
    const size_t got = fuzz_read_file(path, after, sizeof after);
    fuzz_require(err == CBIT_ERR_OK || (got == len && memcmp(after, file, len) == 0),
                 "a refused file was changed");
    cbit_diag_destroy(diag);
}

static void look(bool is_sound)
{
    static sp_state_t state;
    bool found = false;
    cbit_diag_t *diag = cbit_diag_create();
    sp_state_init(&state, 0);
    const cbit_err_t err = sp_state_open(&state, path, &found, diag);
    sp_state_close(&state);
    fuzz_require(found, "a file that is there");
    fuzz_require((err == CBIT_ERR_OK) == (cbit_diag_count(diag) == 0), "an error has a finding");
    fuzz_require((err == CBIT_ERR_OK) == is_sound, "a state file is whole, or it is refused");
    cbit_diag_destroy(diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t file[STATE_BYTES + 256];
    size_t len = STATE_BYTES;
    if (path[0] == '\0') {
        make_sound();
    }
    if (size < 4) {
        return 0;
    }
    memcpy(file, sound, sizeof sound);
    fuzz_patch(file, STATE_BYTES, data + 4, size - 4);
    if ((data[0] & SUM_RIGHT) != 0) {
        (void)SHA256(file, SUM_AT, file + SUM_AT);
    }
    if ((data[0] & OTHER_LENGTH) != 0) {
        len = ((size_t)data[1] | (size_t)data[2] << 8 | (size_t)data[3] << 16) % sizeof file;
    }
    uint8_t sum[SHA256_DIGEST_LENGTH];
    const bool is_sound = len == STATE_BYTES && memcmp(file, sound, 8) == 0 &&
                          memcmp(SHA256(file, SUM_AT, sum), file + SUM_AT, sizeof sum) == 0;
    fuzz_write_file(path, file, len);
    look(is_sound);
    if (is_sound && (data[0] & BOOT) != 0) {
        boot(file, len);
    }
    return 0;
}
