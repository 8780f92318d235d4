/*
 * permute_launch: LAUNCH_UPDATE_DATA measures blocks in the order of the commands, and the digest
 * does not say where in the guest's memory they lie. So two blocks can lie in each other's place
 * and still be measured in the owner's order; the commands are for single blocks then. Where the
 * host keeps the places and lets the order go, the digest is another one.
 */
#include "workloads/hypervisor/attacker.h"
#include "workloads/hypervisor/hv.h"

enum { PARTS = 5 };

/* Only the run that the image begins with, the boot code, is permuted. */
static bool concerns(const cbit_hv_guest_t *guest)
{
    return guest->permutation.active && guest->piece == 0 && guest->piece_at == 0;
}

static cbit_err_t swap(cbit_hv_guest_t *guest, cbit_spa_t spa)
{
    const cbit_hv_permutation_t *p = &guest->permutation;
    cbit_spa_t a_spa = spa + (cbit_spa_t)p->first * CBIT_BLOCK_BYTES;
    cbit_spa_t b_spa = spa + (cbit_spa_t)p->second * CBIT_BLOCK_BYTES;
    cbit_key_t key = guest->hv->host_key;
    cbit_port_t port = cbit_platform_host_port(guest->hv->platform, 0);
    uint8_t a[CBIT_BLOCK_BYTES], b[CBIT_BLOCK_BYTES];
    cbit_err_t err = port.peek(port.self, a_spa, key, a, sizeof a);
    err = err == CBIT_ERR_OK ? port.peek(port.self, b_spa, key, b, sizeof b) : err;
    err = err == CBIT_ERR_OK ? port.poke(port.self, a_spa, key, b, sizeof b) : err;
    return err == CBIT_ERR_OK ? port.poke(port.self, b_spa, key, a, sizeof a) : err;
}

cbit_err_t cbit_hv_permute_begin(cbit_hv_guest_t *guest, cbit_spa_t spa)
{
    if (guest->piece != 0 || guest->piece_at != 0) {
        return CBIT_ERR_OK;
    }
    const cbit_hv_probe_t *probe = cbit_hv_probe_at_image(guest, CBIT_EVENT_PERMUTE_LAUNCH);
    if (probe != NULL) {
        guest->permutation = (cbit_hv_permutation_t){
            .active = true, .order = probe->event->order, .first = 0, .second = 1};
    }
    cbit_hv_attack_launch(guest);
    return guest->permutation.active && guest->permutation.order == CBIT_LAUNCH_ORDER_KEPT
               ? swap(guest, spa)
               : CBIT_ERR_OK;
}

bool cbit_hv_permute_first(const cbit_hv_guest_t *guest)
{
    return !concerns(guest) || guest->permutation.part == 0;
}

/* What lies before, between and behind the two blocks stays; they change places. */
static void range_of(const cbit_hv_permutation_t *p, uint32_t part, uint64_t run_bytes,
                     uint64_t *begin, uint64_t *end)
{
    const uint64_t a = (uint64_t)p->first * CBIT_BLOCK_BYTES;
    const uint64_t b = (uint64_t)p->second * CBIT_BLOCK_BYTES;
    const uint64_t ranges[PARTS][2] = {{0, a},
                                       {b, b + CBIT_BLOCK_BYTES},
                                       {a + CBIT_BLOCK_BYTES, b},
                                       {a, a + CBIT_BLOCK_BYTES},
                                       {b + CBIT_BLOCK_BYTES, run_bytes}};
    *begin = ranges[part][0];
    *end = ranges[part][1];
}

static bool is_empty(const cbit_hv_guest_t *guest, uint32_t part)
{
    uint64_t begin, end;
    range_of(&guest->permutation, part, guest->run_bytes, &begin, &end);
    return begin == end;
}

void cbit_hv_permute_part(const cbit_hv_guest_t *guest, uint64_t *offset, uint64_t *len)
{
    *offset = 0;
    if (concerns(guest)) {
        uint32_t part = guest->permutation.part + is_empty(guest, guest->permutation.part);
        uint64_t end;
        range_of(&guest->permutation, part, *len, offset, &end);
        *len = end - *offset;
    }
}

bool cbit_hv_permute_next(cbit_hv_guest_t *guest)
{
    if (!concerns(guest)) {
        return false;
    }
    uint32_t *part = &guest->permutation.part;
    *part += is_empty(guest, *part); /* that one was stepped over */
    do {
        ++*part;
    } while (*part < PARTS && is_empty(guest, *part));
    return *part < PARTS;
}
