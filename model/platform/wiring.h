/*
 * The machine's parts by name, and the ports between them: soc.fabric.channel0 sends to memory,
 * soc.core3 to its cache. Private to model/platform.
 *
 * Declared first, bound while the machine is built from the pins up, checked at its end: a port
 * that nobody bound is told by its name before anything runs.
 */
#ifndef CBIT_MODEL_PLATFORM_WIRING_H
#define CBIT_MODEL_PLATFORM_WIRING_H

#include "cbit/platform/config.h"
#include "cbit/sim/module.h"

typedef struct cbit_wiring {
    cbit_module_t soc, fabric, cache, iommu, sp;
    cbit_module_t channel[CBIT_FABRIC_MAX_CHANNELS], core[CBIT_PLATFORM_MAX_CORES];
    cbit_binding_t channel_memory[CBIT_FABRIC_MAX_CHANNELS]; /* to the memory controllers */
    cbit_binding_t cache_memory, iommu_memory, sp_memory;
    cbit_binding_t core_memory[CBIT_PLATFORM_MAX_CORES];
    cbit_diag_t *diag;
    cbit_err_t err; /* of what was bound so far */
} cbit_wiring_t;

/* diag takes all findings; it must live until the check. */
void cbit_wiring_init(cbit_wiring_t *wiring, uint32_t channels, uint32_t cores, cbit_diag_t *diag);

/* Binds and returns the port, for the block's constructor. What is wrong fails the check. */
cbit_port_t cbit_wiring_bind(cbit_wiring_t *wiring, cbit_binding_t *binding, cbit_port_t port);

/* UNBOUND, with one entry per finding, when a port is unbound, empty or bound twice. */
cbit_err_t cbit_wiring_check(const cbit_wiring_t *wiring);

#endif
