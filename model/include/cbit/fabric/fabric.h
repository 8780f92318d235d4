/**
 * @file
 * The data fabric: which memory controller an address belongs to, and how long the path takes.
 *
 * Memory is split evenly over the NUMA nodes (nodes_per_socket x sockets), each with its share of
 * the channels, in order. Within a node addresses interleave over its channels in granules, with
 * higher bits XOR-folded into the channel number where the count is a power of two. The mapping is
 * a bijection: address <-> (channel, channel address).
 *
 * A socket has four quadrants, two by two, with a quarter of its channels each. A request enters at
 * a quadrant and takes request_ns plus hop_ns for each step to its channel's quadrant, plus
 * socket_ns to the other socket. The answer takes likewise. Each direction of each (entry, channel)
 * is a link that delivers in order. A request that its controller refuses waits at the end of its
 * link, and so do those behind it. A request for which the controller certainly has room does not
 * occupy the link: the controller gets it ahead of time (try_send_at). If a read is given ahead
 * while its line is still being looked up, later requests that are refused do not hold it up.
 *
 * Ports have a width. In each clock of the fabric an entry accepts write_bytes and delivers
 * read_bytes (the devices' entry io_bytes each way), and each direction between the sockets carries
 * socket_bytes. Data that arrive while a port is busy wait for it, in order. The time through an
 * idle port is part of request_ns and return_ns, so idle latencies do not depend on widths.
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

enum {
    CBIT_FABRIC_MAX_CHANNELS = 64,
    CBIT_FABRIC_QUADRANTS = 4,
    CBIT_FABRIC_COMPLEXES = 64,
    CBIT_FABRIC_MAX_ENTRIES, /* the complexes and the devices' entry */
};

typedef struct cbit_fabric_config {
    uint32_t channels;
    uint64_t interleave_bytes; /* power of two, 64..4096 */
    bool hash;                 /* fold higher address bits into the channel number */
    uint32_t sockets;          /* 1 or 2 */
    uint32_t nodes_per_socket; /* NPS: 1, 2 or 4 */
    uint64_t request_ns;       /* kept in ps: caches to memory controller of the same quadrant */
    uint64_t return_ns;        /* kept in ps: memory controller to caches */
    uint64_t hop_ns;           /* kept in ps: one quadrant further, each way */
    uint64_t socket_ns;        /* kept in ps: to the other socket, each way */
    uint32_t link_entries;     /* requests under way from one entry to one channel */
    uint64_t clock_khz;        /* the clock that the widths below count; a width of 0: no limit */
    uint32_t read_bytes;       /* per clock, to a complex */
    uint32_t write_bytes;      /* per clock, from a complex */
    uint32_t io_bytes;         /* per clock, devices and Secure Processor, each way */
    uint32_t socket_bytes;     /* per clock, between the sockets, each way */
} cbit_fabric_config_t;
extern const cbit_row_t cbit_fabric_rows[];

typedef struct cbit_fabric cbit_fabric_t; /* opaque */

typedef struct cbit_fabric_stats {
    uint64_t requests, replies;
    uint64_t refused;        /* sends that found their link full */
    uint64_t hops;           /* quadrants crossed by requests */
    uint64_t remote;         /* requests for the other socket */
    uint64_t machine_checks; /* replies with a status other than OK */
    uint64_t port_waited_ps; /* sum over all data, for a port or the link between the sockets */
    uint64_t busiest_ps;     /* busy time of the port and direction that was busy longest */
} cbit_fabric_stats_t;
extern const cbit_row_t cbit_fabric_stat_rows[];

/* Checks the rules across fields; adds one entry per finding, anchored below `where`. */
cbit_err_t cbit_fabric_check(const cbit_fabric_config_t *config, const char *where,
                             cbit_diag_t *diag);

/* memory_bytes: the memory behind all channels. Requests beyond it are answered with ADDRESS. */
cbit_err_t cbit_fabric_create(const cbit_fabric_config_t *config, cbit_kernel_t *kernel,
                              uint64_t memory_bytes, cbit_fabric_t **out, cbit_diag_t *diag);
void cbit_fabric_destroy(cbit_fabric_t *fabric); /* NULL is allowed */

/* Binds a channel's controller; every channel must be bound before the first request. */
void cbit_fabric_bind(cbit_fabric_t *fabric, uint32_t channel, cbit_port_t memory);

/* Where requests enter: devices at the first quadrant (cbit_fabric_port), a complex (0..COMPLEXES -
   1) at its own port in quadrant socket x 4 + quadrant, modulo the number of quadrants. The fabric
   charges FABRIC and RETURN, and sets a request's channel address. Not after the first request. */
cbit_port_t cbit_fabric_port(cbit_fabric_t *fabric);
cbit_port_t cbit_fabric_port_at(cbit_fabric_t *fabric, uint32_t complex);

/* The quadrant of a channel: socket x 4 + quadrant. */
uint32_t cbit_fabric_quadrant_of(const cbit_fabric_t *fabric, uint32_t channel);

uint32_t cbit_fabric_channel_of(const cbit_fabric_t *fabric, cbit_spa_t spa);

/*
 * The address that differs from spa in its channel's highest address line only: half a channel away
 * in the same channel. If the devices lack that line, both are the same place. Returns spa itself
 * in the remainder of a memory that does not divide evenly.
 */
cbit_spa_t cbit_fabric_alias(const cbit_fabric_t *fabric, cbit_spa_t spa);
/* The one of the two that such a device has: the lower half's (self is the fabric). */
cbit_spa_t cbit_fabric_lower_half(const void *self, cbit_spa_t spa);
/* Below this address all memory (of the first node) is in lower halves. */
cbit_spa_t cbit_fabric_lower_end(const cbit_fabric_t *fabric);

void cbit_fabric_stats(const cbit_fabric_t *fabric, cbit_fabric_stats_t *stats);

#ifdef __cplusplus
}
#endif
#endif
