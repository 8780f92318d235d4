/**
 * @file
 * What Linux' /dev/sev does with its ioctl: one user command to a sequence of firmware commands.
 *
 * The messages are what a client library and a server exchange; both sides run on one machine. They
 * carry the contents of the user's buffers, so the server never sees a client's addresses.
 */
#ifndef CBIT_WORKLOADS_SEV_UAPI_H
#define CBIT_WORKLOADS_SEV_UAPI_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CBIT_SEV_FACTORY_RESET = 0,
    CBIT_SEV_PLATFORM_STATUS = 1,
    CBIT_SEV_PEK_GEN = 2,
    CBIT_SEV_PEK_CSR = 3,
    CBIT_SEV_PDH_GEN = 4,
    CBIT_SEV_PDH_CERT_EXPORT = 5,
    CBIT_SEV_PEK_CERT_IMPORT = 6,
    CBIT_SEV_GET_ID = 7,
    CBIT_SEV_GET_ID2 = 8,
    CBIT_SEV_COMMANDS = 9,
};

enum {
    CBIT_SEV_BLOB_BYTES = 16384, /* the driver takes no longer buffers */
    CBIT_SEV_NEVER_CALLED = -1,  /* the error field when the firmware was not reached */
};

/* One of a command's user buffers: present tells whether its address was not NULL. */
typedef struct cbit_sev_blob {
    uint32_t present, length;
    uint8_t bytes[CBIT_SEV_BLOB_BYTES];
} cbit_sev_blob_t;

typedef struct cbit_sev_request {
    uint32_t command;
    uint32_t writable; /* the file is open for writing */
    cbit_sev_blob_t blobs[2];
} cbit_sev_request_t;

typedef struct cbit_sev_response {
    int32_t errno_value;      /* 0, or what ioctl fails with */
    uint32_t error;           /* firmware status, or CBIT_SEV_NEVER_CALLED */
    uint8_t data[128];        /* PLATFORM_STATUS: 12 bytes; GET_ID: 128 */
    uint32_t write_back[2];   /* bytes of a blob that go to the user's buffer */
    cbit_sev_blob_t blobs[2]; /* length: what the user's length field becomes */
} cbit_sev_response_t;

/* The platform below, however it is reached. */
typedef struct cbit_sev_platform {
    void *self;
    /* Executes a firmware command; the buffer is read and written back. Returns its status. */
    uint32_t (*command)(void *self, uint32_t command, void *buffer, uint32_t len_bytes);
    /* WBINVD on every core. */
    void (*wbinvd)(void *self);
    /* Memory that command buffers may point to: two areas of CBIT_SEV_BLOB_BYTES. */
    uint64_t areas[2];
    void (*write)(void *self, uint64_t spa, const void *bytes, uint32_t len_bytes);
    void (*read)(void *self, uint64_t spa, void *bytes, uint32_t len_bytes);
} cbit_sev_platform_t;

/* What the driver does when it is loaded: INIT (twice when the store was bad), WBINVD, DF_FLUSH.
   Returns the first status that is not SUCCESS. */
uint32_t cbit_sev_init(const cbit_sev_platform_t *platform);

/* One ioctl. */
void cbit_sev_call(const cbit_sev_platform_t *platform, const cbit_sev_request_t *request,
                   cbit_sev_response_t *response);

#ifdef __cplusplus
}
#endif
#endif
