/*
 * The way of devices to memory: as the fabric, but coherent with cached lines of the same key id
 * (and only those: a line of a guest's key is invisible to DMA). Private to model/platform.
 */
#ifndef CBIT_MODEL_PLATFORM_COHERENT_H
#define CBIT_MODEL_PLATFORM_COHERENT_H

#include "cbit/cache/cache.h"
#include "cbit/sim/port.h"

typedef struct cbit_coherent {
    cbit_port_t below;
    cbit_cache_t *cache;
} cbit_coherent_t;

cbit_port_t cbit_coherent_port(cbit_coherent_t *coherent);

#endif
