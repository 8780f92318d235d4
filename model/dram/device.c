#include "cbit/dram/device.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * One row a speed grade. Bins' own clocks (CL, tRCD = tRP, CWL) come from the speed-bin tables,
 * what the standard gives in nanoseconds stands here in picoseconds.
 */
typedef struct grade {
    const char *name;
    uint32_t generation; /* 4 or 5 */
    uint64_t tck_num_ps, tck_den;
    uint32_t cl_nck, rcd_nck, cwl_nck;
    uint32_t tras_ps, tccd_l_ps;
    uint32_t trrd_s_ps[3], trrd_l_ps[3], tfaw_ps[3]; /* x4, x8, x16 */
} grade_t;

#define SAME3(ps)                                                                                  \
    {                                                                                              \
        (ps), (ps), (ps)                                                                           \
    }
#define DDR5(text, num, den, cl, rcd, cwl, faw)                                                    \
    {                                                                                              \
        text, 5, num, den, cl, rcd, cwl, 32000, 5000, SAME3(0), SAME3(5000), SAME3(faw)            \
    }

/* JESD79-4 and JESD79-5 speed bins; DDR4-3200AA is the calibrated one. */
static const grade_t GRADES[CBIT_DRAM_SPEEDS] = {
    {"ddr4_2133p",
     4,
     1875,
     2,
     15,
     15,
     11,
     33000,
     5355,
     {3700, 3700, 5300},
     {5300, 5300, 6400},
     {15000, 21000, 30000}},
    {"ddr4_2400r",
     4,
     2500,
     3,
     16,
     16,
     12,
     32000,
     5000,
     {3300, 3300, 5300},
     {4900, 4900, 6400},
     {13000, 21000, 30000}},
    {"ddr4_2666v",
     4,
     750,
     1,
     19,
     19,
     14,
     32000,
     5000,
     {3000, 3000, 5300},
     {4900, 4900, 6400},
     {12000, 21000, 30000}},
    {"ddr4_2933y",
     4,
     682,
     1,
     21,
     21,
     16,
     32000,
     5000,
     {2700, 2700, 5300},
     {4900, 4900, 6400},
     {10875, 21000, 30000}},
    {"ddr4_3200aa",
     4,
     625,
     1,
     22,
     22,
     16,
     32000,
     5000,
     {2500, 2500, 5300},
     {4900, 4900, 6400},
     {10000, 21000, 30000}},
    DDR5("ddr5_4800a", 1250, 3, 34, 34, 32, 13333),
    DDR5("ddr5_4800b", 1250, 3, 40, 39, 38, 13333),
    DDR5("ddr5_5200a", 5000, 13, 38, 38, 36, 12307),
    DDR5("ddr5_5200b", 5000, 13, 42, 42, 40, 12307),
    DDR5("ddr5_5600a", 2500, 7, 40, 40, 38, 11428),
    DDR5("ddr5_5600b", 2500, 7, 46, 45, 44, 11428),
    DDR5("ddr5_6000a", 1000, 3, 42, 42, 40, 10666),
    DDR5("ddr5_6000b", 1000, 3, 48, 48, 46, 10666),
    DDR5("ddr5_6400a", 625, 2, 46, 46, 44, 10000),
    DDR5("ddr5_6400b", 625, 2, 52, 52, 50, 10000),
};

const char *const cbit_dram_speed_names[] = {
    "ddr4_2133p", "ddr4_2400r", "ddr4_2666v", "ddr4_2933y", "ddr4_3200aa", "ddr5_4800a",
    "ddr5_4800b", "ddr5_5200a", "ddr5_5200b", "ddr5_5600a", "ddr5_5600b",  "ddr5_6000a",
    "ddr5_6000b", "ddr5_6400a", "ddr5_6400b", NULL,
};

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
    {CBIT_FIELD(U32, cbit_dram_config_t, density_gbit), .unit = "Gbit", .min = 2, .max = 32,
     .fallback = 8, .source = "assumed: the usual part of the DDR4-3200 generation",
     .help = "Density of a device"},
    {CBIT_FIELD(U32, cbit_dram_config_t, ranks), .min = 1, .max = CBIT_DRAM_MAX_RANKS,
     .fallback = 1, .source = "assumed: single-rank modules", .help = "Ranks of a channel"},
    {CBIT_FIELD(BOOL, cbit_dram_config_t, ecc),
     .source = "JESD21-C (DDR4, 72 bits) and JESD400-5 (EC8, 40 bits a sub-channel); assumed: off",
     .help = "Side-band ECC: eight more bits of devices work with each rank and take their energy; "
             "no timing changes, and no error is modelled"},
    {CBIT_FIELD(U32, cbit_dram_config_t, refresh_granularity), .min = 1, .max = 4, .fallback = 1,
     .source = "JESD79-4 (1, 2, 4) and JESD79-5 (1, 2): fine granularity refresh; assumed: normal",
     .help = "Refresh commands for each one of the normal mode: shorter ones, more often"},
    {CBIT_FIELD(OBJECT, cbit_dram_config_t, timing), .rows = timing_rows,
     .source = "by speed grade", .help = "Timing; 0 takes the speed grade's value"},
    {CBIT_FIELD(OBJECT, cbit_dram_config_t, power), .rows = power_rows, .source = "by device",
     .help = "Currents of one device, for energy"},
    {.key = NULL},
};

/*
 * Picoseconds to clocks, the one place. DDR4: ceil(t/tCK - 0.025); DDR5: ceil(0.997 t/tCK);
 * the correction keeps a value that is a whole number of clocks from being rounded up by the
 * standard's own truncation. Exact times (refresh) round up without it.
 */
typedef enum rounding { ROUND_JEDEC, ROUND_EXACT } rounding_t;

static uint32_t clocks(const grade_t *grade, uint64_t ps, rounding_t rounding)
{
    uint64_t tck = grade->tck_num_ps;
    uint64_t scaled = ps * grade->tck_den; /* clocks = scaled / tck */
    if (rounding == ROUND_EXACT) {
        return (uint32_t)((scaled + tck - 1) / tck);
    }
    if (grade->generation == 4) {
        uint64_t thousandths = scaled * 1000;
        thousandths = thousandths > 25 * tck ? thousandths - 25 * tck : 0;
        return (uint32_t)((thousandths + 1000 * tck - 1) / (1000 * tck));
    }
    return (uint32_t)((scaled * 997 + 1000 * tck - 1) / (1000 * tck));
}

static uint32_t at_least(uint32_t nck, uint32_t least_nck)
{
    return nck > least_nck ? nck : least_nck;
}

static void fill(uint32_t *field, uint32_t value)
{
    if (*field == 0) {
        *field = value;
    }
}

/*
 * Refresh times in ns by density: JESD79-4 and JESD79-5, tRFC by density and granularity. DDR4's
 * 32 Gb devices are stacks of two 16 Gb dies (3DS) whose logical ranks are not modelled: assumed as
 * one die of 16 Gb's times.
 */
typedef struct refresh_row {
    uint32_t generation, density_gbit;
    uint32_t rfc1_ns, rfc2_ns, rfc4_ns, rfcsb_ns; /* 0: the generation has none */
} refresh_row_t;

static const refresh_row_t *refresh_row(uint32_t generation, uint32_t density_gbit)
{
    static const refresh_row_t TABLE[] = {
        {4, 2, 160, 110, 90, 0},   {4, 4, 260, 160, 110, 0},  {4, 8, 350, 260, 160, 0},
        {4, 16, 550, 350, 260, 0}, {4, 32, 550, 350, 260, 0}, {5, 8, 195, 130, 0, 115},
        {5, 16, 295, 160, 0, 130}, {5, 24, 410, 220, 0, 190}, {5, 32, 410, 220, 0, 190},
    };
    for (size_t i = 0; i < sizeof TABLE / sizeof TABLE[0]; i++) {
        if (TABLE[i].generation == generation && TABLE[i].density_gbit == density_gbit) {
            return &TABLE[i];
        }
    }
    return NULL;
}

static void fill_common(cbit_dram_timing_t *t, const grade_t *g, uint32_t width)
{
    bool ddr5 = g->generation == 5;
    fill(&t->burst_nck, ddr5 ? 8 : 4);
    fill(&t->command_nck, ddr5 ? 2 : 1);
    fill(&t->cl_nck, g->cl_nck);
    fill(&t->cwl_nck, g->cwl_nck);
    fill(&t->trcd_nck, g->rcd_nck);
    fill(&t->trp_nck, g->rcd_nck);
    fill(&t->tras_nck, clocks(g, g->tras_ps, ROUND_JEDEC));
    fill(&t->trc_nck, t->tras_nck + t->trp_nck);
    fill(&t->tccd_s_nck, ddr5 ? 8 : 4);
    fill(&t->tccd_l_nck, at_least(clocks(g, g->tccd_l_ps, ROUND_JEDEC), ddr5 ? 8 : 5));
    fill(&t->trrd_s_nck, at_least(clocks(g, g->trrd_s_ps[width], ROUND_JEDEC), ddr5 ? 8 : 4));
    fill(&t->trrd_l_nck, at_least(clocks(g, g->trrd_l_ps[width], ROUND_JEDEC), ddr5 ? 8 : 4));
    static const uint32_t FAW_MIN[2][3] = {{16, 20, 28}, {32, 32, 40}};
    fill(&t->tfaw_nck, at_least(clocks(g, g->tfaw_ps[width], ROUND_JEDEC), FAW_MIN[ddr5][width]));
    fill(&t->twr_nck, clocks(g, ddr5 ? 30000 : 15000, ROUND_JEDEC));
    fill(&t->twtr_s_nck, at_least(clocks(g, 2500, ROUND_JEDEC), ddr5 ? 4 : 2));
    fill(&t->twtr_l_nck, at_least(clocks(g, ddr5 ? 10000 : 7500, ROUND_JEDEC), ddr5 ? 16 : 4));
    fill(&t->trtp_nck, at_least(clocks(g, 7500, ROUND_JEDEC), ddr5 ? 12 : 4));
    fill(&t->tppd_nck, ddr5 ? 2 : 1);
    fill(&t->trtrs_nck, 2);
    /* DDR5 x4: a burst is half an on-die ECC word, so same-group writes pay for the merge. */
    uint32_t wr2 = at_least(clocks(g, 10000, ROUND_JEDEC), 16);
    uint32_t wr = at_least(clocks(g, 20000, ROUND_JEDEC), 32);
    fill(&t->tccd_l_wr_nck, !ddr5 ? t->tccd_l_nck : width == 0 ? wr : wr2);
}

static uint32_t minus(uint32_t a, uint32_t b)
{
    return a > b ? a - b : 0;
}

static void fill_refresh(cbit_dram_timing_t *t, const grade_t *g, const cbit_dram_config_t *config,
                         uint32_t banks_per_group)
{
    const refresh_row_t *row = refresh_row(g->generation, config->density_gbit);
    bool ddr5 = g->generation == 5;
    uint32_t parts = config->refresh_granularity == 0 ? 1 : config->refresh_granularity;
    uint32_t rfc = parts == 1 ? row->rfc1_ns : parts == 2 ? row->rfc2_ns : row->rfc4_ns;
    /* tREFI rounds down: refreshing late is never right. */
    uint64_t refi_ps = ddr5 ? 3900000 : 7800000;
    fill(&t->trefi_nck, (uint32_t)(refi_ps * g->tck_den / (g->tck_num_ps * parts)));
    fill(&t->trfc_nck, clocks(g, 1000ull * rfc, ROUND_EXACT));
    if (ddr5) {
        /* One bank of every group at a time, each as often as fine granularity asks (tREFI2). */
        fill(&t->trefisb_nck,
             (uint32_t)(refi_ps * g->tck_den / (g->tck_num_ps * 2 * banks_per_group)));
        fill(&t->trfcsb_nck, clocks(g, 1000ull * row->rfcsb_ns, ROUND_EXACT));
        fill(&t->trefsbrd_nck, clocks(g, 30000, ROUND_JEDEC));
    }
}

/* DLL lock (tDLLK) by DDR4 data rate: JESD79-4. */
static uint32_t dllk_nck(const grade_t *g)
{
    if (g->generation == 5) {
        return clocks(g, 640000, ROUND_EXACT); /* 1536 at 4800, 2048 at 6400 */
    }
    return g->tck_num_ps / g->tck_den >= 833   ? 768
           : g->tck_num_ps / g->tck_den >= 750 ? 854
           : g->tck_num_ps / g->tck_den >= 682 ? 940
                                               : 1024;
}

static void fill_sleep(cbit_dram_timing_t *t, const grade_t *g, uint32_t density_gbit)
{
    /* tXP: max(4 nCK, 6 ns), DDR5 max(8, 7.5 ns); tXS: tRFC1 + 10 ns, DDR5 tRFC1. */
    bool ddr5 = g->generation == 5;
    uint32_t rfc1 =
        clocks(g, 1000ull * refresh_row(g->generation, density_gbit)->rfc1_ns, ROUND_EXACT);
    fill(&t->txp_nck, at_least(clocks(g, ddr5 ? 7500 : 6000, ROUND_JEDEC), ddr5 ? 8 : 4));
    fill(&t->tcke_nck, at_least(clocks(g, ddr5 ? 7500 : 5000, ROUND_JEDEC), ddr5 ? 8 : 3));
    fill(&t->txs_nck, rfc1 + (ddr5 ? 0 : clocks(g, 10000, ROUND_JEDEC)));
    fill(&t->txsdll_nck, at_least(dllk_nck(g), t->txs_nck));
    /* DDR4: tCKE + 1 nCK; DDR5: CS low for 10 ns (tCSL). */
    fill(&t->tckesr_nck, ddr5 ? at_least(clocks(g, 10000, ROUND_JEDEC), 8) : t->tcke_nck + 1);
    bool slow = !ddr5 && g->tck_num_ps / g->tck_den > 833; /* 1 nCK up to DDR4-2133, then 2 */
    fill(&t->tactpden_nck, slow ? 1 : 2);
    fill(&t->tprpden_nck, slow ? 1 : 2);
    fill(&t->trefpden_nck, slow ? 1 : 2);
}

static void fill_derived(cbit_dram_timing_t *t, const grade_t *g)
{
    uint32_t preamble = g->generation == 5 ? 2 : 0;
    fill(&t->read_to_write_nck,
         minus(t->cl_nck + t->burst_nck + t->trtrs_nck + preamble, t->cwl_nck));
    fill(&t->write_to_read_s_nck, t->cwl_nck + t->burst_nck + t->twtr_s_nck);
    fill(&t->write_to_read_l_nck, t->cwl_nck + t->burst_nck + t->twtr_l_nck);
    fill(&t->write_to_pre_nck, t->cwl_nck + t->burst_nck + t->twr_nck);
    fill(&t->read_auto_to_act_nck, t->trtp_nck + t->trp_nck);
    fill(&t->write_auto_to_act_nck, t->write_to_pre_nck + t->trp_nck);
    fill(&t->read_to_sleep_nck, t->cl_nck + t->burst_nck + 1);
    fill(&t->write_to_sleep_nck, t->write_to_pre_nck + (g->generation == 5 ? 1 : 0));
    fill(&t->write_auto_to_sleep_nck, t->write_to_pre_nck + 1);
    fill(&t->read_to_read_rank_nck, t->burst_nck + t->trtrs_nck);
    fill(&t->write_to_write_rank_nck, t->burst_nck + t->trtrs_nck);
    fill(&t->read_to_write_rank_nck, minus(t->cl_nck + t->burst_nck + t->trtrs_nck, t->cwl_nck));
    fill(&t->write_to_read_rank_nck,
         at_least(minus(t->cwl_nck + t->burst_nck + t->trtrs_nck, t->cl_nck), 1));
}

/*
 * Data-sheet currents of one x8 device: the 8 Gb DDR4-3200 part that DRAMsim3 ships, and the DDR5
 * part that Ramulator 2 ships (DDR5-VRR; it has no power-down and no self-refresh: assumed to be
 * DDR4's share of standby, 25/37, 43/52 and 30/37).
 */
static void fill_power(cbit_dram_power_t *p, uint32_t generation)
{
    static const cbit_dram_power_t DDR4 = {.vdd_mv = 1200,
                                           .idd0_ma = 57,
                                           .idd2n_ma = 37,
                                           .idd3n_ma = 52,
                                           .idd4r_ma = 168,
                                           .idd4w_ma = 150,
                                           .idd5_ma = 250,
                                           .idd2p_ma = 25,
                                           .idd3p_ma = 43,
                                           .idd6_ma = 30};
    static const cbit_dram_power_t DDR5 = {.vdd_mv = 1100,
                                           .idd0_ma = 60,
                                           .idd2n_ma = 50,
                                           .idd3n_ma = 55,
                                           .idd4r_ma = 145,
                                           .idd4w_ma = 145,
                                           .idd5_ma = 362,
                                           .idd2p_ma = 34,
                                           .idd3p_ma = 45,
                                           .idd6_ma = 41};
    const cbit_dram_power_t *of = generation == 5 ? &DDR5 : &DDR4;
    fill(&p->vdd_mv, of->vdd_mv);
    fill(&p->idd0_ma, of->idd0_ma);
    fill(&p->idd2n_ma, of->idd2n_ma);
    fill(&p->idd3n_ma, of->idd3n_ma);
    fill(&p->idd4r_ma, of->idd4r_ma);
    fill(&p->idd4w_ma, of->idd4w_ma);
    fill(&p->idd5_ma, of->idd5_ma);
    fill(&p->idd2p_ma, of->idd2p_ma);
    fill(&p->idd3p_ma, of->idd3p_ma);
    fill(&p->idd6_ma, of->idd6_ma);
}

/* Timings that no device could have: each with the rule that it breaks. */
static void check_timing(const cbit_dram_timing_t *t, const char *where, cbit_diag_t *diag,
                         cbit_err_t *err)
{
    const struct {
        bool broken;
        const char *field, *rule;
        uint32_t value, other;
    } RULES[] = {
        {t->tras_nck < t->trcd_nck + t->trtp_nck, "timing/tras_nck",
         "at least tRCD + tRTP = ", t->tras_nck, t->trcd_nck + t->trtp_nck},
        {t->trc_nck < t->tras_nck + t->trp_nck, "timing/trc_nck",
         "at least tRAS + tRP = ", t->trc_nck, t->tras_nck + t->trp_nck},
        {t->tccd_s_nck < t->burst_nck, "timing/tccd_s_nck",
         "at least a burst (BL/2) = ", t->tccd_s_nck, t->burst_nck},
        {t->tccd_l_nck < t->tccd_s_nck, "timing/tccd_l_nck", "at least tCCD_S = ", t->tccd_l_nck,
         t->tccd_s_nck},
        {t->tccd_l_wr_nck < t->tccd_s_nck, "timing/tccd_l_wr_nck",
         "at least tCCD_S = ", t->tccd_l_wr_nck, t->tccd_s_nck},
        {t->trrd_l_nck < t->trrd_s_nck, "timing/trrd_l_nck", "at least tRRD_S = ", t->trrd_l_nck,
         t->trrd_s_nck},
        {t->tfaw_nck < t->trrd_s_nck, "timing/tfaw_nck", "at least tRRD_S = ", t->tfaw_nck,
         t->trrd_s_nck},
        {t->twtr_l_nck < t->twtr_s_nck, "timing/twtr_l_nck", "at least tWTR_S = ", t->twtr_l_nck,
         t->twtr_s_nck},
        {t->write_to_read_l_nck < t->cwl_nck + t->burst_nck, "timing/write_to_read_l_nck",
         "at least tCWL + BL/2 = ", t->write_to_read_l_nck, t->cwl_nck + t->burst_nck},
        {t->cwl_nck > t->cl_nck + 2, "timing/cwl_nck", "at most CL + 2 = ", t->cwl_nck,
         t->cl_nck + 2},
        {t->trefisb_nck != 0 && t->trefisb_nck <= t->trfcsb_nck, "timing/trefisb_nck",
         "more than tRFCsb = ", t->trefisb_nck, t->trfcsb_nck},
        {t->trefi_nck <= t->trfc_nck + t->trp_nck + t->trc_nck, "timing/trefi_nck",
         "more than tRFC + tRP + tRC (a rank that only refreshes does no work) = ", t->trefi_nck,
         t->trfc_nck + t->trp_nck + t->trc_nck},
    };
    for (size_t i = 0; i < sizeof RULES / sizeof RULES[0]; i++) {
        if (RULES[i].broken) {
            *err = cbit_diag_add_below(diag, CBIT_ERR_CONFLICT, where, RULES[i].field,
                                       "%" PRIu32 " contradicts another timing; must be "
                                       "%s%" PRIu32 " nck",
                                       RULES[i].value, RULES[i].rule, RULES[i].other);
        }
    }
}

static uint32_t log2_up(uint32_t n)
{
    uint32_t bits = 0;
    while ((1u << bits) < n) {
        bits++;
    }
    return bits;
}

/* Of the side band, DDR4 x72 and each DDR5 sub-channel (EC8). */
enum { ECC_BITS = 8 };

static void organise(cbit_dram_device_t *d, const cbit_dram_config_t *config, const grade_t *g)
{
    bool ddr5 = g->generation == 5;
    bool x16 = config->width_bits == 16;
    uint32_t columns = ddr5 && config->width_bits == 4 ? 2048 : 1024;
    uint32_t channel_bits = ddr5 ? 32 : 64;
    d->generation = g->generation;
    d->clock = (cbit_clock_t){.period_num_ps = g->tck_num_ps, .period_den = g->tck_den};
    d->ranks = config->ranks;
    d->groups = (ddr5 ? 8u : 4u) / (x16 ? 2u : 1u);
    d->banks_per_group = ddr5 && config->density_gbit == 8 ? 2 : 4;
    d->banks = d->ranks * d->groups * d->banks_per_group;
    uint32_t data_devices = channel_bits / config->width_bits;
    d->devices_per_rank =
        data_devices + (config->ecc ? (ECC_BITS + config->width_bits - 1) / config->width_bits : 0);
    uint64_t device_bits = (uint64_t)config->density_gbit << 30;
    d->rows = (uint32_t)(device_bits /
                         ((uint64_t)d->groups * d->banks_per_group * columns * config->width_bits));
    d->rank_bits = log2_up(d->ranks);
    d->group_bits = log2_up(d->groups);
    d->bank_bits = log2_up(d->banks_per_group);
    d->row_bits = log2_up(d->rows);
    d->column_bits = log2_up(columns * channel_bits / 8 / 64);
    d->block_nck_num = ddr5 ? 2 : 1;
    d->block_nck_den = 1;
    d->capacity_bytes = device_bits / 8 * data_devices * d->ranks;
}

static cbit_err_t check_config(const cbit_dram_config_t *config, const char *where,
                               cbit_diag_t *diag)
{
    cbit_err_t err = CBIT_ERR_OK;
    uint32_t width = config->width_bits;
    if (config->speed >= CBIT_DRAM_SPEEDS) {
        return cbit_diag_add_below(diag, CBIT_ERR_RANGE, where, "speed", "no such speed grade");
    }
    if (width != 4 && width != 8 && width != 16) {
        err = cbit_diag_add_below(diag, CBIT_ERR_RANGE, where, "width_bits",
                                  "%" PRIu32 " is no device width; 4, 8 or 16", width);
    }
    uint32_t generation = GRADES[config->speed].generation;
    if (refresh_row(generation, config->density_gbit) == NULL) {
        err = cbit_diag_add_below(diag, CBIT_ERR_RANGE, where, "density_gbit",
                                  "no DDR%" PRIu32 " device has %" PRIu32 " Gbit; %s", generation,
                                  config->density_gbit,
                                  generation == 4 ? "2, 4, 8, 16 or 32" : "8, 16, 24 or 32");
    }
    uint32_t parts = config->refresh_granularity;
    if (parts > 4 || parts == 3 || (generation == 5 && parts == 4)) {
        err = cbit_diag_add_below(diag, CBIT_ERR_RANGE, where, "refresh_granularity",
                                  "DDR%" PRIu32 " has no %" PRIu32 "x mode; %s", generation, parts,
                                  generation == 4 ? "1, 2 or 4" : "1 or 2");
    }
    if (config->ranks == 0 || config->ranks > CBIT_DRAM_MAX_RANKS) {
        err = cbit_diag_add_below(diag, CBIT_ERR_RANGE, where, "ranks", "%" PRIu32 "; 1 to %d",
                                  config->ranks, CBIT_DRAM_MAX_RANKS);
    }
    return err;
}

cbit_err_t cbit_dram_resolve(const cbit_dram_config_t *config, const char *where,
                             cbit_dram_device_t *device, cbit_diag_t *diag)
{
    cbit_err_t err = check_config(config, where, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    const grade_t *grade = &GRADES[config->speed];
    cbit_dram_device_t d = {.timing = config->timing, .power = config->power};
    organise(&d, config, grade);
    fill_power(&d.power, grade->generation);
    fill_common(&d.timing, grade, config->width_bits == 4 ? 0 : config->width_bits == 8 ? 1 : 2);
    fill_refresh(&d.timing, grade, config, d.banks_per_group);
    fill_sleep(&d.timing, grade, config->density_gbit);
    fill_derived(&d.timing, grade);
    check_timing(&d.timing, where, diag, &err);
    if (err == CBIT_ERR_OK) {
        *device = d;
    }
    return err;
}
