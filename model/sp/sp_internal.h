/**
 * @file
 * The Secure Processor's parts, for its own files and its tests.
 */
#ifndef CBIT_MODEL_SP_INTERNAL_H
#define CBIT_MODEL_SP_INTERNAL_H

#include "cbit/base/rng.h"
#include "cbit/sp/config.h"
#include "cbit/sp/debug.h"
#include "cbit/sp/sp.h"
#include "model/sp/hart.h"
#include "sev/abi.h"
#include "sev/sp_map.h"

enum {
    SP_DMA_TXNS = 32,
    SP_CHANNELS_MAX = 64,
    SP_SECRET_BYTES = 32,
    SP_ECC_WORDS = 64, /* flipped at once */
};

typedef struct sp_mailbox {
    uint32_t cmdresp, addr_lo, addr_hi, inten, intsts;
    uint32_t bootloader; /* 0 until the firmware is ready */
    uint32_t refused;    /* SP_REFUSAL_*: the boot ROM found nothing to start */
    bool pending;        /* a doorbell has not been answered */
    bool interrupt_on_completion;
    cbit_ps_t rung_ps;
    cbit_event_t interrupt_event, ready_event;
} sp_mailbox_t;

typedef struct sp_ccp {
    uint32_t op, src, dst, length, key, key_length, aux, aux_length;
    uint32_t result;
    bool busy, done;
    cbit_event_t event;
    cbit_rng_t rng;
} sp_ccp_t;

typedef struct sp_dma {
    cbit_spa_t spa;
    uint32_t local, length, key;
    uint32_t result;          /* SP_DMA_BAD_ADDRESS, SP_DMA_NO_KEY */
    uint32_t sent, completed; /* bytes */
    uint32_t under_way;       /* lines */
    bool busy, write, done, blocked;
    cbit_waiter_t waiter;
    cbit_ps_t next_ps; /* no line begins before */
    cbit_event_t pace;
    cbit_txn_t txns[SP_DMA_TXNS];
    bool stale[SP_DMA_TXNS]; /* sent before the last reset: its answer is nobody's */
    cbit_txn_t *free;
} sp_dma_t;

typedef struct sp_keyport_channel {
    cbit_sp_t *sp;
    bool busy;
    uint8_t key[16];
} sp_keyport_channel_t;

typedef struct sp_keyport {
    uint32_t channel, slot;
    uint8_t key[16];
    uint32_t busy;
    sp_keyport_channel_t channels[SP_CHANNELS_MAX];
} sp_keyport_t;

typedef struct sp_flash {
    uint8_t *bytes; /* SP_FLASH_BYTES, the owner's or own */
    bool own;
    uint32_t offset, local, length, op, result;
    bool busy;
    cbit_event_t event;
} sp_flash_t;

typedef struct sp_ecc_word {
    uint32_t address;
    uint64_t flipped; /* bits of the code word: 32 of data, 7 of check */
} sp_ecc_word_t;

typedef struct sp_ecc {
    sp_ecc_word_t words[SP_ECC_WORDS];
    uint32_t count;
    uint32_t corrected, lost; /* registers */
} sp_ecc_t;

struct cbit_sp {
    cbit_sp_config_t config;
    cbit_sp_parts_t parts;
    cbit_kernel_t *kernel;
    cbit_clock_t clock;
    cbit_event_t tick; /* the time at which the hart goes on */
    cbit_event_t turn; /* the hart itself, after everything else of that instant */
    bool running;      /* inside turn */
    hart_t hart;
    uint8_t *rom, *sram;
    sp_ecc_t ecc;
    uint8_t secret[SP_SECRET_BYTES];
    uint8_t key_hash[SP_KEY_HASH_BYTES];
    bool ready;
    uint32_t lines, enable; /* interrupt controller: SP_LINE_* */
    uint64_t time_latch, timer_compare;
    cbit_event_t timer_event, watchdog_event, reset_event;
    uint32_t reset_cause;
    sp_mailbox_t mailbox;
    sp_ccp_t ccp;
    sp_dma_t dma;
    sp_keyport_t keyport;
    sp_flash_t flash;
    uint32_t core_select;
    bool flushing;
    cbit_sp_stats_t stats;
    cbit_sp_debug_t debug;
};

/* The watchdog bites: SRAM is lost, the firmware starts again, x86 gets an answer. */
void sp_reset_by_watchdog(cbit_sp_t *sp);

/* The firmware asked for it: SRAM and a doorbell stay. */
void sp_reset_by_firmware(cbit_sp_t *sp);

/* Raises or drops a line of the interrupt controller, and wakes the hart if it waited for it. */
void sp_set_line(cbit_sp_t *sp, uint32_t line, bool level);

/* The hart's clock edge at or after now, as a number. */
uint64_t sp_clock_now(const cbit_sp_t *sp);

/* n clocks after now. */
cbit_ps_t sp_after_clocks(const cbit_sp_t *sp, uint64_t n);

/* One device's registers: false when there is none at the offset. */
typedef bool sp_device_read_t(cbit_sp_t *sp, uint32_t offset, uint32_t *value);
typedef bool sp_device_write_t(cbit_sp_t *sp, uint32_t offset, uint32_t value);

/* SRAM (for_writing) or SRAM and ROM behind a device's address; NULL when it leaves them, or when
   what it wants is lost: then the hart traps. */
uint8_t *sp_memory(cbit_sp_t *sp, uint32_t address, uint32_t len_bytes, bool for_writing);

/* The same without error correction: as it stands there. */
uint8_t *sp_memory_raw(cbit_sp_t *sp, uint32_t address, uint32_t len_bytes, bool for_writing);

/* Error correction. False: a word that is needed is lost. */
bool sp_ecc_load(void *self, uint32_t address, uint32_t len_bytes);
bool sp_ecc_store(void *self, uint32_t address, uint32_t len_bytes);
void sp_ecc_init(cbit_sp_t *sp);
sp_device_read_t sp_ecc_read;
sp_device_write_t sp_ecc_write;

void sp_mailbox_init(cbit_sp_t *sp);

/* The answer to a command that the firmware will not give any more. */
void sp_mailbox_abandon(cbit_sp_t *sp, uint32_t status);
sp_device_read_t sp_mailbox_read;
sp_device_write_t sp_mailbox_write;

void sp_ccp_init(cbit_sp_t *sp);
sp_device_read_t sp_ccp_read;
sp_device_write_t sp_ccp_write;

void sp_dma_init(cbit_sp_t *sp);
void sp_dma_reset(cbit_sp_t *sp);
sp_device_read_t sp_dma_read;
sp_device_write_t sp_dma_write;

void sp_keyport_init(cbit_sp_t *sp);
sp_device_read_t sp_keyport_read;
sp_device_write_t sp_keyport_write;

bool sp_flash_init(cbit_sp_t *sp); /* false: no memory */
void sp_flash_provision(cbit_sp_t *sp);
void sp_flash_free(cbit_sp_t *sp);
void sp_flash_power_cut(cbit_sp_t *sp);
sp_device_read_t sp_flash_read;
sp_device_write_t sp_flash_write;

void sp_misc_init(cbit_sp_t *sp);
sp_device_read_t sp_intc_read, sp_timer_read, sp_console_read, sp_cores_read, sp_platform_read;
sp_device_write_t sp_intc_write, sp_timer_write, sp_console_write, sp_cores_write,
    sp_platform_write;

#endif
