#include "cli/sp_table.h"

#include "cli/sp_host.h"
#include "sev/abi.h"

#define AT(type, member) (uint16_t) offsetof(type, member)
#define NUMBER(type, member, default_)                                                             \
    {                                                                                              \
#member, KIND_U32, AT(type, member), 0, (default_), NULL                                   \
    }
#define HANDLE(type)                                                                               \
    {                                                                                              \
        "handle", KIND_U32, AT(type, handle), 0, 1, NULL                                           \
    }
#define FILE_IN(name, type, address, length)                                                       \
    {                                                                                              \
        name, KIND_IN, AT(type, address), AT(type, length), 0, NULL                                \
    }
#define FILE_OUT(name, type, address, length, bytes)                                               \
    {                                                                                              \
        name, KIND_OUT, AT(type, address), AT(type, length), (bytes), NULL                         \
    }
#define ADDRESS(name, type, member)                                                                \
    {                                                                                              \
        name, KIND_U64, AT(type, member), 0, SP_HOST_GUEST, NULL                                   \
    }
#define SHOWN(text, type, member)                                                                  \
    {                                                                                              \
        NULL, KIND_U32, AT(type, member), 0, 0, text                                               \
    }

#define TRANSPORT                                                                                  \
    {                                                                                              \
        HANDLE(sev_transport_t), FILE_IN("header", sev_transport_t, header_paddr, header_length),  \
            FILE_IN("data", sev_transport_t, trans_paddr, trans_length),                           \
            ADDRESS("spa", sev_transport_t, guest_paddr), NUMBER(sev_transport_t, guest_length, 0) \
    }
#define TRANSPORT_OUT                                                                              \
    {                                                                                              \
        HANDLE(sev_transport_t),                                                                   \
            FILE_OUT("header", sev_transport_t, header_paddr, header_length,                       \
                     SEV_PACKET_HEADER_BYTES),                                                     \
            FILE_OUT("data", sev_transport_t, trans_paddr, trans_length, SEV_PACKET_MAX_BYTES),    \
            ADDRESS("spa", sev_transport_t, guest_paddr),                                          \
            NUMBER(sev_transport_t, guest_length, 4096)                                            \
    }
#define START                                                                                      \
    {                                                                                              \
        {"share", KIND_U32, AT(sev_start_t, handle), 0, 0, "handle"},                              \
            NUMBER(sev_start_t, policy, 0), FILE_IN("cert", sev_start_t, cert_paddr, cert_length), \
            FILE_IN("session", sev_start_t, session_paddr, session_length)                         \
    }
#define LAUNCH_RANGE                                                                               \
    {                                                                                              \
        HANDLE(sev_launch_range_t), ADDRESS("spa", sev_launch_range_t, paddr),                     \
            NUMBER(sev_launch_range_t, length, 4096)                                               \
    }
#define DEBUG                                                                                      \
    {                                                                                              \
        HANDLE(sev_debug_t), ADDRESS("src", sev_debug_t, src_paddr),                               \
            ADDRESS("dst", sev_debug_t, dst_paddr), NUMBER(sev_debug_t, length, 4096)              \
    }
#define WORD(name, id, type) name, SEV_CMD_##id, sizeof(type)

const sp_word_t sp_words[] = {
    {WORD("init", INIT, sev_init_t),
     {NUMBER(sev_init_t, flags, 0),
      {"tmr", KIND_U64, AT(sev_init_t, tmr_paddr), 0, 0, NULL},
      NUMBER(sev_init_t, tmr_length, 0)}},
    {WORD("init-ex", INIT_EX, sev_init_ex_t),
     {NUMBER(sev_init_ex_t, length, sizeof(sev_init_ex_t)),
      NUMBER(sev_init_ex_t, flags, 0),
      {"tmr", KIND_U64, AT(sev_init_ex_t, tmr_paddr), 0, 0, NULL},
      NUMBER(sev_init_ex_t, tmr_length, 0),
      {"nv", KIND_U64, AT(sev_init_ex_t, nv_paddr), 0, 0, NULL},
      NUMBER(sev_init_ex_t, nv_length, SEV_NV_BYTES)}},
    {"shutdown", SEV_CMD_SHUTDOWN, 0, {{0}}},
    {"platform-reset", SEV_CMD_PLATFORM_RESET, 0, {{0}}},
    {WORD("status", PLATFORM_STATUS, sev_platform_status_t), {{0}}},
    {"pek-gen", SEV_CMD_PEK_GEN, 0, {{0}}},
    {WORD("pek-csr", PEK_CSR, sev_range_t),
     {FILE_OUT("out", sev_range_t, paddr, length, SEV_CERT_BYTES)}},
    {WORD("pek-cert-import", PEK_CERT_IMPORT, sev_two_ranges_t),
     {FILE_IN("pek", sev_two_ranges_t, first_paddr, first_length),
      FILE_IN("oca", sev_two_ranges_t, second_paddr, second_length)}},
    {WORD("pdh-cert-export", PDH_CERT_EXPORT, sev_two_ranges_t),
     {FILE_OUT("pdh", sev_two_ranges_t, first_paddr, first_length, SEV_CERT_BYTES),
      FILE_OUT("chain", sev_two_ranges_t, second_paddr, second_length, SEV_CHAIN_BYTES)}},
    {"pdh-gen", SEV_CMD_PDH_GEN, 0, {{0}}},
    {"df-flush", SEV_CMD_DF_FLUSH, 0, {{0}}},
    {WORD("download-firmware", DOWNLOAD_FIRMWARE, sev_range_t),
     {FILE_IN("file", sev_range_t, paddr, length)}},
    {WORD("get-id", GET_ID, sev_range_t),
     {FILE_OUT("out", sev_range_t, paddr, length, SEV_ID_BYTES)}},
    {"nop", SEV_CMD_NOP, 0, {{0}}},
    {WORD("decommission", DECOMMISSION, sev_handle_t), {HANDLE(sev_handle_t)}},
    {WORD("activate", ACTIVATE, sev_activate_t),
     {HANDLE(sev_activate_t), NUMBER(sev_activate_t, asid, 1)}},
    {WORD("deactivate", DEACTIVATE, sev_handle_t), {HANDLE(sev_handle_t)}},
    {WORD("guest-status", GUEST_STATUS, sev_guest_status_t),
     {HANDLE(sev_guest_status_t), SHOWN("policy", sev_guest_status_t, policy),
      SHOWN("asid", sev_guest_status_t, asid)}},
    {WORD("copy", COPY, sev_copy_t),
     {HANDLE(sev_copy_t), NUMBER(sev_copy_t, length, 4096), ADDRESS("src", sev_copy_t, src_paddr),
      ADDRESS("dst", sev_copy_t, dst_paddr)}},
    {WORD("launch-start", LAUNCH_START, sev_start_t), START},
    {WORD("launch-update-data", LAUNCH_UPDATE_DATA, sev_launch_range_t), LAUNCH_RANGE},
    {WORD("launch-update-vmsa", LAUNCH_UPDATE_VMSA, sev_launch_range_t), LAUNCH_RANGE},
    {WORD("launch-measure", LAUNCH_MEASURE, sev_launch_range_t),
     {HANDLE(sev_launch_range_t),
      FILE_OUT("out", sev_launch_range_t, paddr, length, SEV_MEASUREMENT_BYTES)}},
    {WORD("launch-secret", LAUNCH_SECRET, sev_transport_t), TRANSPORT},
    {WORD("launch-finish", LAUNCH_FINISH, sev_handle_t), {HANDLE(sev_handle_t)}},
    {WORD("attestation", ATTESTATION, sev_attestation_t),
     {HANDLE(sev_attestation_t),
      {"mnonce", KIND_BYTES16, AT(sev_attestation_t, mnonce), 0, 0, NULL},
      FILE_OUT("out", sev_attestation_t, paddr, length, SEV_REPORT_BYTES)}},
    {WORD("send-start", SEND_START, sev_send_start_t),
     {HANDLE(sev_send_start_t), FILE_IN("pdh", sev_send_start_t, pdh_paddr, pdh_length),
      FILE_IN("chain", sev_send_start_t, platform_paddr, platform_length),
      FILE_IN("amd", sev_send_start_t, amd_paddr, amd_length),
      FILE_OUT("session", sev_send_start_t, session_paddr, session_length, SEV_SESSION_BYTES),
      SHOWN("policy", sev_send_start_t, policy)}},
    {WORD("send-update-data", SEND_UPDATE_DATA, sev_transport_t), TRANSPORT_OUT},
    {WORD("send-update-vmsa", SEND_UPDATE_VMSA, sev_transport_t), TRANSPORT_OUT},
    {WORD("send-finish", SEND_FINISH, sev_handle_t), {HANDLE(sev_handle_t)}},
    {WORD("send-cancel", SEND_CANCEL, sev_handle_t), {HANDLE(sev_handle_t)}},
    {WORD("receive-start", RECEIVE_START, sev_start_t), START},
    {WORD("receive-update-data", RECEIVE_UPDATE_DATA, sev_transport_t), TRANSPORT},
    {WORD("receive-update-vmsa", RECEIVE_UPDATE_VMSA, sev_transport_t), TRANSPORT},
    {WORD("receive-finish", RECEIVE_FINISH, sev_handle_t), {HANDLE(sev_handle_t)}},
    {WORD("dbg-decrypt", DBG_DECRYPT, sev_debug_t), DEBUG},
    {WORD("dbg-encrypt", DBG_ENCRYPT, sev_debug_t), DEBUG},
    {"wbinvd", WORD_WBINVD, 0, {{0}}},
    {"write",
     WORD_WRITE,
     0,
     {FILE_IN("file", host_access_t, paddr, length), ADDRESS("spa", host_access_t, spa),
      NUMBER(host_access_t, asid, 0)}},
    {"read",
     WORD_READ,
     0,
     {{"out", KIND_OUT, AT(host_access_t, paddr), AT(host_access_t, length), 64, NULL},
      ADDRESS("spa", host_access_t, spa),
      NUMBER(host_access_t, length, 64),
      NUMBER(host_access_t, asid, 0)}},
    {NULL, 0, 0, {{0}}},
};
