#define _XOPEN_SOURCE 700

#include "cli/sp_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cbit/platform/platform.h"
#include "cbit/workloads/spdriver.h"
#include "cli/sp_gdb.h"
#include "cli/sp_profile.h"
#include "cli/sp_state.h"
#include "firmware/image.h"
#include "sev/sp_map.h"

struct sp_host {
    sp_state_t state;
    cbit_platform_t *platform;
    cbit_spdriver_t *driver;
    cbit_port_t memory;
    uint32_t waiting; /* WBINVDs that are not done */
    bool console, ready, done;
    bool dead; /* the power has failed */
    sp_gdb_t *gdb;
    sp_profile_t *profile;
    uint32_t clock_mhz;
    cbit_event_t power_cut;
};

/* ---- the chip ---- */

static cbit_err_t load_state(sp_host_t *host, const sp_host_options_t *options, cbit_diag_t *diag)
{
    bool found = false;
    sp_state_init(&host->state, options->seed);
    if (options->state == NULL) {
        return CBIT_ERR_OK;
    }
    cbit_err_t err = sp_state_open(&host->state, options->state, &found, diag);
    if (err == CBIT_ERR_OK && !found && !options->seed_given &&
        getrandom(&host->state.seed, sizeof host->state.seed, 0) != sizeof host->state.seed) {
        return cbit_diag_add(diag, CBIT_ERR_INTERNAL, NULL, "no random numbers for a new chip");
    }
    return err;
}

/* The board's programmer: an image into the flash, past the firmware. */
static cbit_err_t program_image(sp_host_t *host, const char *path, cbit_diag_t *diag)
{
    uint8_t *at = host->state.flash + SP_FLASH_IMAGE_OFFSET;
    memset(at, 0xff, SP_STAGING_BYTES);
    if (strcmp(path, "built-in") == 0) {
        memcpy(at, cbit_firmware.image, cbit_firmware.image_bytes);
        return CBIT_ERR_OK;
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        cbit_diag_set_file(diag, path);
        return cbit_diag_add(diag, CBIT_ERR_OPEN, NULL, "%s", strerror(errno));
    }
    size_t got = fread(at, 1, SP_STAGING_BYTES, file);
    bool longer = fgetc(file) != EOF, failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed || longer || got == 0) {
        cbit_diag_set_file(diag, path);
        return cbit_diag_add(diag, CBIT_ERR_FORMAT, NULL,
                             "no firmware image: 1 to %d bytes are possible", SP_STAGING_BYTES);
    }
    return CBIT_ERR_OK;
}

static void tell_other_image(const sp_host_t *host, const sp_host_options_t *options)
{
    const uint8_t *at = host->state.flash + SP_FLASH_IMAGE_OFFSET;
    if (options->image == NULL && at[0] != 0xff &&
        memcmp(at, cbit_firmware.image, SP_IMAGE_HEAD_BYTES) != 0) {
        (void)fprintf(stderr,
                      "note: %s has another firmware image than this cbit brings\n"
                      "  hint: --image built-in puts that one in\n",
                      host->state.path);
    }
}

static cbit_err_t refused(const sp_host_t *host, cbit_diag_t *diag)
{
    static const char *const texts[] = {
#define TEXT(name, number, text) [number] = (text),
        SP_REFUSAL_MAP(TEXT)
#undef TEXT
    };
    uint32_t reason = cbit_sp_refused(cbit_platform_sp(host->platform));
    if (reason == 0 || reason >= sizeof texts / sizeof texts[0]) {
        return cbit_diag_add(diag, CBIT_ERR_INTERNAL, NULL, "the firmware did not boot");
    }
    if (host->state.path[0] != '\0') {
        cbit_diag_set_file(diag, host->state.path);
    }
    (void)cbit_diag_add(diag, CBIT_ERR_FORMAT, NULL, "the boot ROM starts nothing: %s",
                        texts[reason]);
    cbit_diag_hint(diag, "--image built-in puts the image of this cbit into the flash");
    return CBIT_ERR_FORMAT;
}

/* ---- the machine ---- */

static void on_ready(void *self)
{
    sp_host_t *host = self;
    host->ready = true;
    cbit_kernel_stop(cbit_platform_kernel(host->platform));
}

static void on_interrupt(void *self)
{
    sp_host_t *host = self;
    if (host->driver != NULL) {
        cbit_spdriver_interrupt(host->driver);
    }
}

static void on_console(void *self, char c)
{
    const sp_host_t *host = self;
    if (host->console) {
        (void)fputc(c, stderr);
    }
}

static void on_power_cut(void *self)
{
    sp_host_t *host = self;
    host->dead = true;
    cbit_sp_power_cut(cbit_platform_sp(host->platform));
    cbit_kernel_stop(cbit_platform_kernel(host->platform));
}

static cbit_err_t build(sp_host_t *host, const sp_host_options_t *options, cbit_diag_t *diag)
{
    cbit_platform_config_t config;
    cbit_spdriver_config_t driver;
    cbit_rows_defaults(cbit_platform_rows, &config);
    config.memory.size_bytes = SP_HOST_MEMORY_BYTES;
    config.sp.identity = true;
    host->clock_mhz = config.sp.clock_mhz;
    config.sp.allow_rollback = options->allow_rollback;
    const cbit_platform_parts_t parts = {.engines = &cbit_aes_model_factory,
                                         .seed = host->state.seed,
                                         .firmware = &cbit_firmware,
                                         .sp_flash = host->state.flash,
                                         .sp_boot = host->state.boot,
                                         .self = host,
                                         .on_sp_ready = on_ready,
                                         .on_sp_interrupt = on_interrupt,
                                         .on_console = on_console};
    cbit_err_t err = cbit_platform_create(&config, &parts, &host->platform, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    if (options->gdb) {
        err = sp_gdb_open((uint16_t)options->gdb_port, cbit_platform_sp(host->platform), &host->gdb,
                          diag);
        if (err != CBIT_ERR_OK) {
            return err;
        }
    }
    if (options->profile) {
        host->profile = sp_profile_open(cbit_platform_sp(host->platform));
        if (host->profile == NULL) {
            return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
        }
    }
    cbit_kernel_t *kernel = cbit_platform_kernel(host->platform);
    (void)cbit_kernel_run(kernel, CBIT_PS_NEVER);
    if (!host->ready) {
        return refused(host, diag);
    }
    if (options->power_cut_us != 0) {
        cbit_event_init(&host->power_cut, on_power_cut, host);
        cbit_event_notify_at(kernel, &host->power_cut,
                             cbit_kernel_now_ps(kernel) + options->power_cut_us * 1000000);
    }
    host->memory = cbit_platform_host_port(host->platform, 0);
    cbit_rows_defaults(cbit_spdriver_config_rows, &driver);
    driver.mailbox = config.sp.mailbox;
    return cbit_spdriver_create(&driver, kernel, cbit_platform_sp(host->platform), &host->driver,
                                diag);
}

cbit_err_t sp_host_open(const sp_host_options_t *options, sp_host_t **out, cbit_diag_t *diag)
{
    sp_host_t *host = calloc(1, sizeof *host);
    if (host == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    host->console = options->console;
    cbit_err_t err = load_state(host, options, diag);
    if (err == CBIT_ERR_OK && options->image != NULL) {
        err = program_image(host, options->image, diag);
    }
    if (err == CBIT_ERR_OK) {
        tell_other_image(host, options);
        err = build(host, options, diag);
    }
    if (err != CBIT_ERR_OK) {
        host->state.path[0] = '\0'; /* what went wrong is not kept */
        (void)sp_host_close(host, NULL);
        return err;
    }
    *out = host;
    return CBIT_ERR_OK;
}

cbit_err_t sp_host_close(sp_host_t *host, cbit_diag_t *diag)
{
    if (host == NULL) {
        return CBIT_ERR_OK;
    }
    sp_gdb_close(host->gdb);
    sp_profile_close(host->profile);
    cbit_spdriver_destroy(host->driver);
    cbit_platform_destroy(host->platform);
    cbit_err_t err = host->state.path[0] != '\0' ? sp_state_save(&host->state, diag) : CBIT_ERR_OK;
    sp_state_close(&host->state);
    free(host);
    return err;
}

sp_profile_t *sp_host_profile(sp_host_t *host)
{
    return host->profile;
}

const char *sp_host_state(const sp_host_t *host)
{
    return host->state.path[0] == '\0' ? NULL : host->state.path;
}

cbit_sp_t *sp_host_sp(sp_host_t *host)
{
    return cbit_platform_sp(host->platform);
}

uint32_t sp_host_clock_mhz(const sp_host_t *host)
{
    return host->clock_mhz;
}

static void on_done(void *self, cbit_spdriver_request_t *request)
{
    sp_host_t *host = self;
    (void)request;
    host->done = true;
    cbit_kernel_stop(cbit_platform_kernel(host->platform));
}

uint32_t sp_host_command(sp_host_t *host, uint32_t command, void *buffer, uint32_t len_bytes)
{
    cbit_spdriver_request_t request = {.command = command,
                                       .buffer_spa = len_bytes > 0 ? SP_HOST_BUFFER : 0,
                                       .done = on_done,
                                       .self = host};
    if (len_bytes > 0) {
        (void)sp_host_write(host, SP_HOST_BUFFER, 0, buffer, len_bytes);
    }
    host->done = false;
    if (host->dead) {
        return CBIT_SPDRIVER_NO_ANSWER;
    }
    cbit_spdriver_submit(host->driver, &request);
    (void)cbit_kernel_run(cbit_platform_kernel(host->platform), CBIT_PS_NEVER);
    if (len_bytes > 0) {
        (void)sp_host_read(host, SP_HOST_BUFFER, 0, buffer, len_bytes);
    }
    return host->done ? request.status : CBIT_SPDRIVER_NO_ANSWER;
}

static void on_wbinvd(void *self)
{
    sp_host_t *host = self;
    if (--host->waiting == 0) {
        cbit_kernel_stop(cbit_platform_kernel(host->platform));
    }
}

void sp_host_wbinvd(sp_host_t *host)
{
    uint32_t cores = cbit_platform_cores(host->platform);
    host->waiting = cores;
    for (uint32_t core = 0; core < cores; core++) {
        cbit_platform_wbinvd(host->platform, core, on_wbinvd, host);
    }
    if (host->waiting > 0) {
        (void)cbit_kernel_run(cbit_platform_kernel(host->platform), CBIT_PS_NEVER);
    }
}

bool sp_host_write(sp_host_t *host, uint64_t spa, uint16_t key, const void *bytes,
                   uint32_t len_bytes)
{
    return spa <= SP_HOST_MEMORY_BYTES && len_bytes <= SP_HOST_MEMORY_BYTES - spa &&
           host->memory.poke(host->memory.self, spa, key, bytes, len_bytes) == CBIT_ERR_OK;
}

bool sp_host_read(sp_host_t *host, uint64_t spa, uint16_t key, void *bytes, uint32_t len_bytes)
{
    return spa <= SP_HOST_MEMORY_BYTES && len_bytes <= SP_HOST_MEMORY_BYTES - spa &&
           host->memory.peek(host->memory.self, spa, key, bytes, len_bytes) == CBIT_ERR_OK;
}

uint64_t sp_host_now_ps(const sp_host_t *host)
{
    return cbit_kernel_now_ps(cbit_platform_kernel(host->platform));
}

static uint32_t platform_command(void *self, uint32_t command, void *buffer, uint32_t len_bytes)
{
    return sp_host_command(self, command, buffer, len_bytes);
}

static void platform_wbinvd(void *self)
{
    sp_host_wbinvd(self);
}

static void platform_write(void *self, uint64_t spa, const void *bytes, uint32_t len_bytes)
{
    (void)sp_host_write(self, spa, 0, bytes, len_bytes);
}

static void platform_read(void *self, uint64_t spa, void *bytes, uint32_t len_bytes)
{
    (void)sp_host_read(self, spa, 0, bytes, len_bytes);
}

cbit_sev_platform_t sp_host_platform(sp_host_t *host)
{
    return (cbit_sev_platform_t){.self = host,
                                 .command = platform_command,
                                 .wbinvd = platform_wbinvd,
                                 .areas = {SP_HOST_AREA0, SP_HOST_AREA0 + SP_HOST_AREA_BYTES},
                                 .write = platform_write,
                                 .read = platform_read};
}
