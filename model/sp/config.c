/* The SP's parameters. */
#include "cbit/sp/config.h"

#define IBEX                                                                                       \
    "Ibex Reference Guide, Pipeline Details (single-cycle multiplier, no branch target ALU); "     \
    "that the SP is such a core is assumed"
#define NOT_PUBLIC "assumed: no public figure for AMD's SP"
#define AESMODULE                                                                                  \
    "TI SWCU185F, AES performance: 2 + 3 x rounds clocks a block; that the CCP is such an engine " \
    "is assumed"

#define COST(struct_type, field) CBIT_FIELD(U32, struct_type, field), .unit = "SP clocks", .min = 1

static const cbit_row_t hart_rows[] = {
    {COST(cbit_sp_hart_costs_t, alu_spclk), .max = 255, .fallback = 1, .source = IBEX,
     .help = "Integer instruction on registers"},
    {COST(cbit_sp_hart_costs_t, mul_spclk), .max = 255, .fallback = 1, .source = IBEX,
     .help = "MUL"},
    {COST(cbit_sp_hart_costs_t, mulh_spclk), .max = 255, .fallback = 2, .source = IBEX,
     .help = "MULH, MULHSU, MULHU"},
    {COST(cbit_sp_hart_costs_t, div_spclk), .max = 255, .fallback = 38, .source = IBEX,
     .help = "Division and remainder"},
    {COST(cbit_sp_hart_costs_t, load_spclk), .max = 255, .fallback = 2, .source = IBEX,
     .help = "Load from SRAM or ROM"},
    {COST(cbit_sp_hart_costs_t, store_spclk), .max = 255, .fallback = 2, .source = IBEX,
     .help = "Store to SRAM"},
    {COST(cbit_sp_hart_costs_t, mmio_spclk), .max = 255, .fallback = 8,
     .source = NOT_PUBLIC ": a peripheral bus a few clocks away", .help = "Device register"},
    {COST(cbit_sp_hart_costs_t, branch_spclk), .max = 255, .fallback = 1, .source = IBEX,
     .help = "Branch that is not taken"},
    {COST(cbit_sp_hart_costs_t, branch_taken_spclk), .max = 255, .fallback = 3, .source = IBEX,
     .help = "Branch that is taken"},
    {COST(cbit_sp_hart_costs_t, jump_spclk), .max = 255, .fallback = 2, .source = IBEX,
     .help = "JAL, JALR, MRET"},
    {COST(cbit_sp_hart_costs_t, csr_spclk), .max = 255, .fallback = 1, .source = IBEX,
     .help = "Control and status register"},
    {COST(cbit_sp_hart_costs_t, trap_spclk), .max = 255, .fallback = 4,
     .source = NOT_PUBLIC ": pipeline refill and vector fetch",
     .help = "Entry into the trap handler"},
    {.key = NULL},
};

static const cbit_row_t ccp_rows[] = {
    {COST(cbit_sp_ccp_costs_t, start_spclk), .max = 1000000, .fallback = 40,
     .source = NOT_PUBLIC ": descriptor fetch", .help = "Start of an operation of the CCP"},
    {COST(cbit_sp_ccp_costs_t, aes_block_spclk), .max = 1000000, .fallback = 32,
     .source = AESMODULE, .help = "AES-128, one block of 16 bytes"},
    {COST(cbit_sp_ccp_costs_t, aes256_block_spclk), .max = 1000000, .fallback = 44,
     .source = AESMODULE, .help = "AES-256, one block of 16 bytes"},
    {COST(cbit_sp_ccp_costs_t, sha256_block_spclk), .max = 1000000, .fallback = 65,
     .source = "TI SLAU723A, SHA/MD5 performance: 65 clocks a block; that the CCP is such an "
               "engine is assumed",
     .help = "SHA-256, one block of 64 bytes"},
    {COST(cbit_sp_ccp_costs_t, sha384_block_spclk), .max = 1000000, .fallback = 81,
     .source = "TI SWCU185F, table 13-17: SHA-512 at 2528 Mbit/s and 200 MHz is 81 clocks a "
               "block; that the CCP is such an engine is assumed",
     .help = "SHA-384, one block of 128 bytes"},
    {COST(cbit_sp_ccp_costs_t, random_word_spclk), .max = 1000000, .fallback = 16,
     .source = NOT_PUBLIC ": 32 bits in 16 clocks", .help = "Random number, 4 bytes"},
    {COST(cbit_sp_ccp_costs_t, ecc_mul_spclk), .max = 1000000000, .fallback = 2000000,
     .source = NOT_PUBLIC ": 384-bit ladder of about 10 field multiplications a bit",
     .help = "Scalar multiplication on P-384"},
    {COST(cbit_sp_ccp_costs_t, rsa_verify_spclk), .max = 1000000000, .fallback = 200000,
     .source = NOT_PUBLIC ": 17 modular multiplications of 2048 bits",
     .help = "RSA-2048 signature check"},
    {.key = NULL},
};

static const char *const mailbox_names[] = {"v1", "v2", NULL};

#define PLATFORM "the platform sets it to what it built"

const cbit_row_t cbit_sp_config_rows[] = {
    {CBIT_FIELD(U32, cbit_sp_config_t, clock_mhz), .unit = "MHz", .min = 1, .max = 10000,
     .fallback = 400, .source = NOT_PUBLIC, .help = "Clock of the SP's hart and devices"},
    {CBIT_FIELD(ENUM, cbit_sp_config_t, mailbox), .names = mailbox_names,
     .fallback = CBIT_SP_MAILBOX_V2, .source = "Linux ccp driver, sp-pci.c",
     .help = "Register offsets of the mailbox: v1 Naples, v2 Rome and later"},
    {CBIT_FIELD(U32, cbit_sp_config_t, dma_outstanding), .unit = "lines", .min = 1, .max = 32,
     .fallback = 16, .source = NOT_PUBLIC, .help = "Lines that the SP's DMA may have in flight"},
    {CBIT_FIELD(PS, cbit_sp_config_t, dma_line_ns), .unit = "ns", .max = UINT64_C(1000000000),
     .source = "assumed: no slower than its memory requests; 7843 gives the launch rate that was "
               "measured on one machine (257 ms per MiB, each line read and written; SEVeriFast, "
               "ASPLOS 2024)",
     .help = "Minimum time from line to line of the SP's DMA, which sets its copy bandwidth"},
    {CBIT_FIELD(U32, cbit_sp_config_t, slice_instructions), .min = 1, .max = 1000000,
     .fallback = 10000, .source = "simulator only: never changes a result",
     .help = "Instructions that the SP's hart may run in one event"},
    {CBIT_FIELD(U32, cbit_sp_config_t, c_bit), .min = 32, .max = 63, .fallback = 47,
     .source = PLATFORM, .help = "Position of the C-bit in an address"},
    {CBIT_FIELD(U32, cbit_sp_config_t, asid_max), .min = 1, .max = 1023, .fallback = 509,
     .source = PLATFORM, .help = "Highest ASID"},
    {CBIT_FIELD(U32, cbit_sp_config_t, asid_min), .min = 1, .max = 1023, .fallback = 1,
     .source = PLATFORM, .help = "Lowest ASID of a guest without ES"},
    {CBIT_FIELD(U32, cbit_sp_config_t, host_key_slot), .max = 1023, .fallback = 0,
     .source = PLATFORM, .help = "Key slot of the host's key"},
    {CBIT_FIELD(U32, cbit_sp_config_t, socket), .max = 1, .source = PLATFORM,
     .help = "Number of this socket"},
    {CBIT_FIELD(U32, cbit_sp_config_t, cores_per_ccx), .min = 1, .max = 64, .fallback = 4,
     .source = PLATFORM, .help = "Cores of a core complex"},
    {CBIT_FIELD(BOOL, cbit_sp_config_t, per_channel_keys), .source = PLATFORM,
     .help = "Each channel has a key of its own, derived by the firmware"},
    {CBIT_FIELD(BOOL, cbit_sp_config_t, memory_encryption), .fallback = 1, .source = PLATFORM,
     .help = "SYSCFG bit 23 is set on every core"},
    {CBIT_FIELD(BOOL, cbit_sp_config_t, identity),
     .source = "by construction: a run that asks for no certificate spends no time on making one",
     .help = "INIT makes, signs and keeps the platform's keys and certificates; without it the "
             "commands that need them are UNSUPPORTED"},
    {CBIT_FIELD(BOOL, cbit_sp_config_t, allow_rollback),
     .source = "by construction: for studies of rollback",
     .help = "Images of older security versions may run"},
    {CBIT_FIELD(U32, cbit_sp_config_t, flash_program_us), .unit = "us", .min = 1, .max = 1000000,
     .fallback = 700,
     .source = "Winbond W25Q16BV data sheet, tPP typical; that the flash is one "
               "is assumed",
     .help = "Programming a page of 256 bytes"},
    {CBIT_FIELD(U32, cbit_sp_config_t, flash_erase_us), .unit = "us", .min = 1, .max = 10000000,
     .fallback = 30000,
     .source = "Winbond W25Q16BV data sheet, tSE typical; that the flash is one "
               "is assumed",
     .help = "Erasing a sector of 4 KiB"},
    {CBIT_FIELD(U32, cbit_sp_config_t, flash_read_mbs), .unit = "MB/s", .min = 1, .max = 10000,
     .fallback = 50, .source = "assumed: quad SPI at 100 MHz", .help = "Reading the flash"},
    {CBIT_FIELD(OBJECT, cbit_sp_config_t, hart), .rows = hart_rows,
     .help = "Clocks of the SP's hart by class of instruction"},
    {CBIT_FIELD(OBJECT, cbit_sp_config_t, ccp), .rows = ccp_rows,
     .help = "Clocks of the SP's crypto coprocessor"},
    {.key = NULL},
};

void cbit_sp_config_default(cbit_sp_config_t *config)
{
    cbit_rows_defaults(cbit_sp_config_rows, config);
}
