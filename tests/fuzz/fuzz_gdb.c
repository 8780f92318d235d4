/*
 * Any bytes as what a debugger sends to the SP's hart: every answer is a packet with its check sum,
 * and the hart takes whatever registers and memory it is given.
 */
#define _XOPEN_SOURCE 700

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cbit/platform/platform.h"
#include "cli/sp_gdb.h"
#include "firmware/image.h"
#include "sev/sp_map.h"
#include "tests/fuzz/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    MOST_BYTES = 8192, /* a socket takes them without a reader */
    MEMORY_BYTES = 0x10000000,
    AFTERWARDS_PS = 5000000, /* how long the hart runs when the debugger is gone */
};

static bool same_sum(const char text[2], unsigned sum)
{
    static const char digits[] = "0123456789abcdef";
    return text[0] == digits[sum >> 4 & 15] && text[1] == digits[sum & 15];
}

/* The debugger's end: reads until the stub hangs up, and checks the frames. */
static void *debugger(void *self)
{
    const int fd = *(const int *)self;
    char bytes[4096], sum_text[2] = "";
    unsigned sum = 0;
    int digits = -1; /* read of a check sum; -1: in a packet; 2: between packets */
    bool inside = false;
    ssize_t got;
    while ((got = recv(fd, bytes, sizeof bytes, 0)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            const char c = bytes[i];
            if (!inside) {
                fuzz_require(c == '+' || c == '$', "an answer is + or a packet");
                inside = c == '$';
                digits = -1;
                sum = 0;
            } else if (digits >= 0) {
                sum_text[digits++] = c;
                inside = digits < 2;
                fuzz_require(inside || same_sum(sum_text, sum), "a packet has its check sum");
            } else if (c == '#') {
                digits = 0;
            } else {
                sum += (unsigned char)c;
            }
        }
    }
    fuzz_require(!inside, "a packet has an end");
    return NULL;
}

static cbit_platform_t *power_up(uint8_t flash[CBIT_SP_FLASH_BYTES])
{
    cbit_platform_config_t config;
    cbit_platform_t *platform = NULL;
    cbit_rows_defaults(cbit_platform_rows, &config);
    config.memory.size_bytes = MEMORY_BYTES;
    memset(flash, 0xff, CBIT_SP_FLASH_BYTES);
    memcpy(flash + SP_FLASH_IMAGE_OFFSET, cbit_firmware.image, cbit_firmware.image_bytes);
    const cbit_platform_parts_t parts = {.engines = &cbit_aes_model_factory,
                                         .seed = 1,
                                         .firmware = &cbit_firmware,
                                         .sp_flash = flash};
    cbit_diag_t *diag = cbit_diag_create();
    fuzz_require(cbit_platform_create(&config, &parts, &platform, diag) == CBIT_ERR_OK,
                 "a machine");
    cbit_diag_destroy(diag);
    return platform;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t flash[CBIT_SP_FLASH_BYTES];
    int ends[2] = {-1, -1};
    pthread_t reader;
    sp_gdb_t *gdb = NULL;
    if (size > MOST_BYTES) {
        return 0;
    }
    cbit_platform_t *platform = power_up(flash);
    cbit_kernel_t *kernel = cbit_platform_kernel(platform);
    fuzz_require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "two ends");
    fuzz_require(send(ends[0], data, size, MSG_NOSIGNAL) == (ssize_t)size &&
                     shutdown(ends[0], SHUT_WR) == 0,
                 "what the debugger says");
    fuzz_require(pthread_create(&reader, NULL, debugger, &ends[0]) == 0, "a debugger");
    fuzz_require(sp_gdb_attach(ends[1], cbit_platform_sp(platform), &gdb, NULL) == CBIT_ERR_OK,
                 "a stub");
    (void)cbit_kernel_run(kernel, AFTERWARDS_PS);
    sp_gdb_close(gdb);
    (void)pthread_join(reader, NULL);
    (void)close(ends[0]);
    cbit_platform_destroy(platform);
    return 0;
}
