/**
 * @file
 * Status codes of the SEV API: what a command leaves in CmdResp[15:0].
 */
#ifndef SEV_STATUS_H
#define SEV_STATUS_H

#include <stdint.h>

/* name, code, sentence. The codes are AMD's. */
#define SEV_STATUS_MAP(X)                                                                          \
    X(SUCCESS, 0x00, "success")                                                                    \
    X(INVALID_PLATFORM_STATE, 0x01, "the platform is in the wrong state")                          \
    X(INVALID_GUEST_STATE, 0x02, "the guest is in the wrong state")                                \
    X(INVALID_CONFIG, 0x03, "the platform configuration is invalid")                               \
    X(INVALID_LENGTH, 0x04, "a length is wrong")                                                   \
    X(ALREADY_OWNED, 0x05, "the platform is already externally owned")                             \
    X(INVALID_CERTIFICATE, 0x06, "a certificate is invalid")                                       \
    X(POLICY_FAILURE, 0x07, "the guest policy does not allow it")                                  \
    X(INACTIVE, 0x08, "the guest has no ASID")                                                     \
    X(INVALID_ADDRESS, 0x09, "an address is wrong")                                                \
    X(BAD_SIGNATURE, 0x0A, "a signature is wrong")                                                 \
    X(BAD_MEASUREMENT, 0x0B, "a MAC, tag or measurement is wrong")                                 \
    X(ASID_OWNED, 0x0C, "the ASID belongs to another guest")                                       \
    X(INVALID_ASID, 0x0D, "the ASID is outside the permitted range")                               \
    X(WBINVD_REQUIRED, 0x0E, "WBINVD is required on every core")                                   \
    X(DFFLUSH_REQUIRED, 0x0F, "DF_FLUSH is required")                                              \
    X(INVALID_GUEST, 0x10, "the guest handle is invalid")                                          \
    X(INVALID_COMMAND, 0x11, "no such command")                                                    \
    X(ACTIVE, 0x12, "the guest has an ASID")                                                       \
    X(HWERROR_PLATFORM, 0x13, "hardware error, safe to continue")                                  \
    X(HWERROR_UNSAFE, 0x14, "hardware error, unsafe to run SEV")                                   \
    X(UNSUPPORTED, 0x15, "not supported by this firmware")                                         \
    X(INVALID_PARAM, 0x16, "a parameter is invalid")                                               \
    X(RESOURCE_LIMIT, 0x17, "out of handles or records")                                           \
    X(SECURE_DATA_INVALID, 0x18, "the persistent data fails its integrity check")                  \
    X(BAD_SVN, 0x21, "the image is of an older security version")

enum {
#define SEV_STATUS_ENUM(name, code, text) SEV_STATUS_##name = (code),
    SEV_STATUS_MAP(SEV_STATUS_ENUM)
#undef SEV_STATUS_ENUM
};

typedef uint32_t sev_status_t; /* one of SEV_STATUS_* */

#endif
