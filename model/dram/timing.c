/* Timings of a device in clocks, from its speed grade. */
#include "model/dram/timing.h"

/*
 * Picoseconds to clocks, the one place. DDR4: ceil(t/tCK - 0.025); DDR5: ceil(0.997 t/tCK);
 * the correction keeps a value that is a whole number of clocks from being rounded up by the
 * standard's own truncation. Exact times (refresh) round up without it.
 */
typedef enum rounding { ROUND_JEDEC, ROUND_EXACT } rounding_t;

static uint32_t clocks(const dram_grade_t *grade, uint64_t ps, rounding_t rounding)
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

static void fill_common(cbit_dram_timing_t *t, const dram_grade_t *g, uint32_t width)
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

static void fill_refresh(cbit_dram_timing_t *t, const dram_grade_t *g,
                         const cbit_dram_config_t *config, uint32_t banks_per_group)
{
    const dram_refresh_row_t *row = dram_refresh_row(g->generation, config->density_gbit);
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
static uint32_t dllk_nck(const dram_grade_t *g)
{
    if (g->generation == 5) {
        return clocks(g, 640000, ROUND_EXACT); /* 1536 at 4800, 2048 at 6400 */
    }
    return g->tck_num_ps / g->tck_den >= 833   ? 768
           : g->tck_num_ps / g->tck_den >= 750 ? 854
           : g->tck_num_ps / g->tck_den >= 682 ? 940
                                               : 1024;
}

static void fill_sleep(cbit_dram_timing_t *t, const dram_grade_t *g, uint32_t density_gbit)
{
    /* tXP: max(4 nCK, 6 ns), DDR5 max(8, 7.5 ns); tXS: tRFC1 + 10 ns, DDR5 tRFC1. */
    bool ddr5 = g->generation == 5;
    uint32_t rfc1 =
        clocks(g, 1000ull * dram_refresh_row(g->generation, density_gbit)->rfc1_ns, ROUND_EXACT);
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

static void fill_derived(cbit_dram_timing_t *t, const dram_grade_t *g)
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

void dram_timing_fill(cbit_dram_timing_t *t, const dram_grade_t *grade,
                      const cbit_dram_config_t *config, uint32_t banks_per_group)
{
    fill_common(t, grade, config->width_bits == 4 ? 0 : config->width_bits == 8 ? 1 : 2);
    fill_refresh(t, grade, config, banks_per_group);
    fill_sleep(t, grade, config->density_gbit);
    fill_derived(t, grade);
}
