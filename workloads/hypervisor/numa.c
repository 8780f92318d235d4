/*
 * Memory by NUMA node, for guests that name theirs. Nodes are equal parts of system memory, in
 * order (cbit/fabric/fabric.h). Of a node that a guest has named the upper half is kept for those
 * who do; all others get whatever comes first, as from a hypervisor that knows of no nodes.
 */
#include "workloads/hypervisor/hv.h"

static uint32_t nodes_of(const cbit_hv_t *hv)
{
    return hv->machine.fabric.sockets * hv->machine.fabric.nodes_per_socket;
}

static bool named(const cbit_hv_t *hv, uint32_t node)
{
    for (uint32_t i = 0; i < hv->scenario->guests_count; i++) {
        if (hv->scenario->guests[i].node == node) {
            return true;
        }
    }
    return false;
}

void cbit_hv_nodes_init(cbit_hv_t *hv)
{
    uint32_t nodes = nodes_of(hv);
    uint64_t node_bytes = hv->machine.memory.size_bytes / nodes;
    uint64_t kept_bytes = node_bytes / 2 / CBIT_PAGE_BYTES * CBIT_PAGE_BYTES;
    for (uint32_t node = nodes; node-- > 0;) {
        if (nodes > 1 && named(hv, node)) {
            cbit_spa_t end = (node + 1) * node_bytes, base = end - kept_bytes;
            cbit_hv_frames_init(&hv->node_frames[node], base, end);
            hv->frames.limit = base; /* of the lowest, in the end */
            hv->frames.top = base;
        }
    }
}

void cbit_hv_nodes_clear(cbit_hv_t *hv)
{
    for (uint32_t node = 0; node < CBIT_HV_NODES; node++) {
        cbit_hv_frames_clear(&hv->node_frames[node]);
    }
}

cbit_hv_frames_t *cbit_hv_frames_for(cbit_hv_guest_t *guest)
{
    cbit_hv_t *hv = guest->hv;
    uint32_t node = guest->config->node;
    return node < nodes_of(hv) && hv->node_frames[node].top != 0 ? &hv->node_frames[node]
                                                                 : &hv->frames;
}

cbit_err_t cbit_hv_nodes_flushed(cbit_hv_t *hv)
{
    cbit_err_t err = cbit_hv_frames_flushed(&hv->frames);
    for (uint32_t node = 0; node < CBIT_HV_NODES && err == CBIT_ERR_OK; node++) {
        err = cbit_hv_frames_flushed(&hv->node_frames[node]);
    }
    return err;
}
