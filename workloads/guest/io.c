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

static cbit_guest_io_slot_t *slot_of(cbit_guest_t *guest, uint32_t id)
{
    return &guest->io[id % CBIT_GUEST_IO_QUEUE];
}

/* ---- where the parts of a transfer are ---- */

static cbit_gva_t buffer_gva(const cbit_guest_io_slot_t *slot)
{
    return slot->request.pages == CBIT_GUEST_IO_SHARED ? CBIT_GUEST_IO_SHARED_GVA
                                                       : CBIT_GUEST_IO_PRIVATE_GVA;
}

static cbit_gpa_t device_gpa(const cbit_guest_t *guest, const cbit_guest_io_slot_t *slot)
{
    switch (slot->request.pages) {
    case CBIT_GUEST_IO_SHARED:
        return guest->io_shared_gpa;
    case CBIT_GUEST_IO_BOUNCED:
        return guest->swiotlb_gpa + guest->io_bounce;
    default:
        return guest->io_private_gpa;
    }
}

/* Slots in a row, from behind the last mapping, or from the start when the end is too near. */
static void take_slots(cbit_guest_t *guest, uint32_t bytes)
{
    uint32_t slots = (bytes + CBIT_GUEST_SLOT_BYTES - 1) / CBIT_GUEST_SLOT_BYTES;
    uint32_t next = guest->io_bounce_next;
    if (next + slots * CBIT_GUEST_SLOT_BYTES > guest->config.swiotlb_bytes) {
        next = 0;
    }
    guest->io_bounce = next;
    guest->io_bounce_next = next + slots * CBIT_GUEST_SLOT_BYTES;
}

/* ---- one line of each step ---- */

/* Data to send is made; a buffer to receive into is cleared, as it may hold an earlier transfer. */
static void fill_line(cbit_guest_t *guest, const cbit_guest_io_slot_t *slot)
{
    uint8_t bytes[LINE] = {0};
    cbit_gva_t gva = buffer_gva(slot) + guest->io_at;
    if (!slot->request.from_device) {
        cbit_guest_io_pattern(slot->request.pattern, guest->io_at, bytes, LINE);
    }
    if (cbit_guest_touch(guest, gva)) {
        cbit_guest_push_store(guest, gva, bytes, LINE, 1);
    }
}

/* memcpy of a line: what was loaded is what is stored; the load's check tells when it was not. */
static void copy_line(cbit_guest_t *guest, cbit_guest_io_slot_t *slot, cbit_gva_t from,
                      cbit_gva_t to, const uint8_t *device_bytes)
{
    if (!cbit_guest_touch(guest, from) || !cbit_guest_touch(guest, to)) {
        return;
    }
    uint8_t bytes[LINE];
    const uint8_t *page = cbit_guest_page_bytes(cbit_guest_page_of(guest, from));
    memcpy(bytes, device_bytes != NULL ? device_bytes : page + from % CBIT_PAGE_BYTES, LINE);
    if (guest->io_at % CBIT_PAGE_BYTES == 0) {
        cbit_guest_push_code(guest, &cbit_guest_code_copy);
    }
    cbit_guest_push_load(guest, from, LINE, false, 1, bytes, guest->io_next);
    cbit_guest_push_store(guest, to, bytes, LINE, 1);
    slot->status.copied_bytes += LINE;
    guest->stats.bounce_copied_bytes += LINE;
}

static void map_line(cbit_guest_t *guest, cbit_guest_io_slot_t *slot)
{
    copy_line(guest, slot, buffer_gva(slot) + guest->io_at,
              CBIT_GUEST_SWIOTLB_GVA + guest->io_bounce + guest->io_at, NULL);
}

static void sync_line(cbit_guest_t *guest, cbit_guest_io_slot_t *slot)
{
    uint8_t bytes[LINE];
    cbit_gva_t from = CBIT_GUEST_SWIOTLB_GVA + guest->io_bounce + guest->io_at;
    cbit_guest_io_pattern(slot->request.pattern, guest->io_at, bytes, LINE);
    cbit_guest_page_t *page = cbit_guest_page_of(guest, from);
    uint8_t *held =
        cbit_guest_page_write(page); /* the device wrote there: the map's store came first */
    if (held != NULL) {
        memcpy(held + from % CBIT_PAGE_BYTES, bytes, LINE);
    }
    copy_line(guest, slot, from, buffer_gva(slot) + guest->io_at, bytes);
}

static void check_line(cbit_guest_t *guest, const cbit_guest_io_slot_t *slot)
{
    uint8_t bytes[LINE];
    cbit_gva_t gva = buffer_gva(slot) + guest->io_at;
    cbit_guest_io_pattern(slot->request.pattern, guest->io_at, bytes, LINE);
    if (slot->request.pages == CBIT_GUEST_IO_SHARED) {
        uint8_t *held = cbit_guest_page_write(cbit_guest_page_of(guest, gva));
        if (held != NULL) {
            memcpy(held + gva % CBIT_PAGE_BYTES, bytes, LINE);
        }
    }
    cbit_guest_push_load(guest, gva, LINE, false, 1, bytes, guest->io_next);
}

/* Descriptor (address, length, flags), then the ring's index, then the doorbell. */
static void ring(cbit_guest_t *guest, cbit_guest_io_slot_t *slot)
{
    uint8_t descriptor[DESCRIPTOR_BYTES] = {0}, index[2];
    cbit_gva_t entry =
        CBIT_GUEST_RING_GVA + (cbit_gva_t)(guest->io_next % RING_ENTRIES) * DESCRIPTOR_BYTES;
    slot->status.gpa = device_gpa(guest, slot);
    for (uint32_t i = 0; i < 8; i++) {
        descriptor[i] = (uint8_t)(slot->status.gpa >> (8 * i));
    }
    for (uint32_t i = 0; i < 4; i++) {
        descriptor[8 + i] = (uint8_t)(slot->request.bytes >> (8 * i));
    }
    descriptor[12] = slot->request.from_device ? DEVICE_WRITES : 0;
    index[0] = (uint8_t)(guest->io_next + 1);
    index[1] = (uint8_t)((guest->io_next + 1) >> 8);
    if (!cbit_guest_touch(guest, entry)) {
        return;
    }
    cbit_guest_push_store(guest, entry, descriptor, sizeof descriptor, 4);
    cbit_guest_push_store(guest, CBIT_GUEST_RING_GVA + AVAIL_OFFSET, index, sizeof index, 1);
    cbit_guest_push_code(guest, &cbit_guest_code_doorbell);
    cbit_guest_new_op(guest, CBIT_OP_IO)->value =
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

static void enter_step(cbit_guest_t *guest, cbit_guest_io_step_t step)
{
    guest->io_step = step;
    guest->io_at = 0;
    if (step == CBIT_GUEST_IO_STEP_NONE) {
        slot_of(guest, guest->io_next)->status.state = CBIT_GUEST_IO_DONE;
        guest->io_next++;
    }
}

/* One line of the current step, and the next step behind its last line. */
static void do_line(cbit_guest_t *guest, cbit_guest_io_slot_t *slot)
{
    switch (guest->io_step) {
    case CBIT_GUEST_IO_STEP_FILL:
        fill_line(guest, slot);
        break;
    case CBIT_GUEST_IO_STEP_MAP:
        map_line(guest, slot);
        break;
    case CBIT_GUEST_IO_STEP_SYNC:
        sync_line(guest, slot);
        break;
    default:
        check_line(guest, slot);
        break;
    }
    guest->io_at += LINE;
    if (guest->io_at >= slot->request.bytes) {
        enter_step(guest, step_behind(slot, guest->io_step));
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
static void start_own(cbit_guest_t *guest)
{
    enum { MILLION = 1000000 };
    const cbit_guest_io_load_t *load = &guest->config.io;
    uint64_t number = guest->io_own++;
    bool bounces = guest->tables.c_mask != 0;
    uint64_t chance = cbit_splitmix64(cbit_splitmix64(guest->config.seed) ^ number) % MILLION;
    const cbit_guest_io_t io = {.pages = load->pages == CBIT_GUEST_IO_BOUNCED && !bounces
                                             ? CBIT_GUEST_IO_PRIVATE
                                             : load->pages,
                                .from_device = chance < load->read_fraction,
                                .bytes = (uint32_t)load->bytes,
                                .pattern = cbit_splitmix64(guest->config.seed + number)};
    uint32_t id;
    if (cbit_guest_io_request(guest, &io, &id, NULL) == CBIT_ERR_OK) {
        slot_of(guest, id)->hopeless = guest->config.encrypted && io.pages == CBIT_GUEST_IO_PRIVATE;
    }
}

static bool own_is_due(const cbit_guest_t *guest)
{
    uint64_t every = guest->config.io.every_instructions;
    return every != 0 && guest->replayed / every > guest->io_own;
}

bool cbit_guest_io_advance(cbit_guest_t *guest)
{
    if (guest->io_step == CBIT_GUEST_IO_STEP_NONE) {
        if (guest->io_next == guest->io_requested && own_is_due(guest)) {
            start_own(guest);
        }
        if (guest->io_next == guest->io_requested) {
            return false;
        }
        enter_step(guest, CBIT_GUEST_IO_STEP_FILL);
        if (slot_of(guest, guest->io_next)->request.pages == CBIT_GUEST_IO_BOUNCED) {
            take_slots(guest, slot_of(guest, guest->io_next)->request.bytes);
        }
    }
    cbit_guest_io_slot_t *slot = slot_of(guest, guest->io_next);
    if (guest->io_step == CBIT_GUEST_IO_STEP_RING) {
        ring(guest, slot);
        enter_step(guest, CBIT_GUEST_IO_STEP_WAIT);
    } else if (guest->io_step == CBIT_GUEST_IO_STEP_WAIT) {
        if (slot->status.state == CBIT_GUEST_IO_AT_DEVICE) {
            /* Run on without an answer: the kernel has nothing else to do than to halt. */
            (void)cbit_guest_new_op(guest, CBIT_OP_HLT);
            return true;
        }
        enter_step(guest, step_behind(slot, CBIT_GUEST_IO_STEP_WAIT));
    } else {
        do_line(guest, slot);
    }
    return true;
}

/* ---- the hypervisor's side ---- */

cbit_err_t cbit_guest_io_request(cbit_guest_t *guest, const cbit_guest_io_t *io, uint32_t *id,
                                 cbit_diag_t *diag)
{
    if (io->bytes < LINE || io->bytes > CBIT_GUEST_IO_MAX_BYTES || io->bytes % LINE != 0 ||
        io->pages > CBIT_GUEST_IO_BOUNCED) {
        return cbit_diag_add(diag, CBIT_ERR_RANGE, NULL,
                             "a transfer of %u bytes is not a multiple of 64 in 64..262144",
                             io->bytes);
    }
    if (guest->io_requested - guest->io_next >= CBIT_GUEST_IO_QUEUE) {
        return cbit_diag_add(diag, CBIT_ERR_CONFLICT, NULL,
                             "the guest's driver has %d requests waiting already",
                             CBIT_GUEST_IO_QUEUE);
    }
    *id = guest->io_requested++;
    *slot_of(guest, *id) = (cbit_guest_io_slot_t){.request = *io,
                                                  .status = {.state = CBIT_GUEST_IO_QUEUED,
                                                             .bytes = io->bytes,
                                                             .pattern = io->pattern,
                                                             .pages = io->pages,
                                                             .from_device = io->from_device}};
    guest->stats.io_requests++;
    return CBIT_ERR_OK;
}

bool cbit_guest_io_status(const cbit_guest_t *guest, uint32_t id, cbit_guest_io_status_t *status)
{
    if (id >= guest->io_requested || guest->io_requested - id > CBIT_GUEST_IO_QUEUE) {
        return false;
    }
    *status = guest->io[id % CBIT_GUEST_IO_QUEUE].status;
    return true;
}

bool cbit_guest_io_at_doorbell(const cbit_guest_t *guest, uint32_t *id)
{
    *id = guest->io_next;
    return guest->io_step == CBIT_GUEST_IO_STEP_WAIT &&
           guest->io[guest->io_next % CBIT_GUEST_IO_QUEUE].status.state == CBIT_GUEST_IO_AT_DEVICE;
}

void cbit_guest_io_complete(cbit_guest_t *guest, uint32_t id)
{
    cbit_guest_io_slot_t *slot = slot_of(guest, id);
    if (slot->status.state == CBIT_GUEST_IO_AT_DEVICE) {
        slot->status.state = CBIT_GUEST_IO_COPYING;
    }
}
