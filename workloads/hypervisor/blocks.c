#include "workloads/hypervisor/blocks.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, CBIT_BLOCK_BYTES);
}

bool cbit_hv_block_is_filler(const uint8_t block[CBIT_BLOCK_BYTES])
{
    return memcmp(block, block + 1, CBIT_BLOCK_BYTES - 1) == 0;
}

cbit_err_t cbit_hv_blocks_add(cbit_hv_blocks_t *blocks, const uint8_t *bytes, uint64_t len_bytes)
{
    for (uint64_t at = 0; at + CBIT_BLOCK_BYTES <= len_bytes; at += CBIT_BLOCK_BYTES) {
        if (cbit_hv_block_is_filler(bytes + at)) {
            continue;
        }
        if (blocks->count == blocks->room) {
            uint64_t room = blocks->room == 0 ? 1024 : 2 * blocks->room;
            void *items = realloc(blocks->items, room * CBIT_BLOCK_BYTES);
            if (items == NULL) {
                return CBIT_ERR_NO_MEMORY;
            }
            blocks->items = items;
            blocks->room = room;
        }
        memcpy(blocks->items[blocks->count++], bytes + at, CBIT_BLOCK_BYTES);
        blocks->sorted = false;
    }
    return CBIT_ERR_OK;
}

bool cbit_hv_blocks_contains(cbit_hv_blocks_t *blocks, const uint8_t block[CBIT_BLOCK_BYTES])
{
    if (blocks->count == 0) {
        return false;
    }
    if (!blocks->sorted) {
        qsort(blocks->items, blocks->count, CBIT_BLOCK_BYTES, compare);
        blocks->sorted = true;
    }
    return bsearch(block, blocks->items, blocks->count, CBIT_BLOCK_BYTES, compare) != NULL;
}

void cbit_hv_blocks_clear(cbit_hv_blocks_t *blocks)
{
    free(blocks->items);
    *blocks = (cbit_hv_blocks_t){0};
}
