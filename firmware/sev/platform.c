/* Platform commands. */
#include "drivers/mmio.h"
#include "sev/es.h"
#include "sev/identity.h"

/* What INIT and INIT_EX have in common. */
typedef struct init_request {
    uint32_t flags, reserved;
    uint64_t tmr_paddr;
    uint32_t tmr_length;
    uint64_t nv_paddr; /* 0: flash */
} init_request_t;

static sev_status_t check_init(const init_request_t *init)
{
    if (!platform_flag(SP_PLATFORM_ENCRYPTION_ON)) {
        return SEV_STATUS_HWERROR_PLATFORM;
    }
    if ((init->flags & ~(uint32_t)SEV_INIT_FLAG_ES) != 0 || init->reserved != 0) {
        return SEV_STATUS_INVALID_CONFIG;
    }
    if ((init->flags & SEV_INIT_FLAG_ES) == 0) {
        return SEV_STATUS_SUCCESS;
    }
    if (paddr_range(init->tmr_paddr).spa % SEV_TMR_BYTES != 0) {
        return SEV_STATUS_INVALID_ADDRESS;
    }
    if (init->tmr_length != SEV_TMR_BYTES) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    return paddr_check(init->tmr_paddr, init->tmr_length);
}

static sev_status_t init_platform(const init_request_t *init)
{
    if (platform_flag(SP_PLATFORM_IDENTITY)) {
        sev_status_t status = identity_load(init->nv_paddr);
        if (status != SEV_STATUS_SUCCESS) {
            identity_forget();
            return status;
        }
    }
    fw.es = (init->flags & SEV_INIT_FLAG_ES) != 0;
    fw.tmr_spa = fw.es ? paddr_range(init->tmr_paddr).spa : 0;
    es_reset();
    asid_reset_all();
    fw.platform = SEV_PLATFORM_INIT;
    return SEV_STATUS_SUCCESS;
}

sev_status_t cmd_init(command_t *command)
{
    const sev_init_t *buffer = &command->buffer.init;
    const init_request_t init = {.flags = buffer->flags,
                                 .reserved = buffer->reserved,
                                 .tmr_paddr = buffer->tmr_paddr,
                                 .tmr_length = buffer->tmr_length};
    sev_status_t status = check_init(&init);
    return status == SEV_STATUS_SUCCESS ? init_platform(&init) : status;
}

static sev_status_t check_nv(const sev_init_ex_t *buffer)
{
    if (buffer->nv_paddr == 0) {
        return SEV_STATUS_SUCCESS;
    }
    uint64_t nv = paddr_range(buffer->nv_paddr).spa, tmr = paddr_range(buffer->tmr_paddr).spa;
    if (nv % 4096 != 0) {
        return SEV_STATUS_INVALID_ADDRESS;
    }
    if (buffer->nv_length != SEV_NV_BYTES) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    bool in_tmr = (buffer->flags & SEV_INIT_FLAG_ES) != 0 && nv < tmr + SEV_TMR_BYTES &&
                  tmr < nv + SEV_NV_BYTES;
    return in_tmr ? SEV_STATUS_INVALID_ADDRESS : paddr_check(buffer->nv_paddr, SEV_NV_BYTES);
}

sev_status_t cmd_init_ex(command_t *command)
{
    const sev_init_ex_t *buffer = &command->buffer.init_ex;
    const init_request_t init = {.flags = buffer->flags,
                                 .reserved = buffer->reserved,
                                 .tmr_paddr = buffer->tmr_paddr,
                                 .tmr_length = buffer->tmr_length,
                                 .nv_paddr = buffer->nv_paddr};
    if (buffer->length != sizeof *buffer) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    sev_status_t status = check_init(&init);
    if (status == SEV_STATUS_SUCCESS) {
        status = check_nv(buffer);
    }
    return status == SEV_STATUS_SUCCESS ? init_platform(&init) : status;
}

sev_status_t cmd_shutdown(command_t *command)
{
    (void)command;
    for (uint32_t handle = 1; handle <= SEV_HANDLE_MAX; handle++) {
        if (fw.guests[handle].state != SEV_GUEST_UNINIT) {
            guest_destroy(&fw.guests[handle]);
        }
    }
    if (fw.platform != SEV_PLATFORM_UNINIT) {
        asid_reset_all();
        asid_clear_slots(true);
    }
    identity_forget();
    fw.guest_count = 0;
    fw.es = false;
    fw.tmr_spa = 0;
    fw.platform = SEV_PLATFORM_UNINIT;
    return SEV_STATUS_SUCCESS;
}

sev_status_t cmd_platform_status(command_t *command)
{
    command->buffer.platform_status = (sev_platform_status_t){
        .api_major = SEV_API_MAJOR,
        .api_minor = SEV_API_MINOR,
        .state = fw.platform,
        .owner = identity.externally_owned != 0 ? SEV_STATUS_OWNER_EXTERNAL : 0,
        .config = fw.es ? SEV_STATUS_CONFIG_ES : 0,
        .build = SEV_BUILD,
        .guest_count = fw.guest_count,
    };
    return SEV_STATUS_SUCCESS;
}

sev_status_t cmd_nop(command_t *command)
{
    (void)command;
    return SEV_STATUS_SUCCESS;
}
