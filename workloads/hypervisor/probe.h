/**
 * @file
 * What the kinds of probes share. A probe that stops its vCPU runs as the core's task: begin, its
 * own steps, end.
 */
#ifndef CBIT_WORKLOADS_HYPERVISOR_PROBE_H
#define CBIT_WORKLOADS_HYPERVISOR_PROBE_H

#include "workloads/hypervisor/hv.h"

/* probe.c: self is the core, whose `probe` and `running` are set. */
cbit_hv_step_t cbit_hv_probe_begin(void *self);
cbit_hv_step_t cbit_hv_probe_end(void *self);

/* probe_run.c: a VMRUN that is looked at. */
cbit_hv_step_t cbit_hv_probe_save(void *self);    /* remembers the VMCB */
cbit_hv_step_t cbit_hv_probe_change(void *self);  /* writes the probe's ASID and a TLB flush */
cbit_hv_step_t cbit_hv_probe_vmrun(void *self);   /* until its exit */
cbit_hv_step_t cbit_hv_probe_look(void *self);    /* the exit goes into the result */
cbit_hv_step_t cbit_hv_probe_restore(void *self); /* VMCB, program and TLB as before */

extern const cbit_hv_step_fn cbit_hv_probe_asid_steps[];
extern const cbit_hv_step_fn cbit_hv_probe_nested_steps[];

/* probe_key.c */
extern const cbit_hv_step_fn cbit_hv_probe_key_steps[];
extern const cbit_hv_step_fn cbit_hv_probe_inactive_steps[]; /* attacker.c: skip_activate */

/* probe_memory.c */
extern const cbit_hv_step_fn cbit_hv_probe_read_steps[];
extern const cbit_hv_step_fn cbit_hv_probe_flip_steps[];
extern const cbit_hv_step_fn cbit_hv_probe_move_steps[];
extern const cbit_hv_step_fn cbit_hv_probe_write_steps[];
extern const cbit_hv_step_fn cbit_hv_probe_replay_steps[]; /* alias_dimm as well */

/* probe_cache.c */
extern const cbit_hv_step_fn cbit_hv_probe_invd_steps[];

/* probe_bus.c: while the guest runs on */
void cbit_hv_probe_capture(cbit_hv_probe_t *probe, cbit_hv_vcpu_t *vcpu);
void cbit_hv_probe_captured(cbit_hv_probe_t *probe); /* its time is over, or the run is */

/* probe_step.c: as the guest runs on */
void cbit_hv_probe_step(cbit_hv_probe_t *probe, cbit_hv_vcpu_t *vcpu);

#endif
