/* Guests: handles, states, and the commands that are not about launching. */
#include "sev/es.h"
#include "sev/state.h"

sev_status_t guest_find(uint32_t handle, guest_t **guest)
{
    if (handle == 0 || handle > SEV_HANDLE_MAX || fw.guests[handle].state == SEV_GUEST_UNINIT) {
        return SEV_STATUS_INVALID_GUEST;
    }
    *guest = &fw.guests[handle];
    return SEV_STATUS_SUCCESS;
}

sev_status_t guest_check_state(const command_t *command, const guest_t *guest)
{
    return (command->row->guest_states >> guest->state & 1) != 0 ? SEV_STATUS_SUCCESS
                                                                 : SEV_STATUS_INVALID_GUEST_STATE;
}

sev_status_t guest_check_active(const guest_t *guest)
{
    return guest->asid != 0 ? SEV_STATUS_SUCCESS : SEV_STATUS_INACTIVE;
}

void guest_wipe_transport(guest_t *guest)
{
    wipe(guest->tek, sizeof guest->tek);
    wipe(guest->tik, sizeof guest->tik);
    wipe(guest->measure, sizeof guest->measure);
    wipe(&guest->hash, sizeof guest->hash);
}

spa_range_t guest_range(const guest_t *guest, uint64_t paddr)
{
    return (spa_range_t){.spa = paddr_range(paddr).spa, .key = guest->asid};
}

void guest_destroy(guest_t *guest)
{
    if ((guest->policy & SEV_POLICY_ES) != 0) {
        es_free_records(guest);
    }
    wipe(guest, sizeof *guest); /* state becomes UNINIT: the handle is free */
}

sev_status_t cmd_decommission(command_t *command)
{
    guest_t *guest;
    sev_status_t status = guest_find(command->buffer.handle.handle, &guest);
    if (status != SEV_STATUS_SUCCESS) {
        return status;
    }
    if (guest->asid != 0) {
        return SEV_STATUS_ACTIVE;
    }
    guest_destroy(guest);
    fw.guest_count--;
    if (fw.guest_count == 0) {
        fw.platform = SEV_PLATFORM_INIT;
    }
    return SEV_STATUS_SUCCESS;
}

sev_status_t cmd_guest_status(command_t *command)
{
    sev_guest_status_t *out = &command->buffer.guest_status;
    guest_t *guest;
    if (guest_find(out->handle, &guest) != SEV_STATUS_SUCCESS) {
        out->state = SEV_GUEST_UNINIT; /* success, by the API */
        return SEV_STATUS_SUCCESS;
    }
    out->policy = guest->policy;
    out->asid = guest->asid;
    out->state = guest->state;
    return SEV_STATUS_SUCCESS;
}
