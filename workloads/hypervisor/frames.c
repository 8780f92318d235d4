#include "workloads/hypervisor/frames.h"

#include <stdlib.h>

static cbit_err_t push(cbit_hv_frame_list_t *list, cbit_spa_t spa)
{
    if (list->count == list->room) {
        uint64_t room = list->room == 0 ? 64 : 2 * list->room;
        cbit_spa_t *items = realloc(list->items, room * sizeof *items);
        if (items == NULL) {
            return CBIT_ERR_NO_MEMORY;
        }
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = spa;
    return CBIT_ERR_OK;
}

void cbit_hv_frames_init(cbit_hv_frames_t *frames, cbit_spa_t base, cbit_spa_t limit)
{
    *frames = (cbit_hv_frames_t){.next = base, .limit = limit, .top = limit};
}

void cbit_hv_frames_clear(cbit_hv_frames_t *frames)
{
    free(frames->free.items);
    free(frames->quarantine.items);
    *frames = (cbit_hv_frames_t){0};
}

bool cbit_hv_frames_take(cbit_hv_frames_t *frames, cbit_spa_t *spa)
{
    if (frames->free.count > 0) {
        *spa = frames->free.items[--frames->free.count];
        return true;
    }
    return cbit_hv_frames_take_run(frames, CBIT_PAGE_BYTES, spa);
}

bool cbit_hv_frames_take_run(cbit_hv_frames_t *frames, uint64_t len_bytes, cbit_spa_t *spa)
{
    uint64_t room = frames->limit - frames->next;
    if (len_bytes == 0 || len_bytes > room) {
        return false; /* room is whole frames, so rounding up cannot exceed it */
    }
    *spa = frames->next;
    frames->next += (len_bytes + CBIT_PAGE_BYTES - 1) / CBIT_PAGE_BYTES * CBIT_PAGE_BYTES;
    return true;
}

bool cbit_hv_frames_choose(cbit_hv_frames_t *frames, cbit_spa_t spa)
{
    if (spa % CBIT_PAGE_BYTES != 0 || spa < frames->next || spa >= frames->top) {
        return false;
    }
    frames->limit = spa < frames->limit ? spa : frames->limit;
    return true;
}

cbit_err_t cbit_hv_frames_free(cbit_hv_frames_t *frames, cbit_spa_t spa)
{
    return push(&frames->free, spa);
}

cbit_err_t cbit_hv_frames_retire(cbit_hv_frames_t *frames, cbit_spa_t spa)
{
    return push(&frames->quarantine, spa);
}

cbit_err_t cbit_hv_frames_flushed(cbit_hv_frames_t *frames)
{
    while (frames->quarantine.count > 0) {
        cbit_err_t err =
            push(&frames->free, frames->quarantine.items[frames->quarantine.count - 1]);
        if (err != CBIT_ERR_OK) {
            return err;
        }
        frames->quarantine.count--;
    }
    return CBIT_ERR_OK;
}
