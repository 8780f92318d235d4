#include "cbit/dram/energy.h"

enum { PJ_DIVISOR = 1000000 }; /* mV x mA x ps = 10^-6 pJ */

/* mA x clocks of one event of one device, times events, as picojoules of the whole rank. */
static uint64_t pj_of(const cbit_dram_device_t *d, uint64_t ma_nck, uint64_t events)
{
    cbit_u128_t sum = (cbit_u128_t)ma_nck * events * d->power.vdd_mv * d->devices_per_rank;
    return (uint64_t)(sum * d->clock.period_num_ps / d->clock.period_den / PJ_DIVISOR);
}

static uint64_t above(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

void cbit_dram_energy(const cbit_dram_device_t *device, const cbit_dram_activity_t *activity,
                      cbit_dram_energy_t *energy)
{
    const cbit_dram_power_t *p = &device->power;
    const cbit_dram_timing_t *t = &device->timing;
    uint64_t row_ma_nck =
        above((uint64_t)p->idd0_ma * t->trc_nck,
              (uint64_t)p->idd3n_ma * t->tras_nck + (uint64_t)p->idd2n_ma * t->trp_nck);
    uint64_t awake_nck =
        above(activity->total_rank_nck,
              activity->down_open_nck + activity->down_closed_nck + activity->self_refresh_nck);
    uint64_t open_nck = above(activity->open_rank_nck, activity->down_open_nck);
    uint64_t refresh_ma = above(p->idd5_ma, p->idd3n_ma);
    *energy = (cbit_dram_energy_t){
        .activate_pj = pj_of(device, row_ma_nck, activity->activates),
        .read_pj = pj_of(device, above(p->idd4r_ma, p->idd3n_ma) * t->burst_nck, activity->reads),
        .write_pj = pj_of(device, above(p->idd4w_ma, p->idd3n_ma) * t->burst_nck, activity->writes),
        .refresh_pj = pj_of(device, refresh_ma * t->trfc_nck, activity->refreshes) +
                      pj_of(device, refresh_ma * t->trfcsb_nck, activity->bank_refreshes) /
                          device->banks_per_group,
        .open_pj = pj_of(device, p->idd3n_ma, open_nck),
        .closed_pj = pj_of(device, p->idd2n_ma, above(awake_nck, open_nck)),
        .down_open_pj = pj_of(device, p->idd3p_ma, activity->down_open_nck),
        .down_closed_pj = pj_of(device, p->idd2p_ma, activity->down_closed_nck),
        .self_refresh_pj = pj_of(device, p->idd6_ma, activity->self_refresh_nck)};
}

uint64_t cbit_dram_energy_total_pj(const cbit_dram_energy_t *e)
{
    return e->activate_pj + e->read_pj + e->write_pj + e->refresh_pj + e->open_pj + e->closed_pj +
           e->down_open_pj + e->down_closed_pj + e->self_refresh_pj;
}
