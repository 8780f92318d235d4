/* Interrupts, DMA, key port, core control, console. */
#include "drivers/drivers.h"
#include "drivers/mmio.h"
#include "sev/mailbox.h"

void irq_wait(uint32_t line)
{
    SP_WRITE(INTC, ENABLE, line);
    while ((SP_READ(INTC, PENDING) & line) == 0) {
        hart_wait();
    }
}

enum { WATCHDOG_KCLOCKS = 2000000 }; /* 5 s at 400 MHz: the first patience of Linux' driver */

void watchdog_start(void)
{
    SP_WRITE(TIMER, WATCHDOG, WATCHDOG_KCLOCKS);
}

void watchdog_stop(void)
{
    SP_WRITE(TIMER, WATCHDOG, 0);
}

bool started_again(void)
{
    return SP_READ(TIMER, CAUSE) != SP_CAUSE_POWER;
}

void system_reset(void)
{
    SP_WRITE(TIMER, RESET, 1);
    SP_WRITE(INTC, ENABLE, 0);
    for (;;) {
        hart_wait();
    }
}

uint32_t mailbox_command(void)
{
    return SP_READ(MAILBOX, CMDRESP) >> SEV_CMDRESP_ID_SHIFT & SEV_CMDRESP_ID_MASK;
}

void mailbox_answer(uint32_t command, uint32_t status)
{
    /* Response bit and status share one store: the host never pairs "done" with an old status. */
    SP_WRITE(MAILBOX, CMDRESP,
             SEV_CMDRESP_RESPONSE | command << SEV_CMDRESP_ID_SHIFT |
                 (status & SEV_CMDRESP_STATUS_MASK));
}

static void dma_start(uint32_t direction, spa_range_t range, const void *local, uint32_t len_bytes)
{
    SP_WRITE(DMA, SPA_LO, (uint32_t)range.spa);
    SP_WRITE(DMA, SPA_HI, (uint32_t)(range.spa >> 32));
    SP_WRITE(DMA, LOCAL, sp_address(local));
    SP_WRITE(DMA, LENGTH, len_bytes);
    SP_WRITE(DMA, KEY, range.key);
    SP_WRITE(DMA, START, direction);
}

bool dma_finish(void)
{
    irq_wait(SP_LINE_DMA);
    uint32_t status = SP_READ(DMA, STATUS);
    SP_WRITE(DMA, ACK, 1);
    return (status & (SP_DMA_BAD_ADDRESS | SP_DMA_NO_KEY)) == 0;
}

bool dma_read(spa_range_t from, void *to, uint32_t len_bytes)
{
    dma_start(SP_DMA_READ, from, to, len_bytes);
    return dma_finish();
}

void dma_write_start(spa_range_t to, const void *from, uint32_t len_bytes)
{
    dma_start(SP_DMA_WRITE, to, from, len_bytes);
}

bool dma_write(spa_range_t to, const void *from, uint32_t len_bytes)
{
    dma_write_start(to, from, len_bytes);
    return dma_finish();
}

bool platform_flag(uint32_t flag)
{
    return (SP_READ(PLATFORM, FLAGS) & flag) != 0;
}

void chip_secret(uint8_t secret[32])
{
    for (uint32_t i = 0; i < 8; i++) {
        store_le32(secret + 4 * i, mmio_read32(SP_REGISTER(PLATFORM, SECRET0) + 4 * i));
    }
}

/* Key of one channel: the key itself, or on late parts one derived from it. */
static void channel_key(const uint8_t key[16], uint32_t channel, uint8_t out[16])
{
    if (!platform_flag(SP_PLATFORM_CHANNEL_KEYS)) {
        memcpy(out, key, 16);
        return;
    }
    uint8_t context[8];
    store_le32(context, SP_READ(PLATFORM, SOCKET));
    store_le32(context + 4, channel);
    kdf(key, 16, "cbit-umc-channel", context, sizeof context, out, 16);
}

void keyport_set(uint32_t slot, const uint8_t key[16])
{
    static uint8_t own[16];
    uint32_t channels = SP_READ(PLATFORM, CHANNELS);
    SP_WRITE(KEYPORT, SLOT, slot);
    for (uint32_t channel = 0; channel < channels; channel++) {
        SP_WRITE(KEYPORT, CHANNEL, channel);
        if (key == NULL) {
            SP_WRITE(KEYPORT, COMMIT, SP_KEYPORT_CLEAR);
            continue;
        }
        channel_key(key, channel, own);
        SP_WRITE(KEYPORT, KEY0, load_le32(own));
        SP_WRITE(KEYPORT, KEY1, load_le32(own + 4));
        SP_WRITE(KEYPORT, KEY2, load_le32(own + 8));
        SP_WRITE(KEYPORT, KEY3, load_le32(own + 12));
        SP_WRITE(KEYPORT, COMMIT, SP_KEYPORT_LOAD);
    }
    wipe(own, sizeof own);
    for (uint32_t i = 0; i < 4; i++) {
        mmio_write32(SP_REGISTER(KEYPORT, KEY0) + 4 * i, 0); /* the port forgets it too */
    }
    irq_wait(SP_LINE_KEYPORT);
}

bool core_wbinvd_done(uint32_t core)
{
    SP_WRITE(CORES, CORE, core);
    return SP_READ(CORES, WBINVD) != 0;
}

void core_clear_wbinvd_done(uint32_t core)
{
    SP_WRITE(CORES, CORE, core);
    SP_WRITE(CORES, WBINVD, 0);
}

void core_set_asid_valid(uint32_t core, uint32_t asid, bool valid)
{
    SP_WRITE(CORES, CORE, core);
    SP_WRITE(CORES, ASID, asid | (valid ? 0x80000000u : 0));
}

void fabric_flush(void)
{
    SP_WRITE(CORES, FLUSH, 1);
    irq_wait(SP_LINE_FLUSH);
    SP_WRITE(CORES, ACK, 1);
}

void console_text(const char *text)
{
    for (; *text != '\0'; text++) {
        SP_WRITE(CONSOLE, TX, (uint8_t)*text);
    }
}

void console_hex(uint32_t value)
{
    char text[9];
    for (uint32_t i = 0; i < 8; i++) {
        text[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
    }
    text[8] = '\0';
    console_text(text);
}
