/**
 * @file
 * Parameters of the Secure Processor.
 */
#ifndef CBIT_SP_CONFIG_H
#define CBIT_SP_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/rows.h"
#include "cbit/sp/sp.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cbit_sp_mailbox {
    CBIT_SP_MAILBOX_V1, /* Naples */
    CBIT_SP_MAILBOX_V2, /* Rome, Milan, Genoa */
} cbit_sp_mailbox_t;

/* Clocks of the hart by class of instruction, all counted from issue to issue. */
typedef struct cbit_sp_hart_costs {
    uint32_t alu_spclk, mul_spclk, mulh_spclk, div_spclk;
    uint32_t load_spclk, store_spclk; /* SRAM and ROM */
    uint32_t mmio_spclk;              /* device registers */
    uint32_t branch_spclk, branch_taken_spclk, jump_spclk;
    uint32_t csr_spclk, trap_spclk; /* trap: entry; mret is a jump */
} cbit_sp_hart_costs_t;

/* Clocks of the crypto coprocessor: start of an operation, then per block of its kind. */
typedef struct cbit_sp_ccp_costs {
    uint32_t start_spclk;
    uint32_t aes_block_spclk;    /* 16 bytes, AES-128 */
    uint32_t aes256_block_spclk; /* 16 bytes, AES-256 */
    uint32_t sha256_block_spclk; /* 64 bytes */
    uint32_t sha384_block_spclk; /* 128 bytes */
    uint32_t random_word_spclk;  /* 4 bytes */
    uint32_t ecc_mul_spclk;      /* one scalar multiplication on P-384 */
    uint32_t rsa_verify_spclk;   /* RSA-2048 with e = 65537; 4096 costs four times as much */
} cbit_sp_ccp_costs_t;

struct cbit_sp_config {
    uint32_t clock_mhz;          /* of the hart and its devices */
    uint32_t mailbox;            /* cbit_sp_mailbox_t */
    uint32_t dma_outstanding;    /* lines that the DMA engine has under way, 1..32 */
    uint64_t dma_line_ns;        /* kept in ps: from the start of a line to that of the next */
    uint32_t slice_instructions; /* of the simulator, not of the machine: never changes a result */
    /* Platform registers that the firmware reads; the platform sets them to what it built. */
    uint32_t c_bit;            /* position of the C-bit in an address */
    uint32_t asid_max;         /* highest ASID: CPUID 8000_001F ECX */
    uint32_t asid_min;         /* lowest ASID of a guest without ES: EDX; 1: no ES ASIDs */
    uint32_t host_key_slot;    /* where the host's SME key goes */
    uint32_t socket;           /* number of this socket, for keys per channel */
    uint32_t cores_per_ccx;    /* cores whose WBINVD_DONE flags are looked at together */
    bool per_channel_keys;     /* derive a key of its own for each channel */
    bool memory_encryption;    /* SYSCFG bit 23 on every core: INIT asks for it */
    bool identity;             /* INIT makes, signs and keeps OCA, PEK and PDH */
    bool allow_rollback;       /* images of older security versions may run */
    uint32_t flash_program_us; /* one page of 256 bytes */
    uint32_t flash_erase_us;   /* one sector of 4 KiB */
    uint32_t flash_read_mbs;   /* megabytes (10^6) a second */
    cbit_sp_hart_costs_t hart;
    cbit_sp_ccp_costs_t ccp;
};

extern const cbit_row_t cbit_sp_config_rows[];

/* Every field at its row's default. */
void cbit_sp_config_default(cbit_sp_config_t *config);

#ifdef __cplusplus
}
#endif
#endif
