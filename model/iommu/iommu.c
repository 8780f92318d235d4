/* Life of the IOMMU, the devices' ports, and accesses that wait for a translation. */
#include "cbit/iommu/iommu.h"

#include <stdlib.h>
#include <string.h>

#include "model/iommu/state.h"

const cbit_row_t cbit_iommu_rows[] = {
    {CBIT_FIELD(U32, cbit_iommu_config_t, iotlb_entries), .unit = "entries", .min = 1, .max = 4096,
     .fallback = 64, .source = "assumed: not published; misses cost walks that caches serve",
     .help = "Entries of the IOTLB"},
    {CBIT_FIELD(U32, cbit_iommu_config_t, directory_entries), .unit = "entries", .max = 4096,
     .fallback = 16,
     .source = "assumed: not published; 48882 lets an IOMMU cache directory entries",
     .help = "Cached pointers to I/O page tables; a walk begins at the lowest table cached"},
    {CBIT_FIELD(U32, cbit_iommu_config_t, walkers), .min = 1, .max = 64, .fallback = 8,
     .source = "assumed: as many as one device keeps requests in flight here",
     .help = "Device accesses that may wait for their translation at once"},
    {.key = NULL},
};

#define STAT(field, sentence)                                                                      \
    {                                                                                              \
        CBIT_FIELD(U64, cbit_iommu_stats_t, field), .unit = "count", .help = sentence              \
    }
const cbit_row_t cbit_iommu_stat_rows[] = {
    STAT(untranslated, "Device accesses whose address was not translated"),
    STAT(iotlb_hits, "Device accesses that hit the IOTLB"),
    STAT(walks, "Device accesses that waited for table reads"),
    STAT(walk_reads, "Entries read from device and page tables"),
    STAT(faults, "Device accesses refused"),
    STAT(masked, "Device accesses whose address lost bits that the device does not drive"),
    {.key = NULL},
};

static uint32_t device_of(const cbit_iommu_device_t *device)
{
    return (uint32_t)(device - device->iommu->devices);
}

static uint64_t driven(cbit_iommu_device_t *device, uint64_t address)
{
    device->iommu->stats.masked += (address & ~device->address_mask) != 0;
    return address & device->address_mask;
}

static cbit_spa_t target_spa(const cbit_iommu_step_t *step)
{
    uint64_t inside = (UINT64_C(1) << step->page.shift) - 1;
    return step->page.spa | (step->address & inside);
}

/* ---- walks ---- */

static void walk_over(cbit_iommu_walk_t *walk)
{
    walk->busy = false;
    cbit_waitlist_wake_one(&walk->iommu->waiters);
}

static void answer_fault(cbit_iommu_walk_t *walk)
{
    cbit_iommu_t *iommu = walk->iommu;
    cbit_txn_t *client = walk->client;
    iommu->stats.faults++;
    iommu->last_fault = (cbit_iommu_fault_t){.kind = walk->fault,
                                             .device = walk->step.device,
                                             .address = walk->step.address,
                                             .write = walk->step.write};
    memset(client->data, 0, client->command == CBIT_COMMAND_READ ? sizeof client->data : 0);
    client->status = CBIT_ERR_ADDRESS;
    cbit_txn_charge(client, CBIT_STAGE_WALK, cbit_kernel_now_ps(iommu->kernel) - walk->began_ps);
    walk_over(walk);
    cbit_txn_reply(client);
}

/* The client's own request, at last. */
static void send_client(cbit_iommu_walk_t *walk)
{
    cbit_iommu_t *iommu = walk->iommu;
    cbit_txn_t *client = walk->client;
    cbit_ps_t waited_ps = cbit_kernel_now_ps(iommu->kernel) - walk->began_ps;
    client->spa = target_spa(&walk->step);
    client->key = cbit_iommu_key(walk->step.page.host_c);
    cbit_txn_charge(client, CBIT_STAGE_WALK, waited_ps);
    if (iommu->memory.try_send(iommu->memory.self, client, &walk->space)) {
        walk_over(walk);
    } else {
        client->stage_ps[CBIT_STAGE_WALK] -= waited_ps;
    }
}

static void send_read(cbit_iommu_walk_t *walk);

static void proceed(cbit_iommu_walk_t *walk, cbit_iommu_next_t next)
{
    switch (next) {
    case IOMMU_READ:
        walk->refused_ps = 0;
        send_read(walk);
        break;
    case IOMMU_DONE:
        walk->translated = true;
        send_client(walk);
        break;
    case IOMMU_FAULT:
        answer_fault(walk);
        break;
    }
}

static uint64_t quadword(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (uint32_t i = sizeof value; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static void on_read(void *self, cbit_txn_t *txn)
{
    cbit_iommu_walk_t *walk = self;
    cbit_iommu_next_t next = IOMMU_FAULT;
    if (txn->status != CBIT_ERR_OK) {
        walk->fault = CBIT_IOMMU_FAULT_TABLE;
    } else {
        next = cbit_iommu_take(walk->iommu, &walk->step, quadword(txn->data), &walk->fault);
    }
    proceed(walk, next);
}

static void send_read(cbit_iommu_walk_t *walk)
{
    cbit_iommu_t *iommu = walk->iommu;
    cbit_ps_t now_ps = cbit_kernel_now_ps(iommu->kernel);
    cbit_ps_t born_ps = walk->refused_ps == 0 ? now_ps : walk->refused_ps;
    cbit_txn_init(&walk->read, CBIT_COMMAND_READ, walk->step.read_spa, sizeof(uint64_t),
                  cbit_iommu_key(walk->step.read_c), CBIT_SOURCE_DMA, born_ps);
    walk->read.source_id = walk->client->source_id;
    cbit_txn_charge(&walk->read, CBIT_STAGE_CORE, now_ps - born_ps);
    cbit_txn_push_reply(&walk->read, on_read, walk);
    if (iommu->memory.try_send(iommu->memory.self, &walk->read, &walk->space)) {
        iommu->stats.walk_reads++;
    } else {
        walk->refused_ps = born_ps;
    }
}

static void on_space(void *self)
{
    cbit_iommu_walk_t *walk = self;
    if (walk->busy && walk->translated) {
        send_client(walk);
    } else if (walk->busy) {
        send_read(walk);
    }
}

static void on_begin(void *self)
{
    cbit_iommu_walk_t *walk = self;
    cbit_iommu_next_t next = cbit_iommu_begin(walk->iommu, &walk->step, &walk->fault);
    walk->iommu->stats.walks += next == IOMMU_READ;
    proceed(walk, next);
}

/* Takes an access that cannot go on at once. False: all walkers are busy. */
static bool hold(cbit_iommu_t *iommu, const cbit_iommu_step_t *step, cbit_txn_t *txn)
{
    for (uint32_t i = 0; i < iommu->config.walkers; i++) {
        cbit_iommu_walk_t *walk = &iommu->walks[i];
        if (!walk->busy) {
            walk->busy = true;
            walk->client = txn;
            walk->step = *step;
            walk->translated = false;
            walk->began_ps = cbit_kernel_now_ps(iommu->kernel);
            cbit_event_notify_delta(iommu->kernel, &walk->event);
            return true;
        }
    }
    return false;
}

/* ---- the devices' ports ---- */

static bool iommu_try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    cbit_iommu_device_t *device = self;
    cbit_iommu_t *iommu = device->iommu;
    const cbit_spa_t address = txn->spa;
    cbit_iommu_step_t step = {.device = device_of(device),
                              .address = driven(device, address),
                              .write = txn->command == CBIT_COMMAND_WRITE};
    txn->source = CBIT_SOURCE_DMA;
    cbit_iommu_fault_kind_t fault;
    if (cbit_iommu_begin(iommu, &step, &fault) != IOMMU_DONE) {
        if (hold(iommu, &step, txn)) {
            return true;
        }
        if (waiter != NULL) {
            cbit_waitlist_add(&iommu->waiters, waiter);
        }
        return false;
    }
    txn->key = cbit_iommu_key(step.page.host_c);
    txn->spa = target_spa(&step);
    if (!iommu->memory.try_send(iommu->memory.self, txn, waiter)) {
        txn->spa = address; /* the device sends the same request again */
        return false;
    }
    iommu->stats.untranslated += step.page.shift == 0;
    return true;
}

/* Without time: the same steps, entries read by peeking. */
static cbit_err_t translate_now(cbit_iommu_device_t *device, uint64_t address, bool write,
                                cbit_iommu_step_t *step)
{
    cbit_iommu_t *iommu = device->iommu;
    *step = (cbit_iommu_step_t){
        .device = device_of(device), .address = address & device->address_mask, .write = write};
    const cbit_iommu_stats_t stats = iommu->stats;
    cbit_iommu_fault_kind_t fault;
    cbit_iommu_next_t next = cbit_iommu_begin(iommu, step, &fault);
    while (next == IOMMU_READ) {
        uint8_t bytes[sizeof(uint64_t)];
        if (iommu->memory.peek(iommu->memory.self, step->read_spa, cbit_iommu_key(step->read_c),
                               bytes, sizeof bytes) != CBIT_ERR_OK) {
            return CBIT_ERR_ADDRESS;
        }
        next = cbit_iommu_take(iommu, step, quadword(bytes), &fault);
    }
    iommu->stats = stats;
    return next == IOMMU_DONE ? CBIT_ERR_OK : CBIT_ERR_ADDRESS;
}

static cbit_err_t move_now(cbit_iommu_device_t *device, uint64_t address, bool write,
                           uint8_t *bytes, uint32_t len_bytes)
{
    const cbit_port_t *memory = &device->iommu->memory;
    cbit_err_t err = CBIT_ERR_OK;
    for (uint32_t at = 0, len; err == CBIT_ERR_OK && at < len_bytes; at += len) {
        uint32_t room = CBIT_PAGE_BYTES - (uint32_t)((address + at) % CBIT_PAGE_BYTES);
        len = len_bytes - at < room ? len_bytes - at : room;
        cbit_iommu_step_t step;
        err = translate_now(device, address + at, write, &step);
        if (err == CBIT_ERR_OK) {
            cbit_key_t key = cbit_iommu_key(step.page.host_c);
            err = write ? memory->poke(memory->self, target_spa(&step), key, bytes + at, len)
                        : memory->peek(memory->self, target_spa(&step), key, bytes + at, len);
        }
    }
    return err;
}

static cbit_err_t iommu_peek(void *self, cbit_spa_t spa, cbit_key_t key, void *bytes,
                             uint32_t len_bytes)
{
    (void)key;
    return move_now(self, spa, false, bytes, len_bytes);
}

static cbit_err_t iommu_poke(void *self, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                             uint32_t len_bytes)
{
    (void)key;
    uint8_t copy[CBIT_PAGE_BYTES];
    cbit_err_t err = CBIT_ERR_OK;
    for (uint32_t at = 0, len; err == CBIT_ERR_OK && at < len_bytes; at += len) {
        len = len_bytes - at < sizeof copy ? len_bytes - at : (uint32_t)sizeof copy;
        memcpy(copy, (const uint8_t *)bytes + at, len);
        err = move_now(self, spa + at, true, copy, len);
    }
    return err;
}

cbit_port_t cbit_iommu_port(cbit_iommu_t *iommu, uint32_t device)
{
    return (cbit_port_t){.self = &iommu->devices[device % CBIT_IOMMU_MAX_DEVICES],
                         .try_send = iommu_try_send,
                         .peek = iommu_peek,
                         .poke = iommu_poke};
}

/* ---- life ---- */

cbit_err_t cbit_iommu_create(const cbit_iommu_config_t *config, cbit_kernel_t *kernel,
                             cbit_port_t memory, cbit_iommu_t **out)
{
    if (config->iotlb_entries == 0 || config->walkers == 0) {
        return CBIT_ERR_RANGE;
    }
    cbit_iommu_t *iommu = calloc(1, sizeof *iommu);
    if (iommu == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    iommu->config = *config;
    iommu->c_mask = config->c_bit == 0 ? 0 : UINT64_C(1) << config->c_bit;
    iommu->kernel = kernel;
    iommu->memory = memory;
    iommu->iotlb = calloc(config->iotlb_entries, sizeof iommu->iotlb[0]);
    iommu->directory = calloc(config->directory_entries + 1, sizeof iommu->directory[0]);
    iommu->walks = calloc(config->walkers, sizeof iommu->walks[0]);
    if (iommu->iotlb == NULL || iommu->directory == NULL || iommu->walks == NULL) {
        cbit_iommu_destroy(iommu);
        return CBIT_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < CBIT_IOMMU_MAX_DEVICES; i++) {
        iommu->devices[i] = (cbit_iommu_device_t){.iommu = iommu, .address_mask = UINT64_MAX};
    }
    for (uint32_t i = 0; i < config->walkers; i++) {
        iommu->walks[i].iommu = iommu;
        iommu->walks[i].space = (cbit_waiter_t){.on_space = on_space, .self = &iommu->walks[i]};
        cbit_event_init(&iommu->walks[i].event, on_begin, &iommu->walks[i]);
    }
    *out = iommu;
    return CBIT_ERR_OK;
}

void cbit_iommu_destroy(cbit_iommu_t *iommu)
{
    if (iommu == NULL) {
        return;
    }
    for (uint32_t i = 0; iommu->walks != NULL && i < iommu->config.walkers; i++) {
        cbit_event_cancel(iommu->kernel, &iommu->walks[i].event);
    }
    free(iommu->iotlb);
    free(iommu->directory);
    free(iommu->walks);
    free(iommu);
}

void cbit_iommu_set_address_bits(cbit_iommu_t *iommu, uint32_t device, uint32_t bits)
{
    iommu->devices[device % CBIT_IOMMU_MAX_DEVICES].address_mask =
        bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

void cbit_iommu_set_device_table(cbit_iommu_t *iommu, cbit_spa_t base_spa, uint32_t entries)
{
    iommu->table_spa = base_spa;
    iommu->table_entries = entries;
    for (uint32_t i = 0; i < CBIT_IOMMU_MAX_DEVICES; i++) {
        cbit_iommu_invalidate(iommu, i);
    }
}

void cbit_iommu_invalidate(cbit_iommu_t *iommu, uint32_t device)
{
    iommu->devices[device % CBIT_IOMMU_MAX_DEVICES].entry_known = false;
    for (uint32_t i = 0; i < iommu->config.iotlb_entries; i++) {
        iommu->iotlb[i].valid = iommu->iotlb[i].valid && iommu->iotlb[i].device != device;
    }
    for (uint32_t i = 0; i < iommu->config.directory_entries; i++) {
        iommu->directory[i].valid =
            iommu->directory[i].valid && iommu->directory[i].device != device;
    }
}

void cbit_iommu_fault(const cbit_iommu_t *iommu, cbit_iommu_fault_t *fault)
{
    *fault = iommu->last_fault;
}

void cbit_iommu_stats(const cbit_iommu_t *iommu, cbit_iommu_stats_t *stats)
{
    *stats = iommu->stats;
}
