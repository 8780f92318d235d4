/* One read that no cache holds, PLAIN and with the host's key: where its picoseconds go. */
#include <stdio.h>

#include "cbit/firmware.h"
#include "cbit/platform/platform.h"

static void on_ready(void *machine) /* the firmware has booted and loaded the host's key */
{
    cbit_kernel_stop(cbit_platform_kernel(*(cbit_platform_t **)machine));
}

static void on_answer(void *kernel, cbit_txn_t *txn)
{
    printf("%s:", txn->key == CBIT_KEY_HOST ? "host key" : "plain");
    for (int s = 0; s < CBIT_STAGE_COUNT; s++) {
        printf(" %s %llu", cbit_stage_keys[s], (unsigned long long)txn->stage_ps[s]);
    }
    printf(", sum %llu ps\n", (unsigned long long)cbit_txn_charged_ps(txn));
    cbit_kernel_stop(kernel);
}

int main(void)
{
    static const cbit_key_t keys[] = {CBIT_KEY_PLAIN, CBIT_KEY_HOST};
    cbit_platform_config_t config;
    cbit_platform_t *machine = NULL;
    cbit_platform_parts_t parts = {.engines = &cbit_aes_model_factory,
                                   .firmware = &cbit_firmware,
                                   .on_sp_ready = on_ready,
                                   .self = &machine};
    cbit_rows_defaults(cbit_platform_rows, &config); /* a Rome */
    cbit_diag_t *diag = cbit_diag_create();
    if (cbit_platform_create(&config, &parts, &machine, diag) != CBIT_ERR_OK) {
        return fprintf(stderr, "%s\n", cbit_diag_at(diag, 0)->text), 1;
    }
    cbit_kernel_t *kernel = cbit_platform_kernel(machine);
    cbit_port_t port = cbit_platform_host_port(machine, 0);
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    for (int i = 0; i < 2; i++) {
        cbit_txn_t txn;
        cbit_txn_init(&txn, CBIT_COMMAND_READ, 0x10000000 + 0x100000 * (uint64_t)i, 64, keys[i],
                      CBIT_SOURCE_HOST, cbit_kernel_now_ps(kernel));
        cbit_txn_push_reply(&txn, on_answer, kernel);
        port.try_send(port.self, &txn, NULL); /* false only when the core has no room: never here */
        cbit_kernel_run(kernel, CBIT_PS_NEVER);
    }
    cbit_platform_destroy(machine);
    cbit_diag_destroy(diag);
}
