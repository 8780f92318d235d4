/* What several vCPUs have stored to the same lines: what a load there may return. */
#include <stdlib.h>
#include <string.h>

#include "workloads/guest/state.h"

enum { LINE = CBIT_LINE_BYTES, DEPTH = CBIT_GUEST_RACE_DEPTH };

bool cbit_guest_races_init(cbit_guest_races_t *races, uint32_t vcpus)
{
    races->vcpus = vcpus;
    races->room = 64;
    races->bytes = calloc((size_t)races->room * vcpus, LINE * DEPTH);
    races->fill = calloc((size_t)races->room * vcpus, LINE);
    return races->bytes != NULL && races->fill != NULL;
}

void cbit_guest_races_free(cbit_guest_races_t *races)
{
    free(races->bytes);
    free(races->fill);
    cbit_page_map_free(&races->by_line);
    *races = (cbit_guest_races_t){0};
}

static bool grow(cbit_guest_races_t *races)
{
    size_t old = (size_t)races->room * races->vcpus;
    uint8_t *bytes = realloc(races->bytes, 2 * old * LINE * DEPTH);
    if (bytes == NULL) {
        return false;
    }
    races->bytes = bytes;
    uint8_t *fill = realloc(races->fill, 2 * old * LINE);
    if (fill == NULL) {
        return false;
    }
    races->fill = fill;
    memset(fill + old * LINE, 0, old * LINE);
    races->room *= 2;
    return true;
}

/* Where a vCPU's bytes of a line are; UINT64_MAX when memory is out. */
static uint64_t place_of(cbit_guest_races_t *races, uint32_t vcpu, uint64_t line)
{
    const uint32_t *index = cbit_page_map_find(&races->by_line, line);
    uint32_t at = index != NULL ? *index : races->count;
    if (index == NULL) {
        if ((races->count == races->room && !grow(races)) ||
            !cbit_page_map_insert(&races->by_line, line, at)) {
            return UINT64_MAX;
        }
        races->count++;
    }
    return ((uint64_t)at * races->vcpus + vcpu) * LINE;
}

bool cbit_guest_races_store(cbit_guest_races_t *races, uint32_t vcpu, cbit_gva_t gva,
                            const uint8_t *bytes, uint32_t len_bytes)
{
    uint64_t place = place_of(races, vcpu, gva / LINE);
    if (place == UINT64_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < len_bytes; i++) {
        uint64_t at = place + (gva + i) % LINE;
        uint8_t *kept = &races->bytes[at * DEPTH];
        memmove(kept + 1, kept, DEPTH - 1);
        kept[0] = bytes[i];
        races->fill[at] = (uint8_t)(races->fill[at] + (races->fill[at] < DEPTH));
    }
    return true;
}

static bool allows_byte(const cbit_guest_races_t *races, uint32_t line_index, uint32_t offset,
                        uint8_t byte)
{
    for (uint32_t vcpu = 0; vcpu < races->vcpus; vcpu++) {
        uint64_t at = ((uint64_t)line_index * races->vcpus + vcpu) * LINE + offset;
        for (uint32_t i = 0; i < races->fill[at]; i++) {
            if (races->bytes[at * DEPTH + i] == byte) {
                return true;
            }
        }
    }
    return false;
}

bool cbit_guest_races_allow(const cbit_guest_races_t *races, cbit_gva_t gva, const uint8_t *bytes,
                            const uint8_t *before, uint32_t len_bytes)
{
    const uint32_t *index = cbit_page_map_find(&races->by_line, gva / LINE);
    for (uint32_t i = 0; i < len_bytes; i++) {
        bool stored =
            index != NULL && allows_byte(races, *index, (uint32_t)((gva + i) % LINE), bytes[i]);
        if (!stored && bytes[i] != before[i]) {
            return false;
        }
    }
    return true;
}
