/* What a scenario may say about the devices of a channel. */
#include <stddef.h>

#include "cbit/dram/device.h"

enum { TIMING_MAX_NCK = 1000000 };

#define TIMING(name, text)                                                                         \
    {                                                                                              \
        CBIT_FIELD(U32, cbit_dram_timing_t, name),                                                 \
            .unit = "nck", .min = 0, .max = TIMING_MAX_NCK,                                        \
            .source = "JESD79-4 / JESD79-5 by speed grade when 0", .help = text                    \
    }

static const cbit_row_t timing_rows[] = {
    TIMING(burst_nck, "Data bus time of a line, BL/2"),
    TIMING(command_nck, "Command bus time of ACT, RD and WR"),
    TIMING(cl_nck, "Read latency: RD to its first data"),
    TIMING(cwl_nck, "Write latency: WR to its first data"),
    TIMING(trcd_nck, "ACT to RD or WR of the bank"),
    TIMING(trp_nck, "PRE to ACT of the bank"),
    TIMING(tras_nck, "ACT to PRE of the bank"),
    TIMING(trc_nck, "ACT to ACT of the bank"),
    TIMING(tccd_s_nck, "RD to RD and WR to WR of different bank groups"),
    TIMING(tccd_l_nck, "RD to RD of one bank group"),
    TIMING(tccd_l_wr_nck, "WR to WR of one bank group"),
    TIMING(trrd_s_nck, "ACT to ACT of different bank groups"),
    TIMING(trrd_l_nck, "ACT to ACT of one bank group"),
    TIMING(tfaw_nck, "Window that holds at most four ACT of a rank"),
    TIMING(twr_nck, "End of write data to PRE of the bank"),
    TIMING(twtr_s_nck, "End of write data to RD of another bank group"),
    TIMING(twtr_l_nck, "End of write data to RD of the bank group"),
    TIMING(trtp_nck, "RD to PRE of the bank"),
    TIMING(tppd_nck, "PRE to PRE of a rank"),
    TIMING(trtrs_nck, "Data bus bubble when the rank or the direction changes"),
    TIMING(trefi_nck, "Mean time between refresh commands of a rank"),
    TIMING(trfc_nck, "REF to the next command of the rank"),
    TIMING(trefisb_nck, "Mean time between same-bank refresh commands of a rank (DDR5)"),
    TIMING(trfcsb_nck, "REFSB to the next command of its banks"),
    TIMING(trefsbrd_nck, "REFSB to ACT of the rank's other banks"),
    TIMING(txp_nck, "Power-down exit to the next command"),
    TIMING(tcke_nck, "Least time in power-down"),
    TIMING(txs_nck, "Self-refresh exit to the next command that needs no DLL"),
    TIMING(txsdll_nck, "Self-refresh exit to RD or WR"),
    TIMING(tckesr_nck, "Least time in self-refresh"),
    TIMING(tactpden_nck, "ACT to power-down entry"),
    TIMING(tprpden_nck, "PRE to power-down entry"),
    TIMING(trefpden_nck, "REF to power-down entry"),
    TIMING(read_to_write_nck, "RD to WR of a rank"),
    TIMING(write_to_read_s_nck, "WR to RD of another bank group"),
    TIMING(write_to_read_l_nck, "WR to RD of the bank group"),
    TIMING(write_to_pre_nck, "WR to PRE of the bank"),
    TIMING(read_to_read_rank_nck, "RD to RD of another rank"),
    TIMING(write_to_write_rank_nck, "WR to WR of another rank"),
    TIMING(read_to_write_rank_nck, "RD to WR of another rank"),
    TIMING(write_to_read_rank_nck, "WR to RD of another rank"),
    TIMING(read_auto_to_act_nck, "RD with auto-precharge to ACT of the bank"),
    TIMING(write_auto_to_act_nck, "WR with auto-precharge to ACT of the bank"),
    TIMING(read_to_sleep_nck, "RD to power-down or self-refresh entry"),
    TIMING(write_to_sleep_nck, "WR to power-down entry"),
    TIMING(write_auto_to_sleep_nck, "WR with auto-precharge to power-down or self-refresh entry"),
    {.key = NULL},
};

#define CURRENT(name, text)                                                                        \
    {                                                                                              \
        CBIT_FIELD(U32, cbit_dram_power_t, name),                                                  \
            .unit = "mA", .min = 0, .max = 100000,                                                 \
            .source = "0: by generation, as DRAMsim3 (DDR4) and Ramulator 2 (DDR5) ship them",     \
            .help = text                                                                           \
    }
#define ASSUMED(name, text)                                                                        \
    {                                                                                              \
        CBIT_FIELD(U32, cbit_dram_power_t, name),                                                  \
            .unit = "mA", .min = 0, .max = 100000,                                                 \
            .source = "0: by generation, DDR4 as DRAMsim3 ships it; DDR5 assumed: DDR4's share "   \
                      "of standby",                                                                \
            .help = text                                                                           \
    }

static const cbit_row_t power_rows[] = {
    {CBIT_FIELD(U32, cbit_dram_power_t, vdd_mv), .unit = "mV", .min = 0, .max = 10000,
     .source = "0: 1200, JESD79-4; 1100, JESD79-5: VDD", .help = "Core supply"},
    CURRENT(idd0_ma, "One bank opening and closing"),
    CURRENT(idd2n_ma, "Standby, all banks closed"),
    CURRENT(idd3n_ma, "Standby, a bank open"),
    CURRENT(idd4r_ma, "Reading without pause"),
    CURRENT(idd4w_ma, "Writing without pause"),
    CURRENT(idd5_ma, "Refreshing without pause"),
    ASSUMED(idd2p_ma, "Power-down, all banks closed"),
    ASSUMED(idd3p_ma, "Power-down, a bank open"),
    ASSUMED(idd6_ma, "Self-refresh"),
    {.key = NULL},
};

const cbit_row_t cbit_dram_config_rows[] = {
    {CBIT_FIELD(ENUM, cbit_dram_config_t, speed), .names = cbit_dram_speed_names,
     .fallback = CBIT_DDR4_3200AA, .max = CBIT_DRAM_SPEEDS - 1,
     .source = "JESD79-4 and JESD79-5 speed bins", .help = "Speed grade of the devices"},
    {CBIT_FIELD(U32, cbit_dram_config_t, width_bits), .unit = "bits", .min = 4, .max = 16,
     .fallback = 8, .source = "assumed: the usual server part", .help = "Width of a device"},
    {CBIT_FIELD(U32, cbit_dram_config_t, density_gbit), .unit = "Gbit", .max = 32,
     .source = "assumed when 0: 8, as DDR4-3200 usually has; DDR5 16, as its first server modules",
     .help = "Density of a device; 0 takes the generation's"},
    {CBIT_FIELD(U32, cbit_dram_config_t, ranks), .min = 1, .max = CBIT_DRAM_MAX_RANKS,
     .fallback = 1, .source = "assumed: single-rank modules", .help = "Ranks of a channel"},
    {CBIT_FIELD(BOOL, cbit_dram_config_t, ecc),
     .source = "JESD21-C (DDR4, 72 bits) and JESD400-5 (EC8, 40 bits a sub-channel); assumed: off",
     .help = "Side-band ECC: devices of eight more bits in each rank, for their energy; timing "
             "does not change, and errors are not modelled"},
    {CBIT_FIELD(U32, cbit_dram_config_t, refresh_granularity), .min = 1, .max = 4, .fallback = 1,
     .source = "JESD79-4 (1, 2, 4) and JESD79-5 (1, 2): fine granularity refresh; assumed: normal",
     .help = "Refresh commands for each one of the normal mode: shorter ones, more often"},
    {CBIT_FIELD(OBJECT, cbit_dram_config_t, timing), .rows = timing_rows,
     .source = "by speed grade", .help = "Timing; 0 takes the speed grade's value"},
    {CBIT_FIELD(OBJECT, cbit_dram_config_t, power), .rows = power_rows, .source = "by device",
     .help = "Currents of one device, for energy"},
    {.key = NULL},
};
