/**
 * @file
 * The data fabric: which memory controller an address belongs to, and how long the way takes.
 *
 * Addresses interleave over the channels in granules, with higher bits XOR-folded into the channel
 * number where the count is a power of two. The mapping is a bijection: address <-> (channel,
 * channel address). Each direction of each channel is a link of fixed latency that delivers in
 * order; a request that its controller refuses waits at the end of its link, and those behind it
 * too.
 */
#ifndef CBIT_FABRIC_FABRIC_H
#define CBIT_FABRIC_FABRIC_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/base/rows.h"
#include "cbit/sim/kernel.h"
#include "cbit/sim/port.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CBIT_FABRIC_MAX_CHANNELS = 32 };

typedef struct cbit_fabric_config {
    uint32_t channels;
    uint64_t interleave_bytes; /* power of two, 64..4096 */
    bool hash;                 /* fold higher address bits into the channel number */
    uint64_t request_ns;       /* kept in ps: caches to memory controller, unloaded */
    uint64_t return_ns;        /* kept in ps: memory controller to caches */
    uint32_t link_entries;     /* requests on their way to one channel; beyond it: refused */
} cbit_fabric_config_t;
extern const cbit_row_t cbit_fabric_rows[];

typedef struct cbit_fabric cbit_fabric_t; /* opaque */

typedef struct cbit_fabric_stats {
    uint64_t requests, replies;
    uint64_t refused;        /* sends that found their link full */
    uint64_t machine_checks; /* replies with a status other than OK */
} cbit_fabric_stats_t;
extern const cbit_row_t cbit_fabric_stat_rows[];

/* Checks the rules across fields; adds one entry per finding, anchored below `where`. */
cbit_err_t cbit_fabric_check(const cbit_fabric_config_t *config, const char *where,
                             cbit_diag_t *diag);

/* memory_bytes: what lies behind; requests beyond it are answered with ADDRESS. */
cbit_err_t cbit_fabric_create(const cbit_fabric_config_t *config, cbit_kernel_t *kernel,
                              uint64_t memory_bytes, cbit_fabric_t **out, cbit_diag_t *diag);
void cbit_fabric_destroy(cbit_fabric_t *fabric); /* NULL is allowed */

/* Binds a channel's controller; every channel must be bound before the first request. */
void cbit_fabric_bind(cbit_fabric_t *fabric, uint32_t channel, cbit_port_t memory);

/* Where requests enter; charges FABRIC and RETURN. */
cbit_port_t cbit_fabric_port(cbit_fabric_t *fabric);

uint32_t cbit_fabric_channel_of(const cbit_fabric_t *fabric, cbit_spa_t spa);

/* The channel's own contiguous address of spa (self is the fabric). */
uint64_t cbit_fabric_channel_address(const void *self, cbit_spa_t spa);

void cbit_fabric_stats(const cbit_fabric_t *fabric, cbit_fabric_stats_t *stats);

#ifdef __cplusplus
}
#endif
#endif
