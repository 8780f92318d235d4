/**
 * @file
 * Everything that the firmware remembers, and the checks that commands share.
 */
#ifndef FIRMWARE_STATE_H
#define FIRMWARE_STATE_H

#include "drivers/drivers.h"
#include "sev/abi.h"

enum {
    ASID_LIMIT = 1024, /* ASIDs are below this */
    CCX_LIMIT = 64,
};

/* What an ASID is on one core complex. */
enum {
    ASID_DIRTY = 0, /* lines with it may be in caches */
    ASID_CLEAN,
    ASID_ALLOCATED, /* bound to a guest that does not run yet */
    ASID_IN_USE,    /* bound to a guest that runs */
};

typedef struct guest {
    uint8_t state; /* SEV_GUEST_* */
    uint16_t asid; /* 0: inactive */
    uint32_t policy;
    uint8_t vek[SEV_KEY_BYTES], tek[SEV_KEY_BYTES], tik[SEV_KEY_BYTES];
    uint8_t measure[SEV_DIGEST_BYTES], launch_digest[SEV_DIGEST_BYTES];
    uint8_t offline_key[32];
    sha256_t hash;
} guest_t;

typedef struct firmware {
    uint8_t platform; /* SEV_PLATFORM_* */
    bool es;
    uint32_t guest_count;
    uint64_t tmr_spa; /* 0: none */
    uint8_t asid_state[CCX_LIMIT][ASID_LIMIT];
    bool slot_loaded[ASID_LIMIT];
    guest_t guests[SEV_HANDLE_MAX + 1]; /* by handle; 0 is never valid */
} firmware_t;

extern firmware_t fw;

/* One command under way: its row, and the copy of its buffer that was taken once. */
typedef struct command command_t;
typedef struct command_row {
    uint16_t id;
    uint8_t buffer_bytes;
    uint8_t platform_states; /* bit per SEV_PLATFORM_*: where it is allowed */
    uint8_t guest_states;    /* bit per SEV_GUEST_*; 0: not about one guest's state */
    uint8_t flags;           /* WRITES_*, NEEDS_IDENTITY */
    sev_status_t (*run)(command_t *command);
} command_row_t;

enum {
    WRITES_NOTHING = 0,
    WRITES_ON_SUCCESS = 1,
    WRITES_LENGTHS = 2, /* on success, and on INVALID_LENGTH the lengths that would do */
    NEEDS_IDENTITY = 4, /* UNSUPPORTED on a platform without keys of its own */
};

struct command {
    const command_row_t *row;
    union {
        uint8_t bytes[SEV_COMMAND_BUFFER_MAX_BYTES];
        sev_init_t init;
        sev_init_ex_t init_ex;
        sev_range_t range;
        sev_two_ranges_t two_ranges;
        sev_platform_status_t platform_status;
        sev_handle_t handle;
        sev_activate_t activate;
        sev_activate_ex_t activate_ex;
        sev_guest_status_t guest_status;
        sev_start_t start;
        sev_launch_range_t launch_range;
        sev_attestation_t attestation;
        sev_transport_t transport;
        sev_send_start_t send_start;
        sev_debug_t debug;
        sev_copy_t copy;
    } buffer;
};

/* The row of an id, or NULL when there is no such command. */
const command_row_t *command_find(uint32_t id);

/* Runs one command whose buffer stands at paddr: everything between doorbell and answer. */
sev_status_t command_execute(uint32_t id, uint64_t paddr);

/* ---- addresses ---- */

/* The key id and the address that a PADDR stands for. */
spa_range_t paddr_range(uint64_t paddr);

/* INVALID_ADDRESS unless all of the range is memory that the host may name. */
sev_status_t paddr_check(uint64_t paddr, uint32_t len_bytes);

/* ---- guests ---- */

/* INVALID_GUEST unless the handle is valid; then *guest is set. */
sev_status_t guest_find(uint32_t handle, guest_t **guest);

/* INVALID_GUEST_STATE unless the command may be given in the guest's state. */
sev_status_t guest_check_state(const command_t *command, const guest_t *guest);

/* INACTIVE when it has no ASID. */
sev_status_t guest_check_active(const guest_t *guest);

/* Zeroes what only the launch or transport needed. */
void guest_wipe_transport(guest_t *guest);

/* Ends a guest: wipes all of it. */
void guest_destroy(guest_t *guest);

/* The same memory under the guest's key; the guest must be active. */
spa_range_t guest_range(const guest_t *guest, uint64_t paddr);

/* Copies through the SP from one key to another; what was read is added to the hash, if any. */
sev_status_t memory_convert(spa_range_t from, spa_range_t to, uint32_t len_bytes, sha256_t *hash);

/* Makes a guest's pending ASID valid on the cores. */
void asid_run(const guest_t *guest);

/* After the answer to DOWNLOAD_FIRMWARE: starts what it brought. */
void download_take_effect(void);

void asid_reset_all(void);
void asid_forget_all(void); /* clears every slot, whatever is known of it */
void asid_clear_slots(bool also_dirty);
uint32_t ccx_count(void);

/* The commands, by file. */
typedef sev_status_t command_run_t(command_t *command);
command_run_t cmd_init, cmd_init_ex, cmd_shutdown, cmd_platform_status, cmd_nop; /* platform */
command_run_t cmd_df_flush, cmd_activate, cmd_activate_ex, cmd_deactivate;       /* asid */
command_run_t cmd_decommission, cmd_guest_status;                                /* guest */
command_run_t cmd_launch_start, cmd_launch_update_data, cmd_launch_update_vmsa, cmd_launch_measure,
    cmd_launch_finish, cmd_attestation, cmd_receive_start, cmd_receive_finish; /* launch */
command_run_t cmd_platform_reset, cmd_pek_gen, cmd_pek_csr, cmd_pek_cert_import,
    cmd_pdh_cert_export, cmd_pdh_gen, cmd_get_id; /* owner */
command_run_t cmd_launch_secret, cmd_send_start, cmd_send_update_data, cmd_send_update_vmsa,
    cmd_send_finish, cmd_send_cancel, cmd_receive_update_data,
    cmd_receive_update_vmsa;                              /* transport */
command_run_t cmd_download_firmware;                      /* download */
command_run_t cmd_dbg_decrypt, cmd_dbg_encrypt, cmd_copy; /* memory */

#endif
