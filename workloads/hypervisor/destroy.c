/* The end of a run: what build.c has made goes. */
#include <stdlib.h>

#include "workloads/hypervisor/hv.h"
#include "workloads/hypervisor/migrate.h"
#include "workloads/hypervisor/session.h"

static void destroy_target(cbit_hv_t *target)
{
    if (target != NULL) {
        cbit_spdriver_destroy(target->driver);
        cbit_platform_destroy(target->platform);
        cbit_hv_frames_clear(&target->frames);
        cbit_hv_nodes_clear(target);
        cbit_run_result_clear(target->result);
        free(target->result);
        free(target->cores);
        free(target->device_table);
        free(target);
    }
}

/* Before anything is freed: an event that is taken out of its list touches those beside it. */
static void cancel_events(cbit_hv_t *hv)
{
    for (uint32_t i = 0; hv->probes != NULL && i < hv->probe_count; i++) {
        cbit_event_cancel(hv->kernel, &hv->probes[i].alarm);
    }
    for (uint32_t i = 0; hv->migrations != NULL && i < hv->scenario->events_count; i++) {
        cbit_hv_migration_t *m = hv->migrations[i];
        if (m != NULL) {
            cbit_event_cancel(hv->kernel, &m->arrival);
            cbit_event_cancel(hv->kernel, &m->delay);
        }
    }
    for (uint32_t i = 0; hv->guests != NULL && i < hv->guest_count; i++) {
        const cbit_hv_guest_t *guest = &hv->guests[i];
        const uint32_t devices =
            guest->vcpus == NULL ? 0 : guest->config->vcpus * CBIT_GUEST_QUEUES;
        for (uint32_t n = 0; n < devices; n++) {
            cbit_hv_device_t *device =
                guest->vcpus[n / CBIT_GUEST_QUEUES].devices[n % CBIT_GUEST_QUEUES];
            for (uint32_t k = 0; device != NULL && k < CBIT_HV_LANES; k++) {
                cbit_event_cancel(hv->kernel, &device->lanes[k].timer);
            }
        }
    }
}

void cbit_hv_destroy(cbit_hv_t *hv)
{
    cancel_events(hv);
    for (uint32_t i = 0; hv->guests != NULL && i < hv->guest_count; i++) {
        cbit_hv_guest_t *guest = &hv->guests[i];
        cbit_guest_destroy(guest->soft);
        for (uint32_t n = 0; guest->sources != NULL && n < guest->config->vcpus; n++) {
            if (guest->sources[n].self != NULL) {
                guest->sources[n].destroy(guest->sources[n].self);
            }
        }
        free(guest->sources);
        cbit_hv_digest_destroy(guest->digest);
        cbit_hv_session_clear(guest);
        if (guest->nested.frames != NULL) {
            cbit_hv_nested_clear(&guest->nested);
        }
        if (guest->domain.frames != NULL) {
            cbit_hv_nested_clear(&guest->domain);
        }
        for (uint32_t n = 0; guest->vcpus != NULL && n < guest->config->vcpus; n++) {
            cbit_hv_devices_free(&guest->vcpus[n]);
        }
        free(guest->vcpus);
        free(guest->remaps);
        free(guest->told_shared);
        free(guest->dirty.pages);
    }
    cbit_hv_migrations_destroy(hv);
    cbit_hv_probes_destroy(hv);
    destroy_target(hv->target);
    cbit_spdriver_destroy(hv->driver);
    cbit_platform_destroy(hv->platform);
    cbit_hv_frames_clear(&hv->frames);
    free(hv->device_table);
    cbit_hv_nodes_clear(hv);
    free(hv->attack_probe);
    free(hv->cores);
    free(hv->guests);
    free(hv);
}
