/* What a sink is told (cbit_hypervisor_options_t.trace). */
#include <string.h>

#include "workloads/hypervisor/hv.h"

static void tell(const cbit_hv_t *hv, cbit_trace_event_kind_t kind, const uint64_t *fields)
{
    const cbit_trace_sink_t *sink = hv->options->trace;
    cbit_trace_event_t event = {.at_ps = cbit_hv_now(hv), .kind = (uint8_t)kind};
    memcpy(event.fields, fields, cbit_trace_event_rows[kind].count * sizeof fields[0]);
    sink->on_event(sink->self, &event);
}

static void on_request(void *self, const cbit_txn_t *txn, cbit_ps_t total_ps)
{
    const uint64_t fields[] = {total_ps, txn->source,
                               txn->key, txn->command == CBIT_COMMAND_WRITE,
                               txn->spa, txn->size_bytes};
    tell(self, CBIT_TRACE_REQUEST, fields);
}

void cbit_hv_trace_begin(cbit_hv_t *hv)
{
    if (hv->options->trace != NULL) {
        cbit_platform_listen(hv->platform, on_request, hv);
    }
}

void cbit_hv_trace_run(const cbit_hv_core_t *core, uint32_t asid)
{
    if (core->hv->options->trace != NULL) {
        const uint64_t fields[] = {core->number, core->running->guest->index, core->running->index,
                                   asid};
        tell(core->hv, CBIT_TRACE_RUN, fields);
    }
}

void cbit_hv_trace_exit(const cbit_hv_core_t *core)
{
    if (core->hv->options->trace != NULL) {
        const uint64_t fields[] = {core->number,         core->running->guest->index,
                                   core->running->index, (uint32_t)core->exit.reason,
                                   core->exit.info1,     core->exit.info2};
        tell(core->hv, CBIT_TRACE_EXIT, fields);
    }
}

void cbit_hv_trace_asid(const cbit_hv_guest_t *guest, uint32_t asid)
{
    if (guest->hv->options->trace != NULL) {
        const uint64_t fields[] = {guest->index, asid};
        tell(guest->hv, CBIT_TRACE_ASID, fields);
    }
}

void cbit_hv_trace_dma(const cbit_hv_lane_t *lane)
{
    const cbit_hv_vcpu_t *vcpu = lane->device->vcpu;
    const cbit_hv_t *hv = vcpu->guest->hv;
    if (hv->options->trace != NULL) {
        const uint64_t fields[] = {
            cbit_hv_now(hv) - lane->begun_ps, vcpu->guest->index, vcpu->index, lane->device->queue,
            lane->status.from_device,         lane->status.gpa,   lane->moved};
        tell(hv, CBIT_TRACE_DMA, fields);
    }
}

void cbit_hv_trace_command(const cbit_hv_t *hv, const cbit_spdriver_request_t *request)
{
    if (hv->options->trace != NULL) {
        const uint64_t fields[] = {cbit_hv_now(hv) - request->rung_ps, request->command,
                                   request->status};
        tell(hv, CBIT_TRACE_COMMAND, fields);
    }
}
