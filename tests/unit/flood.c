#include "tests/unit/flood.h"

#include "cbit_test.h"

void flood_answered(void *self, cbit_txn_t *txn)
{
    flood_slot_t *slot = self;
    ck_assert(slot->busy);
    slot->busy = false;
    ++*slot->answered;
    ck_assert_uint_eq(cbit_txn_charged_ps(txn), cbit_kernel_now_ps(slot->kernel) - txn->born_ps);
    if (txn->command == CBIT_COMMAND_READ) {
        ck_assert_mem_eq(txn->data, slot->want, txn->size_bytes);
    }
}
