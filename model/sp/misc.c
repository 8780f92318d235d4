/* The small devices: interrupt controller, timer, console, core control, platform description. */
#include <string.h>

#include "model/sp/sp_internal.h"

static void on_timer(void *self)
{
    sp_set_line(self, SP_LINE_TIMER, true);
}

static void on_watchdog(void *self)
{
    sp_reset_by_watchdog(self);
}

static void on_reset(void *self)
{
    sp_reset_by_firmware(self);
}

void sp_misc_init(cbit_sp_t *sp)
{
    cbit_event_init(&sp->watchdog_event, on_watchdog, sp);
    cbit_event_init(&sp->timer_event, on_timer, sp);
    cbit_event_init(&sp->reset_event, on_reset, sp);
    sp->timer_compare = UINT64_MAX;
}

bool sp_intc_read(cbit_sp_t *sp, uint32_t offset, uint32_t *value)
{
    *value = offset == SP_INTC_PENDING ? sp->lines : sp->enable;
    return offset == SP_INTC_PENDING || offset == SP_INTC_ENABLE;
}

bool sp_intc_write(cbit_sp_t *sp, uint32_t offset, uint32_t value)
{
    if (offset != SP_INTC_ENABLE) {
        return false;
    }
    sp->enable = value;
    sp_set_line(sp, 0, true);
    return true;
}

bool sp_timer_read(cbit_sp_t *sp, uint32_t offset, uint32_t *value)
{
    switch (offset) {
    case SP_TIMER_TIME_LO:
        sp->time_latch = sp_clock_now(sp);
        *value = (uint32_t)sp->time_latch;
        return true;
    case SP_TIMER_TIME_HI:
        *value = (uint32_t)(sp->time_latch >> 32);
        return true;
    case SP_TIMER_COMPARE_LO:
        *value = (uint32_t)sp->timer_compare;
        return true;
    case SP_TIMER_COMPARE_HI:
        *value = (uint32_t)(sp->timer_compare >> 32);
        return true;
    case SP_TIMER_CAUSE:
        *value = sp->reset_cause;
        return true;
    default:
        return false;
    }
}

static void arm_timer(cbit_sp_t *sp)
{
    cbit_event_cancel(sp->kernel, &sp->timer_event);
    sp_set_line(sp, SP_LINE_TIMER, false);
    if (sp->timer_compare >> 32 == UINT32_MAX) {
        return;
    }
    if (sp->timer_compare <= sp_clock_now(sp)) {
        sp_set_line(sp, SP_LINE_TIMER, true);
    } else {
        cbit_event_notify_at(sp->kernel, &sp->timer_event,
                             cbit_clock_edge_ps(&sp->clock, sp->timer_compare));
    }
}

bool sp_timer_write(cbit_sp_t *sp, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case SP_TIMER_COMPARE_LO:
        sp->timer_compare = (sp->timer_compare & ~(uint64_t)UINT32_MAX) | value;
        return true;
    case SP_TIMER_COMPARE_HI:
        sp->timer_compare = (sp->timer_compare & UINT32_MAX) | (uint64_t)value << 32;
        arm_timer(sp);
        return true;
    case SP_TIMER_WATCHDOG:
        cbit_event_cancel(sp->kernel, &sp->watchdog_event);
        if (value != 0) {
            cbit_event_notify_at(sp->kernel, &sp->watchdog_event,
                                 sp_after_clocks(sp, (uint64_t)value * 1000));
        }
        return true;
    case SP_TIMER_RESET:
        cbit_event_notify_at(sp->kernel, &sp->reset_event, sp_after_clocks(sp, 1));
        return true;
    default:
        return false;
    }
}

bool sp_console_read(cbit_sp_t *sp, uint32_t offset, uint32_t *value)
{
    (void)sp;
    *value = 0;
    return offset == SP_CONSOLE_TX;
}

bool sp_console_write(cbit_sp_t *sp, uint32_t offset, uint32_t value)
{
    if (offset == SP_CONSOLE_TX && sp->parts.on_console != NULL) {
        sp->parts.on_console(sp->parts.console_self, (char)value);
    }
    return offset == SP_CONSOLE_TX;
}

/* The cores that the selection names, as [first, end). */
static void selected(const cbit_sp_t *sp, uint32_t *first, uint32_t *end)
{
    uint32_t cores = sp->parts.hooks.cores;
    *first = sp->core_select == UINT32_MAX ? 0 : sp->core_select;
    *end = sp->core_select == UINT32_MAX ? cores : sp->core_select + 1;
    *end = *end < cores ? *end : cores;
}

static void on_flushed(void *self)
{
    cbit_sp_t *sp = self;
    sp->flushing = false;
    sp_set_line(sp, SP_LINE_FLUSH, true);
}

bool sp_cores_read(cbit_sp_t *sp, uint32_t offset, uint32_t *value)
{
    uint32_t first, end;
    switch (offset) {
    case SP_CORES_WBINVD:
        selected(sp, &first, &end);
        *value = first < end ? 1 : 0;
        for (uint32_t core = first; core < end; core++) {
            *value &= sp->parts.hooks.wbinvd_done(sp->parts.hooks.self, core) ? 1u : 0u;
        }
        return true;
    case SP_CORES_FLUSH:
        *value = sp->flushing ? 1 : 0;
        return true;
    default:
        return false;
    }
}

static void set_asid_valid(cbit_sp_t *sp, uint32_t value)
{
    uint32_t first, end, asid = value & 0xffffu;
    uint32_t last = asid == 0 ? sp->config.asid_max : asid;
    selected(sp, &first, &end);
    for (uint32_t core = first; core < end; core++) {
        for (uint32_t i = asid == 0 ? 1 : asid; i <= last; i++) {
            sp->parts.hooks.set_asid_valid(sp->parts.hooks.self, core, (uint16_t)i, value >> 31);
        }
    }
}

bool sp_cores_write(cbit_sp_t *sp, uint32_t offset, uint32_t value)
{
    uint32_t first, end;
    switch (offset) {
    case SP_CORES_CORE:
        sp->core_select = value;
        return true;
    case SP_CORES_WBINVD:
        selected(sp, &first, &end);
        for (uint32_t core = first; core < end; core++) {
            sp->parts.hooks.clear_wbinvd_done(sp->parts.hooks.self, core);
        }
        return true;
    case SP_CORES_ASID:
        set_asid_valid(sp, value);
        return true;
    case SP_CORES_FLUSH:
        if (!sp->flushing) {
            sp->flushing = true;
            sp->parts.hooks.df_flush(sp->parts.hooks.self, on_flushed, sp);
        }
        return true;
    case SP_CORES_ACK:
        sp_set_line(sp, SP_LINE_FLUSH, false);
        return true;
    default:
        return false;
    }
}

static uint32_t flags(const cbit_sp_t *sp)
{
    return (sp->config.per_channel_keys ? (uint32_t)SP_PLATFORM_CHANNEL_KEYS : 0) |
           (sp->config.memory_encryption ? (uint32_t)SP_PLATFORM_ENCRYPTION_ON : 0) |
           (sp->config.identity ? (uint32_t)SP_PLATFORM_IDENTITY : 0) |
           (sp->config.allow_rollback ? (uint32_t)SP_PLATFORM_ROLLBACK : 0);
}

bool sp_platform_read(cbit_sp_t *sp, uint32_t offset, uint32_t *value)
{
    const cbit_sp_config_t *config = &sp->config;
    const uint32_t words[] = {
        [SP_PLATFORM_MEMORY_LO / 4] = (uint32_t)sp->parts.memory_bytes,
        [SP_PLATFORM_MEMORY_HI / 4] = (uint32_t)(sp->parts.memory_bytes >> 32),
        [SP_PLATFORM_CHANNELS / 4] = sp->parts.hooks.channels,
        [SP_PLATFORM_CORES / 4] = sp->parts.hooks.cores,
        [SP_PLATFORM_CORES_PER_CCX / 4] = config->cores_per_ccx,
        [SP_PLATFORM_ASID_MAX / 4] = config->asid_max,
        [SP_PLATFORM_ASID_MIN / 4] = config->asid_min,
        [SP_PLATFORM_HOST_SLOT / 4] = config->host_key_slot,
        [SP_PLATFORM_C_BIT / 4] = config->c_bit,
        [SP_PLATFORM_SOCKET / 4] = config->socket,
        [SP_PLATFORM_FLAGS / 4] = flags(sp),
        [SP_PLATFORM_SECURITY / 4] = sp->parts.firmware->security_version,
    };
    uint32_t secret = offset - SP_PLATFORM_SECRET0;
    if (secret < SP_SECRET_BYTES && secret % 4 == 0) {
        memcpy(value, sp->secret + secret, 4);
        return true;
    }
    uint32_t hash = offset - SP_PLATFORM_KEY_HASH0;
    if (hash < SP_KEY_HASH_BYTES && hash % 4 == 0) {
        memcpy(value, sp->key_hash + hash, 4);
        return true;
    }
    if (offset % 4 != 0 || offset / 4 >= sizeof words / sizeof words[0]) {
        return false;
    }
    *value = words[offset / 4];
    return true;
}

bool sp_platform_write(cbit_sp_t *sp, uint32_t offset, uint32_t value)
{
    (void)sp;
    (void)offset;
    (void)value;
    return false; /* fuses */
}
