/*
 * invd: the host empties the caches of a vCPU's core without writing back. Whatever only they had
 * is lost: the guest's lines, and the host's own. All of it is put back at once, before anybody
 * else can have stored there. Where INVD writes back nothing is lost, and it takes its time.
 */
#include "workloads/hypervisor/probe.h"

#include <stdlib.h>
#include <string.h>

static void note(void *self, cbit_spa_t spa, cbit_key_t key, const uint8_t bytes[CBIT_LINE_BYTES])
{
    cbit_hv_probe_t *probe = self;
    if (probe->dirty_count == probe->dirty_room) {
        uint32_t room = probe->dirty_room == 0 ? 1024 : 2 * probe->dirty_room;
        cbit_hv_dirty_t *dirty = realloc(probe->dirty, room * sizeof *dirty);
        if (dirty == NULL) {
            probe->short_of_memory = true;
            return;
        }
        probe->dirty = dirty;
        probe->dirty_room = room;
    }
    cbit_hv_dirty_t *line = &probe->dirty[probe->dirty_count++];
    line->spa = spa;
    line->key = key;
    memcpy(line->bytes, bytes, sizeof line->bytes);
}

/* What is not there any more is counted for the guest, and put back for everybody. */
static void count_and_restore(cbit_hv_core_t *core, cbit_hv_probe_t *probe)
{
    enum { BLOCKS = CBIT_LINE_BYTES / CBIT_BLOCK_BYTES };
    const cbit_hv_guest_t *guest = core->running->guest;
    cbit_port_t port = cbit_platform_host_port(core->hv->platform, core->number);
    for (uint32_t i = 0; i < probe->dirty_count; i++) {
        const cbit_hv_dirty_t *line = &probe->dirty[i];
        uint8_t now[CBIT_LINE_BYTES];
        bool same = port.peek(port.self, line->spa, line->key, now, sizeof now) == CBIT_ERR_OK &&
                    memcmp(now, line->bytes, sizeof now) == 0;
        bool own = guest->sev ? line->key == guest->asid : line->key == core->hv->host_key;
        probe->result->blocks += own ? BLOCKS : 0;
        probe->result->changed_blocks += own && !same ? BLOCKS : 0;
        if (!same) {
            (void)port.poke(port.self, line->spa, line->key, line->bytes, sizeof line->bytes);
        }
    }
    probe->result->asid = guest->asid;
    probe->result->outcome = probe->result->changed_blocks > 0 ? "stale" : "ok";
}

static cbit_hv_step_t invd(void *self)
{
    cbit_hv_core_t *core = self;
    cbit_hv_probe_t *probe = core->probe;
    probe->dirty_count = 0;
    cbit_cache_for_each_dirty(cbit_platform_cache(core->hv->platform), note, probe);
    if (probe->short_of_memory) {
        return cbit_hv_fail(core->hv, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    cbit_platform_invd(core->hv->platform, core->number, cbit_hv_task_resume, &core->task);
    count_and_restore(core, probe);
    return CBIT_HV_WAIT;
}

const cbit_hv_step_fn cbit_hv_probe_invd_steps[] = {cbit_hv_probe_begin, invd, cbit_hv_probe_end,
                                                    NULL};
