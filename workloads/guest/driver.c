/*
 * What a driver does for one transfer: buffers, mappings of the bounce buffer, the queue, and back.
 * One line of memory at a time, so that everything is real traffic of its vCPU.
 */
#include <string.h>

#include "workloads/guest/state.h"

enum {
    LINE = CBIT_LINE_BYTES,
    HEAD_BYTES = 64, /* of each request: its header, and at STATUS_AT its status byte */
    STATUS_AT = 32,
    NVME_PAGE_MASK = 4095, /* the min_align_mask of Linux's NVMe driver */
    RETRY_CCLK = 1000,
};

void cbit_guest_io_pattern(uint64_t pattern, uint64_t offset, void *bytes, uint32_t len_bytes)
{
    uint8_t *to = bytes;
    for (uint32_t at = 0; at < len_bytes; at += 8) {
        uint64_t word =
            cbit_splitmix64(cbit_splitmix64(pattern ^ UINT64_C(0x6369626f)) + offset + at);
        for (uint32_t i = at; i < at + 8 && i < len_bytes; i++, word >>= 8) {
            to[i] = (uint8_t)word;
        }
    }
}

cbit_guest_io_slot_t *cbit_guest_io_slot(cbit_guest_cpu_t *cpu, uint32_t id)
{
    return &cpu->driver.slots[id % CBIT_GUEST_IO_QUEUE];
}

void cbit_guest_driver_init(cbit_guest_cpu_t *cpu)
{
    for (uint32_t q = 0; q < CBIT_GUEST_QUEUES; q++) {
        cbit_guest_queue_t *queue = &cpu->driver.queues[q];
        queue->free_count = CBIT_VIRTQ_ENTRIES;
        for (uint32_t i = 0; i < CBIT_VIRTQ_ENTRIES; i++) {
            queue->free[i] = (uint16_t)(CBIT_VIRTQ_ENTRIES - 1 - i);
        }
    }
}

/* ---- the parts of a transfer ---- */

static void add_segment(cbit_guest_cpu_t *cpu, cbit_guest_io_slot_t *slot, bool head,
                        uint64_t offset, uint32_t bytes, bool from_device)
{
    cbit_guest_t *guest = cpu->guest;
    bool shared = slot->request.pages == CBIT_GUEST_IO_SHARED;
    cbit_gva_t gva = head ? (shared ? CBIT_GUEST_HEADS_SHARED_GVA : CBIT_GUEST_HEADS_PRIVATE_GVA)
                          : (shared ? CBIT_GUEST_IO_SHARED_GVA : CBIT_GUEST_IO_PRIVATE_GVA);
    cbit_gpa_t gpa = head ? (shared ? guest->heads_shared_gpa : guest->heads_private_gpa)
                          : (shared ? guest->io_shared_gpa : guest->io_private_gpa);
    slot->segments[slot->segment_count++] = (cbit_guest_io_segment_t){
        .gva = gva + offset, .gpa = gpa + offset, .bytes = bytes, .from_device = from_device};
}

static cbit_guest_io_segment_t *data_of(cbit_guest_io_slot_t *slot)
{
    return &slot->segments[slot->request.device == CBIT_GUEST_DEVICE_REAL ? 0 : 1];
}

static void lay_out(cbit_guest_cpu_t *cpu, cbit_guest_io_slot_t *slot, uint32_t id)
{
    cbit_guest_t *guest = cpu->guest;
    const cbit_guest_io_t *request = &slot->request;
    uint64_t head = (uint64_t)cpu->index * CBIT_PAGE_BYTES + id % CBIT_GUEST_IO_QUEUE * HEAD_BYTES;
    uint64_t data =
        ((uint64_t)cpu->index * guest->config.io.depth + slot->buffer) * guest->buffer_bytes;
    slot->segment_count = 0;
    if (request->device == CBIT_GUEST_DEVICE_VIRTIO_BLK) {
        add_segment(cpu, slot, true, head, CBIT_VIRTIO_BLK_HEADER_BYTES, false);
    } else if (request->device == CBIT_GUEST_DEVICE_VIRTIO_NET) {
        add_segment(cpu, slot, true, head, CBIT_VIRTIO_NET_HEADER_BYTES, request->from_device);
    }
    add_segment(cpu, slot, false, data, request->bytes, request->from_device);
    if (request->device == CBIT_GUEST_DEVICE_VIRTIO_BLK) {
        add_segment(cpu, slot, true, head + STATUS_AT, 1, true);
    }
}

/* ---- one line of each step ---- */

/* The header that a device reads: for blocks type and sector, which is the pattern's number. */
static void fill_header(cbit_guest_cpu_t *cpu, cbit_guest_io_slot_t *slot)
{
    uint8_t header[CBIT_VIRTIO_BLK_HEADER_BYTES] = {0};
    if (slot->request.device == CBIT_GUEST_DEVICE_REAL) {
        return;
    }
    if (slot->request.device == CBIT_GUEST_DEVICE_VIRTIO_BLK) {
        header[0] = slot->request.from_device ? 0 : 1; /* VIRTIO_BLK_T_IN, T_OUT */
        for (uint32_t i = 0; i < 8; i++) {
            header[8 + i] = (uint8_t)(slot->request.pattern >> (8 * i));
        }
    }
    const cbit_guest_io_segment_t *segment = &slot->segments[0];
    if (cbit_guest_touch(cpu, segment->gva)) {
        cbit_guest_push_store(cpu, segment->gva, header, segment->bytes, 4);
    }
}

/* Data to send is made; a buffer to receive into is cleared, as it may hold an earlier transfer. */
static void fill_line(cbit_guest_cpu_t *cpu, cbit_guest_io_slot_t *slot)
{
    uint8_t bytes[LINE] = {0};
    uint32_t at = cpu->driver.at;
    cbit_gva_t gva = data_of(slot)->gva + at;
    if (at == 0) {
        fill_header(cpu, slot);
    }
    if (!slot->request.from_device) {
        cbit_guest_io_pattern(slot->request.pattern, at, bytes, LINE);
    }
    if (cbit_guest_touch(cpu, gva)) {
        cbit_guest_push_store(cpu, gva, bytes, LINE, 1);
    }
    cpu->driver.at += LINE;
}

/* memcpy of a line: what was loaded is stored, whatever it is; the check of the load tells when it
   is not what was expected. */
static void copy_line(cbit_guest_cpu_t *cpu, cbit_guest_io_slot_t *slot, cbit_gva_t from,
                      cbit_gva_t to, uint32_t size, const uint8_t *device_bytes)
{
    if (!cbit_guest_touch(cpu, from) || !cbit_guest_touch(cpu, to)) {
        return;
    }
    uint8_t bytes[LINE];
    const uint8_t *page = cbit_guest_page_bytes(cbit_guest_page_of(cpu, from));
    memcpy(bytes, device_bytes != NULL ? device_bytes : page + from % CBIT_PAGE_BYTES, size);
    if (cpu->driver.at % CBIT_PAGE_BYTES == 0) {
        cbit_guest_push_code(cpu, &cbit_guest_code_copy);
    }
    cbit_op_t *ops = &cpu->queue[cpu->queue_count]; /* the two that come next */
    (void)cbit_guest_push_load(cpu, from, size, false, 1, CBIT_GUEST_LOAD_IO, bytes,
                               cpu->driver.active);
    cbit_guest_push_store(cpu, to, bytes, size, 1);
    ops[0].copied = ops[1].copied = true;
    slot->status.copied_bytes += size;
    cpu->guest->stats.bounce_copied_bytes += size;
}

static cbit_gva_t bounce_gva(const cbit_guest_io_segment_t *segment)
{
    return CBIT_GUEST_SWIOTLB_GVA + segment->bounce;
}

/* The current line of a segment that ends with less than a line if it must. */
static uint32_t line_size(const cbit_guest_io_segment_t *segment, uint32_t at)
{
    return segment->bytes - at < LINE ? segment->bytes - at : LINE;
}

/* What the device has left in a segment, as the driver expects it. */
static void device_bytes_of(cbit_guest_io_slot_t *slot, const cbit_guest_io_segment_t *segment,
                            uint32_t at, uint8_t bytes[LINE])
{
    memset(bytes, 0, LINE); /* a status of OK, a network header without offloads */
    if (segment == data_of(slot)) {
        cbit_guest_io_pattern(slot->request.pattern, at, bytes, LINE);
    }
}

/* The guest's own picture of what a device has written. */
static void note_device_bytes(cbit_guest_cpu_t *cpu, cbit_gva_t gva, const uint8_t *bytes,
                              uint32_t size)
{
    uint8_t *held = cbit_guest_page_write(cbit_guest_page_of(cpu, gva));
    if (held != NULL) {
        memcpy(held + gva % CBIT_PAGE_BYTES, bytes, size);
    }
}

static void enter(cbit_guest_cpu_t *cpu, cbit_guest_io_step_t step)
{
    cpu->driver.step = step;
    cpu->driver.at = 0;
    cpu->driver.segment = 0;
}

/* What is mapped already is given back; the transfer is the next one to begin again, when one of
   the vCPU's has come back from its device. */
static void requeue(cbit_guest_cpu_t *cpu, cbit_guest_io_slot_t *slot)
{
    cbit_guest_driver_t *driver = &cpu->driver;
    for (uint32_t i = 0; i < slot->segment_count; i++) {
        if (slot->segments[i].mapped) {
            cbit_swiotlb_unmap(&cpu->guest->swiotlb, slot->segments[i].bounce,
                               slot->segments[i].bytes);
        }
    }
    slot->filled = true;
    driver->full = true;
    driver->begun--;
    enter(cpu, CBIT_GUEST_IO_STEP_NONE);
}

/* Nobody else has a place there: what does not fit now never will. */
static bool is_alone(const cbit_guest_t *guest, const cbit_guest_io_slot_t *slot)
{
    uint32_t held = 0;
    for (uint32_t i = 0; i < slot->segment_count; i++) {
        const cbit_guest_io_segment_t *segment = &slot->segments[i];
        held += segment->mapped ? cbit_swiotlb_slots_of(segment->bounce, segment->bytes) : 0;
    }
    return guest->swiotlb.used == held;
}

/* A place in the bounce buffer; false: not now. The segment's address is then the pool's. */
static bool map_segment(cbit_guest_cpu_t *cpu, cbit_guest_io_slot_t *slot,
                        cbit_guest_io_segment_t *segment)
{
    cbit_guest_t *guest = cpu->guest;
    uint32_t mask = slot->request.device == CBIT_GUEST_DEVICE_REAL ? NVME_PAGE_MASK : 0;
    if (cbit_swiotlb_map(&guest->swiotlb, cpu->index, segment->gpa, segment->bytes, mask,
                         &segment->bounce)) {
        segment->mapped = true;
        segment->gpa = guest->swiotlb_gpa + segment->bounce;
        return true;
    }
    if (guest->config.io.on_full == CBIT_GUEST_ON_FULL_REPORT || is_alone(guest, slot)) {
        slot->status.failed = true;
    } else {
        requeue(cpu, slot);
    }
    return false;
}

static void map_line(cbit_guest_cpu_t *cpu, cbit_guest_io_slot_t *slot)
{
    cbit_guest_driver_t *driver = &cpu->driver;
    cbit_guest_io_segment_t *segment = &slot->segments[driver->segment];
    if (!segment->mapped && !map_segment(cpu, slot, segment)) {
        return;
    }
    /* As Linux does, a mapping is filled whatever the direction. */
    uint32_t size = line_size(segment, driver->at);
    copy_line(cpu, slot, segment->gva + driver->at, bounce_gva(segment) + driver->at, size, NULL);
    driver->at += size;
    if (driver->at == segment->bytes) {
        driver->at = 0;
        driver->segment++;
    }
}

/* Of a segment that the device has written, a line back; others are only unmapped. */
static void sync_line(cbit_guest_cpu_t *cpu, cbit_guest_io_slot_t *slot)
{
    cbit_guest_driver_t *driver = &cpu->driver;
    cbit_guest_io_segment_t *segment = &slot->segments[driver->segment];
    uint32_t size = line_size(segment, driver->at);
    if (segment->from_device && segment->mapped && !slot->status.failed) {
        uint8_t bytes[LINE];
        device_bytes_of(slot, segment, driver->at, bytes);
        note_device_bytes(cpu, bounce_gva(segment) + driver->at, bytes, size);
        copy_line(cpu, slot, bounce_gva(segment) + driver->at, segment->gva + driver->at, size,
                  bytes);
        driver->at += size;
    } else {
        driver->at = segment->bytes;
    }
    if (driver->at == segment->bytes) {
        if (segment->mapped) {
            cbit_swiotlb_unmap(&cpu->guest->swiotlb, segment->bounce, segment->bytes);
            segment->mapped = false;
        }
        driver->at = 0;
        driver->segment++;
    }
}

static void check_line(cbit_guest_cpu_t *cpu, cbit_guest_io_slot_t *slot)
{
    uint8_t bytes[LINE];
    const cbit_guest_io_segment_t *segment = data_of(slot);
    cbit_gva_t gva = segment->gva + cpu->driver.at;
    device_bytes_of(slot, segment, cpu->driver.at, bytes);
    if (slot->request.pages == CBIT_GUEST_IO_SHARED) {
        note_device_bytes(cpu, gva, bytes, LINE);
    }
    (void)cbit_guest_push_load(cpu, gva, LINE, false, 1, CBIT_GUEST_LOAD_IO, bytes,
                               cpu->driver.active);
    cpu->driver.at += LINE;
}

/* ---- from step to step ---- */

static void over(cbit_guest_cpu_t *cpu, cbit_guest_io_slot_t *slot)
{
    cbit_guest_driver_t *driver = &cpu->driver;
    slot->status.state = CBIT_GUEST_IO_DONE;
    slot->answered = false;
    cpu->guest->stats.io_failed += slot->status.failed;
    driver->full = false;
    driver->retries = 0;
    driver->buffers &= ~(UINT64_C(1) << slot->buffer);
    enter(cpu, CBIT_GUEST_IO_STEP_NONE);
    while (driver->done != driver->begun &&
           cbit_guest_io_slot(cpu, driver->done)->status.state == CBIT_GUEST_IO_DONE) {
        driver->done++;
    }
}

void cbit_guest_driver_begin(cbit_guest_cpu_t *cpu, uint32_t id)
{
    cbit_guest_io_slot_t *slot = cbit_guest_io_slot(cpu, id);
    cpu->driver.active = id;
    lay_out(cpu, slot, id);
    slot->status.failed = slot->status.failed || cpu->driver.queues[slot->queue].broken;
    enter(cpu, slot->filled ? CBIT_GUEST_IO_STEP_MAP : CBIT_GUEST_IO_STEP_FILL);
}

void cbit_guest_driver_finish(cbit_guest_cpu_t *cpu, uint32_t id)
{
    cpu->driver.active = id;
    cbit_guest_io_slot(cpu, id)->answered = false;
    enter(cpu, CBIT_GUEST_IO_STEP_SYNC);
}

static void offer(cbit_guest_cpu_t *cpu, cbit_guest_io_slot_t *slot)
{
    slot->status.gpa = data_of(slot)->gpa;
    if (cbit_guest_queue_offer(cpu, cpu->driver.active)) {
        enter(cpu, CBIT_GUEST_IO_STEP_NONE);
    } else if (!cbit_guest_queue_look(cpu)) {
        cbit_guest_new_op(cpu, CBIT_OP_THINK)->cclk = RETRY_CCLK;
    }
}

static void step_behind_sync(cbit_guest_cpu_t *cpu, cbit_guest_io_slot_t *slot)
{
    if (slot->request.from_device && !slot->status.failed) {
        enter(cpu, CBIT_GUEST_IO_STEP_CHECK);
    } else {
        over(cpu, slot);
    }
}

void cbit_guest_driver_step(cbit_guest_cpu_t *cpu)
{
    cbit_guest_driver_t *driver = &cpu->driver;
    cbit_guest_io_slot_t *slot = cbit_guest_io_slot(cpu, driver->active);
    bool bounced = slot->request.pages == CBIT_GUEST_IO_BOUNCED;
    if (slot->status.failed && driver->step < CBIT_GUEST_IO_STEP_SYNC) {
        enter(cpu, CBIT_GUEST_IO_STEP_SYNC); /* what is mapped already is given back */
    }
    switch (driver->step) {
    case CBIT_GUEST_IO_STEP_FILL:
        fill_line(cpu, slot);
        if (driver->at >= slot->request.bytes) {
            enter(cpu, bounced ? CBIT_GUEST_IO_STEP_MAP : CBIT_GUEST_IO_STEP_RING);
        }
        break;
    case CBIT_GUEST_IO_STEP_MAP:
        map_line(cpu, slot);
        if (driver->step == CBIT_GUEST_IO_STEP_MAP && driver->segment == slot->segment_count) {
            enter(cpu, CBIT_GUEST_IO_STEP_RING);
        }
        break;
    case CBIT_GUEST_IO_STEP_RING:
        offer(cpu, slot);
        break;
    case CBIT_GUEST_IO_STEP_SYNC:
        sync_line(cpu, slot);
        if (driver->segment == slot->segment_count) {
            step_behind_sync(cpu, slot);
        }
        break;
    default:
        check_line(cpu, slot);
        if (driver->at >= slot->request.bytes) {
            over(cpu, slot);
        }
        break;
    }
}
