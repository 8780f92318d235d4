/* The tables behind a device: speed grades and refresh times. Private to model/dram. */
#ifndef CBIT_MODEL_DRAM_GRADES_H
#define CBIT_MODEL_DRAM_GRADES_H

#include "cbit/dram/device.h"

/*
 * One row a speed grade. Bins' own clocks (CL, tRCD = tRP, CWL) come from the speed-bin tables,
 * what the standard gives in nanoseconds stands here in picoseconds.
 */
typedef struct dram_grade {
    const char *name;
    uint32_t generation; /* 4 or 5 */
    uint64_t tck_num_ps, tck_den;
    uint32_t cl_nck, rcd_nck, cwl_nck;
    uint32_t tras_ps, tccd_l_ps;
    uint32_t trrd_s_ps[3], trrd_l_ps[3], tfaw_ps[3]; /* x4, x8, x16 */
} dram_grade_t;

extern const dram_grade_t dram_grades[CBIT_DRAM_SPEEDS];

/*
 * Refresh times in ns by density: JESD79-4 and JESD79-5, tRFC by density and granularity. DDR4's
 * 32 Gb devices are stacks of two 16 Gb dies (3DS) whose logical ranks are not modelled: assumed as
 * one die of 16 Gb's times.
 */
typedef struct dram_refresh_row {
    uint32_t generation, density_gbit;
    uint32_t rfc1_ns, rfc2_ns, rfc4_ns, rfcsb_ns; /* 0: the generation has none */
} dram_refresh_row_t;

/* NULL if the generation has no such density. */
const dram_refresh_row_t *dram_refresh_row(uint32_t generation, uint32_t density_gbit);

#endif
