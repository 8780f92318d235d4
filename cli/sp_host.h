/*
 * A machine around the Secure Processor for cbit sp: the platform with its memory and engine, the
 * driver, and a state file that plays the part of the flash. Commands are synchronous here.
 */
#ifndef CBIT_CLI_SP_HOST_H
#define CBIT_CLI_SP_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/workloads/sev_uapi.h"

typedef struct sp_host sp_host_t; /* opaque */

/* Where things stand in the modelled memory. */
enum {
    SP_HOST_BUFFER = 0x100000, /* command buffers */
    SP_HOST_AREA0 = 0x110000,  /* what they point to: areas of 64 KiB */
    SP_HOST_AREA_BYTES = 0x10000,
    SP_HOST_AREAS = 8,
    SP_HOST_GUEST = 0x1000000, /* a guest's memory */
    SP_HOST_MEMORY_BYTES = 0x10000000,
};

/* How tables are printed. */
typedef enum sp_table_format { SP_TABLE_TEXT, SP_TABLE_CSV, SP_TABLE_JSON } sp_table_format_t;

typedef struct sp_host_options {
    sp_table_format_t format;
    const char *state;     /* state file, made when absent; NULL: nothing is kept */
    uint64_t seed;         /* of a new chip */
    bool seed_given;       /* otherwise a new state file gets a chip of its own */
    const char *image;     /* put into the flash first: a file, or "built-in"; NULL: nothing is */
    bool allow_rollback;   /* images of older security versions may run */
    bool console;          /* the firmware's console on stderr */
    bool profile;          /* count cycles by function; sp_host_profile() has them */
    bool gdb;              /* wait for a debugger before the first instruction */
    uint64_t gdb_port;     /* on 127.0.0.1; 0: any that is free */
    uint64_t power_cut_us; /* when the power fails; 0: never */
} sp_host_options_t;

/* Powers the machine up and waits for the firmware. The state file is locked until close. */
cbit_err_t sp_host_open(const sp_host_options_t *options, sp_host_t **out, cbit_diag_t *diag);

/* Powers it down and writes the state file. NULL is allowed. */
cbit_err_t sp_host_close(sp_host_t *host, cbit_diag_t *diag);

/* One firmware command; the buffer is read and written back. Returns SEV_STATUS_* or
   CBIT_SPDRIVER_NO_ANSWER. */
uint32_t sp_host_command(sp_host_t *host, uint32_t command, void *buffer, uint32_t len_bytes);

/* WBINVD on every core. */
void sp_host_wbinvd(sp_host_t *host);

/* Memory in no time, as the key id sees it (0: plain; an ASID: as that guest). False: outside. */
bool sp_host_write(sp_host_t *host, uint64_t spa, uint16_t key, const void *bytes,
                   uint32_t len_bytes);
bool sp_host_read(sp_host_t *host, uint64_t spa, uint16_t key, void *bytes, uint32_t len_bytes);

/* What --profile counted; NULL without it. */
struct sp_profile *sp_host_profile(sp_host_t *host);

/* The SP itself, and its clock. */
struct cbit_sp *sp_host_sp(sp_host_t *host);
uint32_t sp_host_clock_mhz(const sp_host_t *host);

/* The state file's name, or NULL. */
const char *sp_host_state(const sp_host_t *host);

/* Simulated time. */
uint64_t sp_host_now_ps(const sp_host_t *host);

/* The same host as the driver of /dev/sev wants it. */
cbit_sev_platform_t sp_host_platform(sp_host_t *host);

#endif
