/*
 * The device side of a vCPU's virtqueues: a real device, whose DMA goes through the IOMMU, or one
 * that host software emulates on another core. Either reads rings and descriptors as they are in
 * memory, moves the data (lane.c), writes the used ring and interrupts.
 */
#include "workloads/hypervisor/device.h"

#include <stdlib.h>

#include "workloads/hypervisor/bytes.h"

/* ---- the used ring ---- */

static void publish_next(cbit_hv_device_t *device);

static cbit_gpa_t ring_gpa(const cbit_hv_device_t *device)
{
    return cbit_guest_queue_gpa(device->vcpu->guest->soft, device->vcpu->index, device->queue);
}

static cbit_hv_step_t publish_element(void *self)
{
    cbit_hv_device_t *device = self;
    cbit_gpa_t gpa = ring_gpa(device) + CBIT_VIRTQ_USED + 4 +
                     CBIT_VIRTQ_USED_BYTES * (device->used % CBIT_VIRTQ_ENTRIES);
    const cbit_hv_lane_t *lane = device->published;
    uint32_t len = CBIT_VIRTQ_USED_BYTES;
    cbit_hv_put_le(device->used_bytes, lane->head, 4);
    cbit_hv_put_le(device->used_bytes + 4, lane->moved, 4);
    return cbit_hv_device_move(device, &device->publisher, &device->publish_task, true, gpa,
                               device->used_bytes, &len)
               ? CBIT_HV_WAIT
               : CBIT_HV_STOP;
}

static cbit_hv_step_t publish_index(void *self)
{
    cbit_hv_device_t *device = self;
    uint32_t len = 4;
    device->used++;
    cbit_hv_put_le(device->used_bytes, 0, 2);
    cbit_hv_put_le(device->used_bytes + 2, device->used, 2);
    return cbit_hv_device_move(device, &device->publisher, &device->publish_task, true,
                               ring_gpa(device) + CBIT_VIRTQ_USED, device->used_bytes, &len)
               ? CBIT_HV_WAIT
               : CBIT_HV_STOP;
}

static const cbit_hv_step_fn publish_steps[] = {publish_element, publish_index, NULL};

static void fetch_again(cbit_hv_device_t *device);

static void publish_over(void *self)
{
    cbit_hv_device_t *device = self;
    device->published->state = CBIT_HV_LANE_FREE;
    device->published = NULL;
    device->busy_lanes--;
    if (!device->silent) {
        cbit_hv_raise(device->vcpu);
    }
    publish_next(device);
    if (cbit_hv_task_idle(&device->task) && device->wants_lane) {
        fetch_again(device);
    }
    cbit_hv_device_idle(device->vcpu);
}

/* Answers go out one after the other, in the order in which transfers ended. */
static void publish_next(cbit_hv_device_t *device)
{
    cbit_hv_lane_t *first = NULL;
    for (uint32_t i = 0; i < CBIT_HV_LANES; i++) {
        cbit_hv_lane_t *lane = &device->lanes[i];
        if (lane->state == CBIT_HV_LANE_ENDED && (first == NULL || lane->order < first->order)) {
            first = lane;
        }
    }
    if (first != NULL && device->published == NULL) {
        device->published = first;
        cbit_hv_task_start(&device->publish_task, publish_steps, device, publish_over, device);
    }
}

static void lane_over(void *self)
{
    cbit_hv_lane_t *lane = self;
    free(lane->bytes);
    lane->bytes = NULL;
    lane->state = CBIT_HV_LANE_ENDED;
    lane->order = lane->device->ended++;
    publish_next(lane->device);
}

/* ---- the available ring ---- */

/* The queue makes no sense: the device stops until it is reset, which no driver here does. */
static cbit_hv_step_t give_up(cbit_hv_device_t *device)
{
    device->broken = true;
    device->vcpu->guest->result->device_errors++;
    device->vcpu->broken_queues |= 1u << device->queue;
    for (uint32_t i = 0; i < device->vcpu->guest->hv->probe_count; i++) {
        cbit_hv_probe_t *probe = &device->vcpu->guest->hv->probes[i];
        if (probe->state == CBIT_HV_PROBE_ACTIVE &&
            cbit_hv_probe_of_io(device->vcpu, probe->io) == probe) {
            probe->state = CBIT_HV_PROBE_DONE;
            probe->result->skipped = false;
            probe->result->at_ps = cbit_hv_now(device->vcpu->guest->hv);
            probe->result->outcome = "garbage"; /* its rings were */
        }
    }
    cbit_hv_raise(device->vcpu);
    return CBIT_HV_STOP;
}

static cbit_hv_step_t fetch(cbit_hv_device_t *device, uint64_t offset, uint32_t len)
{
    return cbit_hv_device_move(device, &device->transfer, &device->task, false,
                               ring_gpa(device) + offset, device->ring_bytes, &len)
               ? CBIT_HV_WAIT
               : give_up(device);
}

static cbit_hv_step_t fetch_index(void *self)
{
    cbit_hv_device_t *device = self;
    device->kicked = false;
    return fetch(device, CBIT_VIRTQ_AVAIL, 4);
}

static cbit_hv_lane_t *free_lane(cbit_hv_device_t *device)
{
    for (uint32_t i = 0; i < CBIT_HV_LANES; i++) {
        if (device->lanes[i].state == CBIT_HV_LANE_FREE) {
            return &device->lanes[i];
        }
    }
    return NULL;
}

static cbit_hv_step_t fetch_head(void *self)
{
    cbit_hv_device_t *device = self;
    uint16_t index = (uint16_t)cbit_hv_get_le(device->ring_bytes + 2, 2);
    uint16_t ready = (uint16_t)(index - device->seen);
    device->silent = (cbit_hv_get_le(device->ring_bytes, 2) & CBIT_VIRTQ_NO_INTERRUPT) != 0;
    if (ready > CBIT_VIRTQ_ENTRIES) {
        return give_up(device);
    }
    device->more = ready > 1;
    device->lane = free_lane(device);
    device->wants_lane = ready > 0 && device->lane == NULL;
    if (ready == 0 || device->lane == NULL) {
        return CBIT_HV_STOP;
    }
    uint32_t place = device->seen % CBIT_VIRTQ_ENTRIES;
    return fetch(device, CBIT_VIRTQ_AVAIL + 4 + 2 * (uint64_t)place, 2);
}

static cbit_hv_step_t fetch_first(void *self)
{
    cbit_hv_device_t *device = self;
    cbit_hv_lane_t *lane = device->lane;
    device->seen++;
    lane->head = (uint32_t)cbit_hv_get_le(device->ring_bytes, 2);
    lane->count = 0;
    if (lane->head >= CBIT_VIRTQ_ENTRIES) {
        return give_up(device);
    }
    return fetch(device, (uint64_t)lane->head * CBIT_VIRTQ_DESCRIPTOR_BYTES,
                 CBIT_VIRTQ_DESCRIPTOR_BYTES);
}

/* One descriptor is here; the next one of its chain is fetched. */
static cbit_hv_step_t fetch_chain(void *self)
{
    cbit_hv_device_t *device = self;
    cbit_hv_lane_t *lane = device->lane;
    const uint8_t *bytes = device->ring_bytes;
    uint32_t flags = (uint32_t)cbit_hv_get_le(bytes + 12, 2);
    uint32_t next = (uint32_t)cbit_hv_get_le(bytes + 14, 2);
    lane->chain[lane->count++] =
        (cbit_hv_descriptor_t){.gpa = cbit_hv_get_le(bytes, 8),
                               .len = (uint32_t)cbit_hv_get_le(bytes + 8, 4),
                               .writes = (flags & CBIT_VIRTQ_WRITE) != 0};
    if ((flags & CBIT_VIRTQ_NEXT) == 0) {
        return CBIT_HV_NEXT;
    }
    if (lane->count == CBIT_HV_CHAIN || next >= CBIT_VIRTQ_ENTRIES) {
        return give_up(device);
    }
    return fetch(device, (uint64_t)next * CBIT_VIRTQ_DESCRIPTOR_BYTES,
                 CBIT_VIRTQ_DESCRIPTOR_BYTES) == CBIT_HV_WAIT
               ? CBIT_HV_AGAIN
               : CBIT_HV_STOP;
}

/* Whether a chain has the parts that a device of this kind expects, of sizes that it takes. */
static bool well_formed(const cbit_hv_device_t *device, const cbit_hv_lane_t *lane)
{
    bool block = device->queue == CBIT_GUEST_DEVICE_VIRTIO_BLK;
    uint32_t parts = !cbit_hv_device_emulated(device) ? 1 : block ? 3 : 2;
    uint32_t header = block ? CBIT_VIRTIO_BLK_HEADER_BYTES : CBIT_VIRTIO_NET_HEADER_BYTES;
    return lane->count == parts &&
           lane->chain[cbit_hv_device_emulated(device)].len == lane->status.bytes &&
           (!cbit_hv_device_emulated(device) || lane->chain[0].len == header) &&
           (!block || lane->chain[2].len == 1);
}

static cbit_hv_step_t fetch_start(void *self)
{
    cbit_hv_device_t *device = self;
    cbit_hv_lane_t *lane = device->lane;
    cbit_hv_vcpu_t *vcpu = device->vcpu;
    cbit_hv_t *hv = vcpu->guest->hv;
    if (!cbit_guest_io_at_head(vcpu->guest->soft, vcpu->index, device->queue, lane->head,
                               &lane->io) ||
        !cbit_guest_io_status(vcpu->guest->soft, vcpu->index, lane->io, &lane->status) ||
        !well_formed(device, lane)) {
        return give_up(device);
    }
    device->busy_lanes++;
    if (cbit_hv_lane_start(lane, lane_over) != CBIT_ERR_OK) {
        return cbit_hv_fail(hv, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    return CBIT_HV_NEXT;
}

static const cbit_hv_step_fn fetch_steps[] = {fetch_index, fetch_head,  fetch_first,
                                              fetch_chain, fetch_start, NULL};

static void fetch_over(void *self)
{
    cbit_hv_device_t *device = self;
    bool again = (device->more || device->kicked) && !device->wants_lane && !device->broken;
    if (device->vcpu->guest->hv->err == CBIT_ERR_OK && again) {
        fetch_again(device);
    } else {
        cbit_hv_device_idle(device->vcpu);
    }
}

static void fetch_again(cbit_hv_device_t *device)
{
    device->more = false;
    device->wants_lane = false;
    cbit_hv_task_start(&device->task, fetch_steps, device, fetch_over, device);
}

/* ---- doorbells ---- */

/* To the machine that the vCPU is on. Emulation is a thread of its own, beside the vCPU's. */
static void attach(cbit_hv_device_t *device)
{
    cbit_hv_t *hv = device->vcpu->guest->hv;
    bool emulated = cbit_hv_device_emulated(device);
    uint32_t core = (device->vcpu->home->number + 1) % hv->core_count;
    cbit_port_t port =
        emulated ? cbit_platform_host_port(hv->platform, core)
                 : cbit_platform_device_port(hv->platform, device->vcpu->guest->device_id);
    cbit_hv_bounces_free(device); /* those of the machine that it leaves */
    cbit_source_t source = emulated ? CBIT_SOURCE_HOST : CBIT_SOURCE_DMA;
    cbit_hv_transfer_init(&device->transfer, hv->kernel, port, source, 0);
    cbit_hv_transfer_init(&device->publisher, hv->kernel, port, source, 0);
    for (uint32_t i = 0; i < CBIT_HV_LANES; i++) {
        cbit_hv_transfer_init(&device->lanes[i].transfer, hv->kernel, port, source, 0);
    }
}

static cbit_hv_device_t *create(cbit_hv_vcpu_t *vcpu, uint32_t queue)
{
    cbit_hv_t *hv = vcpu->guest->hv;
    cbit_hv_device_t *device = calloc(1, sizeof *device);
    if (device == NULL) {
        (void)cbit_hv_fail(hv, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
        return NULL;
    }
    device->vcpu = vcpu;
    device->queue = queue;
    for (uint32_t i = 0; i < CBIT_HV_LANES; i++) {
        cbit_hv_lane_init(&device->lanes[i], device);
    }
    attach(device);
    return device;
}

void cbit_hv_devices_attach(cbit_hv_vcpu_t *vcpu)
{
    for (uint32_t q = 0; q < CBIT_GUEST_QUEUES; q++) {
        if (vcpu->devices[q] != NULL) {
            attach(vcpu->devices[q]);
        }
    }
}

bool cbit_hv_doorbell(const cbit_hv_core_t *core, uint32_t *queue)
{
    uint64_t port = core->exit.info1 >> 16;
    *queue = (uint32_t)(port - CBIT_GUEST_DOORBELL_PORT);
    return core->exit.reason == CBIT_EXIT_IOIO && port >= CBIT_GUEST_DOORBELL_PORT &&
           *queue < CBIT_GUEST_QUEUES;
}

void cbit_hv_device_kick(cbit_hv_vcpu_t *vcpu, uint32_t queue)
{
    if (vcpu->devices[queue] == NULL) {
        vcpu->devices[queue] = create(vcpu, queue);
    }
    cbit_hv_device_t *device = vcpu->devices[queue];
    if (device == NULL || device->broken) {
        return;
    }
    device->kicked = true;
    if (cbit_hv_task_idle(&device->task) && !device->wants_lane) {
        fetch_again(device);
    }
}

bool cbit_hv_vcpu_devices_busy(const cbit_hv_vcpu_t *vcpu)
{
    for (uint32_t q = 0; q < CBIT_GUEST_QUEUES; q++) {
        const cbit_hv_device_t *device = vcpu->devices[q];
        if (device != NULL && (device->busy_lanes > 0 || !cbit_hv_task_idle(&device->task))) {
            return true;
        }
    }
    return false;
}

bool cbit_hv_devices_busy(const cbit_hv_guest_t *guest)
{
    for (uint32_t i = 0; i < guest->config->vcpus; i++) {
        if (cbit_hv_vcpu_devices_busy(&guest->vcpus[i])) {
            return true;
        }
    }
    return false;
}

void cbit_hv_devices_free(cbit_hv_vcpu_t *vcpu)
{
    for (uint32_t q = 0; q < CBIT_GUEST_QUEUES; q++) {
        for (uint32_t i = 0; vcpu->devices[q] != NULL && i < CBIT_HV_LANES; i++) {
            free(vcpu->devices[q]->lanes[i].bytes);
        }
        if (vcpu->devices[q] != NULL) {
            cbit_hv_bounces_free(vcpu->devices[q]);
        }
        free(vcpu->devices[q]);
    }
}
