/* The table of commands, and what all of them have in common. */
#include "drivers/mmio.h"
#include "sev/state.h"

firmware_t fw;

#define IN_UNINIT  (1 << SEV_PLATFORM_UNINIT)
#define IN_INIT    (1 << SEV_PLATFORM_INIT)
#define IN_WORKING (1 << SEV_PLATFORM_WORKING)
#define IN_ANY     (IN_UNINIT | IN_INIT | IN_WORKING)
#define G(state)   (1 << SEV_GUEST_##state)
#define G_ALIVE    (0xfe & ((1 << SEV_GUEST_STATES) - 1))

/* Known to the API, not to this firmware yet. */
static sev_status_t cmd_unsupported(command_t *command)
{
    (void)command;
    return SEV_STATUS_UNSUPPORTED;
}

/* name, platform states, guest states, what is written back, function: the tables of section 3. */
#define ROWS(X)                                                                                    \
    X(INIT, IN_UNINIT, 0, WRITES_NOTHING, cmd_init)                                                \
    X(SHUTDOWN, IN_ANY, 0, WRITES_NOTHING, cmd_shutdown)                                           \
    X(PLATFORM_RESET, IN_UNINIT, 0, NEEDS_IDENTITY, cmd_platform_reset)                            \
    X(PLATFORM_STATUS, IN_ANY, 0, WRITES_ON_SUCCESS, cmd_platform_status)                          \
    X(PEK_GEN, IN_INIT, 0, NEEDS_IDENTITY, cmd_pek_gen)                                            \
    X(PEK_CSR, IN_INIT | IN_WORKING, 0, WRITES_LENGTHS | NEEDS_IDENTITY, cmd_pek_csr)              \
    X(PEK_CERT_IMPORT, IN_INIT, 0, NEEDS_IDENTITY, cmd_pek_cert_import)                            \
    X(PDH_CERT_EXPORT, IN_INIT | IN_WORKING, 0, WRITES_LENGTHS | NEEDS_IDENTITY,                   \
      cmd_pdh_cert_export)                                                                         \
    X(PDH_GEN, IN_INIT | IN_WORKING, 0, NEEDS_IDENTITY, cmd_pdh_gen)                               \
    X(DF_FLUSH, IN_INIT | IN_WORKING, 0, WRITES_NOTHING, cmd_df_flush)                             \
    X(DOWNLOAD_FIRMWARE, IN_UNINIT, 0, WRITES_NOTHING, cmd_download_firmware)                      \
    X(GET_ID, IN_ANY, 0, WRITES_LENGTHS, cmd_get_id)                                               \
    X(INIT_EX, IN_UNINIT, 0, WRITES_NOTHING, cmd_init_ex)                                          \
    X(NOP, IN_ANY, 0, WRITES_NOTHING, cmd_nop)                                                     \
    X(RING_BUFFER, IN_INIT | IN_WORKING, 0, WRITES_NOTHING, cmd_unsupported)                       \
    X(DECOMMISSION, IN_WORKING, G_ALIVE, WRITES_NOTHING, cmd_decommission)                         \
    X(ACTIVATE, IN_WORKING, G_ALIVE & ~G(SENT), WRITES_NOTHING, cmd_activate)                      \
    X(DEACTIVATE, IN_WORKING, G_ALIVE, WRITES_NOTHING, cmd_deactivate)                             \
    X(GUEST_STATUS, IN_INIT | IN_WORKING, 0, WRITES_ON_SUCCESS, cmd_guest_status)                  \
    X(COPY, IN_WORKING, G_ALIVE, WRITES_NOTHING, cmd_copy)                                         \
    X(ACTIVATE_EX, IN_WORKING, G_ALIVE & ~G(SENT), WRITES_NOTHING, cmd_activate_ex)                \
    X(LAUNCH_START, IN_INIT | IN_WORKING, 0, WRITES_ON_SUCCESS, cmd_launch_start)                  \
    X(LAUNCH_UPDATE_DATA, IN_WORKING, G(LUPDATE), WRITES_NOTHING, cmd_launch_update_data)          \
    X(LAUNCH_UPDATE_VMSA, IN_WORKING, G(LUPDATE), WRITES_NOTHING, cmd_launch_update_vmsa)          \
    X(LAUNCH_MEASURE, IN_WORKING, G(LUPDATE), WRITES_LENGTHS, cmd_launch_measure)                  \
    X(LAUNCH_SECRET, IN_WORKING, G(LSECRET), WRITES_NOTHING, cmd_launch_secret)                    \
    X(LAUNCH_FINISH, IN_WORKING, G(LSECRET), WRITES_NOTHING, cmd_launch_finish)                    \
    X(ATTESTATION, IN_WORKING, G(LSECRET) | G(RUNNING) | G(SUPDATE) | G(SENT),                     \
      WRITES_LENGTHS | NEEDS_IDENTITY, cmd_attestation)                                            \
    X(SEND_START, IN_WORKING, G(RUNNING), WRITES_LENGTHS | NEEDS_IDENTITY, cmd_send_start)         \
    X(SEND_UPDATE_DATA, IN_WORKING, G(SUPDATE), WRITES_LENGTHS, cmd_send_update_data)              \
    X(SEND_UPDATE_VMSA, IN_WORKING, G(SUPDATE), WRITES_LENGTHS, cmd_send_update_vmsa)              \
    X(SEND_FINISH, IN_WORKING, G(SUPDATE), WRITES_NOTHING, cmd_send_finish)                        \
    X(SEND_CANCEL, IN_WORKING, G(SUPDATE), WRITES_NOTHING, cmd_send_cancel)                        \
    X(RECEIVE_START, IN_INIT | IN_WORKING, 0, WRITES_ON_SUCCESS | NEEDS_IDENTITY,                  \
      cmd_receive_start)                                                                           \
    X(RECEIVE_UPDATE_DATA, IN_WORKING, G(RUPDATE), WRITES_NOTHING, cmd_receive_update_data)        \
    X(RECEIVE_UPDATE_VMSA, IN_WORKING, G(RUPDATE), WRITES_NOTHING, cmd_receive_update_vmsa)        \
    X(RECEIVE_FINISH, IN_WORKING, G(RUPDATE), WRITES_NOTHING, cmd_receive_finish)                  \
    X(DBG_DECRYPT, IN_WORKING, G_ALIVE, WRITES_NOTHING, cmd_dbg_decrypt)                           \
    X(DBG_ENCRYPT, IN_WORKING, G_ALIVE, WRITES_NOTHING, cmd_dbg_encrypt)                           \
    X(SWAP_OUT, IN_WORKING, G_ALIVE, WRITES_NOTHING, cmd_unsupported)                              \
    X(SWAP_IN, IN_WORKING, G_ALIVE, WRITES_NOTHING, cmd_unsupported)

enum {
#define BYTES(name, id, buffer_bytes) BYTES_##name = (buffer_bytes),
    SEV_COMMAND_MAP(BYTES)
#undef BYTES
};

static const command_row_t rows[] = {
#define ROW(name, platform_states, guest_states, writes, function)                                 \
    {SEV_CMD_##name,          BYTES_##name,      (uint8_t)(platform_states),                       \
     (uint8_t)(guest_states), (uint8_t)(writes), function},
    ROWS(ROW)
#undef ROW
};

const command_row_t *command_find(uint32_t id)
{
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].id == id) {
            return &rows[i];
        }
    }
    return NULL;
}

static bool writes_back(const command_row_t *row, sev_status_t status)
{
    if (status == SEV_STATUS_SUCCESS) {
        return (row->flags & (WRITES_ON_SUCCESS | WRITES_LENGTHS)) != 0;
    }
    return status == SEV_STATUS_INVALID_LENGTH && (row->flags & WRITES_LENGTHS) != 0;
}

sev_status_t command_execute(uint32_t id, uint64_t paddr)
{
    static command_t command;
    const command_row_t *row = command_find(id);
    if (row == NULL) {
        return SEV_STATUS_INVALID_COMMAND;
    }
    command.row = row;
    if (row->buffer_bytes > 0) {
        /* Read once: what the host writes there from now on is not looked at. */
        if (paddr_check(paddr, row->buffer_bytes) != SEV_STATUS_SUCCESS ||
            !dma_read(paddr_range(paddr), &command.buffer, row->buffer_bytes)) {
            return SEV_STATUS_INVALID_ADDRESS;
        }
    }
    sev_status_t status = SEV_STATUS_INVALID_PLATFORM_STATE;
    if ((row->platform_states >> fw.platform & 1) != 0) {
        bool lacks = (row->flags & NEEDS_IDENTITY) != 0 && !platform_flag(SP_PLATFORM_IDENTITY);
        status = lacks ? SEV_STATUS_UNSUPPORTED : row->run(&command);
    }
    if (row->buffer_bytes > 0 && writes_back(row, status)) {
        dma_write(paddr_range(paddr), &command.buffer, row->buffer_bytes);
    }
    wipe(&command, sizeof command);
    return status;
}

spa_range_t paddr_range(uint64_t paddr)
{
    uint64_t c_bit = UINT64_C(1) << SP_READ(PLATFORM, C_BIT);
    return (spa_range_t){.spa = paddr & ~c_bit,
                         .key = (paddr & c_bit) != 0 ? SP_KEY_HOST : SP_KEY_PLAIN};
}

static bool overlaps(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
    return a < b + b_bytes && b < a + a_bytes;
}

enum { ASEG_SPA = 0xA0000, ASEG_BYTES = 0x20000 };

sev_status_t paddr_check(uint64_t paddr, uint32_t len_bytes)
{
    uint64_t spa = paddr_range(paddr).spa;
    uint64_t memory = SP_READ(PLATFORM, MEMORY_LO) | (uint64_t)SP_READ(PLATFORM, MEMORY_HI) << 32;
    bool bad = spa >= memory || len_bytes > memory - spa ||
               overlaps(spa, len_bytes, ASEG_SPA, ASEG_BYTES) ||
               (fw.tmr_spa != 0 && overlaps(spa, len_bytes, fw.tmr_spa, SEV_TMR_BYTES));
    return bad ? SEV_STATUS_INVALID_ADDRESS : SEV_STATUS_SUCCESS;
}
