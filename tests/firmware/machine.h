/**
 * @file
 * A small machine around the Secure Processor: memory behind a port with a latency, memory
 * controllers that keep their keys, cores with their flags, and the driver.
 *
 * Memory holds bytes xor the first byte of the key that wrote them (PLAIN: 0), so a test sees which
 * key an access used.
 */
#ifndef TESTS_FIRMWARE_MACHINE_H
#define TESTS_FIRMWARE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/sp/config.h"
#include "cbit/workloads/spdriver.h"
#include "sev/abi.h"

enum {
    MACHINE_MEMORY_BYTES = 16 << 20,
    MACHINE_CHANNELS = 3,
    MACHINE_CORES = 4,
    MACHINE_SLOTS = 1024,
    MACHINE_BUFFER_SPA = 0x10000, /* command buffers */
    MACHINE_PENDING = 64,
};

#define MACHINE_C_BIT (UINT64_C(1) << 47)

typedef struct machine {
    cbit_kernel_t *kernel;
    cbit_sp_t *sp;
    cbit_spdriver_t *driver;
    uint8_t *memory;
    uint8_t keys[MACHINE_CHANNELS][MACHINE_SLOTS][16];
    bool loaded[MACHINE_CHANNELS][MACHINE_SLOTS];
    uint32_t key_writes[MACHINE_CHANNELS][MACHINE_SLOTS];
    bool wbinvd[MACHINE_CORES], asid_valid[MACHINE_CORES][MACHINE_SLOTS];
    uint32_t flushes;
    bool ready, done;
    uint32_t under_way, most_under_way; /* memory requests at once */
    bool rewrites; /* a host that changes what the SP has just read, in the hope of a second read */
    void (*watch)(
        struct machine *machine); /* called after every instant of a command; may be NULL */
    uint32_t drop_after;          /* so many memory requests on, one is never answered; 0: none */
    char console[256];
    uint32_t console_used;
    struct machine_wait {
        struct machine *machine;
        cbit_event_t event;
        cbit_txn_t *txn;
        void (*done)(void *self);
        void *done_self;
    } waits[MACHINE_PENDING];
} machine_t;

/* What a test may change before the machine is built. */
typedef struct machine_options {
    cbit_sp_config_t sp;
    cbit_spdriver_config_t driver;
    uint64_t seed;
    uint64_t boot;
    const uint8_t *chip_secret; /* 32 bytes, or NULL for what the seed gives */
    uint8_t *flash;             /* CBIT_SP_FLASH_BYTES, or NULL */
    const sp_firmware_t *firmware;
    bool may_refuse;  /* to boot; then the machine is there all the same */
    bool powered_off; /* the caller runs the kernel for the boot */
} machine_options_t;

void machine_options_default(machine_options_t *options);

/* The same with a platform that has keys and certificates. */
void machine_options_identity(machine_options_t *options);

/* Built, booted and ready. */
machine_t *machine_create(const machine_options_t *options); /* NULL: defaults */
void machine_destroy(machine_t *machine);

/* Sends one command with a copy of `buffer` and waits for the answer; outputs come back into it. */
uint32_t machine_command(machine_t *machine, uint32_t command, void *buffer, uint32_t len_bytes);

/* What a test learnt of a command in another way than machine_command, for tests/firmware/pairs. */
void machine_note(uint32_t command, uint32_t status);

/* INIT, WBINVD everywhere, DF_FLUSH. */
void machine_init(machine_t *machine, uint32_t flags);
void machine_wbinvd(machine_t *machine);

/* LAUNCH_START without a session; returns the handle. */
uint32_t machine_launch(machine_t *machine, uint32_t policy);
uint32_t machine_activate(machine_t *machine, uint32_t handle, uint32_t asid);
uint32_t machine_with_handle(machine_t *machine, uint32_t command, uint32_t handle);
uint32_t machine_update(machine_t *machine, uint32_t handle, uint64_t paddr, uint32_t length);
uint32_t machine_measure(machine_t *machine, uint32_t handle, uint64_t paddr, uint32_t *length);
uint32_t machine_guest_state(machine_t *machine, uint32_t handle);
sev_platform_status_t machine_status(machine_t *machine);

/* PDH_CERT_EXPORT: PDH, then PEK, OCA, CEK. */
typedef struct machine_certs {
    sev_cert_t pdh, pek, oca, cek;
} machine_certs_t;
machine_certs_t machine_export(machine_t *machine);

#endif
