/**
 * @file
 * An RV32IMC hart in machine mode, interpreted.
 *
 * Instructions are decoded once into an entry per halfword of memory; the program counter is
 * implied by the entry that runs next. A store makes the entries that it touches undecoded again,
 * so programs may write themselves.
 *
 * The hart runs ahead of simulated time on its own: hart_run() executes until something would be
 * observable from outside (a device register, mip, WFI) and then stops *before* that instruction,
 * which runs when simulated time has caught up (`synced`). So the number of instructions that one
 * call may run never changes a result.
 */
#ifndef CBIT_MODEL_SP_HART_H
#define CBIT_MODEL_SP_HART_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/sp/config.h"

/* mcause of exceptions, and interrupt numbers. */
enum {
    HART_CAUSE_FETCH_MISALIGNED = 0,
    HART_CAUSE_FETCH_FAULT = 1,
    HART_CAUSE_ILLEGAL = 2,
    HART_CAUSE_BREAKPOINT = 3,
    HART_CAUSE_LOAD_MISALIGNED = 4,
    HART_CAUSE_LOAD_FAULT = 5,
    HART_CAUSE_STORE_MISALIGNED = 6,
    HART_CAUSE_STORE_FAULT = 7,
    HART_CAUSE_ECALL = 11,
    HART_CAUSE_HARDWARE = 19, /* memory that error correction has lost */
    HART_IRQ_SOFTWARE = 3,
    HART_IRQ_TIMER = 7,
    HART_IRQ_EXTERNAL = 11,
};

enum {
    HART_REGISTER_ZERO_SINK = 32, /* writes to x0 go here */
    HART_REGIONS = 2,
    HART_PMP_ENTRIES = 16,
    HART_PMP_READ = 1, /* what an entry lets pass: bits of its configuration */
    HART_PMP_WRITE = 2,
    HART_PMP_EXECUTE = 4,
    HART_CSR_PMPCFG0 = 0x3a0,
    HART_CSR_PMPADDR0 = 0x3b0,
};

/* One decoded halfword; op 0 is "not decoded yet", so zeroed memory is an empty table. */
typedef struct hart_insn {
    uint8_t op, rd, rs1, rs2;
    int32_t imm;
    uint8_t halves; /* 1 or 2: how far to the next instruction */
    uint8_t cost;   /* clocks */
    uint8_t taken;  /* more clocks when a branch is taken */
    uint8_t spare;
} hart_insn_t;

/* Memory that instructions are fetched from. */
typedef struct hart_region {
    uint32_t base, size_bytes; /* multiples of 4 */
    uint8_t *bytes;            /* the owner's */
    bool writable;
    hart_insn_t *code; /* size / 2 entries and one that ends the region; made by hart_init */
    uint32_t decoded_first, decoded_end; /* halfwords that decoded entries stand between */
} hart_region_t;

/* A part of the writable region. */
typedef struct hart_window {
    uint32_t base, bytes;
} hart_window_t;

/* Who watches over the writable region while there are errors in it. False: what is to be read
   (or, for a store of less than a word, kept) is lost. */
typedef struct hart_ecc {
    void *self;
    bool (*load)(void *self, uint32_t address, uint32_t len_bytes);
    bool (*store)(void *self, uint32_t address, uint32_t len_bytes);
} hart_ecc_t;

/* Device registers: words only. False: nothing there, the access traps. */
typedef struct hart_bus {
    void *self;
    bool (*read)(void *self, uint32_t address, uint32_t *value);
    bool (*write)(void *self, uint32_t address, uint32_t value);
} hart_bus_t;

typedef enum hart_stop {
    HART_STOP_BUDGET, /* the cycle limit or the number of instructions is reached */
    HART_STOP_SYNC,   /* the next instruction needs simulated time to catch up first */
    HART_STOP_YIELD,  /* an instruction with effects outside was executed: look again */
    HART_STOP_WFI,    /* asleep until an enabled interrupt is pending */
    HART_STOP_JUMP,   /* inside hart_run only: goes on in another region */
    HART_STOP_LOCKED, /* the trap handler itself cannot be fetched: dead until reset */
} hart_stop_t;

typedef struct hart {
    uint32_t x[33];
    uint32_t pc;
    uint64_t cycle; /* number of the clock edge at which the next instruction starts */
    uint64_t retired;
    bool asleep, locked;
    uint32_t mstatus, mie, mip, mtvec, mscratch, mepc, mcause, mtval;
    hart_region_t regions[HART_REGIONS]; /* 0 read-only, 1 writable */
    hart_window_t loads, stores;         /* of the writable region: the fast path */
    uint8_t pmp_cfg[HART_PMP_ENTRIES];
    uint32_t pmp_addr[HART_PMP_ENTRIES];
    hart_ecc_t ecc;
    bool ecc_on;         /* there are errors: no fast path */
    bool hardware_error; /* a device met lost memory: a trap that nothing masks */
    uint32_t hardware_error_address;
    hart_bus_t bus;
    cbit_sp_hart_costs_t costs;
} hart_t;

/* Puts the hart at reset_pc; regions' code tables are allocated here. False when memory is out. */
bool hart_init(hart_t *hart, const hart_region_t regions[HART_REGIONS], const hart_bus_t *bus,
               const cbit_sp_hart_costs_t *costs, uint32_t reset_pc);
void hart_free(hart_t *hart);

/* Back to reset_pc with registers and interrupts cleared; the clock and what retired go on. */
void hart_reset(hart_t *hart, uint32_t reset_pc);

/*
 * Executes instructions whose start is before cycle_limit, and counts them off *budget (at least
 * 1). With `synced` the first one may touch devices, because simulated time is hart->cycle now.
 */
hart_stop_t hart_run(hart_t *hart, uint64_t cycle_limit, uint32_t *budget, bool synced);

/* Raises or drops an interrupt line. The owner wakes a sleeping hart itself. */
void hart_set_irq(hart_t *hart, uint32_t irq, bool level);

/* Whether an enabled interrupt is pending: what ends WFI. */
static inline bool hart_irq_pending(const hart_t *hart)
{
    return (hart->mip & hart->mie) != 0;
}

/* Whether an interrupt would be taken now; while it could, the owner limits how far hart_run goes.
 */
static inline bool hart_interruptible(const hart_t *hart)
{
    return (hart->mstatus & 8u) != 0 && hart->mie != 0;
}

/* Tells the hart that somebody else wrote memory of its writable region. */
void hart_memory_written(hart_t *hart, uint32_t address, uint32_t len_bytes);

/* Turns the watch over the writable region on or off. */
void hart_watch_memory(hart_t *hart, bool on);

/* The next thing that the hart does is a trap with cause HART_CAUSE_HARDWARE. */
void hart_raise_hardware_error(hart_t *hart, uint32_t address);

/* ---- between the hart's own files ---- */

/* Whether all of the range may be used so (HART_PMP_*). */
bool hart_pmp_allows(const hart_t *hart, uint32_t address, uint32_t len_bytes, uint32_t access);
bool hart_pmp_read(const hart_t *hart, uint32_t csr, uint32_t *value);
bool hart_pmp_write(hart_t *hart, uint32_t csr, uint32_t value);
void hart_pmp_reset(hart_t *hart);
void hart_set_windows(hart_t *hart);

/* Enters the trap handler: exception (epc is the instruction) or interrupt (bit 31 of cause). */
void hart_trap(hart_t *hart, uint32_t cause, uint32_t tval, uint32_t epc);

/* False: no such CSR, or a write to a read-only one; then an illegal instruction. */
bool hart_csr_read(const hart_t *hart, uint32_t csr, uint32_t *value);
bool hart_csr_write(hart_t *hart, uint32_t csr, uint32_t value);

/* Decodes the instruction at offset of the region into its entry. */
void hart_decode(hart_t *hart, hart_region_t *region, uint32_t offset);

#endif
