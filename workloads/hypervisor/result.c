#include "workloads/hypervisor/result.h"

#include <stdlib.h>

#include "workloads/hypervisor/probe.h"

/* Adds every counter of one struct of uint64_t to another. */
static void add_counters(uint64_t *into, const uint64_t *from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        into[i] += from[i];
    }
}

static void subtract_counters(uint64_t *from, const uint64_t *what, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        from[i] -= what[i];
    }
}

/* What a guest saw of DMA that was not meant to work. */
static uint64_t misuse_mismatches(const cbit_hv_t *hv, const cbit_hv_guest_t *guest)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < hv->probe_count; i++) {
        const cbit_hv_probe_t *probe = &hv->probes[i];
        cbit_guest_io_status_t status;
        if (probe->event->kind == CBIT_EVENT_DMA_WRITE &&
            probe->event->guest_index == guest->index && !cbit_hv_probe_must_work(probe) &&
            probe->state == CBIT_HV_PROBE_DONE &&
            cbit_guest_io_status(guest->soft, probe->event->vcpu, probe->io, &status)) {
            sum += status.mismatches;
        }
    }
    return sum;
}

void cbit_hv_sum_vcpu_stats(const cbit_hv_guest_t *guest, cbit_vcpu_stats_t *sum)
{
    *sum = (cbit_vcpu_stats_t){0};
    const cbit_hv_t *hv = guest->hv;
    const cbit_hv_t *both[] = {hv, hv->source != NULL ? hv->source : hv->target};
    for (uint32_t n = 0; n < 2 && both[n] != NULL; n++) {
        for (uint32_t i = 0; i < both[n]->core_count; i++) {
            cbit_vcpu_stats_t vcpu;
            cbit_vcpu_stats(both[n]->cores[i].cpu, (uint16_t)guest->index, &vcpu);
            add_counters((uint64_t *)sum, (const uint64_t *)&vcpu, sizeof vcpu / sizeof(uint64_t));
        }
    }
}

static void collect_guest(cbit_hv_t *hv, cbit_hv_guest_t *guest)
{
    cbit_run_guest_t *result = guest->result;
    cbit_run_checks_t *checks = &hv->result->checks;
    cbit_guest_stats_t soft;
    cbit_guest_stats(guest->soft, &soft);
    cbit_hv_probe_converted(guest);
    result->secret_ok = soft.secret_reads > 0 && soft.secret_right == soft.secret_reads;
    result->loads_checked = soft.loads_checked;
    result->load_mismatches = soft.load_mismatches;
    result->loads_raced = soft.loads_raced;
    result->loads_corrupted = soft.loads_corrupted;
    result->fetches_checked = soft.fetches_checked;
    result->fetch_mismatches = soft.fetch_mismatches - guest->probe_fetch_mismatches;
    result->bounced_bytes = soft.bounce_copied_bytes;
    result->io_failed = soft.io_failed;
    result->interrupts = soft.interrupts;
    result->vc_exceptions = soft.vc_exceptions;
    result->swiotlb_slots = soft.swiotlb_slots;
    result->swiotlb_mappings = soft.swiotlb_mappings;
    result->swiotlb_failures = soft.swiotlb_failures;
    result->swiotlb_fallovers = soft.swiotlb_fallovers;
    result->swiotlb_high_water = soft.swiotlb_high_water;
    result->swiotlb_occupancy =
        soft.swiotlb_mappings == 0 ? 0 : soft.swiotlb_used_sum / soft.swiotlb_mappings;
    cbit_hv_sum_vcpu_stats(guest, &result->vcpu);
    subtract_counters((uint64_t *)&result->vcpu, (const uint64_t *)&guest->warm_up,
                      sizeof result->vcpu / sizeof(uint64_t));
    checks->load_mismatches += result->load_mismatches;
    if (guest->permutation.active) {
        result->fetch_mismatches = 0; /* its code was not meant to be the recording */
    }
    checks->fetch_mismatches += result->fetch_mismatches;
    checks->io_mismatches += soft.io_mismatches - misuse_mismatches(hv, guest);
}

/* What must not happen must not happen on the target either. */
static void collect_target(cbit_run_result_t *result, const cbit_hv_t *target)
{
    cbit_run_checks_t *checks = &target->result->checks;
    cbit_platform_stats(target->platform, &target->result->machine);
    checks->stage_mismatches = target->result->machine.stage_mismatches;
    checks->requests_lost = target->result->machine.in_flight;
    add_counters((uint64_t *)&result->checks, (const uint64_t *)checks,
                 sizeof *checks / sizeof(uint64_t));
}

void cbit_hv_collect(cbit_hv_t *hv)
{
    cbit_run_result_t *result = hv->result;
    result->memory = calloc(1, sizeof *result->memory);
    if (result->memory == NULL) {
        (void)cbit_hv_fail(hv, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < hv->probe_count; i++) {
        cbit_hv_probe_captured(&hv->probes[i]);
    }
    cbit_hv_probes_collect(hv);
    cbit_platform_account(hv->platform, result->memory);
    cbit_platform_stats(hv->platform, &result->machine);
    result->checks.stage_mismatches = result->machine.stage_mismatches;
    result->checks.requests_lost = result->machine.in_flight;
    if (hv->target != NULL) {
        collect_target(result, hv->target);
    }
    for (uint32_t i = 0; i < hv->guest_count; i++) {
        collect_guest(hv, &hv->guests[i]);
    }
}

void cbit_run_result_clear(cbit_run_result_t *result)
{
    free(result->memory);
    free(result->guests);
    for (uint32_t i = 0; i < result->event_count && result->events != NULL; i++) {
        free(result->events[i].lines);
    }
    free(result->events);
    for (uint32_t i = 0; i < result->migration_count; i++) {
        free(result->migrations[i].rounds);
    }
    free(result->migrations);
    *result = (cbit_run_result_t){0};
}
