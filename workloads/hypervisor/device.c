/*
 * The device side of a vCPU's virtqueues: a real device, whose DMA goes through the IOMMU, or one
 * that host software emulates on another core. Either reads rings and descriptors as they are in
 * memory, moves the data, writes the used ring and interrupts.
 */
#include <stdlib.h>
#include <string.h>

#include "workloads/hypervisor/bytes.h"
#include "workloads/hypervisor/hv.h"

/* Whether only the guest's own key opens a page. */
static bool is_private(const cbit_hv_guest_t *guest, cbit_gpa_t gpa)
{
    return guest->sev && cbit_guest_area_at(guest->soft, gpa) == CBIT_GUEST_AREA_PRIVATE;
}

/* ---- what came through ---- */

typedef struct comparison {
    uint32_t lines;
    uint32_t expected; /* as the other side sent them */
    uint32_t raw;      /* read: as the DRAM's pins carry them now */
    uint32_t old;      /* write: as the guest itself had left them */
} comparison_t;

/* The pins' view: under a key id that no engine touches. */
static bool is_raw(const cbit_hv_vcpu_t *vcpu, cbit_spa_t spa, const uint8_t *line)
{
    uint8_t bytes[CBIT_LINE_BYTES];
    cbit_port_t port = cbit_platform_host_port(vcpu->guest->hv->platform, vcpu->home->number);
    return port.peek(port.self, spa, CBIT_KEY_PLAIN, bytes, sizeof bytes) == CBIT_ERR_OK &&
           memcmp(bytes, line, sizeof bytes) == 0;
}

/* A line as the guest will read it: through the caches, under its key or the host's. */
static bool guest_view(const cbit_hv_vcpu_t *vcpu, cbit_gpa_t gpa, cbit_spa_t spa,
                       uint8_t line[CBIT_LINE_BYTES])
{
    const cbit_hv_guest_t *guest = vcpu->guest;
    cbit_port_t port = cbit_platform_host_port(guest->hv->platform, vcpu->home->number);
    cbit_key_t key = is_private(guest, gpa) ? (cbit_key_t)guest->asid : guest->hv->host_key;
    return port.peek(port.self, spa, key, line, CBIT_LINE_BYTES) == CBIT_ERR_OK;
}

static bool is_old(const cbit_hv_guest_t *guest, cbit_gpa_t gpa, const uint8_t *line)
{
    uint8_t bytes[CBIT_LINE_BYTES];
    return cbit_guest_plaintext(guest->soft, gpa, bytes, sizeof bytes) &&
           memcmp(bytes, line, sizeof bytes) == 0;
}

static comparison_t compare(const cbit_hv_vcpu_t *vcpu, const cbit_hv_lane_t *dma)
{
    comparison_t result = {0};
    for (uint32_t at = 0; at < dma->moved; at += CBIT_LINE_BYTES) {
        uint8_t sent[CBIT_LINE_BYTES];
        uint8_t seen[CBIT_LINE_BYTES];
        cbit_gpa_t gpa = dma->status.gpa + at;
        cbit_spa_t spa;
        result.lines++;
        if (!cbit_hv_nested_lookup(&vcpu->guest->nested, gpa, &spa)) {
            continue;
        }
        memcpy(seen, dma->bytes + at, sizeof seen);
        if (dma->status.from_device && !guest_view(vcpu, gpa, spa, seen)) {
            continue;
        }
        cbit_guest_io_pattern(dma->status.pattern, at, sent, sizeof sent);
        result.expected += memcmp(sent, seen, sizeof sent) == 0;
        result.raw += is_raw(vcpu, spa, seen);
        result.old += is_old(vcpu->guest, gpa, seen);
    }
    return result;
}

/*
 * plaintext: all that was sent. For a device that reads, ciphertext: exactly what the DRAM holds,
 * and that is not what the guest wrote; stale: the DRAM's bytes with no cipher in the way, so they
 * are old ones, or old lines between new ones. For a guest that reads, stale: what it had left
 * there itself. garbage: none of these.
 */
static const char *outcome_of(const cbit_hv_vcpu_t *vcpu, const cbit_hv_lane_t *dma,
                              const comparison_t *seen)
{
    bool ciphered = vcpu->guest->hv->ciphered;
    bool device_reads = !dma->status.from_device;
    if (seen->expected == seen->lines) {
        return "plaintext";
    }
    if (device_reads && seen->raw == seen->lines && seen->expected == 0) {
        return ciphered ? "ciphertext" : "stale";
    }
    return seen->expected > 0 || seen->old == seen->lines ? "stale" : "garbage";
}

/* ---- a lane: one transfer on its way ---- */

static cbit_hv_vcpu_t *vcpu_of(const cbit_hv_lane_t *lane)
{
    return lane->device->vcpu;
}

static bool emulated(const cbit_hv_device_t *device)
{
    return device->queue != CBIT_GUEST_DEVICE_REAL;
}

/*
 * What the device names: the C-bit goes with pages that the host's key encrypts. A private page of
 * an SEV guest is under no key that a device could name, so its address goes without. Host software
 * has all of the guest's memory mapped with its own key.
 */
static bool device_address(const cbit_hv_device_t *device, cbit_gpa_t gpa, uint64_t *address,
                           cbit_key_t *key)
{
    cbit_hv_guest_t *guest = device->vcpu->guest;
    cbit_spa_t spa;
    if (!cbit_hv_nested_lookup(&guest->nested, gpa, &spa)) {
        return false;
    }
    *key = emulated(device) ? guest->hv->host_key : CBIT_KEY_PLAIN;
    *address = spa | (emulated(device) || is_private(guest, gpa) ? 0 : guest->hv->c_bit_mask);
    return true;
}

/* Moves at most the rest of a page; the task is resumed. False: nothing is mapped there. */
static bool move(cbit_hv_device_t *device, cbit_hv_transfer_t *transfer, cbit_hv_task_t *task,
                 bool write, cbit_gpa_t gpa, void *bytes, uint32_t *len)
{
    uint64_t address;
    cbit_key_t key;
    uint32_t room = CBIT_PAGE_BYTES - (uint32_t)(gpa % CBIT_PAGE_BYTES);
    if (!device_address(device, gpa, &address, &key)) {
        return false;
    }
    *len = *len < room ? *len : room;
    cbit_hv_transfer_start(transfer, write ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ, address, key,
                           bytes, *len, cbit_hv_task_resume, task);
    return true;
}

static void timer_fires(void *self)
{
    cbit_hv_lane_t *lane = self;
    cbit_hv_task_resume(&lane->task);
}

static cbit_hv_step_t lane_begin(void *self)
{
    cbit_hv_lane_t *lane = self;
    cbit_hv_t *hv = vcpu_of(lane)->guest->hv;
    cbit_ps_t wait_ps = emulated(lane->device) ? hv->config.emulation_ns : hv->config.device_ns;
    cbit_event_notify_at(hv->kernel, &lane->timer, cbit_hv_now(hv) + wait_ps);
    return CBIT_HV_WAIT;
}

/* Whether this is the piece of the chain that carries data, not a header or a status byte. */
static bool is_data(const cbit_hv_lane_t *lane)
{
    return lane->at == (emulated(lane->device) ? 1u : 0u);
}

/* Before the data: what a block device reads it from, which its header's sector says. */
static void make_data(cbit_hv_lane_t *lane)
{
    uint64_t pattern = lane->status.pattern;
    if (lane->status.device == CBIT_GUEST_DEVICE_VIRTIO_BLK) {
        pattern = cbit_hv_get_le(lane->header + 8, 8);
    }
    cbit_guest_io_pattern(pattern, 0, lane->bytes, lane->status.bytes);
}

static cbit_hv_step_t lane_move(void *self)
{
    cbit_hv_lane_t *lane = self;
    if (lane->at == lane->count) {
        return CBIT_HV_NEXT;
    }
    const cbit_hv_descriptor_t *descriptor = &lane->chain[lane->at];
    bool data = is_data(lane);
    if (lane->offset == descriptor->len) {
        lane->at++;
        lane->offset = 0;
        lane->task.resumed = true;
        return CBIT_HV_AGAIN;
    }
    if (data && lane->offset == 0 && descriptor->writes) {
        make_data(lane);
    }
    cbit_gpa_t gpa = descriptor->gpa + lane->offset;
    uint32_t len = descriptor->len - lane->offset;
    uint8_t *bytes = data ? lane->bytes + lane->offset : lane->header + lane->offset;
    if (!data && lane->at > 0) {
        memset(lane->header, 0, sizeof lane->header); /* the status: VIRTIO_BLK_S_OK */
    }
    if (!move(lane->device, &lane->transfer, &lane->task, descriptor->writes, gpa, bytes, &len)) {
        lane->faulted = true;
        return CBIT_HV_NEXT;
    }
    lane->offset += len;
    lane->moved += data ? len : 0;
    if (is_private(vcpu_of(lane)->guest, gpa)) {
        cbit_run_guest_t *result = vcpu_of(lane)->guest->result;
        *(descriptor->writes ? &result->dma_private_writes : &result->dma_private_reads) +=
            (len + CBIT_LINE_BYTES - 1) / CBIT_LINE_BYTES;
    }
    return CBIT_HV_AGAIN;
}

static void report(cbit_hv_lane_t *lane, cbit_hv_probe_t *probe)
{
    cbit_hv_vcpu_t *vcpu = vcpu_of(lane);
    cbit_run_event_t *event = probe->result;
    comparison_t seen = compare(vcpu, lane);
    bool refused = lane->faulted || lane->transfer.err != CBIT_ERR_OK;
    event->skipped = false;
    event->at_ps = lane->begun_ps;
    event->vcpu = vcpu->index;
    event->outcome = refused ? "refused" : outcome_of(vcpu, lane, &seen);
    event->blocks = (uint64_t)lane->moved / CBIT_BLOCK_BYTES;
    event->foreign_blocks = 0;
    event->span_ps = cbit_hv_now(vcpu->guest->hv) - lane->begun_ps;
    probe->state = CBIT_HV_PROBE_DONE;
    /* What a guest reads it compares by itself (cbit_guest_stats_t.io_mismatches). */
    if (!lane->status.from_device && cbit_hv_probe_must_work(probe)) {
        vcpu->guest->hv->result->checks.io_mismatches += seen.lines - seen.expected;
    }
}

/* A transfer of the guest's program: what the device read must be what was sent, unless the guest
   gave it pages that only the guest's key opens. */
static void check_own(cbit_hv_lane_t *lane)
{
    cbit_hv_vcpu_t *vcpu = vcpu_of(lane);
    if (!lane->status.from_device && !is_private(vcpu->guest, lane->status.gpa)) {
        comparison_t seen = compare(vcpu, lane);
        vcpu->guest->hv->result->checks.io_mismatches += seen.lines - seen.expected;
    }
}

static cbit_hv_step_t lane_end(void *self)
{
    cbit_hv_lane_t *lane = self;
    cbit_run_guest_t *result = vcpu_of(lane)->guest->result;
    cbit_hv_probe_t *probe = cbit_hv_probe_of_io(vcpu_of(lane), lane->io);
    if (probe != NULL) {
        report(lane, probe);
    } else {
        check_own(lane);
    }
    result->io_requests++;
    result->io_bytes += lane->moved;
    return CBIT_HV_NEXT;
}

static const cbit_hv_step_fn lane_steps[] = {lane_begin, lane_move, lane_end, NULL};

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
    return move(device, &device->publisher, &device->publish_task, true, gpa, device->used_bytes,
                &len)
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
    return move(device, &device->publisher, &device->publish_task, true,
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
    return move(device, &device->transfer, &device->task, false, ring_gpa(device) + offset,
                device->ring_bytes, &len)
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
    uint32_t parts = !emulated(device) ? 1 : block ? 3 : 2;
    uint32_t header = block ? CBIT_VIRTIO_BLK_HEADER_BYTES : CBIT_VIRTIO_NET_HEADER_BYTES;
    return lane->count == parts && lane->chain[emulated(device)].len == lane->status.bytes &&
           (!emulated(device) || lane->chain[0].len == header) &&
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
    lane->bytes = calloc(1, lane->status.bytes);
    if (lane->bytes == NULL) {
        return cbit_hv_fail(hv, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    lane->state = CBIT_HV_LANE_MOVING;
    lane->at = 0;
    lane->offset = 0;
    lane->moved = 0;
    lane->faulted = false;
    lane->begun_ps = cbit_hv_now(hv);
    memset(lane->header, 0, sizeof lane->header);
    device->busy_lanes++;
    cbit_hv_task_start(&lane->task, lane_steps, lane, lane_over, lane);
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
    /* Emulation is a thread of its own, beside the vCPU's. */
    uint32_t core = (vcpu->home->number + 1) % hv->core_count;
    cbit_port_t port = emulated(device) ? cbit_platform_host_port(hv->platform, core)
                                        : cbit_platform_device_port(hv->platform, 0);
    cbit_source_t source = emulated(device) ? CBIT_SOURCE_HOST : CBIT_SOURCE_DMA;
    cbit_hv_transfer_init(&device->transfer, hv->kernel, port, source, 0);
    cbit_hv_transfer_init(&device->publisher, hv->kernel, port, source, 0);
    for (uint32_t i = 0; i < CBIT_HV_LANES; i++) {
        cbit_hv_lane_t *lane = &device->lanes[i];
        lane->device = device;
        cbit_event_init(&lane->timer, timer_fires, lane);
        cbit_hv_transfer_init(&lane->transfer, hv->kernel, port, source, 0);
    }
    return device;
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
        free(vcpu->devices[q]);
    }
}
