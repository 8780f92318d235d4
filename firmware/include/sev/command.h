/**
 * @file
 * Commands of the SEV API 0.24: ids, buffer sizes, states, and the layouts of command buffers.
 *
 * Everything is little-endian, as is every machine that this is compiled for. Addresses are system
 * physical addresses whose C-bit may be set: then the SP reaches the buffer with the host's key.
 * In the comments: in, out, io as the firmware sees it; reserved fields are zero.
 */
#ifndef SEV_COMMAND_H
#define SEV_COMMAND_H

#include <stdint.h>

/* Of the firmware that this is compiled into; a build may have others (firmware/CMakeLists.txt). */
#ifndef SP_FIRMWARE_BUILD
#define SP_FIRMWARE_BUILD 15
#endif
#ifndef SP_FIRMWARE_SECURITY
#define SP_FIRMWARE_SECURITY 1
#endif

enum { SEV_API_MAJOR = 0, SEV_API_MINOR = 24, SEV_BUILD = SP_FIRMWARE_BUILD };

/* name, id, bytes of its buffer. */
#define SEV_COMMAND_MAP(X)                                                                         \
    X(INIT, 0x001, 0x14)                                                                           \
    X(SHUTDOWN, 0x002, 0)                                                                          \
    X(PLATFORM_RESET, 0x003, 0)                                                                    \
    X(PLATFORM_STATUS, 0x004, 0x0C)                                                                \
    X(PEK_GEN, 0x005, 0)                                                                           \
    X(PEK_CSR, 0x006, 0x0C)                                                                        \
    X(PEK_CERT_IMPORT, 0x007, 0x1C)                                                                \
    X(PDH_CERT_EXPORT, 0x008, 0x1C)                                                                \
    X(PDH_GEN, 0x009, 0)                                                                           \
    X(DF_FLUSH, 0x00A, 0)                                                                          \
    X(DOWNLOAD_FIRMWARE, 0x00B, 0x0C)                                                              \
    X(GET_ID, 0x00C, 0x0C)                                                                         \
    X(INIT_EX, 0x00D, 0x24)                                                                        \
    X(NOP, 0x00E, 0)                                                                               \
    X(RING_BUFFER, 0x00F, 0x28)                                                                    \
    X(DECOMMISSION, 0x020, 0x04)                                                                   \
    X(ACTIVATE, 0x021, 0x08)                                                                       \
    X(DEACTIVATE, 0x022, 0x04)                                                                     \
    X(GUEST_STATUS, 0x023, 0x10)                                                                   \
    X(COPY, 0x024, 0x18)                                                                           \
    X(ACTIVATE_EX, 0x025, 0x18)                                                                    \
    X(LAUNCH_START, 0x030, 0x24)                                                                   \
    X(LAUNCH_UPDATE_DATA, 0x031, 0x14)                                                             \
    X(LAUNCH_UPDATE_VMSA, 0x032, 0x14)                                                             \
    X(LAUNCH_MEASURE, 0x033, 0x14)                                                                 \
    X(LAUNCH_SECRET, 0x034, 0x34)                                                                  \
    X(LAUNCH_FINISH, 0x035, 0x04)                                                                  \
    X(ATTESTATION, 0x036, 0x24)                                                                    \
    X(SEND_START, 0x040, 0x44)                                                                     \
    X(SEND_UPDATE_DATA, 0x041, 0x34)                                                               \
    X(SEND_UPDATE_VMSA, 0x042, 0x34)                                                               \
    X(SEND_FINISH, 0x043, 0x04)                                                                    \
    X(SEND_CANCEL, 0x044, 0x04)                                                                    \
    X(RECEIVE_START, 0x050, 0x24)                                                                  \
    X(RECEIVE_UPDATE_DATA, 0x051, 0x34)                                                            \
    X(RECEIVE_UPDATE_VMSA, 0x052, 0x34)                                                            \
    X(RECEIVE_FINISH, 0x053, 0x04)                                                                 \
    X(DBG_DECRYPT, 0x060, 0x1C)                                                                    \
    X(DBG_ENCRYPT, 0x061, 0x1C)                                                                    \
    X(SWAP_OUT, 0x070, 0x28)                                                                       \
    X(SWAP_IN, 0x071, 0x20)

enum {
#define SEV_COMMAND_ENUM(name, id, buffer_bytes) SEV_CMD_##name = (id),
    SEV_COMMAND_MAP(SEV_COMMAND_ENUM)
#undef SEV_COMMAND_ENUM
};

enum { SEV_COMMAND_BUFFER_MAX_BYTES = 0x44 };

/* Platform and guest states, as PLATFORM_STATUS and GUEST_STATUS report them. */
enum {
    SEV_PLATFORM_UNINIT = 0,
    SEV_PLATFORM_INIT = 1,
    SEV_PLATFORM_WORKING = 2,
    SEV_PLATFORM_STATES
};

enum {
    SEV_GUEST_UNINIT = 0,
    SEV_GUEST_LUPDATE = 1,
    SEV_GUEST_LSECRET = 2,
    SEV_GUEST_RUNNING = 3,
    SEV_GUEST_SUPDATE = 4,
    SEV_GUEST_RUPDATE = 5,
    SEV_GUEST_SENT = 6,
    SEV_GUEST_STATES
};

/* Guest policy. */
enum {
    SEV_POLICY_NODBG = 1 << 0,
    SEV_POLICY_NOKS = 1 << 1,
    SEV_POLICY_ES = 1 << 2,
    SEV_POLICY_NOSEND = 1 << 3,
    SEV_POLICY_DOMAIN = 1 << 4,
    SEV_POLICY_SEV = 1 << 5,
    SEV_POLICY_RESERVED = 0xFFC0,
    SEV_POLICY_API_MAJOR_SHIFT = 16,
    SEV_POLICY_API_MINOR_SHIFT = 24,
};

enum {
    SEV_HANDLE_MAX = 1024,         /* handles are 1..1024, lowest free first */
    SEV_DIGEST_BYTES = 32,         /* SHA-256, HMAC-SHA256 */
    SEV_NONCE_BYTES = 16,          /* NONCE, MNONCE */
    SEV_KEY_BYTES = 16,            /* VEK, TEK, TIK, KEK, KIK */
    SEV_MEASUREMENT_BYTES = 48,    /* MEASURE[32] then MNONCE[16] */
    SEV_CERT_BYTES = 2084,         /* one certificate */
    SEV_CHAIN_BYTES = 6252,        /* PEK, OCA, CEK */
    SEV_SESSION_BYTES = 128,       /* the key-exchange blob of LAUNCH_START and RECEIVE_START */
    SEV_PACKET_HEADER_BYTES = 52,  /* of LAUNCH_SECRET, SEND_UPDATE, RECEIVE_UPDATE */
    SEV_PACKET_MAX_BYTES = 16384,  /* its data */
    SEV_REPORT_BYTES = 208,        /* ATTESTATION */
    SEV_ID_BYTES = 64,             /* GET_ID, per socket */
    SEV_TMR_BYTES = 0x100000,      /* trusted memory region of ES: size and alignment */
    SEV_NV_BYTES = 0x8000,         /* persistent store of INIT_EX */
    SEV_INIT_FLAG_ES = 1 << 0,     /* INIT, INIT_EX: FLAGS */
    SEV_STATUS_OWNER_EXTERNAL = 1, /* PLATFORM_STATUS: OWNER */
    SEV_STATUS_CONFIG_ES = 1 << 0, /* PLATFORM_STATUS: CONFIG */
};

/* Addresses sit at multiples of 4 or 8; with this type no layout needs packing. */
typedef uint64_t sev_paddr_t __attribute__((aligned(4)));

typedef struct sev_init {
    uint32_t flags, reserved;
    sev_paddr_t tmr_paddr;
    uint32_t tmr_length;
} sev_init_t;

typedef struct sev_init_ex {
    uint32_t length, flags;
    sev_paddr_t tmr_paddr;
    uint32_t tmr_length, reserved;
    sev_paddr_t nv_paddr;
    uint32_t nv_length;
} sev_init_ex_t;

typedef struct sev_platform_status {
    uint8_t api_major, api_minor, state, owner; /* out */
    uint16_t config;                            /* out */
    uint8_t zero, build;                        /* out */
    uint32_t guest_count;                       /* out */
} sev_platform_status_t;

/* PEK_CSR, GET_ID (length io); DOWNLOAD_FIRMWARE. */
typedef struct sev_range {
    sev_paddr_t paddr;
    uint32_t length;
} sev_range_t;

/* PEK_CERT_IMPORT: PEK and OCA in. PDH_CERT_EXPORT: PDH and chain out, lengths io. */
typedef struct sev_two_ranges {
    sev_paddr_t first_paddr;
    uint32_t first_length, reserved;
    sev_paddr_t second_paddr;
    uint32_t second_length;
} sev_two_ranges_t;

/* DECOMMISSION, DEACTIVATE, LAUNCH_FINISH, SEND_FINISH, SEND_CANCEL, RECEIVE_FINISH. */
typedef struct sev_handle {
    uint32_t handle;
} sev_handle_t;

typedef struct sev_activate {
    uint32_t handle, asid;
} sev_activate_t;

typedef struct sev_activate_ex {
    uint32_t length, handle, asid, numids;
    sev_paddr_t ids_paddr; /* u32 APIC ids */
} sev_activate_ex_t;

typedef struct sev_guest_status {
    uint32_t handle;       /* in */
    uint32_t policy, asid; /* out */
    uint8_t state;         /* out */
    uint8_t reserved[3];
} sev_guest_status_t;

typedef struct sev_copy {
    uint32_t handle, length;
    sev_paddr_t src_paddr, dst_paddr;
} sev_copy_t;

/* LAUNCH_START, RECEIVE_START. */
typedef struct sev_start {
    uint32_t handle; /* in: 0, or a guest to share the key with; out: the new guest */
    uint32_t policy;
    sev_paddr_t cert_paddr; /* LAUNCH_START: 0 for no session */
    uint32_t cert_length, reserved;
    sev_paddr_t session_paddr;
    uint32_t session_length;
} sev_start_t;

/* LAUNCH_UPDATE_DATA, LAUNCH_UPDATE_VMSA, LAUNCH_MEASURE (length io). */
typedef struct sev_launch_range {
    uint32_t handle, reserved;
    sev_paddr_t paddr;
    uint32_t length;
} sev_launch_range_t;

typedef struct sev_attestation {
    uint32_t handle, reserved;
    sev_paddr_t paddr;
    uint8_t mnonce[SEV_NONCE_BYTES];
    uint32_t length; /* io */
} sev_attestation_t;

/* LAUNCH_SECRET, SEND_UPDATE_*, RECEIVE_UPDATE_*. */
typedef struct sev_transport {
    uint32_t handle, reserved0;
    sev_paddr_t header_paddr;
    uint32_t header_length, reserved1; /* length io for SEND */
    sev_paddr_t guest_paddr;
    uint32_t guest_length, reserved2;
    sev_paddr_t trans_paddr;
    uint32_t trans_length;
} sev_transport_t;

typedef struct sev_send_start {
    uint32_t handle;
    uint32_t policy; /* out */
    sev_paddr_t pdh_paddr;
    uint32_t pdh_length, reserved0;
    sev_paddr_t platform_paddr;
    uint32_t platform_length, reserved1;
    sev_paddr_t amd_paddr;
    uint32_t amd_length, reserved2;
    sev_paddr_t session_paddr;
    uint32_t session_length; /* io */
} sev_send_start_t;

/* DBG_DECRYPT, DBG_ENCRYPT. */
typedef struct sev_debug {
    uint32_t handle, reserved;
    sev_paddr_t src_paddr, dst_paddr;
    uint32_t length;
} sev_debug_t;

_Static_assert(sizeof(sev_init_t) == 0x14, "INIT");
_Static_assert(sizeof(sev_init_ex_t) == 0x24, "INIT_EX");
_Static_assert(sizeof(sev_platform_status_t) == 0x0C, "PLATFORM_STATUS");
_Static_assert(sizeof(sev_range_t) == 0x0C, "PEK_CSR");
_Static_assert(sizeof(sev_two_ranges_t) == 0x1C, "PDH_CERT_EXPORT");
_Static_assert(sizeof(sev_guest_status_t) == 0x10, "GUEST_STATUS");
_Static_assert(sizeof(sev_copy_t) == 0x18, "COPY");
_Static_assert(sizeof(sev_activate_ex_t) == 0x18, "ACTIVATE_EX");
_Static_assert(sizeof(sev_start_t) == 0x24, "LAUNCH_START");
_Static_assert(sizeof(sev_launch_range_t) == 0x14, "LAUNCH_UPDATE_DATA");
_Static_assert(sizeof(sev_attestation_t) == 0x24, "ATTESTATION");
_Static_assert(sizeof(sev_transport_t) == 0x34, "LAUNCH_SECRET");
_Static_assert(sizeof(sev_send_start_t) == 0x44, "SEND_START");
_Static_assert(sizeof(sev_debug_t) == 0x1C, "DBG_DECRYPT");

#endif
