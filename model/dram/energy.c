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
    uint64_t closed_nck = above(activity->total_rank_nck, activity->open_rank_nck);
    *energy = (cbit_dram_energy_t){
        .activate_pj = pj_of(device, row_ma_nck, activity->activates),
        .read_pj = pj_of(device, above(p->idd4r_ma, p->idd3n_ma) * t->burst_nck, activity->reads),
        .write_pj = pj_of(device, above(p->idd4w_ma, p->idd3n_ma) * t->burst_nck, activity->writes),
        .refresh_pj =
            pj_of(device, above(p->idd5_ma, p->idd3n_ma) * t->trfc_nck, activity->refreshes),
        .open_pj = pj_of(device, p->idd3n_ma, activity->open_rank_nck),
        .closed_pj = pj_of(device, p->idd2n_ma, closed_nck)};
}
