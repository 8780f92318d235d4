/* Launches with an owner who has a session: steps for hv.c (boot) and launch.c. */
#ifndef CBIT_WORKLOADS_HYPERVISOR_SESSION_H
#define CBIT_WORKLOADS_HYPERVISOR_SESSION_H

#include "workloads/hypervisor/hv.h"

/* What its owner asks for, and encrypted state if the guest has it. */
uint32_t cbit_hv_policy(const cbit_hv_guest_t *guest);

/* Steps of the platform's boot: the PDH that owners need, if any guest's owner wants a session. */
cbit_hv_step_t cbit_hv_export_pdh(void *self);
cbit_hv_step_t cbit_hv_read_pdh(void *self);

/* False: out of memory. A guest without a secret has no session. */
bool cbit_hv_session_init(cbit_hv_guest_t *guest);
void cbit_hv_session_clear(cbit_hv_guest_t *guest);

/* Where the secret goes. */
cbit_gpa_t cbit_hv_secret_gpa(const cbit_hv_guest_t *guest);

/* Steps of a launch; all do nothing for a guest without a session. */
cbit_hv_step_t cbit_hv_session_open(void *self);
cbit_hv_step_t cbit_hv_secret_pack(void *self);
cbit_hv_step_t cbit_hv_secret_send(void *self);

/* Adds the papers to LAUNCH_START; gives the key of the measurement. */
void cbit_hv_session_start(const cbit_hv_guest_t *guest, sev_start_t *start);
void cbit_hv_session_key(const cbit_hv_guest_t *guest, uint8_t tik[SEV_KEY_BYTES]);

/* The secret is there: the guest will read it and see whether it is what its owner sent. */
void cbit_hv_secret_sent(cbit_hv_guest_t *guest);

#endif
