#include "cbit/dram/device.h"

#include "model/dram/timing.h"

static void fill(uint32_t *field, uint32_t value)
{
    if (*field == 0) {
        *field = value;
    }
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

static void organise(cbit_dram_device_t *d, const cbit_dram_config_t *config, const dram_grade_t *g)
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

cbit_err_t cbit_dram_resolve(const cbit_dram_config_t *config, const char *where,
                             cbit_dram_device_t *device, cbit_diag_t *diag)
{
    cbit_dram_config_t c = *config;
    if (c.speed < CBIT_DRAM_SPEEDS) { /* dram_check_config says so if not */
        fill(&c.density_gbit, dram_grades[c.speed].generation == 5 ? 16 : 8);
    }
    cbit_err_t err = dram_check_config(&c, where, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    const dram_grade_t *grade = &dram_grades[c.speed];
    cbit_dram_device_t d = {.timing = c.timing, .power = c.power};
    organise(&d, &c, grade);
    fill_power(&d.power, grade->generation);
    dram_timing_fill(&d.timing, grade, &c, d.banks_per_group);
    err = dram_check_timing(&d.timing, where, diag);
    if (err == CBIT_ERR_OK) {
        *device = d;
    }
    return err;
}
