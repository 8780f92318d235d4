/**
 * @file
 * The DRAM devices of one channel: organisation and timing, from a speed grade or given one by one.
 *
 * Timing is in clocks of the DRAM (nck). A field that is 0 is filled in by cbit_dram_resolve from
 * the speed grade's nanoseconds by JEDEC's rounding, so a scenario overrides what it wants to.
 */
#ifndef CBIT_DRAM_DEVICE_H
#define CBIT_DRAM_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/base/rows.h"
#include "cbit/sim/time.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CBIT_DRAM_MAX_RANKS = 4,
    CBIT_DRAM_MAX_BANKS = 128, /* of a channel: 4 ranks x 32 */
    CBIT_DRAM_LINE_BITS = 6,
};

/* Speed grades by data rate and bin; DDR4 first. */
typedef enum cbit_dram_speed {
    CBIT_DDR4_2133P,
    CBIT_DDR4_2400R,
    CBIT_DDR4_2666V,
    CBIT_DDR4_2933Y,
    CBIT_DDR4_3200AA,
    CBIT_DDR5_4800A,
    CBIT_DDR5_4800B,
    CBIT_DDR5_5200A,
    CBIT_DDR5_5200B,
    CBIT_DDR5_5600A,
    CBIT_DDR5_5600B,
    CBIT_DDR5_6000A,
    CBIT_DDR5_6000B,
    CBIT_DDR5_6400A,
    CBIT_DDR5_6400B,
    CBIT_DRAM_SPEEDS,
} cbit_dram_speed_t;

/* Every distance that a rule may name, in clocks. 0 asks cbit_dram_resolve for the value. */
typedef struct cbit_dram_timing {
    uint32_t burst_nck;   /* BL/2: data bus time of a line */
    uint32_t command_nck; /* command bus time of ACT, RD and WR */
    uint32_t cl_nck, cwl_nck, trcd_nck, trp_nck, tras_nck, trc_nck;
    uint32_t tccd_s_nck, tccd_l_nck, tccd_l_wr_nck;
    uint32_t trrd_s_nck, trrd_l_nck, tfaw_nck;
    uint32_t twr_nck, twtr_s_nck, twtr_l_nck, trtp_nck, tppd_nck;
    uint32_t trtrs_nck; /* rank switch, also the read-to-write bubble */
    uint32_t trefi_nck, trfc_nck;
    uint32_t trefisb_nck, trfcsb_nck, trefsbrd_nck; /* DDR5: bank k of every group */
    uint32_t txp_nck, tcke_nck, txs_nck, txsdll_nck, tckesr_nck;
    uint32_t tactpden_nck, tprpden_nck, trefpden_nck; /* ACT, PRE, REF to power-down entry */
    /* Between commands, from the above. */
    uint32_t read_to_write_nck, write_to_read_s_nck, write_to_read_l_nck, write_to_pre_nck;
    uint32_t read_to_read_rank_nck, write_to_write_rank_nck;
    uint32_t read_to_write_rank_nck, write_to_read_rank_nck;
    uint32_t read_auto_to_act_nck, write_auto_to_act_nck; /* RDA, WRA to ACT of the bank */
    uint32_t read_to_sleep_nck, write_to_sleep_nck, write_auto_to_sleep_nck;
} cbit_dram_timing_t;

/* Data-sheet currents of one device, for energy. */
typedef struct cbit_dram_power {
    uint32_t vdd_mv;
    uint32_t idd0_ma, idd2n_ma, idd3n_ma, idd4r_ma, idd4w_ma, idd5_ma;
    uint32_t idd2p_ma, idd3p_ma, idd6_ma; /* power-down, closed and open; self-refresh */
} cbit_dram_power_t;

/* What a scenario says about the devices of a channel. */
typedef struct cbit_dram_config {
    uint32_t speed;               /* cbit_dram_speed_t */
    uint32_t width_bits;          /* of a device: 4, 8 or 16 */
    uint32_t density_gbit;        /* of a device: 2, 4, 8, 16, 24, 32; 0: 8, DDR5 16 */
    uint32_t ranks;               /* 1..4 */
    bool ecc;                     /* side-band ECC: more devices a rank, 8 bits wide */
    uint32_t refresh_granularity; /* REF every tREFI / this: DDR4 1, 2, 4; DDR5 1, 2 */
    cbit_dram_timing_t timing;
    cbit_dram_power_t power;
} cbit_dram_config_t;

extern const cbit_row_t cbit_dram_config_rows[];
extern const char *const cbit_dram_speed_names[];

/* The same with nothing left open. Bits are address bits; lines are 64 bytes. */
typedef struct cbit_dram_device {
    uint32_t generation; /* 4 or 5 */
    cbit_clock_t clock;  /* tCK, exact */
    cbit_dram_timing_t timing;
    cbit_dram_power_t power;
    uint32_t ranks, groups, banks_per_group;                          /* groups of a rank */
    uint32_t rank_bits, group_bits, bank_bits, row_bits, column_bits; /* column: lines of a row */
    uint32_t rows;                         /* may be below 2^row_bits (24 Gb devices) */
    uint32_t banks;                        /* of the channel, all ranks */
    uint32_t devices_per_rank;             /* those of ECC too */
    uint32_t block_nck_num, block_nck_den; /* a 16-byte block on the bus: 1 clock, DDR5 2 */
    uint64_t capacity_bytes;
    /* A controller's policy may imitate one that keeps only read_to_write_rank_nck between RD and
       WR of two ranks, whatever their bursts do; the checker then counts what overlaps. */
    bool ranks_overlap;
} cbit_dram_device_t;

/* Fills *device; on error it is untouched and diag names field and rule under `where`. */
cbit_err_t cbit_dram_resolve(const cbit_dram_config_t *config, const char *where,
                             cbit_dram_device_t *device, cbit_diag_t *diag);

#ifdef __cplusplus
}
#endif
#endif
