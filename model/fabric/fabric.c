/* Life of the fabric, its map of addresses, and access without time. */
#include <stdlib.h>
#include <string.h>

#include "model/fabric/way.h"

/* Zero-time access granule by granule: each belongs to one channel. out or in is NULL. */
static cbit_err_t for_each_granule(cbit_fabric_t *fabric, cbit_spa_t spa, cbit_key_t key,
                                   uint8_t *out, const uint8_t *in, uint32_t len_bytes)
{
    if (!cbit_fabric_inside(fabric, spa, len_bytes)) {
        return CBIT_ERR_ADDRESS;
    }
    cbit_err_t err = CBIT_ERR_OK;
    for (uint32_t done = 0; done < len_bytes && err == CBIT_ERR_OK;) {
        uint64_t granule = fabric->config.interleave_bytes;
        uint64_t left = granule - ((spa + done) & (granule - 1));
        uint32_t n = len_bytes - done < left ? len_bytes - done : (uint32_t)left;
        const cbit_interleaved_t at = cbit_interleave_find(&fabric->map, spa + done);
        const cbit_port_t *port = &fabric->memory[at.channel];
        err = out != NULL ? port->peek(port->self, spa + done, key, out + done, n)
                          : port->poke(port->self, spa + done, key, in + done, n);
        done += n;
    }
    return err;
}

static cbit_err_t fabric_peek(void *self, cbit_spa_t spa, cbit_key_t key, void *bytes,
                              uint32_t len_bytes)
{
    return for_each_granule(((cbit_entry_t *)self)->fabric, spa, key, bytes, NULL, len_bytes);
}

static cbit_err_t fabric_poke(void *self, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                              uint32_t len_bytes)
{
    return for_each_granule(((cbit_entry_t *)self)->fabric, spa, key, NULL, bytes, len_bytes);
}

uint32_t cbit_fabric_quadrant_of(const cbit_fabric_t *fabric, uint32_t channel)
{
    uint32_t of_socket = fabric->config.channels / fabric->config.sockets;
    return channel / of_socket * CBIT_FABRIC_QUADRANTS +
           channel % of_socket * CBIT_FABRIC_QUADRANTS / of_socket;
}

static cbit_err_t check_memory(const cbit_fabric_config_t *config, uint64_t memory_bytes,
                               cbit_diag_t *diag)
{
    uint32_t nodes = config->sockets * config->nodes_per_socket;
    if (nodes > 1 && memory_bytes % (nodes * (uint64_t)CBIT_PAGE_BYTES) != 0) {
        return cbit_diag_add(diag, CBIT_ERR_CONFLICT, "/fabric/nodes_per_socket",
                             "%llu bytes of memory do not divide into %lu nodes of whole pages",
                             (unsigned long long)memory_bytes, (unsigned long)nodes);
    }
    return CBIT_ERR_OK;
}

cbit_err_t cbit_fabric_create(const cbit_fabric_config_t *config, cbit_kernel_t *kernel,
                              uint64_t memory_bytes, cbit_fabric_t **out, cbit_diag_t *diag)
{
    cbit_err_t err = cbit_fabric_check(config, "/fabric", diag);
    if (err == CBIT_ERR_OK) {
        err = check_memory(config, memory_bytes, diag);
    }
    if (err != CBIT_ERR_OK) {
        return err;
    }
    cbit_fabric_t *fabric = calloc(1, sizeof *fabric);
    if (fabric == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, "/fabric", "out of memory");
    }
    fabric->kernel = kernel;
    fabric->config = *config;
    fabric->memory_bytes = memory_bytes;
    fabric->clock =
        (cbit_clock_t){.period_num_ps = UINT64_C(1000000000), .period_den = config->clock_khz};
    fabric->between[0].width_bytes = fabric->between[1].width_bytes = config->socket_bytes;
    fabric->quadrants = CBIT_FABRIC_QUADRANTS * config->sockets;
    cbit_interleave_init(&fabric->map, config, memory_bytes);
    cbit_link_init(&fabric->nowhere, kernel, config->return_ns, cbit_fabric_on_nowhere, fabric);
    *out = fabric;
    return CBIT_ERR_OK;
}

void cbit_fabric_destroy(cbit_fabric_t *fabric)
{
    for (uint32_t i = 0; fabric != NULL && i < CBIT_FABRIC_MAX_ENTRIES; i++) {
        free(fabric->entries[i]);
    }
    free(fabric);
}

void cbit_fabric_bind(cbit_fabric_t *fabric, uint32_t channel, cbit_port_t memory)
{
    fabric->memory[channel] = memory;
    for (uint32_t i = 0; i < CBIT_FABRIC_MAX_ENTRIES; i++) {
        if (fabric->entries[i] != NULL) {
            cbit_path_bind(&fabric->entries[i]->paths[channel], &memory);
        }
    }
}

static cbit_port_t port_of(cbit_fabric_t *fabric, uint32_t index, uint32_t in_bytes,
                           uint32_t out_bytes)
{
    cbit_entry_t *entry = fabric->entries[index];
    if (entry == NULL) {
        entry = aligned_alloc(_Alignof(cbit_entry_t), sizeof *entry);
        if (entry == NULL) {
            __builtin_trap(); /* a few pages while the machine is built, and no way to tell */
        }
        memset(entry, 0, sizeof *entry);
        fabric->entries[index] = entry;
        entry->fabric = fabric;
        entry->in.width_bytes = in_bytes;
        entry->out.width_bytes = out_bytes;
        cbit_link_init(&entry->late, fabric->kernel, 0, cbit_fabric_on_late, entry);
        for (uint32_t i = 0; i < fabric->config.channels; i++) {
            cbit_path_init(entry, &entry->paths[i],
                           index == CBIT_FABRIC_COMPLEXES ? 0 : index % fabric->quadrants, i);
        }
    }
    return (cbit_port_t){.self = entry,
                         .try_send = cbit_fabric_try_send,
                         .try_send_at = cbit_fabric_try_send_at,
                         .peek = fabric_peek,
                         .poke = fabric_poke};
}

cbit_port_t cbit_fabric_port_at(cbit_fabric_t *fabric, uint32_t complex)
{
    const cbit_fabric_config_t *config = &fabric->config;
    return port_of(fabric, complex % CBIT_FABRIC_COMPLEXES, config->write_bytes,
                   config->read_bytes);
}

cbit_port_t cbit_fabric_port(cbit_fabric_t *fabric)
{
    const cbit_fabric_config_t *config = &fabric->config;
    return port_of(fabric, CBIT_FABRIC_COMPLEXES, config->io_bytes, config->io_bytes);
}

uint32_t cbit_fabric_channel_of(const cbit_fabric_t *fabric, cbit_spa_t spa)
{
    return cbit_interleave_find(&fabric->map, spa).channel;
}

static uint64_t half_channel_bytes(const cbit_fabric_t *fabric)
{
    uint64_t node_bytes =
        fabric->map.node_bytes == 0 ? fabric->memory_bytes : fabric->map.node_bytes;
    return (node_bytes / fabric->map.channels / 2) >> fabric->map.granule_shift
                                                          << fabric->map.granule_shift;
}

cbit_spa_t cbit_fabric_alias(const cbit_fabric_t *fabric, cbit_spa_t spa)
{
    return cbit_interleave_other_half(&fabric->map, half_channel_bytes(fabric), spa);
}

cbit_spa_t cbit_fabric_lower_half(const void *self, cbit_spa_t spa)
{
    const cbit_fabric_t *fabric = self;
    return cbit_interleave_find(&fabric->map, spa).address < half_channel_bytes(fabric)
               ? spa
               : cbit_fabric_alias(fabric, spa);
}

cbit_spa_t cbit_fabric_lower_end(const cbit_fabric_t *fabric)
{
    return half_channel_bytes(fabric) * fabric->map.channels;
}

void cbit_fabric_stats(const cbit_fabric_t *fabric, cbit_fabric_stats_t *stats)
{
    *stats = fabric->stats;
    for (uint32_t i = 0; i < CBIT_FABRIC_MAX_ENTRIES; i++) {
        for (uint32_t channel = 0; fabric->entries[i] != NULL && channel < fabric->config.channels;
             channel++) {
            const cbit_path_t *path = &fabric->entries[i]->paths[channel];
            stats->requests += path->requests;
            stats->replies += path->returns.answers;
            stats->machine_checks += path->returns.errors;
            stats->hops += path->hops * path->requests;
            stats->remote += path->remote ? path->requests : 0;
        }
    }
}
