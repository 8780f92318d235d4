/**
 * @file
 * Energy of a channel's devices from their data-sheet currents (IDD), by command class.
 *
 * ACT with its PRE: VDD (IDD0 tRC - IDD3N tRAS - IDD2N tRP); a burst: VDD (IDD4 - IDD3N) BL/2; a
 * refresh: VDD (IDD5 - IDD3N) tRFC, of one bank a group that share of it with tRFCsb (assumed: as
 * much a row); background: VDD IDD3N while any bank of a rank is open, else VDD IDD2N, in
 * power-down IDD3P and IDD2P, in self-refresh IDD6. All devices of the rank together. I/O and
 * termination are not part of IDD.
 */
#ifndef CBIT_DRAM_ENERGY_H
#define CBIT_DRAM_ENERGY_H

#include <stdint.h>

#include "cbit/dram/device.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_dram_activity {
    uint64_t activates, reads, writes, refreshes;
    uint64_t open_rank_nck;  /* clocks in which a rank had an open bank, summed over ranks */
    uint64_t total_rank_nck; /* clocks, summed over ranks */
    uint64_t bank_refreshes; /* REFSB */
    /* Of the above clocks: in power-down with and without open banks, in self-refresh. */
    uint64_t down_open_nck, down_closed_nck, self_refresh_nck;
} cbit_dram_activity_t;

typedef struct cbit_dram_energy {
    uint64_t activate_pj, read_pj, write_pj, refresh_pj; /* by command class */
    uint64_t open_pj, closed_pj, down_open_pj, down_closed_pj, self_refresh_pj; /* background */
} cbit_dram_energy_t;

/* The sum of all classes. */
uint64_t cbit_dram_energy_total_pj(const cbit_dram_energy_t *energy);

void cbit_dram_energy(const cbit_dram_device_t *device, const cbit_dram_activity_t *activity,
                      cbit_dram_energy_t *energy);

#ifdef __cplusplus
}
#endif
#endif
