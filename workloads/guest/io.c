/* The guest's block driver: buffers, bounce buffer, descriptor, doorbell. One transfer at a time.
 */
#include <string.h>

#include "workloads/guest/state.h"

enum {
    LINE = CBIT_LINE_BYTES,
    DESCRIPTOR_BYTES = 16,
    RING_ENTRIES = 128,
    AVAIL_OFFSET = RING_ENTRIES * DESCRIPTOR_BYTES, /* index of the next descriptor, behind them */
    DEVICE_WRITES = 2,                              /* descriptor flag, as in virtio */
    IOIO_OUT_32 = 1 << 6,                           /* EXITINFO1: SZ32, OUT */
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

static cbit_guest_io_slot_t *slot_of(cbit_guest_cpu_t *cpu, uint32_t id)
{
    return &cpu->io[id % CBIT_GUEST_IO_QUEUE];
}

/* ---- where the parts of a transfer are ---- */

static cbit_gva_t buffer_gva(const cbit_guest_io_slot_t *slot)
{
    return slot->request.pages == CBIT_GUEST_IO_SHARED ? CBIT_GUEST_IO_SHARED_GVA
                                                       : CBIT_GUEST_IO_PRIVATE_GVA;
}

static cbit_gpa_t device_gpa(const cbit_guest_cpu_t *cpu, const cbit_guest_io_slot_t *slot)
{
    switch (slot->request.pages) {
    case CBIT_GUEST_IO_SHARED:
        return cpu->guest->io_shared_gpa;
    case CBIT_GUEST_IO_BOUNCED:
        return cpu->guest->swiotlb_gpa + cpu->io_bounce;
    default:
        return cpu->guest->io_private_gpa;
    }
}

/* Slots in a row, from behind the last mapping, or from the start when the end is too near. */
static void take_slots(cbit_guest_cpu_t *cpu, uint32_t bytes)
{
    uint32_t slots = (bytes + CBIT_GUEST_SLOT_BYTES - 1) / CBIT_GUEST_SLOT_BYTES;
    uint32_t next = cpu->io_bounce_next;
    if (next + slots * CBIT_GUEST_SLOT_BYTES > cpu->guest->config.swiotlb_bytes) {
        next = 0;
    }
    cpu->io_bounce = next;
    cpu->io_bounce_next = next + slots * CBIT_GUEST_SLOT_BYTES;
}

/* ---- one line of each step ---- */

/* Data to send is made; a buffer to receive into is cleared, as it may hold an earlier transfer. */
static void fill_line(cbit_guest_cpu_t *cpu, const cbit_guest_io_slot_t *slot)
{
    uint8_t bytes[LINE] = {0};
    cbit_gva_t gva = buffer_gva(slot) + cpu->io_at;
    if (!slot->request.from_device) {
        cbit_guest_io_pattern(slot->request.pattern, cpu->io_at, bytes, LINE);
    }
    if (cbit_guest_touch(cpu, gva)) {
        cbit_guest_push_store(cpu, gva, bytes, LINE, 1);
    }
}

/* memcpy of a line: what was loaded is what is stored; the load's check tells when it was not. */
static void copy_line(cbit_guest_cpu_t *cpu, cbit_guest_io_slot_t *slot, cbit_gva_t from,
                      cbit_gva_t to, const uint8_t *device_bytes)
{
    if (!cbit_guest_touch(cpu, from) || !cbit_guest_touch(cpu, to)) {
        return;
    }
    uint8_t bytes[LINE];
    const uint8_t *page = cbit_guest_page_bytes(cbit_guest_page_of(cpu, from));
    memcpy(bytes, device_bytes != NULL ? device_bytes : page + from % CBIT_PAGE_BYTES, LINE);
    if (cpu->io_at % CBIT_PAGE_BYTES == 0) {
        cbit_guest_push_code(cpu, &cbit_guest_code_copy);
    }
    cbit_guest_push_load(cpu, from, LINE, false, 1, bytes, cpu->io_next);
    cbit_guest_push_store(cpu, to, bytes, LINE, 1);
    slot->status.copied_bytes += LINE;
    cpu->guest->stats.bounce_copied_bytes += LINE;
}

static void map_line(cbit_guest_cpu_t *cpu, cbit_guest_io_slot_t *slot)
{
    copy_line(cpu, slot, buffer_gva(slot) + cpu->io_at,
              CBIT_GUEST_SWIOTLB_GVA + cpu->io_bounce + cpu->io_at, NULL);
}

static void sync_line(cbit_guest_cpu_t *cpu, cbit_guest_io_slot_t *slot)
{
    uint8_t bytes[LINE];
    cbit_gva_t from = CBIT_GUEST_SWIOTLB_GVA + cpu->io_bounce + cpu->io_at;
    cbit_guest_io_pattern(slot->request.pattern, cpu->io_at, bytes, LINE);
    cbit_guest_page_t *page = cbit_guest_page_of(cpu, from);
    uint8_t *held =
        cbit_guest_page_write(page); /* the device wrote there: the map's store came first */
    if (held != NULL) {
        memcpy(held + from % CBIT_PAGE_BYTES, bytes, LINE);
    }
    copy_line(cpu, slot, from, buffer_gva(slot) + cpu->io_at, bytes);
}

static void check_line(cbit_guest_cpu_t *cpu, const cbit_guest_io_slot_t *slot)
{
    uint8_t bytes[LINE];
    cbit_gva_t gva = buffer_gva(slot) + cpu->io_at;
    cbit_guest_io_pattern(slot->request.pattern, cpu->io_at, bytes, LINE);
    if (slot->request.pages == CBIT_GUEST_IO_SHARED) {
        uint8_t *held = cbit_guest_page_write(cbit_guest_page_of(cpu, gva));
        if (held != NULL) {
            memcpy(held + gva % CBIT_PAGE_BYTES, bytes, LINE);
        }
    }
    cbit_guest_push_load(cpu, gva, LINE, false, 1, bytes, cpu->io_next);
}

/* Descriptor (address, length, flags), then the ring's index, then the doorbell. */
static void ring(cbit_guest_cpu_t *cpu, cbit_guest_io_slot_t *slot)
{
    uint8_t descriptor[DESCRIPTOR_BYTES] = {0}, index[2];
    cbit_gva_t entry =
        CBIT_GUEST_RING_GVA + (cbit_gva_t)(cpu->io_next % RING_ENTRIES) * DESCRIPTOR_BYTES;
    slot->status.gpa = device_gpa(cpu, slot);
    for (uint32_t i = 0; i < 8; i++) {
        descriptor[i] = (uint8_t)(slot->status.gpa >> (8 * i));
    }
    for (uint32_t i = 0; i < 4; i++) {
        descriptor[8 + i] = (uint8_t)(slot->request.bytes >> (8 * i));
    }
    descriptor[12] = slot->request.from_device ? DEVICE_WRITES : 0;
    index[0] = (uint8_t)(cpu->io_next + 1);
    index[1] = (uint8_t)((cpu->io_next + 1) >> 8);
    if (!cbit_guest_touch(cpu, entry)) {
        return;
    }
    cbit_guest_push_store(cpu, entry, descriptor, sizeof descriptor, 4);
    cbit_guest_push_store(cpu, CBIT_GUEST_RING_GVA + AVAIL_OFFSET, index, sizeof index, 1);
    cbit_guest_push_code(cpu, &cbit_guest_code_doorbell);
    cbit_guest_new_op(cpu, CBIT_OP_IO)->value =
        (uint64_t)CBIT_GUEST_DOORBELL_PORT << 16 | IOIO_OUT_32;
    slot->status.state = CBIT_GUEST_IO_AT_DEVICE;
}

/* ---- from step to step ---- */

static cbit_guest_io_step_t step_behind(const cbit_guest_io_slot_t *slot, cbit_guest_io_step_t step)
{
    bool bounced = slot->request.pages == CBIT_GUEST_IO_BOUNCED;
    switch (step) {
    case CBIT_GUEST_IO_STEP_FILL:
        /* As Linux does, a mapping is filled whatever the direction. */
        return bounced ? CBIT_GUEST_IO_STEP_MAP : CBIT_GUEST_IO_STEP_RING;
    case CBIT_GUEST_IO_STEP_MAP:
        return CBIT_GUEST_IO_STEP_RING;
    case CBIT_GUEST_IO_STEP_RING:
        return CBIT_GUEST_IO_STEP_WAIT;
    case CBIT_GUEST_IO_STEP_WAIT:
        return !slot->request.from_device ? CBIT_GUEST_IO_STEP_NONE
               : bounced                  ? CBIT_GUEST_IO_STEP_SYNC
                                          : CBIT_GUEST_IO_STEP_CHECK;
    case CBIT_GUEST_IO_STEP_SYNC:
        return CBIT_GUEST_IO_STEP_CHECK;
    default:
        return CBIT_GUEST_IO_STEP_NONE;
    }
}

static void enter_step(cbit_guest_cpu_t *cpu, cbit_guest_io_step_t step)
{
    cpu->io_step = step;
    cpu->io_at = 0;
    if (step == CBIT_GUEST_IO_STEP_NONE) {
        slot_of(cpu, cpu->io_next)->status.state = CBIT_GUEST_IO_DONE;
        cpu->io_next++;
    }
}

/* One line of the current step, and the next step behind its last line. */
static void do_line(cbit_guest_cpu_t *cpu, cbit_guest_io_slot_t *slot)
{
    switch (cpu->io_step) {
    case CBIT_GUEST_IO_STEP_FILL:
        fill_line(cpu, slot);
        break;
    case CBIT_GUEST_IO_STEP_MAP:
        map_line(cpu, slot);
        break;
    case CBIT_GUEST_IO_STEP_SYNC:
        sync_line(cpu, slot);
        break;
    default:
        check_line(cpu, slot);
        break;
    }
    cpu->io_at += LINE;
    if (cpu->io_at >= slot->request.bytes) {
        enter_step(cpu, step_behind(slot, cpu->io_step));
    }
}

/* ---- the program's own transfers ---- */

static const char *const page_words[] = {"private", "shared", "bounced", NULL};

const cbit_row_t cbit_guest_io_load_rows[] = {
    {CBIT_FIELD(U64, cbit_guest_io_load_t, every_instructions), .unit = "instructions", .min = 100,
     .max = UINT64_C(1) << 53, .required = true,
     .help = "Instructions of the program between two transfers"},
    {CBIT_FIELD(SIZE, cbit_guest_io_load_t, bytes), .unit = "bytes", .min = LINE,
     .max = CBIT_GUEST_IO_MAX_BYTES, .fallback = 4096,
     .source = "assumed: one block of a file system",
     .help = "Bytes of each transfer; a multiple of 64"},
    {CBIT_FIELD(ENUM, cbit_guest_io_load_t, pages), .names = page_words,
     .fallback = CBIT_GUEST_IO_BOUNCED, .source = "Linux: swiotlb is forced under SEV",
     .help = "What the buffers consist of; a guest without SEV gives its own instead of bouncing"},
    {CBIT_FIELD(RATIO, cbit_guest_io_load_t, read_fraction), .max = 1000000, .fallback = 500000,
     .source = "assumed: half and half",
     .help = "Share of the transfers that come from the device"},
    {.key = NULL},
};

/* Asks the driver for a transfer when the program has come to it. */
static void start_own(cbit_guest_cpu_t *cpu)
{
    enum { MILLION = 1000000 };
    const cbit_guest_io_load_t *load = &cpu->guest->config.io;
    uint64_t number = cpu->io_own++;
    bool bounces = cpu->guest->tables.c_mask != 0;
    uint64_t chance = cbit_splitmix64(cbit_splitmix64(cpu->guest->config.seed) ^ number) % MILLION;
    const cbit_guest_io_t io = {.pages = load->pages == CBIT_GUEST_IO_BOUNCED && !bounces
                                             ? CBIT_GUEST_IO_PRIVATE
                                             : load->pages,
                                .from_device = chance < load->read_fraction,
                                .bytes = (uint32_t)load->bytes,
                                .pattern = cbit_splitmix64(cpu->guest->config.seed + number)};
    uint32_t id;
    if (cbit_guest_io_request(cpu->guest, cpu->index, &io, &id, NULL) == CBIT_ERR_OK) {
        slot_of(cpu, id)->hopeless =
            cpu->guest->config.encrypted && io.pages == CBIT_GUEST_IO_PRIVATE;
    }
}

static bool own_is_due(const cbit_guest_cpu_t *cpu)
{
    uint64_t every = cpu->guest->config.io.every_instructions;
    return every != 0 && cpu->index == 0 && cpu->replayed / every > cpu->io_own;
}

bool cbit_guest_io_advance(cbit_guest_cpu_t *cpu)
{
    if (cpu->io_step == CBIT_GUEST_IO_STEP_NONE) {
        if (cpu->io_next == cpu->io_requested && own_is_due(cpu)) {
            start_own(cpu);
        }
        if (cpu->io_next == cpu->io_requested) {
            return false;
        }
        enter_step(cpu, CBIT_GUEST_IO_STEP_FILL);
        if (slot_of(cpu, cpu->io_next)->request.pages == CBIT_GUEST_IO_BOUNCED) {
            take_slots(cpu, slot_of(cpu, cpu->io_next)->request.bytes);
        }
    }
    cbit_guest_io_slot_t *slot = slot_of(cpu, cpu->io_next);
    if (cpu->io_step == CBIT_GUEST_IO_STEP_RING) {
        ring(cpu, slot);
        enter_step(cpu, CBIT_GUEST_IO_STEP_WAIT);
    } else if (cpu->io_step == CBIT_GUEST_IO_STEP_WAIT) {
        if (slot->status.state == CBIT_GUEST_IO_AT_DEVICE) {
            /* Run on without an answer: the kernel has nothing else to do than to halt. */
            (void)cbit_guest_new_op(cpu, CBIT_OP_HLT);
            return true;
        }
        enter_step(cpu, step_behind(slot, CBIT_GUEST_IO_STEP_WAIT));
    } else {
        do_line(cpu, slot);
    }
    return true;
}

/* ---- the hypervisor's side ---- */

cbit_err_t cbit_guest_io_request(cbit_guest_t *guest, uint32_t vcpu, const cbit_guest_io_t *io,
                                 uint32_t *id, cbit_diag_t *diag)
{
    cbit_guest_cpu_t *cpu = &guest->cpus[vcpu];
    if (io->bytes < LINE || io->bytes > CBIT_GUEST_IO_MAX_BYTES || io->bytes % LINE != 0 ||
        io->pages > CBIT_GUEST_IO_BOUNCED) {
        return cbit_diag_add(diag, CBIT_ERR_RANGE, NULL,
                             "a transfer of %u bytes is not a multiple of 64 in 64..262144",
                             io->bytes);
    }
    if (cpu->io_requested - cpu->io_next >= CBIT_GUEST_IO_QUEUE) {
        return cbit_diag_add(diag, CBIT_ERR_CONFLICT, NULL,
                             "the guest's driver has %d requests waiting already",
                             CBIT_GUEST_IO_QUEUE);
    }
    *id = cpu->io_requested++;
    *slot_of(cpu, *id) = (cbit_guest_io_slot_t){.request = *io,
                                                .status = {.state = CBIT_GUEST_IO_QUEUED,
                                                           .bytes = io->bytes,
                                                           .pattern = io->pattern,
                                                           .pages = io->pages,
                                                           .from_device = io->from_device}};
    cpu->guest->stats.io_requests++;
    return CBIT_ERR_OK;
}

bool cbit_guest_io_status(const cbit_guest_t *guest, uint32_t vcpu, uint32_t id,
                          cbit_guest_io_status_t *status)
{
    const cbit_guest_cpu_t *cpu = &guest->cpus[vcpu];
    if (id >= cpu->io_requested || cpu->io_requested - id > CBIT_GUEST_IO_QUEUE) {
        return false;
    }
    *status = cpu->io[id % CBIT_GUEST_IO_QUEUE].status;
    return true;
}

bool cbit_guest_io_at_doorbell(const cbit_guest_t *guest, uint32_t vcpu, uint32_t *id)
{
    const cbit_guest_cpu_t *cpu = &guest->cpus[vcpu];
    *id = cpu->io_next;
    return cpu->io_step == CBIT_GUEST_IO_STEP_WAIT &&
           cpu->io[cpu->io_next % CBIT_GUEST_IO_QUEUE].status.state == CBIT_GUEST_IO_AT_DEVICE;
}

void cbit_guest_io_complete(cbit_guest_t *guest, uint32_t vcpu, uint32_t id)
{
    cbit_guest_cpu_t *cpu = &guest->cpus[vcpu];
    cbit_guest_io_slot_t *slot = slot_of(cpu, id);
    if (slot->status.state == CBIT_GUEST_IO_AT_DEVICE) {
        slot->status.state = CBIT_GUEST_IO_COPYING;
    }
}
