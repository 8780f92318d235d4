/**
 * @file
 * The Secure Processor's driver: what an operating system does to get a command executed.
 *
 * Speaks the mailbox protocol of the Linux ccp driver (firmware/include/sev/mailbox.h): writes the
 * buffer's address, rings the doorbell, waits for the interrupt or polls, reads CmdResp. One
 * command is in the mailbox at a time; others queue in the order of submission. Registers cost
 * time: every write and read of the BAR keeps the driver busy for mmio_write_ns or mmio_read_ns.
 *
 * The driver does not touch the command buffer: its owner writes it before submit and reads it
 * after done. With SME on, the owner sets the C-bit in the address and uses the host's key.
 */
#ifndef CBIT_WORKLOADS_SPDRIVER_H
#define CBIT_WORKLOADS_SPDRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/base/rows.h"
#include "cbit/sim/kernel.h"
#include "cbit/sp/sp.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_spdriver cbit_spdriver_t; /* opaque */

typedef struct cbit_spdriver_config {
    bool interrupt;   /* ask for and take the completion interrupt; otherwise poll */
    uint32_t mailbox; /* 0: v1 offsets (Naples), 1: v2; as cbit_sp_config_t's */
    uint64_t poll_ns; /* between two reads of CmdResp when polling; kept in ps, as all below */
    uint64_t mmio_write_ns; /* one posted write to BAR 2 */
    uint64_t mmio_read_ns;  /* one read of BAR 2, both ways */
    uint64_t interrupt_ns;  /* MSI to the first instruction of the handler */
    uint64_t timeout_ns;    /* of one command; 0: none */
} cbit_spdriver_config_t;

extern const cbit_row_t cbit_spdriver_config_rows[];

/* No answer in time, or the SP is not there: as Linux reports it. Otherwise a SEV_STATUS_*. */
#define CBIT_SPDRIVER_NO_ANSWER UINT32_MAX

/* One command; the caller's until done is called, which happens exactly once, never inside submit.
 */
typedef struct cbit_spdriver_request cbit_spdriver_request_t;
struct cbit_spdriver_request {
    uint32_t command;    /* SEV_CMD_*; any number may be sent */
    uint64_t buffer_spa; /* with the C-bit if the buffer is under the host's key; 0: no buffer */
    void (*done)(void *self, cbit_spdriver_request_t *request);
    void *self;
    uint32_t status;                          /* out: SEV_STATUS_* or CBIT_SPDRIVER_NO_ANSWER */
    cbit_ps_t submitted_ps, rung_ps, done_ps; /* out: into the queue, doorbell, answer seen */
    cbit_spdriver_request_t *next;            /* the driver's */
};

/* Initialises the mailbox's interrupt registers as the driver's probe does. */
cbit_err_t cbit_spdriver_create(const cbit_spdriver_config_t *config, cbit_kernel_t *kernel,
                                cbit_sp_t *sp, cbit_spdriver_t **out, cbit_diag_t *diag);
void cbit_spdriver_destroy(cbit_spdriver_t *driver); /* NULL is allowed; drops what is queued */

/* Queues a command. */
void cbit_spdriver_submit(cbit_spdriver_t *driver, cbit_spdriver_request_t *request);

/* To be called from cbit_sp_parts_t.on_interrupt (with interrupt == false it does nothing). */
void cbit_spdriver_interrupt(cbit_spdriver_t *driver);

/* Whether nothing is in the mailbox or queued. */
bool cbit_spdriver_idle(const cbit_spdriver_t *driver);

/* The names of the ABI, for messages: "LAUNCH_START" and "INVALID_GUEST"; "?" when unknown. */
const char *cbit_spdriver_command_name(uint32_t command);
const char *cbit_spdriver_status_name(uint32_t status);
const char *cbit_spdriver_status_text(uint32_t status); /* one sentence */

#ifdef __cplusplus
}
#endif
#endif
