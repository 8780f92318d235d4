/*
 * For a real device that does not reach an address, as with Linux's dma-direct on an SME host: the
 * C-bit is above the bits that it drives. Host software copies between the memory, under the host's
 * key, and a frame in plain that the device does reach.
 */
#include <stdlib.h>

#include "workloads/hypervisor/device.h"

static cbit_hv_step_t by_device(cbit_hv_bounce_t *bounce)
{
    cbit_hv_transfer_start(bounce->transfer, bounce->write ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ,
                           bounce->frame_spa, CBIT_KEY_PLAIN, bounce->bytes, bounce->len,
                           cbit_hv_task_resume, &bounce->task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t by_host(cbit_hv_bounce_t *bounce, cbit_command_t command, cbit_spa_t spa,
                              cbit_key_t key)
{
    cbit_hv_transfer_start(&bounce->host, command, spa, key, bounce->copied, bounce->len,
                           cbit_hv_task_resume, &bounce->task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t write_device(void *self)
{
    cbit_hv_bounce_t *bounce = self;
    return bounce->write ? by_device(bounce) : CBIT_HV_NEXT;
}

static cbit_hv_step_t load(void *self)
{
    cbit_hv_bounce_t *bounce = self;
    return bounce->write ? by_host(bounce, CBIT_COMMAND_READ, bounce->frame_spa, CBIT_KEY_PLAIN)
                         : by_host(bounce, CBIT_COMMAND_READ, bounce->spa, bounce->key);
}

static cbit_hv_step_t store(void *self)
{
    cbit_hv_bounce_t *bounce = self;
    return bounce->write ? by_host(bounce, CBIT_COMMAND_WRITE, bounce->spa, bounce->key)
                         : by_host(bounce, CBIT_COMMAND_WRITE, bounce->frame_spa, CBIT_KEY_PLAIN);
}

static cbit_hv_step_t read_device(void *self)
{
    cbit_hv_bounce_t *bounce = self;
    return bounce->write ? CBIT_HV_NEXT : by_device(bounce);
}

static const cbit_hv_step_fn steps[] = {write_device, load, store, read_device, NULL};

static void over(void *self)
{
    cbit_hv_bounce_t *bounce = self;
    bounce->result->dma_bounces++;
    bounce->result->dma_bounced_bytes += bounce->len;
    cbit_hv_task_resume(bounce->waiting);
}

/* That of one transfer, made at its first use; NULL: there is no memory for it. */
static cbit_hv_bounce_t *bounce_of(cbit_hv_device_t *device, cbit_hv_transfer_t *transfer)
{
    cbit_hv_vcpu_t *vcpu = device->vcpu;
    cbit_hv_t *hv = vcpu->guest->hv;
    cbit_hv_bounce_t *bounce = device->bounces;
    while (bounce != NULL && bounce->transfer != transfer) {
        bounce = bounce->next;
    }
    if (bounce != NULL) {
        return bounce;
    }
    bounce = calloc(1, sizeof *bounce);
    if (bounce == NULL || !cbit_hv_frames_take(&hv->frames, &bounce->frame_spa) ||
        bounce->frame_spa >> hv->config.dma_mask_bits % 64 != 0) {
        free(bounce);
        return NULL;
    }
    cbit_hv_transfer_init(
        &bounce->host, hv->kernel,
        cbit_platform_host_port(hv->platform, (vcpu->home->number + 1) % hv->core_count),
        CBIT_SOURCE_HOST, 0);
    bounce->transfer = transfer;
    bounce->result = vcpu->guest->result;
    bounce->next = device->bounces;
    device->bounces = bounce;
    return bounce;
}

bool cbit_hv_bounce(cbit_hv_device_t *device, cbit_hv_transfer_t *transfer, cbit_hv_task_t *task,
                    const cbit_hv_bounced_t *what)
{
    cbit_hv_bounce_t *bounce = bounce_of(device, transfer);
    if (bounce == NULL) {
        return false;
    }
    bounce->waiting = task;
    bounce->spa = what->spa;
    bounce->key = device->vcpu->guest->hv->host_key;
    bounce->write = what->write;
    bounce->bytes = what->bytes;
    bounce->len = what->len;
    cbit_hv_task_start(&bounce->task, steps, bounce, over, bounce);
    return true;
}

void cbit_hv_bounces_free(cbit_hv_device_t *device)
{
    while (device->bounces != NULL) {
        cbit_hv_bounce_t *next = device->bounces->next;
        free(device->bounces);
        device->bounces = next;
    }
}
