/**
 * @file
 * Energy of a channel's devices from their data-sheet currents (IDD), by command class.
 *
 * ACT with its PRE: VDD (IDD0 tRC - IDD3N tRAS - IDD2N tRP); a burst: VDD (IDD4 - IDD3N) BL/2; a
 * refresh: VDD (IDD5 - IDD3N) tRFC; background: VDD IDD3N while any bank of a rank is open, else
 * VDD IDD2N. All devices of the rank together. I/O and termination are not part of IDD.
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
} cbit_dram_activity_t;

typedef struct cbit_dram_energy {
    uint64_t activate_pj, read_pj, write_pj, refresh_pj, open_pj, closed_pj;
} cbit_dram_energy_t;

void cbit_dram_energy(const cbit_dram_device_t *device, const cbit_dram_activity_t *activity,
                      cbit_dram_energy_t *energy);

#ifdef __cplusplus
}
#endif
#endif
