/* The machine's configuration as the loader binds it. */
#ifndef CBIT_WORKLOADS_SCENARIO_MACHINE_H
#define CBIT_WORKLOADS_SCENARIO_MACHINE_H

#ifdef CBIT_HAVE_PLATFORM

#include "cbit/platform/config.h"

#else /* until the platform has landed: the sections that the loader's own rules need */

#include "cbit/base/diag.h"
#include "cbit/base/rows.h"

typedef struct cbit_platform_config {
    struct {
        bool sme;
        uint32_t cores;
    } host;
    struct {
        uint32_t c_bit;
        uint32_t asids;
    } sev;
    struct {
        uint64_t size_bytes;
    } memory;
    struct {
        uint32_t depth_eclk;
    } engine;
} cbit_platform_config_t;

extern const cbit_row_t cbit_platform_rows[];

#endif
#endif
