#include "tests/firmware/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit_test.h"
#include "firmware/image.h"
#include "model/sp/sp_internal.h"

enum { MEMORY_PS = 80000, KEY_PS = 20000, FLUSH_PS = 500000 };

static struct machine_wait *free_wait(machine_t *machine)
{
    for (int i = 0; i < MACHINE_PENDING; i++) {
        if (!cbit_event_pending(&machine->waits[i].event)) {
            return &machine->waits[i];
        }
    }
    ck_abort_msg("more under way than the machine takes");
    return NULL;
}

static void on_wait(void *self)
{
    struct machine_wait *wait = self;
    if (wait->txn != NULL) {
        wait->machine->under_way--;
        cbit_txn_reply(wait->txn);
    } else {
        wait->done(wait->done_self);
    }
}

static void later(machine_t *machine, cbit_ps_t span_ps, cbit_txn_t *txn, void (*done)(void *),
                  void *done_self)
{
    struct machine_wait *wait = free_wait(machine);
    wait->txn = txn;
    wait->done = done;
    wait->done_self = done_self;
    cbit_event_notify_at(machine->kernel, &wait->event,
                         cbit_kernel_now_ps(machine->kernel) + span_ps);
}

static bool try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    machine_t *machine = self;
    (void)waiter;
    ck_assert_uint_le(txn->spa % 64 + txn->size_bytes, 64);
    ck_assert_uint_lt(txn->spa, MACHINE_MEMORY_BYTES);
    uint32_t slot = txn->key == CBIT_KEY_HOST ? 0 : txn->key;
    uint32_t channel = (uint32_t)(txn->spa / 256 % MACHINE_CHANNELS);
    uint8_t mask = txn->key == CBIT_KEY_PLAIN ? 0 : machine->keys[channel][slot][0];
    if (txn->key != CBIT_KEY_PLAIN && !machine->loaded[channel][slot]) {
        txn->status = CBIT_ERR_KEY_NOT_LOADED;
    } else {
        for (uint32_t i = 0; i < txn->size_bytes; i++) {
            uint8_t *byte = &machine->memory[txn->spa + i];
            if (txn->command == CBIT_COMMAND_WRITE) {
                *byte = txn->data[i] ^ mask;
            } else {
                txn->data[i] = *byte ^ mask;
                *byte ^= machine->rewrites ? 0xff : 0;
            }
        }
    }
    if (machine->drop_after == 0 || --machine->drop_after > 0) {
        machine->under_way++;
        if (machine->under_way > machine->most_under_way) {
            machine->most_under_way = machine->under_way;
        }
        later(machine, MEMORY_PS, txn, NULL, NULL);
    }
    return true;
}

static void write_key(void *self, uint32_t channel, uint16_t slot, const uint8_t *key,
                      void (*done)(void *), void *done_self)
{
    machine_t *machine = self;
    if (slot >= MACHINE_SLOTS) {
        later(machine, KEY_PS, NULL, done, done_self); /* no such slot: firmware that was hit */
        return;
    }
    machine->key_writes[channel][slot]++;
    machine->loaded[channel][slot] = key != NULL;
    memset(machine->keys[channel][slot], 0, 16);
    if (key != NULL) {
        memcpy(machine->keys[channel][slot], key, 16);
    }
    later(machine, KEY_PS, NULL, done, done_self);
}

static bool wbinvd_done(void *self, uint32_t core)
{
    return ((machine_t *)self)->wbinvd[core];
}

static void clear_wbinvd_done(void *self, uint32_t core)
{
    ((machine_t *)self)->wbinvd[core] = false;
}

static void set_asid_valid(void *self, uint32_t core, uint16_t asid, bool valid)
{
    ((machine_t *)self)->asid_valid[core][asid] = valid;
}

static void df_flush(void *self, void (*done)(void *), void *done_self)
{
    machine_t *machine = self;
    machine->flushes++;
    later(machine, FLUSH_PS, NULL, done, done_self);
}

static void on_interrupt(void *self)
{
    machine_t *machine = self;
    if (machine->driver != NULL) {
        cbit_spdriver_interrupt(machine->driver);
    }
}

static void on_ready(void *self)
{
    machine_t *machine = self;
    machine->ready = true;
    cbit_kernel_stop(machine->kernel);
}

static void on_console(void *self, char c)
{
    machine_t *machine = self;
    if (machine->console_used + 1 < sizeof machine->console) {
        machine->console[machine->console_used++] = c;
    }
}

void machine_options_default(machine_options_t *options)
{
    cbit_sp_config_default(&options->sp);
    options->sp.cores_per_ccx = 2;
    options->sp.asid_max = 15;
    options->sp.asid_min = 5;
    cbit_rows_defaults(cbit_spdriver_config_rows, &options->driver);
    options->driver.mailbox = options->sp.mailbox;
    options->seed = 1;
    options->boot = 0;
    options->chip_secret = NULL;
    options->flash = NULL;
    options->firmware = &cbit_firmware;
    options->may_refuse = options->powered_off = false;
}

void machine_options_identity(machine_options_t *options)
{
    machine_options_default(options);
    options->sp.identity = true;
}

machine_t *machine_create(const machine_options_t *options)
{
    machine_options_t defaults;
    if (options == NULL) {
        machine_options_default(&defaults);
        options = &defaults;
    }
    machine_t *machine = calloc(1, sizeof *machine);
    machine->memory = calloc(1, MACHINE_MEMORY_BYTES);
    machine->kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    for (int i = 0; i < MACHINE_PENDING; i++) {
        cbit_event_init(&machine->waits[i].event, on_wait, &machine->waits[i]);
        machine->waits[i].machine = machine;
    }
    const cbit_sp_parts_t parts = {
        .kernel = machine->kernel,
        .memory = {.self = machine, .try_send = try_send},
        .memory_bytes = MACHINE_MEMORY_BYTES,
        .hooks = {machine, MACHINE_CHANNELS, MACHINE_CORES, write_key, wbinvd_done,
                  clear_wbinvd_done, set_asid_valid, df_flush},
        .seed = options->seed,
        .boot = options->boot,
        .flash = options->flash,
        .firmware = options->firmware,
        .on_interrupt = on_interrupt,
        .interrupt_self = machine,
        .on_ready = on_ready,
        .ready_self = machine,
        .on_console = on_console,
        .console_self = machine,
    };
    ck_assert_int_eq(cbit_sp_create(&options->sp, &parts, &machine->sp, NULL), CBIT_ERR_OK);
    if (options->chip_secret != NULL) {
        memcpy(machine->sp->secret, options->chip_secret, SP_SECRET_BYTES);
    }
    if (!options->powered_off) {
        cbit_kernel_run(machine->kernel, CBIT_PS_NEVER);
    }
    ck_assert(machine->ready || options->may_refuse);
    ck_assert_int_eq(cbit_spdriver_create(&options->driver, machine->kernel, machine->sp,
                                          &machine->driver, NULL),
                     CBIT_ERR_OK);
    return machine;
}

void machine_destroy(machine_t *machine)
{
    cbit_spdriver_destroy(machine->driver);
    cbit_sp_destroy(machine->sp);
    cbit_kernel_destroy(machine->kernel);
    free(machine->memory);
    free(machine);
}

static void on_done(void *self, cbit_spdriver_request_t *request)
{
    machine_t *machine = self;
    (void)request;
    machine->done = true;
    cbit_kernel_stop(machine->kernel);
}

/* For tests/firmware/pairs: which status was given to which command. */
void machine_note(uint32_t command, uint32_t status)
{
    const char *path = getenv("CBIT_PAIRS");
    FILE *file = path == NULL ? NULL : fopen(path, "a");
    if (file != NULL) {
        fprintf(file, "%s %02x\n", cbit_spdriver_command_name(command), status & 0xff);
        fclose(file);
    }
}

uint32_t machine_command(machine_t *machine, uint32_t command, void *buffer, uint32_t len_bytes)
{
    if (len_bytes > 0) {
        memcpy(machine->memory + MACHINE_BUFFER_SPA, buffer, len_bytes);
    }
    cbit_spdriver_request_t request = {.command = command,
                                       .buffer_spa = len_bytes > 0 ? MACHINE_BUFFER_SPA : 0,
                                       .done = on_done,
                                       .self = machine};
    machine->done = false;
    cbit_spdriver_submit(machine->driver, &request);
    while (machine->watch != NULL && !machine->done) {
        cbit_kernel_run(machine->kernel, cbit_kernel_next_ps(machine->kernel));
        machine->watch(machine);
    }
    if (!machine->done) {
        cbit_kernel_run(machine->kernel, CBIT_PS_NEVER);
    }
    ck_assert_msg(machine->done, "the SP never answered command %#x", command);
    if (len_bytes > 0) {
        memcpy(buffer, machine->memory + MACHINE_BUFFER_SPA, len_bytes);
    }
    machine_note(command, request.status);
    return request.status;
}

void machine_wbinvd(machine_t *machine)
{
    for (int i = 0; i < MACHINE_CORES; i++) {
        machine->wbinvd[i] = true;
    }
}

void machine_init(machine_t *machine, uint32_t flags)
{
    sev_init_t init = {.flags = flags,
                       .tmr_paddr = flags != 0 ? 0x400000 : 0,
                       .tmr_length = flags != 0 ? SEV_TMR_BYTES : 0};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_INIT, &init, sizeof init), 0);
    machine_wbinvd(machine);
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_DF_FLUSH, NULL, 0), 0);
}

uint32_t machine_launch(machine_t *machine, uint32_t policy)
{
    sev_start_t start = {.policy = policy};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_LAUNCH_START, &start, sizeof start), 0);
    return start.handle;
}

uint32_t machine_activate(machine_t *machine, uint32_t handle, uint32_t asid)
{
    sev_activate_t activate = {.handle = handle, .asid = asid};
    return machine_command(machine, SEV_CMD_ACTIVATE, &activate, sizeof activate);
}

uint32_t machine_with_handle(machine_t *machine, uint32_t command, uint32_t handle)
{
    sev_handle_t buffer = {.handle = handle};
    return machine_command(machine, command, &buffer, sizeof buffer);
}

uint32_t machine_update(machine_t *machine, uint32_t handle, uint64_t paddr, uint32_t length)
{
    sev_launch_range_t range = {.handle = handle, .paddr = paddr, .length = length};
    return machine_command(machine, SEV_CMD_LAUNCH_UPDATE_DATA, &range, sizeof range);
}

uint32_t machine_measure(machine_t *machine, uint32_t handle, uint64_t paddr, uint32_t *length)
{
    sev_launch_range_t range = {.handle = handle, .paddr = paddr, .length = *length};
    uint32_t status = machine_command(machine, SEV_CMD_LAUNCH_MEASURE, &range, sizeof range);
    *length = range.length;
    return status;
}

uint32_t machine_guest_state(machine_t *machine, uint32_t handle)
{
    sev_guest_status_t status = {.handle = handle};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_GUEST_STATUS, &status, sizeof status), 0);
    return status.state;
}

sev_platform_status_t machine_status(machine_t *machine)
{
    sev_platform_status_t status = {0};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_PLATFORM_STATUS, &status, sizeof status), 0);
    return status;
}

machine_certs_t machine_export(machine_t *machine)
{
    machine_certs_t certs = {0};
    sev_two_ranges_t ranges = {.first_paddr = 0x380000,
                               .first_length = SEV_CERT_BYTES,
                               .second_paddr = 0x390000,
                               .second_length = SEV_CHAIN_BYTES};
    ck_assert_uint_eq(machine_command(machine, SEV_CMD_PDH_CERT_EXPORT, &ranges, sizeof ranges), 0);
    memcpy(&certs.pdh, machine->memory + 0x380000, SEV_CERT_BYTES);
    memcpy(&certs.pek, machine->memory + 0x390000, SEV_CHAIN_BYTES);
    return certs;
}
