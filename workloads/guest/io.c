/* When a vCPU's driver works on which transfer, and what others may ask it for. */
#include <string.h>

#include "workloads/guest/state.h"

/* Of a mapping, while nothing of the vCPU's own is on its way. */
enum { RETRY_CCLK = 1000, MOST_RETRIES = 10000, MOST_POLLS = 200000 };

/* ---- the program's own transfers ---- */

static const char *const page_words[] = {"private", "shared", "bounced", NULL};
static const char *const device_words[] = {"real", "virtio_blk", "virtio_net", NULL};
static const char *const completion_words[] = {"interrupt", "poll", NULL};
static const char *const on_full_words[] = {"requeue", "report", NULL};

const cbit_row_t cbit_guest_io_load_rows[] = {
    {CBIT_FIELD(U64, cbit_guest_io_load_t, every_instructions), .unit = "instructions", .min = 100,
     .max = UINT64_C(1) << 53, .required = true,
     .help = "Instructions of the program between two transfers"},
    {CBIT_FIELD(SIZE, cbit_guest_io_load_t, bytes), .unit = "bytes", .min = CBIT_LINE_BYTES,
     .max = CBIT_GUEST_IO_MAX_BYTES, .fallback = 4096,
     .source = "assumed: one block of a file system",
     .help = "Bytes of each transfer; a multiple of 64"},
    {CBIT_FIELD(ENUM, cbit_guest_io_load_t, pages), .names = page_words,
     .fallback = CBIT_GUEST_IO_BOUNCED, .source = "Linux: swiotlb is forced under SEV",
     .help = "Kind of pages that the buffers are in; a guest without SEV uses its buffers directly "
             "instead of bouncing"},
    {CBIT_FIELD(RATIO, cbit_guest_io_load_t, read_fraction), .max = 1000000, .fallback = 500000,
     .source = "assumed: half and half",
     .help = "Share of the transfers that come from the device"},
    {CBIT_FIELD(ENUM, cbit_guest_io_load_t, device), .names = device_words,
     .source = "by construction: the first of them",
     .help = "real: a device's own DMA behind the IOMMU; virtio_blk, virtio_net: emulated by host "
             "software"},
    {CBIT_FIELD(U32, cbit_guest_io_load_t, depth), .min = 1, .max = 32, .fallback = 1,
     .source = "by construction: a program that waits for its I/O",
     .help = "Transfers that a vCPU has in flight before it waits; 1: it waits for each"},
    {CBIT_FIELD(ENUM, cbit_guest_io_load_t, completion), .names = completion_words,
     .source = "Linux: interrupts unless polling is asked for",
     .help = "interrupt: HLT until one is injected; poll: reads the used ring again and again"},
    {CBIT_FIELD(BOOL, cbit_guest_io_load_t, access_platform), .fallback = true,
     .source = "VIRTIO 1.1, 6: VIRTIO_F_ACCESS_PLATFORM, which SEV guests need",
     .help =
         "false: the driver keeps rings and buffers in private memory, where devices see noise"},
    {CBIT_FIELD(ENUM, cbit_guest_io_load_t, on_full), .names = on_full_words,
     .source = "Linux: virtio_blk and NVMe requeue",
     .help = "When the bounce buffer is full: try the mapping again later, or fail the transfer"},
    {.key = NULL},
};

/* Asks the driver for a transfer when the program has come to it. */
static void start_own(cbit_guest_cpu_t *cpu)
{
    enum { MILLION = 1000000 };
    const cbit_guest_t *guest = cpu->guest;
    const cbit_guest_io_load_t *load = &guest->config.io;
    uint64_t number = cpu->driver.own++;
    uint64_t seed = guest->config.seed + ((uint64_t)cpu->index << 32);
    bool bounces = guest->tables.c_mask != 0;
    uint64_t chance = cbit_splitmix64(cbit_splitmix64(seed) ^ number) % MILLION;
    uint32_t pages =
        load->pages == CBIT_GUEST_IO_BOUNCED && !bounces ? CBIT_GUEST_IO_PRIVATE : load->pages;
    const cbit_guest_io_t io = {.pages = load->access_platform ? pages : CBIT_GUEST_IO_PRIVATE,
                                .from_device = chance < load->read_fraction,
                                .bytes = (uint32_t)load->bytes,
                                .pattern = cbit_splitmix64(seed + number),
                                .device = load->device};
    uint32_t id;
    if (cbit_guest_io_request(cpu->guest, cpu->index, &io, &id, NULL) == CBIT_ERR_OK) {
        cbit_guest_io_slot(cpu, id)->hopeless =
            guest->config.encrypted && io.pages == CBIT_GUEST_IO_PRIVATE;
    }
}

static bool own_is_due(const cbit_guest_cpu_t *cpu)
{
    uint64_t every = cpu->guest->config.io.every_instructions;
    return every != 0 && cpu->replayed / every > cpu->driver.own;
}

/* ---- what to do next ---- */

/* A transfer that is back from its device; false: none. */
static bool answered(cbit_guest_cpu_t *cpu, uint32_t *id)
{
    for (*id = cpu->driver.done; *id != cpu->driver.begun; ++*id) {
        if (cbit_guest_io_slot(cpu, *id)->answered) {
            return true;
        }
    }
    return false;
}

static uint32_t in_flight(const cbit_guest_driver_t *driver)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < CBIT_GUEST_QUEUES; i++) {
        sum += driver->queues[i].in_flight;
    }
    return sum;
}

/* The next transfer in order gets a buffer and begins; false: all are taken. */
static bool begin_next(cbit_guest_cpu_t *cpu)
{
    cbit_guest_driver_t *driver = &cpu->driver;
    uint32_t depth = cpu->guest->config.io.depth;
    if (cbit_guest_io_slot(cpu, driver->begun)->filled) {
        cbit_guest_driver_begin(cpu, driver->begun++); /* it has kept its buffer */
        return true;
    }
    for (uint32_t buffer = 0; buffer < depth; buffer++) {
        if ((driver->buffers >> buffer & 1) == 0) {
            driver->buffers |= UINT64_C(1) << buffer;
            cbit_guest_io_slot(cpu, driver->begun)->buffer = buffer;
            cbit_guest_driver_begin(cpu, driver->begun++);
            return true;
        }
    }
    return false;
}

/* Nothing to do before a device has answered. */
static void wait_for_device(cbit_guest_cpu_t *cpu)
{
    cbit_guest_driver_t *driver = &cpu->driver;
    if (cpu->guest->config.io.completion == CBIT_GUEST_COMPLETION_POLL) {
        (void)cbit_guest_queue_look(cpu);
        if (++driver->polls > MOST_POLLS) {
            for (uint32_t queue = 0; queue < CBIT_GUEST_QUEUES; queue++) {
                cbit_guest_io_broken(cpu->guest, cpu->index, queue); /* the driver's time-out */
            }
        }
        return;
    }
    driver->halted = true;
    (void)cbit_guest_new_op(cpu, CBIT_OP_HLT);
}

bool cbit_guest_io_advance(cbit_guest_cpu_t *cpu, bool idle)
{
    cbit_guest_driver_t *driver = &cpu->driver;
    uint32_t id;
    driver->halted = false;
    if (driver->step != CBIT_GUEST_IO_STEP_NONE) {
        cbit_guest_driver_step(cpu);
        return true;
    }
    if (driver->look.at != LOOK_IDLE && cbit_guest_queue_look(cpu)) {
        return true;
    }
    if (answered(cpu, &id)) {
        driver->polls = 0;
        cbit_guest_driver_finish(cpu, id);
        return true;
    }
    if (driver->interrupted) {
        driver->interrupted = false;
        cpu->guest->stats.interrupts++;
        cbit_guest_push_code(cpu, &cbit_guest_code_interrupt);
        (void)cbit_guest_queue_look(cpu);
        return true;
    }
    if (own_is_due(cpu) && driver->requested == driver->begun) {
        start_own(cpu);
    }
    bool wanted = driver->requested != driver->begun;
    if (wanted && driver->full && in_flight(driver) == 0) {
        /* The room is other vCPUs': only time will tell. */
        driver->full = false;
        if (++driver->retries > MOST_RETRIES) {
            cbit_guest_io_slot(cpu, driver->begun)->status.failed = true; /* it will never fit */
        }
        cbit_guest_new_op(cpu, CBIT_OP_THINK)->cclk = RETRY_CCLK;
        return true;
    }
    if (wanted && !driver->full && begin_next(cpu)) {
        return true;
    }
    bool must_wait = wanted || idle || cpu->guest->config.io.depth == 1;
    if (must_wait && in_flight(driver) > 0) {
        wait_for_device(cpu);
        return true;
    }
    return false;
}

/* ---- the hypervisor's side ---- */

cbit_err_t cbit_guest_io_request(cbit_guest_t *guest, uint32_t vcpu, const cbit_guest_io_t *io,
                                 uint32_t *id, cbit_diag_t *diag)
{
    cbit_guest_cpu_t *cpu = &guest->cpus[vcpu];
    cbit_guest_driver_t *driver = &cpu->driver;
    if (io->bytes < CBIT_LINE_BYTES || io->bytes > guest->buffer_bytes ||
        io->bytes % CBIT_LINE_BYTES != 0 || io->pages > CBIT_GUEST_IO_BOUNCED ||
        io->device >= CBIT_GUEST_DEVICES) {
        return cbit_diag_add(diag, CBIT_ERR_RANGE, NULL,
                             "a transfer of %u bytes is not a multiple of 64 in 64..%u", io->bytes,
                             (unsigned)guest->buffer_bytes);
    }
    if (driver->requested - driver->done >= CBIT_GUEST_IO_QUEUE) {
        return cbit_diag_add(diag, CBIT_ERR_CONFLICT, NULL,
                             "the guest's driver has %d requests waiting already",
                             CBIT_GUEST_IO_QUEUE);
    }
    bool receives = io->device == CBIT_GUEST_DEVICE_VIRTIO_NET && io->from_device;
    *id = driver->requested++;
    *cbit_guest_io_slot(cpu, *id) =
        (cbit_guest_io_slot_t){.request = *io,
                               .queue = receives ? (uint32_t)CBIT_GUEST_DEVICES : io->device,
                               .status = {.state = CBIT_GUEST_IO_QUEUED,
                                          .bytes = io->bytes,
                                          .pattern = io->pattern,
                                          .pages = io->pages,
                                          .device = io->device,
                                          .from_device = io->from_device}};
    guest->stats.io_requests++;
    return CBIT_ERR_OK;
}

bool cbit_guest_io_status(const cbit_guest_t *guest, uint32_t vcpu, uint32_t id,
                          cbit_guest_io_status_t *status)
{
    const cbit_guest_driver_t *driver = &guest->cpus[vcpu].driver;
    if (id >= driver->requested || driver->requested - id > CBIT_GUEST_IO_QUEUE) {
        return false;
    }
    *status = driver->slots[id % CBIT_GUEST_IO_QUEUE].status;
    return true;
}

void cbit_guest_io_interrupt(cbit_guest_t *guest, uint32_t vcpu)
{
    guest->cpus[vcpu].driver.interrupted = true;
}

bool cbit_guest_io_waits(const cbit_guest_t *guest, uint32_t vcpu)
{
    const cbit_guest_driver_t *driver = &guest->cpus[vcpu].driver;
    return driver->halted;
}

bool cbit_guest_io_interrupted(const cbit_guest_t *guest, uint32_t vcpu)
{
    return guest->cpus[vcpu].driver.interrupted;
}
