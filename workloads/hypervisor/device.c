#include <stdlib.h>
#include <string.h>

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

static comparison_t compare(const cbit_hv_vcpu_t *vcpu)
{
    const cbit_hv_dma_t *dma = &vcpu->dma;
    comparison_t result = {0};
    for (uint32_t at = 0; at < dma->at; at += CBIT_LINE_BYTES) {
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
static const char *outcome_of(const cbit_hv_vcpu_t *vcpu, const comparison_t *seen)
{
    bool ciphered = vcpu->guest->hv->ciphered;
    bool device_reads = !vcpu->dma.status.from_device;
    if (seen->expected == seen->lines) {
        return "plaintext";
    }
    if (device_reads && seen->raw == seen->lines && seen->expected == 0) {
        return ciphered ? "ciphertext" : "stale";
    }
    return seen->expected > 0 || seen->old == seen->lines ? "stale" : "garbage";
}

/* ---- the transfer ---- */

/* What the device is told: the C-bit goes with pages that the host's key encrypts. A private page
   of an SEV guest is under no key that a device could name, so its address goes without. */
static bool device_address(const cbit_hv_vcpu_t *vcpu, cbit_gpa_t gpa, uint64_t *address)
{
    cbit_hv_guest_t *guest = vcpu->guest;
    cbit_spa_t spa;
    if (!cbit_hv_nested_lookup(&guest->nested, gpa, &spa)) {
        return false;
    }
    *address = spa | (is_private(guest, gpa) ? 0 : guest->hv->c_bit_mask);
    return true;
}

static void timer_fires(void *self)
{
    cbit_hv_vcpu_t *vcpu = self;
    cbit_hv_task_resume(&vcpu->dma.task);
}

static cbit_hv_step_t dma_begin(void *self)
{
    cbit_hv_vcpu_t *vcpu = self;
    cbit_hv_t *hv = vcpu->guest->hv;
    cbit_event_init(&vcpu->dma.timer, timer_fires, vcpu);
    cbit_event_notify_at(hv->kernel, &vcpu->dma.timer, cbit_hv_now(hv) + hv->config.device_ns);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t dma_move(void *self)
{
    cbit_hv_vcpu_t *vcpu = self;
    cbit_hv_dma_t *dma = &vcpu->dma;
    if (dma->at == dma->status.bytes) {
        return CBIT_HV_NEXT;
    }
    cbit_gpa_t gpa = dma->status.gpa + dma->at;
    uint64_t address;
    if (!device_address(vcpu, gpa, &address)) {
        dma->faulted = true;
        return CBIT_HV_NEXT;
    }
    uint32_t room = CBIT_PAGE_BYTES - (uint32_t)(gpa % CBIT_PAGE_BYTES);
    uint32_t left = dma->status.bytes - dma->at;
    uint32_t len = left < room ? left : room;
    uint8_t *bytes = dma->bytes + dma->at;
    dma->at += len;
    cbit_hv_transfer_start(&dma->transfer,
                           dma->status.from_device ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ,
                           address, CBIT_KEY_PLAIN, bytes, len, cbit_hv_task_resume, &dma->task);
    return CBIT_HV_AGAIN;
}

static void report(cbit_hv_vcpu_t *vcpu, cbit_hv_probe_t *probe)
{
    const cbit_hv_dma_t *dma = &vcpu->dma;
    cbit_run_event_t *event = probe->result;
    comparison_t seen = compare(vcpu);
    bool refused = dma->faulted || dma->transfer.err != CBIT_ERR_OK;
    event->skipped = false;
    event->at_ps = dma->rung_ps;
    event->vcpu = vcpu->index;
    event->outcome = refused ? "refused" : outcome_of(vcpu, &seen);
    event->blocks = (uint64_t)dma->at / CBIT_BLOCK_BYTES;
    event->foreign_blocks = 0;
    event->span_ps = cbit_hv_now(vcpu->guest->hv) - dma->rung_ps;
    probe->state = CBIT_HV_PROBE_DONE;
    /* What a guest reads it compares by itself (cbit_guest_stats_t.io_mismatches). */
    if (!dma->status.from_device && cbit_hv_probe_must_work(probe)) {
        vcpu->guest->hv->result->checks.io_mismatches += seen.lines - seen.expected;
    }
}

/* A transfer of the guest's program: what the device read must be what was sent, unless the guest
   gave it pages that only the guest's key opens. */
static void check_own(cbit_hv_vcpu_t *vcpu)
{
    const cbit_guest_io_status_t *status = &vcpu->dma.status;
    if (!status->from_device && !is_private(vcpu->guest, status->gpa)) {
        comparison_t seen = compare(vcpu);
        vcpu->guest->hv->result->checks.io_mismatches += seen.lines - seen.expected;
    }
}

static cbit_hv_step_t dma_end(void *self)
{
    cbit_hv_vcpu_t *vcpu = self;
    cbit_hv_dma_t *dma = &vcpu->dma;
    cbit_run_guest_t *result = vcpu->guest->result;
    cbit_hv_probe_t *probe = cbit_hv_probe_of_io(vcpu, dma->io);
    if (probe != NULL) {
        report(vcpu, probe);
    } else {
        check_own(vcpu);
    }
    cbit_hv_watch_slice(vcpu->guest->hv, CBIT_WATCH_DEVICE, vcpu->guest->index,
                        vcpu->guest->config->name,
                        dma->status.from_device ? "device writes" : "device reads", dma->rung_ps);
    result->io_requests++;
    result->io_bytes += dma->at;
    free(dma->bytes);
    dma->bytes = NULL;
    cbit_guest_io_complete(vcpu->guest->soft, vcpu->index, dma->io);
    return CBIT_HV_NEXT;
}

static const cbit_hv_step_fn dma_steps[] = {dma_begin, dma_move, dma_end, NULL};

static void dma_over(void *self)
{
    cbit_hv_ready(self, true);
}

void cbit_hv_dma_start(cbit_hv_vcpu_t *vcpu, uint32_t io)
{
    cbit_hv_dma_t *dma = &vcpu->dma;
    cbit_hv_t *hv = vcpu->guest->hv;
    dma->io = io;
    dma->at = 0;
    dma->faulted = false;
    dma->rung_ps = cbit_hv_now(hv);
    if (!cbit_guest_io_status(vcpu->guest->soft, vcpu->index, io, &dma->status)) {
        (void)cbit_hv_fail(hv, CBIT_ERR_INTERNAL, NULL, "guest %s rang for an unknown request",
                           vcpu->guest->config->name);
        return;
    }
    dma->bytes = calloc(1, dma->status.bytes);
    if (dma->bytes == NULL) {
        (void)cbit_hv_fail(hv, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
        return;
    }
    if (dma->status.from_device) {
        cbit_guest_io_pattern(dma->status.pattern, 0, dma->bytes, dma->status.bytes);
    }
    cbit_hv_transfer_init(&dma->transfer, hv->kernel, cbit_platform_device_port(hv->platform, 0),
                          CBIT_SOURCE_DMA, 0);
    cbit_hv_task_start(&dma->task, dma_steps, vcpu, dma_over, vcpu);
}
