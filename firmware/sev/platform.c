/* Platform commands. */
#include "drivers/mmio.h"
#include "sev/state.h"

static sev_status_t check_init(const sev_init_t *init)
{
    if ((SP_READ(PLATFORM, FLAGS) & SP_PLATFORM_ENCRYPTION_ON) == 0) {
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

sev_status_t cmd_init(command_t *command)
{
    const sev_init_t *init = &command->buffer.init;
    sev_status_t status = check_init(init);
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    fw.es = (init->flags & SEV_INIT_FLAG_ES) != 0;
    fw.tmr_spa = fw.es ? paddr_range(init->tmr_paddr).spa : 0;
    asid_reset_all();
    fw.platform = SEV_PLATFORM_INIT;
    return SEV_STATUS_SUCCESS;
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
