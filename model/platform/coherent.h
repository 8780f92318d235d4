/*
 * The way of devices to memory: as the fabric, but coherent with cached lines of the same key id
 * (and only those: a line of a guest's key is invisible to DMA). Private to model/platform.
 */
#ifndef CBIT_MODEL_PLATFORM_COHERENT_H
#define CBIT_MODEL_PLATFORM_COHERENT_H

#include "cbit/cache/cache.h"
#include "cbit/sim/port.h"

typedef struct cbit_coherent cbit_coherent_t;

/* A request under way: what the caches had when a read was sent; whether a fill that was on its way
   took note of a write. */
typedef struct cbit_coherent_read {
    cbit_coherent_t *coherent;
    struct cbit_coherent_read *next; /* in the pool while idle */
    struct cbit_coherent_read *older;
    bool held;
    uint8_t bytes[CBIT_LINE_BYTES];
} cbit_coherent_read_t;

struct cbit_coherent {
    cbit_port_t below;
    cbit_cache_t *cache;
    cbit_coherent_read_t *idle, *newest; /* pool; all that were ever made */
};

cbit_port_t cbit_coherent_port(cbit_coherent_t *coherent);

/* Frees what reads have used; none may be answered afterwards. */
void cbit_coherent_clear(cbit_coherent_t *coherent);

#endif
