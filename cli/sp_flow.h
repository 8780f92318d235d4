/*
 * A flow of firmware commands with files in between: the first refusal ends it, and what comes
 * after does nothing. For cbit sp session, launch, receive and attest.
 */
#ifndef CBIT_CLI_SP_FLOW_H
#define CBIT_CLI_SP_FLOW_H

#include "cbit/base/err.h"
#include "cli/sp_host.h"
#include "sev/abi.h"

typedef struct owner_options {
    const char *firmware, *session, *owner, *out, *migrate_to, *migrate_chain, *migrate_amd, *from,
        *report, *pek, *to_state;
    uint64_t policy, secret_gpa, seed;
    bool secret_gpa_given, seed_given;
} owner_options_t;

typedef struct flow {
    sp_host_t *host;
    const owner_options_t *options;
    int status;      /* exit status so far */
    uint32_t handle; /* of the guest */
    uint32_t length; /* of its image */
    uint32_t asid;
    uint8_t measurement[SEV_MEASUREMENT_BYTES];
    sev_report_t report;
    char secret_sha256[65];
} flow_t;

enum {
    AREA_CERT = SP_HOST_AREA0,
    AREA_SESSION = SP_HOST_AREA0 + SP_HOST_AREA_BYTES,
    AREA_HEADER = SP_HOST_AREA0 + 2 * SP_HOST_AREA_BYTES,
    AREA_DATA = SP_HOST_AREA0 + 3 * SP_HOST_AREA_BYTES,
    AREA_OUT = SP_HOST_AREA0 + 4 * SP_HOST_AREA_BYTES,
    TMR = 0x800000,
    GUEST_MAX_BYTES = SP_HOST_MEMORY_BYTES - SP_HOST_GUEST,
    SECRET_MAX_BYTES = SEV_PACKET_MAX_BYTES,
};

/* Ends the flow with a message. */
void sp_flow_fail(flow_t *flow, cbit_err_t err, const char *subject, const char *what);

/* One firmware command; the same with a handle for its buffer. */
void sp_flow_command(flow_t *flow, uint32_t id, void *buffer, uint32_t bytes);
void sp_flow_with_handle(flow_t *flow, uint32_t id);

/* Plain memory, and memory as a key id sees it. */
void sp_flow_poke(flow_t *flow, uint64_t spa, const void *bytes, uint32_t length);
void sp_flow_peek(flow_t *flow, uint64_t spa, uint16_t key, void *bytes, uint32_t length);

/* INIT (with a TMR for ES), WBINVD, DF_FLUSH. */
void sp_flow_init(flow_t *flow, bool es);

/* PDH, and PEK, OCA, CEK. */
void sp_flow_export_certs(flow_t *flow, sev_cert_t *pdh, sev_cert_t chain[3]);

/* Files: exactly length bytes in, and out. */
void sp_flow_read_exact(flow_t *flow, const char *directory, const char *name, void *bytes,
                        size_t length);
void sp_flow_write_out(flow_t *flow, const char *directory, const char *name, const void *bytes,
                       size_t length);
/* The same for keys: only its owner may read it. */
void sp_flow_write_secret(flow_t *flow, const char *directory, const char *name, const void *bytes,
                          size_t length);

/* LAUNCH_START or RECEIVE_START with the session of a folder, then ACTIVATE. */
void sp_flow_start_guest(flow_t *flow, uint32_t id, const char *directory, const char *cert_name,
                         const char *blob_name, uint32_t policy);

/* 2 x length digits and a zero. */
void sp_flow_hex(const uint8_t *bytes, size_t length, char *text);

/* Sends the flow's running guest away, if its options ask: options->out/migration. */
void sp_flow_migrate(flow_t *flow);

/* A verb in a process of its own, on another platform: cbit sp VERB --state STATE --out OUT [--from
   FROM]. Its exit status, with a message when it is not 0. */
int sp_flow_elsewhere(const char *verb, const char *state, const char *out, const char *from);

/* cbit sp receive. */
int sp_flow_receive(sp_host_t *host, const owner_options_t *options);

#endif
