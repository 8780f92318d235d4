/* What a watcher is told (cbit/workloads/watch.h). */
#include <stdlib.h>

#include "workloads/hypervisor/hv.h"

void cbit_hv_watch_slice(const cbit_hv_t *hv, cbit_watch_track_t track, uint32_t index,
                         const char *name, const char *detail, cbit_ps_t begin_ps)
{
    const cbit_watch_t *watch = hv->options->watch;
    if (watch == NULL) {
        return;
    }
    if (hv->source != NULL && track != CBIT_WATCH_DEVICE) { /* a guest's devices move with it */
        track = track == CBIT_WATCH_CORE ? CBIT_WATCH_TARGET_CORE : CBIT_WATCH_TARGET_SP;
    }
    const cbit_watch_slice_t slice = {.track = track,
                                      .index = index,
                                      .name = name,
                                      .detail = detail,
                                      .begin_ps = begin_ps,
                                      .end_ps = cbit_hv_now(hv)};
    watch->on_slice(watch->self, &slice);
}

cbit_ps_t cbit_hv_watch_until_ps(const cbit_hv_t *hv, cbit_ps_t until_ps)
{
    const cbit_watch_t *watch = hv->options->watch;
    return watch != NULL && hv->sampled_ps + watch->sample_ps < until_ps
               ? hv->sampled_ps + watch->sample_ps
               : until_ps;
}

void cbit_hv_watch_sample(cbit_hv_t *hv)
{
    const cbit_watch_t *watch = hv->options->watch;
    if (watch == NULL || cbit_hv_now(hv) < hv->sampled_ps + watch->sample_ps) {
        return;
    }
    cbit_platform_stats_t *stats = malloc(sizeof *stats);
    if (stats == NULL) {
        (void)cbit_hv_fail(hv, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
        return;
    }
    cbit_platform_stats(hv->platform, stats);
    const cbit_watch_sample_t sample = {.at_ps = cbit_hv_now(hv),
                                        .read_lines = stats->umc.reads,
                                        .written_lines = stats->umc.writes,
                                        .lines_encrypted = stats->engine.lines_encrypted,
                                        .lines_decrypted = stats->engine.lines_decrypted,
                                        .in_flight = stats->in_flight};
    free(stats);
    hv->sampled_ps = sample.at_ps;
    watch->on_sample(watch->self, &sample);
}
