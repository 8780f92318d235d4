#include "tests/firmware/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/drivers/mmio.h"

host_t *host;

/* The static objects of this program: from the linker. */
extern char __bss_start[], _end[];

static void stop(const char *why)
{
    (void)fprintf(stderr, "host build of the firmware: %s\n", why);
    abort();
}

uint32_t mmio_read32(uint32_t address)
{
    uint32_t value = 0;
    if (!host->sp->hart.bus.read(host->sp, address, &value)) {
        stop("a register that does not exist was read");
    }
    return value;
}

void mmio_write32(uint32_t address, uint32_t value)
{
    if (!host->sp->hart.bus.write(host->sp, address, value)) {
        stop("a register that does not exist was written");
    }
}

void hart_wait(void)
{
    cbit_ps_t next_ps = cbit_kernel_next_ps(host->kernel);
    if (next_ps == CBIT_PS_NEVER) {
        stop("it waits for something that never comes");
    }
    (void)cbit_kernel_run(host->kernel, next_ps);
}

/* Where the static objects begin that stand for SRAM: all, or the last of them. A runtime of
   sanitizers that is linked in, before anything of ours, has more than SRAM could hold. */
static char *sram_begin(void)
{
    const size_t bytes = (size_t)(_end - __bss_start);
    if (bytes <= SP_SRAM_BYTES) {
        return __bss_start;
    }
    char *begin = __bss_start + (bytes - SP_SRAM_BYTES);
    return begin + (0 - (uintptr_t)begin) % 64;
}

uint32_t sp_address(const void *object)
{
    const char *at = object;
    const char *begin = sram_begin();
    if (at < begin || at >= _end) {
        stop("an object that is not static was given to a device");
    }
    return SP_SRAM_BASE + (uint32_t)(at - begin);
}

uint8_t *sp_staging(void)
{
    static _Alignas(8) uint8_t staging[SP_STAGING_BYTES]; /* headers are read in place */
    return staging;
}

static bool try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    host_t *h = self;
    (void)waiter;
    if (txn->spa >= HOST_MEMORY_BYTES || txn->spa % 64 + txn->size_bytes > 64) {
        stop("a request outside memory or across a line");
    }
    if (txn->key != CBIT_KEY_PLAIN && !h->loaded[txn->key]) {
        txn->status = CBIT_ERR_KEY_NOT_LOADED;
    } else if (txn->command == CBIT_COMMAND_WRITE) {
        memcpy(h->memory + txn->spa, txn->data, txn->size_bytes);
    } else {
        memcpy(txn->data, h->memory + txn->spa, txn->size_bytes);
        for (uint32_t i = 0; h->rewrites && i < txn->size_bytes; i++) {
            h->memory[txn->spa + i] ^= 0xff; /* a host that hopes to be read twice */
        }
    }
    cbit_txn_reply(txn);
    return true;
}

static void write_key(void *self, uint32_t channel, uint16_t slot, const uint8_t *key,
                      void (*done)(void *), void *done_self)
{
    host_t *h = self;
    if (channel >= HOST_CHANNELS || slot > 1023) {
        stop("a key slot that does not exist");
    }
    h->loaded[slot == 0 ? CBIT_KEY_HOST : slot] = key != NULL;
    done(done_self);
}

static bool wbinvd_done(void *self, uint32_t core)
{
    return ((host_t *)self)->wbinvd[core];
}

static void clear_wbinvd_done(void *self, uint32_t core)
{
    ((host_t *)self)->wbinvd[core] = false;
}

static void set_asid_valid(void *self, uint32_t core, uint16_t asid, bool valid)
{
    uint32_t *cores = &((host_t *)self)->asid_valid[asid % 16];
    *cores = valid ? *cores | 1u << core : *cores & ~(1u << core);
}

static void df_flush(void *self, void (*done)(void *), void *done_self)
{
    (void)self;
    done(done_self);
}

void host_open(void)
{
    static const uint8_t rom[4]; /* the hart never runs */
    static const sp_firmware_t firmware = {.rom = rom, .rom_bytes = sizeof rom};
    cbit_sp_config_t config;
    host = calloc(1, sizeof *host);
    if (host == NULL) {
        stop("no memory");
    }
    host->memory = calloc(1, HOST_MEMORY_BYTES);
    host->kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    memset(host->flash, 0xff, sizeof host->flash);
    cbit_sp_config_default(&config);
    config.asid_max = 15;
    config.asid_min = 5;
    config.cores_per_ccx = 2;
    config.identity = true;
    const cbit_sp_parts_t parts = {.kernel = host->kernel,
                                   .memory = {.self = host, .try_send = try_send},
                                   .memory_bytes = HOST_MEMORY_BYTES,
                                   .hooks = {host, HOST_CHANNELS, HOST_CORES, write_key,
                                             wbinvd_done, clear_wbinvd_done, set_asid_valid,
                                             df_flush},
                                   .seed = 1,
                                   .firmware = &firmware,
                                   .flash = host->flash};
    if (host->memory == NULL || host->kernel == NULL ||
        cbit_sp_create(&config, &parts, &host->sp, NULL) != CBIT_ERR_OK) {
        stop("no memory");
    }
    cbit_event_cancel(host->kernel, &host->sp->tick);
    host->sram = host->sp->sram;
    host->sp->sram = (uint8_t *)sram_begin();
}
