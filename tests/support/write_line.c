#include "tests/support/write_line.h"

#include <string.h>

#include "cbit_test.h"

static void ignore(void *self, cbit_txn_t *txn)
{
    (void)self;
    (void)txn;
}

void write_line(cbit_kernel_t *kernel, cbit_port_t port, cbit_spa_t spa, cbit_key_t key,
                uint8_t byte)
{
    static cbit_txn_t txn; /* it may be answered later than here */
    cbit_txn_init(&txn, CBIT_COMMAND_WRITE, spa, CBIT_LINE_BYTES, key, CBIT_SOURCE_VCPU,
                  cbit_kernel_now_ps(kernel));
    memset(txn.data, byte, sizeof txn.data);
    cbit_txn_push_reply(&txn, ignore, NULL);
    ck_assert(port.try_send(port.self, &txn, NULL));
    cbit_kernel_run(kernel, cbit_kernel_now_ps(kernel) + 10000);
}
