#include "cbit/sim/key.h"

static cbit_key_t host_or_plain(bool host_c_bit)
{
    return host_c_bit ? CBIT_KEY_HOST : CBIT_KEY_PLAIN;
}

cbit_key_t cbit_key_of_access(const cbit_access_t *access)
{
    switch (access->accessor) {
    case CBIT_ACCESSOR_SEV_FETCH:
    case CBIT_ACCESSOR_SEV_GUEST_WALK:
    case CBIT_ACCESSOR_SEV_UNPAGED:
        return access->asid;
    case CBIT_ACCESSOR_SEV_DATA:
        /* A private page is the guest's whatever the nested entry says. */
        return access->guest_c_bit ? access->asid : host_or_plain(access->host_c_bit);
    case CBIT_ACCESSOR_PLAIN_GUEST:
    case CBIT_ACCESSOR_NESTED_WALK:
    case CBIT_ACCESSOR_HOST:
    case CBIT_ACCESSOR_DEVICE:
        break;
    }
    return host_or_plain(access->host_c_bit);
}
