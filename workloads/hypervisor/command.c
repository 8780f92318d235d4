#include <string.h>

#include "workloads/hypervisor/attacker.h"
#include "workloads/hypervisor/hv.h"

static void buffer_read(void *self)
{
    cbit_hv_command_t *command = self;
    command->done(command->done_self);
}

static void answered(void *self, cbit_spdriver_request_t *request)
{
    cbit_hv_command_t *command = self;
    cbit_hv_watch_slice(command->hv, CBIT_WATCH_SP, 0, cbit_spdriver_command_name(request->command),
                        cbit_spdriver_status_name(request->status), request->rung_ps);
    cbit_hv_attack_sp(command->hv, request);
    cbit_hv_trace_command(command->hv, request);
    cbit_hv_transfer_start(&command->transfer, CBIT_COMMAND_READ, command->buffer_spa,
                           command->hv->host_key, command->bytes, command->len_bytes, buffer_read,
                           command);
}

static void buffer_written(void *self)
{
    cbit_hv_command_t *command = self;
    cbit_spdriver_submit(command->hv->driver, &command->request);
}

void cbit_hv_command_bind(cbit_hv_command_t *command, cbit_hv_t *hv, cbit_spa_t buffer_spa)
{
    *command = (cbit_hv_command_t){.hv = hv, .buffer_spa = buffer_spa};
    cbit_hv_transfer_init(&command->transfer, hv->kernel, cbit_platform_host_port(hv->platform, 0),
                          CBIT_SOURCE_HOST, 0);
}

bool cbit_hv_command_init(cbit_hv_command_t *command, cbit_hv_t *hv)
{
    cbit_spa_t spa = 0;
    bool taken = cbit_hv_frames_take(&hv->frames, &spa);
    cbit_hv_command_bind(command, hv, spa);
    return taken;
}

void cbit_hv_command_run(cbit_hv_command_t *command, uint32_t id, const void *in,
                         uint32_t len_bytes, void (*done)(void *self), void *done_self)
{
    command->request = (cbit_spdriver_request_t){
        .command = id,
        .buffer_spa = len_bytes == 0 ? 0 : cbit_hv_command_paddr(command, 0),
        .done = answered,
        .self = command,
    };
    command->len_bytes = len_bytes;
    command->done = done;
    command->done_self = done_self;
    if (len_bytes != 0) {
        memcpy(command->bytes, in, len_bytes);
    }
    cbit_hv_transfer_start(&command->transfer, CBIT_COMMAND_WRITE, command->buffer_spa,
                           command->hv->host_key, command->bytes, len_bytes, buffer_written,
                           command);
}

uint64_t cbit_hv_command_paddr(const cbit_hv_command_t *command, uint32_t offset)
{
    return (command->buffer_spa + offset) | command->hv->c_bit_mask;
}
