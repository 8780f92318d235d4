/*
 * One transfer of a device on its way: what the device names, the data's move, and what came
 * through. device.c has the rings around it.
 */
#include "workloads/hypervisor/device.h"
#include "workloads/hypervisor/dirty.h"

#include <stdlib.h>
#include <string.h>

#include "workloads/hypervisor/bytes.h"

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
    return port.peek(port.self, spa, vcpu->guest->hv->raw_key, bytes, sizeof bytes) ==
               CBIT_ERR_OK &&
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
        if (!cbit_hv_nested_backing(&vcpu->guest->nested, gpa, &spa)) {
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

bool cbit_hv_device_emulated(const cbit_hv_device_t *device)
{
    return device->queue != CBIT_GUEST_DEVICE_REAL;
}

/*
 * The device's own address of a page where an IOMMU translates, else the machine's: with the C-bit
 * for pages that the host's key encrypts. A private page of an SEV guest is under no key that a
 * device could name, and goes without. Host software, which emulates a device, has all of the
 * guest's memory mapped with its own key.
 */
bool cbit_hv_device_move(cbit_hv_device_t *device, cbit_hv_transfer_t *transfer,
                         cbit_hv_task_t *task, bool write, cbit_gpa_t gpa, void *bytes,
                         uint32_t *len)
{
    cbit_hv_guest_t *guest = device->vcpu->guest;
    bool by_host = cbit_hv_device_emulated(device);
    uint32_t room = CBIT_PAGE_BYTES - (uint32_t)(gpa % CBIT_PAGE_BYTES);
    cbit_spa_t spa;
    if (!cbit_hv_nested_backing(&guest->nested, gpa, &spa)) {
        return false;
    }
    *len = *len < room ? *len : room;
    if (write) {
        cbit_hv_dirty_mark(guest, gpa, *len);
    }
    uint64_t address = spa;
    if (!by_host && !cbit_hv_iommu_address(guest, gpa, spa, !is_private(guest, gpa), &address)) {
        const cbit_hv_bounced_t what = {.spa = spa, .write = write, .bytes = bytes, .len = *len};
        return guest->domain.count == 0 && cbit_hv_bounce(device, transfer, task, &what);
    }
    cbit_hv_transfer_start(transfer, write ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ, address,
                           by_host ? guest->hv->host_key : CBIT_KEY_PLAIN, bytes, *len,
                           cbit_hv_task_resume, task);
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
    cbit_ps_t wait_ps =
        cbit_hv_device_emulated(lane->device) ? hv->config.emulation_ns : hv->config.device_ns;
    cbit_event_notify_at(hv->kernel, &lane->timer, cbit_hv_now(hv) + wait_ps);
    return CBIT_HV_WAIT;
}

/* Whether this is the piece of the chain that carries data, not a header or a status byte. */
static bool is_data(const cbit_hv_lane_t *lane)
{
    return lane->at == (cbit_hv_device_emulated(lane->device) ? 1u : 0u);
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
    if (!cbit_hv_device_move(lane->device, &lane->transfer, &lane->task, descriptor->writes, gpa,
                             bytes, &len)) {
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
    cbit_hv_trace_dma(lane);
    result->io_requests++;
    result->io_bytes += lane->moved;
    return CBIT_HV_NEXT;
}

static const cbit_hv_step_fn lane_steps[] = {lane_begin, lane_move, lane_end, NULL};

void cbit_hv_lane_init(cbit_hv_lane_t *lane, cbit_hv_device_t *device)
{
    lane->device = device;
    cbit_event_init(&lane->timer, timer_fires, lane);
}

cbit_err_t cbit_hv_lane_start(cbit_hv_lane_t *lane, void (*over)(void *lane))
{
    lane->bytes = calloc(1, lane->status.bytes);
    if (lane->bytes == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    lane->state = CBIT_HV_LANE_MOVING;
    lane->at = 0;
    lane->offset = 0;
    lane->moved = 0;
    lane->faulted = false;
    lane->begun_ps = cbit_hv_now(vcpu_of(lane)->guest->hv);
    memset(lane->header, 0, sizeof lane->header);
    cbit_hv_task_start(&lane->task, lane_steps, lane, over, lane);
    return CBIT_ERR_OK;
}
