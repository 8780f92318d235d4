/* The Secure Processor: puts hart and devices together, and gives the hart its turns. */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "model/sp/sp_internal.h"

const cbit_row_t cbit_sp_stat_rows[] = {
    {CBIT_FIELD(U64, cbit_sp_stats_t, commands), .help = "Commands that the SP answered"},
    {CBIT_FIELD(PS, cbit_sp_stats_t, busy_ps), .unit = "ps",
     .help = "Time from doorbell to answer, over all commands"},
    {CBIT_FIELD(U64, cbit_sp_stats_t, instructions),
     .help = "Instructions that the SP's hart retired"},
    {CBIT_FIELD(U64, cbit_sp_stats_t, key_writes),
     .help = "Key slots that the SP loaded or cleared"},
    {CBIT_FIELD(U64, cbit_sp_stats_t, dma_bytes), .unit = "bytes",
     .help = "Bytes that the SP moved from and to system memory"},
    {CBIT_FIELD(U64, cbit_sp_stats_t, sram_corrected),
     .help = "Words of the SP's SRAM in which error correction repaired a bit"},
    {.key = NULL},
};

static const struct {
    sp_device_read_t *read;
    sp_device_write_t *write;
} devices[SP_DEVICES] = {
    [SP_DEVICE_INTC] = {sp_intc_read, sp_intc_write},
    [SP_DEVICE_TIMER] = {sp_timer_read, sp_timer_write},
    [SP_DEVICE_CONSOLE] = {sp_console_read, sp_console_write},
    [SP_DEVICE_MAILBOX] = {sp_mailbox_read, sp_mailbox_write},
    [SP_DEVICE_CCP] = {sp_ccp_read, sp_ccp_write},
    [SP_DEVICE_DMA] = {sp_dma_read, sp_dma_write},
    [SP_DEVICE_KEYPORT] = {sp_keyport_read, sp_keyport_write},
    [SP_DEVICE_CORES] = {sp_cores_read, sp_cores_write},
    [SP_DEVICE_PLATFORM] = {sp_platform_read, sp_platform_write},
    [SP_DEVICE_FLASH] = {sp_flash_read, sp_flash_write},
    [SP_DEVICE_ECC] = {sp_ecc_read, sp_ecc_write},
};

static bool bus_read(void *self, uint32_t address, uint32_t *value)
{
    uint32_t index = (address - SP_DEVICE_BASE) / SP_DEVICE_BYTES;
    return index < SP_DEVICES && devices[index].read(self, address % SP_DEVICE_BYTES, value);
}

static bool bus_write(void *self, uint32_t address, uint32_t value)
{
    uint32_t index = (address - SP_DEVICE_BASE) / SP_DEVICE_BYTES;
    return index < SP_DEVICES && devices[index].write(self, address % SP_DEVICE_BYTES, value);
}

uint8_t *sp_memory_raw(cbit_sp_t *sp, uint32_t address, uint32_t len_bytes, bool for_writing)
{
    uint32_t offset = address - SP_SRAM_BASE;
    if (offset < SP_SRAM_BYTES && len_bytes <= SP_SRAM_BYTES - offset) {
        return sp->sram + offset;
    }
    offset = address - SP_ROM_BASE;
    if (!for_writing && offset < SP_ROM_BYTES && len_bytes <= SP_ROM_BYTES - offset) {
        return sp->rom + offset;
    }
    return NULL;
}

uint64_t sp_clock_now(const cbit_sp_t *sp)
{
    return cbit_clock_edge_at_or_after(&sp->clock, cbit_kernel_now_ps(sp->kernel));
}

cbit_ps_t sp_after_clocks(const cbit_sp_t *sp, uint64_t n)
{
    return cbit_clock_edge_ps(&sp->clock, sp_clock_now(sp) + n);
}

static void schedule_hart(cbit_sp_t *sp)
{
    cbit_event_notify_at(sp->kernel, &sp->tick, cbit_clock_edge_ps(&sp->clock, sp->hart.cycle));
}

/* Ends a hart's sleep, unless it is having its turn or one is coming. */
static void wake(cbit_sp_t *sp)
{
    if (sp->hart.asleep && !sp->running && !cbit_event_pending(&sp->tick) &&
        !cbit_event_pending(&sp->turn)) {
        uint64_t now = sp_clock_now(sp);
        sp->hart.cycle = sp->hart.cycle > now ? sp->hart.cycle : now;
        schedule_hart(sp);
    }
}

uint8_t *sp_memory(cbit_sp_t *sp, uint32_t address, uint32_t len_bytes, bool for_writing)
{
    uint8_t *at = sp_memory_raw(sp, address, len_bytes, for_writing);
    if (at == NULL || sp->ecc.count == 0) {
        return at;
    }
    bool good =
        for_writing ? sp_ecc_store(sp, address, len_bytes) : sp_ecc_load(sp, address, len_bytes);
    if (!good) {
        hart_raise_hardware_error(&sp->hart, sp->ecc.lost);
        wake(sp);
    }
    return good ? at : NULL;
}

void sp_set_line(cbit_sp_t *sp, uint32_t line, bool level)
{
    sp->lines = level ? sp->lines | line : sp->lines & ~line;
    hart_set_irq(&sp->hart, HART_IRQ_EXTERNAL, (sp->lines & sp->enable) != 0);
    hart_set_irq(&sp->hart, HART_IRQ_TIMER, (sp->lines & SP_LINE_TIMER) != 0);
    if (hart_irq_pending(&sp->hart)) {
        wake(sp);
    }
}

/* Everything that happens at this instant comes first, whatever the order of scheduling was: so
   the length of the hart's slices cannot change what it sees. */
static void on_tick(void *self)
{
    cbit_sp_t *sp = self;
    cbit_event_notify_delta(sp->kernel, &sp->turn);
}

/*
 * How far the hart may run ahead. Only two things from outside can reach it in the middle of a
 * run: an interrupt while it takes them, and memory that a device writes or reads. Otherwise it
 * stops by itself where it looks outside.
 */
static uint64_t horizon(const cbit_sp_t *sp)
{
    if (!hart_interruptible(&sp->hart) && !sp->ccp.busy && !sp->dma.busy && !sp->flash.busy) {
        return UINT64_MAX;
    }
    cbit_ps_t next_ps = cbit_kernel_next_ps(sp->kernel);
    return next_ps == CBIT_PS_NEVER ? UINT64_MAX : cbit_clock_edge_at_or_after(&sp->clock, next_ps);
}

static void on_turn(void *self)
{
    cbit_sp_t *sp = self;
    hart_t *hart = &sp->hart;
    uint32_t budget = sp->config.slice_instructions;
    if (sp->debug.before != NULL) {
        sp->debug.before(sp->debug.self, sp);
        budget = 1;
    }
    bool synced = true;
    hart_stop_t stop = HART_STOP_BUDGET;
    sp->running = true;
    while (budget > 0) {
        uint64_t limit = horizon(sp);
        if (synced && limit <= hart->cycle) {
            limit = hart->cycle + 1; /* one instruction always: no standstill */
        }
        stop = limit <= hart->cycle ? HART_STOP_BUDGET : hart_run(hart, limit, &budget, synced);
        synced = false;
        if (stop != HART_STOP_YIELD) {
            break;
        }
    }
    sp->running = false;
    if (stop != HART_STOP_WFI && stop != HART_STOP_LOCKED) {
        schedule_hart(sp);
    }
}

static cbit_err_t check(const cbit_sp_config_t *config, const cbit_sp_parts_t *parts,
                        cbit_diag_t *diag)
{
    const sp_firmware_t *firmware = parts->firmware;
    if (firmware->rom_bytes == 0 || firmware->rom_bytes > SP_ROM_BYTES) {
        return cbit_diag_add(diag, CBIT_ERR_FORMAT, NULL,
                             "boot ROM of %u bytes; 1..%u are possible", firmware->rom_bytes,
                             SP_ROM_BYTES);
    }
    if (firmware->image_bytes > SP_STAGING_BYTES) {
        return cbit_diag_add(diag, CBIT_ERR_FORMAT, NULL,
                             "firmware image of %u bytes; up to %u are possible",
                             firmware->image_bytes, SP_STAGING_BYTES);
    }
    if (parts->hooks.channels == 0 || parts->hooks.channels > SP_CHANNELS_MAX) {
        return cbit_diag_add(diag, CBIT_ERR_RANGE, NULL,
                             "%u memory controllers; 1..%d are possible", parts->hooks.channels,
                             SP_CHANNELS_MAX);
    }
    if (config->clock_mhz == 0 || config->slice_instructions == 0 || config->dma_outstanding == 0 ||
        config->dma_outstanding > SP_DMA_TXNS || config->cores_per_ccx == 0) {
        return cbit_diag_add(diag, CBIT_ERR_RANGE, NULL, "a parameter of the SP is out of range");
    }
    return CBIT_ERR_OK;
}

/* The chip-unique key: fused at the (modelled) factory, so a function of the machine's seed. And
   whose images the chip runs. */
static void make_fuses(cbit_sp_t *sp)
{
    cbit_rng_t rng;
    cbit_rng_init(&rng, sp->parts.seed, 0x73656372u);
    cbit_rng_bytes(&rng, sp->secret, sizeof sp->secret);
    if (sp->parts.firmware->key_hash != NULL) {
        memcpy(sp->key_hash, sp->parts.firmware->key_hash, sizeof sp->key_hash);
    }
}

cbit_err_t cbit_sp_create(const cbit_sp_config_t *config, const cbit_sp_parts_t *parts,
                          cbit_sp_t **out, cbit_diag_t *diag)
{
    cbit_err_t err = check(config, parts, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    cbit_sp_t *sp = calloc(1, sizeof *sp);
    if (sp == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "no memory for the SP");
    }
    sp->config = *config;
    sp->parts = *parts;
    sp->kernel = parts->kernel;
    sp->clock = (cbit_clock_t){.period_num_ps = 1000000, .period_den = config->clock_mhz};
    sp->rom = calloc(1, SP_ROM_BYTES);
    sp->sram = calloc(1, SP_SRAM_BYTES);
    const hart_region_t regions[HART_REGIONS] = {
        {.base = SP_ROM_BASE, .size_bytes = SP_ROM_BYTES, .bytes = sp->rom},
        {.base = SP_SRAM_BASE, .size_bytes = SP_SRAM_BYTES, .bytes = sp->sram, .writable = true},
    };
    const hart_bus_t bus = {.self = sp, .read = bus_read, .write = bus_write};
    if (!sp_flash_init(sp) || sp->rom == NULL || sp->sram == NULL ||
        !hart_init(&sp->hart, regions, &bus, &config->hart, SP_ROM_BASE)) {
        cbit_sp_destroy(sp);
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "no memory for the SP");
    }
    memcpy(sp->rom, parts->firmware->rom, parts->firmware->rom_bytes);
    make_fuses(sp);
    sp_flash_provision(sp);
    sp_ecc_init(sp);
    cbit_event_init(&sp->tick, on_tick, sp);
    cbit_event_init(&sp->turn, on_turn, sp);
    sp_mailbox_init(sp);
    sp_ccp_init(sp);
    sp_dma_init(sp);
    sp_keyport_init(sp);
    sp_misc_init(sp);
    sp->hart.cycle = sp_clock_now(sp);
    schedule_hart(sp);
    *out = sp;
    return CBIT_ERR_OK;
}

/* Hart and devices as at power-up; what stays is the caller's affair. */
static void reset_all(cbit_sp_t *sp, uint32_t cause)
{
    cbit_event_t *const events[] = {&sp->tick,        &sp->turn,        &sp->ccp.event,
                                    &sp->flash.event, &sp->timer_event, &sp->watchdog_event,
                                    &sp->reset_event, &sp->dma.pace};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        cbit_event_cancel(sp->kernel, events[i]);
    }
    sp_flash_power_cut(sp); /* what it was doing is left half done */
    sp->flash.busy = sp->ccp.busy = sp->ccp.done = false;
    sp_dma_reset(sp);
    sp->enable = 0;
    sp->lines &= (uint32_t)(SP_LINE_MAILBOX | SP_LINE_KEYPORT);
    /* Until the firmware was ready x86 has not begun: then it is as if the power came on. */
    sp->reset_cause = sp->ready ? cause : (uint32_t)SP_CAUSE_POWER;
    hart_reset(&sp->hart, SP_ROM_BASE);
    sp->hart.cycle = sp_clock_now(sp);
    schedule_hart(sp);
}

void sp_reset_by_watchdog(cbit_sp_t *sp)
{
    OPENSSL_cleanse(sp->sram, SP_SRAM_BYTES);
    (void)sp_ecc_store(sp, SP_SRAM_BASE, SP_SRAM_BYTES);
    hart_memory_written(&sp->hart, SP_SRAM_BASE, SP_SRAM_BYTES);
    sp_mailbox_abandon(sp, SEV_STATUS_HWERROR_PLATFORM);
    reset_all(sp, SP_CAUSE_WATCHDOG);
}

void sp_reset_by_firmware(cbit_sp_t *sp)
{
    reset_all(sp, SP_CAUSE_RESET);
}

static void cancel_events(cbit_sp_t *sp)
{
    cbit_event_t *events[] = {&sp->tick,        &sp->turn,
                              &sp->ccp.event,   &sp->mailbox.interrupt_event,
                              &sp->timer_event, &sp->mailbox.ready_event,
                              &sp->flash.event, &sp->watchdog_event,
                              &sp->reset_event, &sp->dma.pace};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        cbit_event_cancel(sp->kernel, events[i]);
    }
}

void cbit_sp_power_cut(cbit_sp_t *sp)
{
    sp_flash_power_cut(sp);
    cancel_events(sp);
    sp->hart.locked = true;
    sp->dma.result = SP_DMA_BAD_ADDRESS; /* nothing more is sent; what is under way comes back */
    OPENSSL_cleanse(sp->sram, SP_SRAM_BYTES);
}

void cbit_sp_destroy(cbit_sp_t *sp)
{
    if (sp == NULL) {
        return;
    }
    cancel_events(sp);
    if (sp->sram != NULL) {
        OPENSSL_cleanse(sp->sram, SP_SRAM_BYTES);
    }
    hart_free(&sp->hart);
    sp_flash_free(sp);
    free(sp->rom);
    free(sp->sram);
    OPENSSL_cleanse(sp, sizeof *sp);
    free(sp);
}

bool cbit_sp_ready(const cbit_sp_t *sp)
{
    return sp->ready;
}

uint32_t cbit_sp_refused(const cbit_sp_t *sp)
{
    return sp->mailbox.refused;
}

void cbit_sp_stats(const cbit_sp_t *sp, cbit_sp_stats_t *stats)
{
    *stats = sp->stats;
    stats->instructions = sp->hart.retired;
    stats->sram_corrected = sp->ecc.corrected;
}
