/* Page encryption status, as the guest tells it: what may be sent in clear, and what may not. */
#include <stdlib.h>

#include "workloads/hypervisor/dirty.h"
#include "workloads/hypervisor/hv.h"

bool cbit_hv_notices_init(cbit_hv_guest_t *guest)
{
    guest->told_shared = calloc(guest->config->memory / CBIT_PAGE_BYTES, 1);
    return guest->told_shared != NULL;
}

void cbit_hv_notice(cbit_hv_guest_t *guest, uint64_t value)
{
    cbit_guest_notice_t notice;
    if (guest->told_shared == NULL || !cbit_guest_notice(value, &notice)) {
        return;
    }
    guest->result->notices++;
    for (uint32_t i = 0; i < notice.pages; i++) {
        cbit_gpa_t gpa = notice.gpa + (cbit_gpa_t)i * CBIT_PAGE_BYTES;
        if (gpa < guest->config->memory) {
            guest->told_shared[gpa / CBIT_PAGE_BYTES] = !notice.is_private;
            /* What was sent of it so far was sent the other way. */
            cbit_hv_dirty_mark(guest, gpa, CBIT_PAGE_BYTES);
        }
    }
}

bool cbit_hv_believes_shared(const cbit_hv_guest_t *guest, cbit_gpa_t gpa)
{
    return !guest->sev ||
           (guest->told_shared != NULL && guest->told_shared[gpa / CBIT_PAGE_BYTES] != 0);
}
