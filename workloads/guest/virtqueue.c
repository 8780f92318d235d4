/* The driver's side of a split virtqueue: descriptors, available ring, doorbell, used ring. */
#include <string.h>

#include "workloads/guest/state.h"

enum {
    RING_OFFSET = 4,        /* of the entries, behind flags and index */
    IOIO_OUT_32 = 1 << 6,   /* EXITINFO1: SZ32, OUT */
    LOOK_THINK_CCLK = 200,  /* between two looks at a ring: PAUSE and the loop around it */
    ANSWER_THINK_CCLK = 16, /* while a look's bytes are on their way */
};

static void put_le(uint8_t *to, uint64_t value, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get_le(const uint8_t *from, uint32_t bytes)
{
    uint64_t value = 0;
    for (uint32_t i = bytes; i > 0; i--) {
        value = value << 8 | from[i - 1];
    }
    return value;
}

static cbit_gva_t page_of(const cbit_guest_cpu_t *cpu, uint32_t queue)
{
    return CBIT_GUEST_RING_GVA +
           (cbit_gva_t)(cpu->index * CBIT_GUEST_QUEUES + queue) * CBIT_PAGE_BYTES;
}

cbit_gpa_t cbit_guest_queue_gpa(const cbit_guest_t *guest, uint32_t vcpu, uint32_t queue)
{
    return guest->ring_gpa + (cbit_gpa_t)(vcpu * CBIT_GUEST_QUEUES + queue) * CBIT_PAGE_BYTES;
}

/* Address, length, flags, next. */
static void push_descriptor(cbit_guest_cpu_t *cpu, const cbit_guest_io_slot_t *slot, uint16_t at,
                            const cbit_guest_io_segment_t *segment, bool last, uint16_t next)
{
    uint8_t bytes[CBIT_VIRTQ_DESCRIPTOR_BYTES];
    uint32_t flags = (last ? 0 : CBIT_VIRTQ_NEXT) | (segment->from_device ? CBIT_VIRTQ_WRITE : 0);
    put_le(bytes, segment->gpa, 8);
    put_le(bytes + 8, segment->bytes, 4);
    put_le(bytes + 12, flags, 2);
    put_le(bytes + 14, last ? 0 : next, 2);
    cbit_guest_push_store(cpu, page_of(cpu, slot->queue) + at * CBIT_VIRTQ_DESCRIPTOR_BYTES, bytes,
                          sizeof bytes, 4);
}

bool cbit_guest_queue_offer(cbit_guest_cpu_t *cpu, uint32_t id)
{
    cbit_guest_io_slot_t *slot = cbit_guest_io_slot(cpu, id);
    cbit_guest_queue_t *queue = &cpu->driver.queues[slot->queue];
    cbit_gva_t page = page_of(cpu, slot->queue);
    uint8_t head[2], flags_index[4];
    if (queue->free_count < slot->segment_count) {
        return false;
    }
    if (!cbit_guest_touch(cpu, page)) {
        return true; /* the guest has failed */
    }
    for (uint32_t i = 0; i < slot->segment_count; i++) {
        slot->descriptors[i] = queue->free[--queue->free_count];
    }
    for (uint32_t i = 0; i < slot->segment_count; i++) {
        bool last = i + 1 == slot->segment_count;
        push_descriptor(cpu, slot, slot->descriptors[i], &slot->segments[i], last,
                        last ? 0 : slot->descriptors[i + 1]);
    }
    slot->head = slot->descriptors[0];
    queue->ids[slot->head] = id;
    put_le(head, slot->head, 2);
    bool polls = cpu->guest->config.io.completion == CBIT_GUEST_COMPLETION_POLL;
    put_le(flags_index, polls ? CBIT_VIRTQ_NO_INTERRUPT : 0, 2);
    put_le(flags_index + 2, queue->avail + 1u, 2);
    cbit_guest_push_store(
        cpu, page + CBIT_VIRTQ_AVAIL + RING_OFFSET + 2 * (queue->avail % CBIT_VIRTQ_ENTRIES), head,
        sizeof head, 1);
    cbit_guest_push_store(cpu, page + CBIT_VIRTQ_AVAIL, flags_index, sizeof flags_index, 1);
    queue->avail++;
    queue->in_flight++;
    slot->status.state = CBIT_GUEST_IO_AT_DEVICE;
    cbit_guest_push_code(cpu, &cbit_guest_code_doorbell);
    cbit_guest_new_op(cpu, CBIT_OP_IO)->value =
        (uint64_t)(CBIT_GUEST_DOORBELL_PORT + slot->queue) << 16 | IOIO_OUT_32;
    return true;
}

/* ---- answers ---- */

static void push_look(cbit_guest_cpu_t *cpu, cbit_gva_t gva, uint32_t bytes)
{
    cbit_guest_look_t *look = &cpu->driver.look;
    look->answered = false;
    look->cookie = cbit_guest_push_load(cpu, gva, bytes, true, 2, CBIT_GUEST_LOAD_RING, NULL, 0);
}

void cbit_guest_queue_answer(cbit_guest_cpu_t *cpu, uint64_t cookie, const uint8_t *bytes,
                             uint32_t size_bytes)
{
    cbit_guest_look_t *look = &cpu->driver.look;
    if (look->cookie == cookie && !look->answered) {
        memcpy(look->bytes, bytes, size_bytes);
        look->answered = true;
    }
}

/* The chain's descriptors are free again. */
static void take_back(cbit_guest_queue_t *queue, cbit_guest_io_slot_t *slot)
{
    for (uint32_t i = slot->segment_count; i > 0; i--) {
        queue->free[queue->free_count++] = slot->descriptors[i - 1];
    }
    queue->in_flight--;
    slot->answered = true;
    slot->status.state = CBIT_GUEST_IO_COPYING;
}

/* A chain has come back: its transfer goes on with what comes behind the device. */
static void take_element(cbit_guest_cpu_t *cpu, uint32_t queue_number)
{
    cbit_guest_queue_t *queue = &cpu->driver.queues[queue_number];
    uint32_t head = (uint32_t)get_le(cpu->driver.look.bytes, 4) % CBIT_VIRTQ_ENTRIES;
    cbit_guest_io_slot_t *slot = cbit_guest_io_slot(cpu, queue->ids[head]);
    queue->used++;
    if (slot->head != head || slot->queue != queue_number || slot->answered ||
        slot->status.state != CBIT_GUEST_IO_AT_DEVICE) {
        return; /* nothing that was asked for: the device is not to be trusted */
    }
    take_back(queue, slot);
}

void cbit_guest_io_broken(cbit_guest_t *guest, uint32_t vcpu, uint32_t queue_number)
{
    cbit_guest_cpu_t *cpu = &guest->cpus[vcpu];
    cbit_guest_queue_t *queue = &cpu->driver.queues[queue_number];
    queue->broken = true;
    for (uint32_t id = cpu->driver.done; id != cpu->driver.begun; id++) {
        cbit_guest_io_slot_t *slot = cbit_guest_io_slot(cpu, id);
        if (slot->queue == queue_number && slot->status.state == CBIT_GUEST_IO_AT_DEVICE) {
            slot->status.failed = true;
            take_back(queue, slot);
        }
    }
    cbit_guest_io_interrupt(guest, vcpu);
}

bool cbit_guest_io_at_head(const cbit_guest_t *guest, uint32_t vcpu, uint32_t queue, uint32_t head,
                           uint32_t *id)
{
    const cbit_guest_driver_t *driver = &guest->cpus[vcpu].driver;
    if (head >= CBIT_VIRTQ_ENTRIES || queue >= CBIT_GUEST_QUEUES) {
        return false;
    }
    *id = driver->queues[queue].ids[head];
    const cbit_guest_io_slot_t *slot = &driver->slots[*id % CBIT_GUEST_IO_QUEUE];
    return slot->queue == queue && slot->head == head &&
           slot->status.state == CBIT_GUEST_IO_AT_DEVICE;
}

/* The next queue with something in flight, from `from` on; CBIT_GUEST_QUEUES: none. */
static uint32_t next_busy(const cbit_guest_driver_t *driver, uint32_t from)
{
    while (from < CBIT_GUEST_QUEUES && driver->queues[from].in_flight == 0) {
        from++;
    }
    return from;
}

static void look_into(cbit_guest_cpu_t *cpu, uint32_t queue)
{
    cbit_guest_look_t *look = &cpu->driver.look;
    look->queue = queue;
    look->at = queue == CBIT_GUEST_QUEUES ? LOOK_IDLE : LOOK_INDEX;
    if (look->at == LOOK_INDEX) {
        push_look(cpu, page_of(cpu, queue) + CBIT_VIRTQ_USED + 2, 2);
    }
}

static void push_think(cbit_guest_cpu_t *cpu, uint64_t cclk)
{
    cbit_guest_new_op(cpu, CBIT_OP_THINK)->cclk = cclk;
}

bool cbit_guest_queue_look(cbit_guest_cpu_t *cpu)
{
    cbit_guest_driver_t *driver = &cpu->driver;
    cbit_guest_look_t *look = &driver->look;
    if (look->at == LOOK_IDLE) {
        look_into(cpu, next_busy(driver, 0));
        return look->at != LOOK_IDLE;
    }
    if (!look->answered) {
        push_think(cpu, ANSWER_THINK_CCLK);
        return true;
    }
    cbit_guest_queue_t *queue = &driver->queues[look->queue];
    if (look->at == LOOK_ELEMENT) {
        take_element(cpu, look->queue);
        look_into(cpu, look->queue);
        return true;
    }
    if ((uint16_t)get_le(look->bytes, 2) != queue->used && !queue->broken) {
        look->at = LOOK_ELEMENT;
        push_look(cpu,
                  page_of(cpu, look->queue) + CBIT_VIRTQ_USED + RING_OFFSET +
                      CBIT_VIRTQ_USED_BYTES * (queue->used % CBIT_VIRTQ_ENTRIES),
                  CBIT_VIRTQ_USED_BYTES);
        return true;
    }
    look_into(cpu, next_busy(driver, look->queue + 1));
    if (look->at == LOOK_IDLE) {
        push_think(cpu, LOOK_THINK_CCLK);
    }
    return look->at != LOOK_IDLE;
}
