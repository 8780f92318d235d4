#include <string.h>

#include "cbit_test.h"
#include "tests/scenario/attacks.h"

/* Shared pages in a row, as many as a bounce buffer has at least: the requests' headers of the one
   vCPU, the pool; and the private page behind them. */
bool attack_find_buffers(const cbit_guest_t *guest, attack_buffers_t *buffers)
{
    enum { POOL_PAGES = 64, MOST_PAGES = 65536 };
    uint32_t shared = 0;
    for (cbit_gpa_t gpa = CBIT_GUEST_BOOT_GPA; gpa < (cbit_gpa_t)MOST_PAGES * CBIT_PAGE_BYTES;
         gpa += CBIT_PAGE_BYTES) {
        cbit_guest_area_t area = cbit_guest_area_at(guest, gpa);
        if (area == CBIT_GUEST_AREA_PRIVATE && shared > POOL_PAGES) {
            buffers->own = gpa;
            buffers->bounce = gpa - (cbit_gpa_t)(shared - 1) * CBIT_PAGE_BYTES;
            return true;
        }
        shared = area == CBIT_GUEST_AREA_SHARED ? shared + 1 : 0;
    }
    return false;
}

bool attack_window_open(attack_window_t *window, cbit_attacker_t *hands,
                        const attack_buffers_t *buffers, uint32_t page)
{
    uint8_t first[CBIT_BLOCK_BYTES], last[CBIT_BLOCK_BYTES];
    cbit_gpa_t target = buffers->bounce + (cbit_gpa_t)page * CBIT_PAGE_BYTES;
    ck_assert_int_eq(cbit_attacker_read_shared(hands, 0, buffers->bounce, first, sizeof first),
                     CBIT_ERR_OK);
    ck_assert_int_eq(cbit_attacker_read_shared(hands, 0, target, last, sizeof last), CBIT_ERR_OK);
    bool open = window->primed && memcmp(first, window->first, sizeof first) != 0 &&
                memcmp(last, window->last, sizeof last) == 0;
    memcpy(window->first, first, sizeof first);
    memcpy(window->last, last, sizeof last);
    window->primed = true;
    return open;
}
