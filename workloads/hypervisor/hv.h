/**
 * @file
 * The hypervisor's files and what they ask of each other; what they keep is in state.h.
 *
 * Private to workloads/hypervisor. Who calls whom:
 *
 *     build.c    creates everything: machine, cores, guests
 *     hv.c       boots the platform, runs until all guests have gone
 *     launch.c   a guest's launch, through command.c; leave.c: its end
 *     attacker.c the same for programs in C (cbit/attacker.h), _run.c
 *     session.c  launches with an owner's session and secret
 *     pace.c     when a launched guest starts
 *     rotate.c   more guests than ASIDs, by turns
 *     sched.c    which vCPU that is, and for how long
 *     core.c     what a core does next: WBINVD, a probe, or a vCPU until its exit
 *     exits.c    what an exit asks for
 *     device.c   the device side of the guests' virtqueues; lane.c: one of its transfers
 *     iommu.c    what real devices may reach; bounce.c: what they do not
 *     permute.c  launches whose blocks are measured out of their places
 *     migrate.c  a guest to another machine; migrate_send.c, migrate_receive.c: a page of it
 *     target.c   the other machine; dirty.c, notices.c: what has to be sent, and how
 *     probe.c    misbehaviour: when; probe_run.c and the others: what
 */
#ifndef CBIT_WORKLOADS_HYPERVISOR_HV_H
#define CBIT_WORKLOADS_HYPERVISOR_HV_H

#include "workloads/hypervisor/state.h"

/* build.c */
/* Builds what hv->scenario and hv->options ask for; whatever comes of it ends by destroy. */
/* "/guests/N" of messages. */
cbit_diag_place_t cbit_hv_guest_place(uint32_t guest);

cbit_err_t cbit_hv_build(cbit_hv_t *hv);
void cbit_hv_destroy(cbit_hv_t *hv);

/* hv.c */
/* The Secure Processor is there: INIT and what comes behind it, then the first launches. */
void cbit_hv_boot(cbit_hv_t *hv);

/* Ends the run with an error; the first one counts. Returns STOP for steps. */
cbit_hv_step_t cbit_hv_fail(cbit_hv_t *hv, cbit_err_t err, const char *where, const char *format,
                            ...) __attribute__((format(printf, 4, 5)));
void cbit_hv_guest_gone(cbit_hv_guest_t *guest);
void cbit_hv_stand_in_gone(cbit_hv_guest_t *stand_in);
static inline cbit_ps_t cbit_hv_now(const cbit_hv_t *hv)
{
    return cbit_kernel_now_ps(hv->kernel);
}

/* True for an SEV platform: some guest of this run is protected. */
bool cbit_hv_uses_sp(const cbit_hv_t *hv);

/* watch.c: nothing happens when nobody watches. Tells a slice that ends now. */
void cbit_hv_watch_slice(const cbit_hv_t *hv, cbit_watch_track_t track, uint32_t index,
                         const char *name, const char *detail, cbit_ps_t begin_ps);
/* until_ps, or when the next sample is due, if that is earlier. */
cbit_ps_t cbit_hv_watch_until_ps(const cbit_hv_t *hv, cbit_ps_t until_ps);
/* Tells a sample when one is due. */
void cbit_hv_watch_sample(cbit_hv_t *hv);

/* trace.c: nothing happens when nobody listens */
void cbit_hv_trace_begin(cbit_hv_t *hv);
void cbit_hv_trace_run(const cbit_hv_core_t *core, uint32_t asid);
void cbit_hv_trace_exit(const cbit_hv_core_t *core);
void cbit_hv_trace_asid(const cbit_hv_guest_t *guest, uint32_t asid); /* 0: taken away */
void cbit_hv_trace_dma(const cbit_hv_lane_t *lane);
void cbit_hv_trace_command(const cbit_hv_t *hv, const cbit_spdriver_request_t *request);

/* flush.c */

/* The lock that DEACTIVATE and flushes hold, as KVM's sev_deactivate_lock. */
void cbit_hv_lock(cbit_hv_t *hv, cbit_hv_turn_t *turn);
void cbit_hv_unlock(cbit_hv_t *hv);

/* WBINVD on all cores and DF_FLUSH, begun after this call; then the turn is granted. */
void cbit_hv_flush(cbit_hv_t *hv, cbit_hv_turn_t *turn);

/* A core has written back and emptied its caches. */
void cbit_hv_wbinvd_done(cbit_hv_t *hv);

/* rotate.c */
bool cbit_hv_rotor_init(cbit_hv_t *hv);
/* A guest waits for an ASID; its launch is resumed, or its vCPUs run on, when it has one. */
void cbit_hv_rotor_want(cbit_hv_guest_t *guest);
/* Something has changed that may let a turn go ahead. */
void cbit_hv_rotor_kick(cbit_hv_t *hv);
/* A core has put its vCPU down. */
void cbit_hv_rotor_core_free(cbit_hv_t *hv);

/* launch.c */
/* A step: writes the next changed line of the nested tables; AGAIN until there is none. */
cbit_hv_step_t cbit_hv_write_nested(cbit_hv_guest_t *guest, cbit_hv_transfer_t *transfer,
                                    cbit_hv_task_t *task);
void cbit_hv_launch(cbit_hv_guest_t *guest);
/* An ASID, frames and nested tables, nothing in them yet; without an ASID, asid_taken stays unset.
 */
void cbit_hv_prepare_memory(cbit_hv_guest_t *guest, void (*done)(void *self), void *done_self);
/* A step behind a command: a refused one ends the launch. */
cbit_hv_step_t cbit_hv_launch_checked(cbit_hv_guest_t *guest);
void cbit_hv_teardown(cbit_hv_guest_t *guest);

/* The frame that a guest's page was given, whatever it is mapped to now; false: none. */
bool cbit_hv_home_of(const cbit_hv_guest_t *guest, cbit_gpa_t gpa, cbit_spa_t *spa);

/* pace.c */
void cbit_hv_pace_init(cbit_hv_guest_t *guest);
/* A launched guest's vCPUs run: at once, or when those of the paced run did. */
void cbit_hv_start(cbit_hv_guest_t *guest);

/* core.c */
void cbit_hv_core_init(cbit_hv_core_t *core, cbit_hv_t *hv, uint32_t number);
void cbit_hv_core_kick(cbit_hv_core_t *core);
void cbit_hv_core_exit(cbit_hv_core_t *core, const cbit_exit_t *exit);
void cbit_hv_core_wbinvd(cbit_hv_core_t *core);
void cbit_hv_core_delay(cbit_hv_core_t *core, cbit_ps_t span_ps); /* resumes the core's task */
void cbit_hv_core_bind(cbit_hv_core_t *core, cbit_hv_vcpu_t *vcpu);
/* Puts a vCPU at the end (or the front) of its core's queue and lets the core look. */
void cbit_hv_ready(cbit_hv_vcpu_t *vcpu, bool front);
/* Queues the parked vCPUs of a guest that may run again. */
void cbit_hv_unpark(cbit_hv_guest_t *guest);

/* es.c: SEV-ES */
/* A step of the launch: the state of its vCPUs is measured and encrypted. */
cbit_hv_step_t cbit_hv_es_launch(void *guest);
/* Steps of an exit: what the guest says of it in its GHCB, and the answer. */
cbit_hv_step_t cbit_hv_es_find(void *core);
cbit_hv_step_t cbit_hv_es_read(void *core);
cbit_hv_step_t cbit_hv_es_decode(void *core);
cbit_hv_step_t cbit_hv_es_answer(void *core);
/* The pool that a guest's ASID is from. */
static inline cbit_hv_asids_t *cbit_hv_asids_of(const cbit_hv_guest_t *guest)
{
    return guest->es ? &guest->hv->es_asids : &guest->hv->asids;
}

/* sched.c */
/* Where a vCPU begins: on the core that it is pinned to, or the next one. */
uint32_t cbit_hv_first_core(const cbit_hv_vcpu_t *vcpu, uint32_t *next_core);
/* False while its guest has no ASID, or a probe's other guest is on its way. */
bool cbit_hv_may_run(const cbit_hv_vcpu_t *vcpu);
/* Takes a guest's vCPUs off the cores, and whether none is there any more; lets them go on. */
void cbit_hv_sched_pause(cbit_hv_guest_t *guest);
bool cbit_hv_sched_still(cbit_hv_guest_t *guest);
void cbit_hv_sched_resume(cbit_hv_guest_t *guest);
void cbit_hv_sched_add(cbit_hv_core_t *core, cbit_hv_vcpu_t *vcpu, bool front);
/* The one to run next, out of the queue; NULL: none. */
cbit_hv_vcpu_t *cbit_hv_sched_take(cbit_hv_core_t *core);
/* A vCPU waits at a core that is at work: one that is idle may take it. */
void cbit_hv_sched_offer(cbit_hv_vcpu_t *vcpu);
/* Sets when the running vCPU is interrupted. */
void cbit_hv_sched_arm(cbit_hv_core_t *core);
/* Counts the time since the last charge as the running vCPU's. */
void cbit_hv_sched_charge(cbit_hv_core_t *core);
bool cbit_hv_sched_slice_over(const cbit_hv_vcpu_t *vcpu);

/* exits.c */
/* What an exit costs beyond the processor's own share; vc: through #VC and GHCB. */
cbit_ps_t cbit_hv_exit_cost(const cbit_hv_t *hv, int32_t reason, bool vc);
/* Does what the exit on this core asks for; the vCPU is queued, blocked or ended afterwards. */
void cbit_hv_handle_exit(cbit_hv_core_t *core);
/* An interrupt of a device: the vCPU is woken, or interrupted and told when it runs again. */
void cbit_hv_raise(cbit_hv_vcpu_t *vcpu);
/* A device of the vCPU has nothing on its way any more: a teardown may have waited for that, or a
   driver waits in vain. */
void cbit_hv_device_idle(cbit_hv_vcpu_t *vcpu);
void cbit_hv_vcpu_ends(cbit_hv_vcpu_t *vcpu, cbit_guest_end_t end, int32_t last_exit);

/* device.c */
/* Whether the exit on this core is a doorbell, and of which of the vCPU's queues. */
bool cbit_hv_doorbell(const cbit_hv_core_t *core, uint32_t *queue);
void cbit_hv_device_kick(cbit_hv_vcpu_t *vcpu, uint32_t queue);
bool cbit_hv_vcpu_devices_busy(const cbit_hv_vcpu_t *vcpu);
bool cbit_hv_devices_busy(const cbit_hv_guest_t *guest);
void cbit_hv_devices_free(cbit_hv_vcpu_t *vcpu);
/* The vCPU's idle devices work on the machine that it is on now; rings and indices stay. */
void cbit_hv_devices_attach(cbit_hv_vcpu_t *vcpu);

/* numa.c */
void cbit_hv_nodes_init(cbit_hv_t *hv);
void cbit_hv_nodes_clear(cbit_hv_t *hv);
/* Where a guest's memory comes from, and where it goes back to. */
cbit_hv_frames_t *cbit_hv_frames_for(cbit_hv_guest_t *guest);
/* cbit_hv_frames_flushed, of all. */
cbit_err_t cbit_hv_nodes_flushed(cbit_hv_t *hv);

/* notices.c */
bool cbit_hv_notices_init(cbit_hv_guest_t *guest); /* false: out of memory */
/* A VMMCALL's value: notes what it tells of pages, if anything. */
void cbit_hv_notice(cbit_hv_guest_t *guest, uint64_t value);
/* Whether the hypervisor takes a page for shared. */
bool cbit_hv_believes_shared(const cbit_hv_guest_t *guest, cbit_gpa_t gpa);

/* iommu.c */
/* Gives every guest with a real device its number, the same on each machine; the device table, if
   there is any. CONFLICT when
   there are more than the IOMMU tells apart. */
cbit_err_t cbit_hv_iommu_create(cbit_hv_t *hv);
/* A step of the boot: the device table is in memory and in use. */
cbit_hv_step_t cbit_hv_iommu_boot(void *hv);
cbit_hv_step_t cbit_hv_iommu_booted(void *hv);
/* Steps of a launch: the guest's I/O page tables, and its entry in the device table. */
cbit_hv_step_t cbit_hv_iommu_map(void *guest);
cbit_hv_step_t cbit_hv_iommu_write(void *guest);
cbit_hv_step_t cbit_hv_iommu_enter(void *guest);
cbit_hv_step_t cbit_hv_iommu_entered(void *guest);
/* Steps of its end: its device reaches nothing any more. */
cbit_hv_step_t cbit_hv_iommu_block(void *guest);
cbit_hv_step_t cbit_hv_iommu_blocked(void *guest);
/* What a real device is told for a page of host memory at gpa; false: it does not reach that. */
bool cbit_hv_iommu_address(const cbit_hv_guest_t *guest, cbit_gpa_t gpa, cbit_spa_t spa,
                           bool under_host_key, uint64_t *address);

/* probe.c */
cbit_err_t cbit_hv_probes_create(cbit_hv_t *hv);
/* Why those that have not happened have not. */
void cbit_hv_probes_collect(cbit_hv_t *hv);
void cbit_hv_probes_destroy(cbit_hv_t *hv);
/* Marks what has become due for a vCPU that is about to run; the first run probe, or NULL. */
cbit_hv_probe_t *cbit_hv_probe_for(cbit_hv_vcpu_t *vcpu);
/* Whether a probe of this vCPU waits for the owner of its ASID, who is being launched. */
bool cbit_hv_probe_holds(const cbit_hv_vcpu_t *vcpu);
/* Whether a probe is to run before this vCPU's guest gets its ASID. */
bool cbit_hv_probe_at_launch(const cbit_hv_vcpu_t *vcpu);
/* Whether something waits for this vCPU to reach a state that only an exit shows. */
bool cbit_hv_probe_watches(const cbit_hv_vcpu_t *vcpu);
/* The event of that kind about a guest's launch begins now; NULL: there is none, or it has. */
cbit_hv_probe_t *cbit_hv_probe_at_image(const cbit_hv_guest_t *guest, cbit_event_kind_t kind);
/* The measurement is known: ends such events. False when there were none. */
bool cbit_hv_probe_measured(const cbit_hv_guest_t *guest);
/* Whether an event asks for DIMMs that have lacked an address line since power-on. */
bool cbit_hv_probe_aliases(const cbit_hv_t *hv);

/* probe_bus.c */
/* Whoever has an analyser on the bus gets its lines; called when somebody puts it there. */
void cbit_hv_bus_listen(cbit_hv_t *hv);

/* probe_step.c */
/* Looks at the exit of a vCPU that goes step by step; true: it will be readied later. */
bool cbit_hv_probe_stepped(cbit_hv_core_t *core);

/* permute.c */
/* Before the first part of a launch image's run at spa is measured: what events and programs ask
   for. */
cbit_err_t cbit_hv_permute_begin(cbit_hv_guest_t *guest, cbit_spa_t spa);
bool cbit_hv_permute_first(const cbit_hv_guest_t *guest); /* nothing of the run is measured yet */
/* The range of the run that is measured now; *len is the run's size before. */
void cbit_hv_permute_part(const cbit_hv_guest_t *guest, uint64_t *offset, uint64_t *len);
/* Goes to the next part; false when the run is through. */
bool cbit_hv_permute_next(cbit_hv_guest_t *guest);
/* Whether a DMA event is I/O as it should be: not with private pages of a protected guest. */
bool cbit_hv_probe_must_work(const cbit_hv_probe_t *probe);
/* A guest has come to its end: what its conversion of a page has shown. */
void cbit_hv_probe_converted(cbit_hv_guest_t *guest);
/* The probe that a device request belongs to, or NULL. */
cbit_hv_probe_t *cbit_hv_probe_of_io(cbit_hv_vcpu_t *vcpu, uint32_t io);
void cbit_hv_probe_run(cbit_hv_core_t *core, cbit_hv_probe_t *probe, void (*done)(void *self),
                       void *done_self);
/* The same with other steps than those of its kind. */
void cbit_hv_probe_run_steps(cbit_hv_core_t *core, cbit_hv_probe_t *probe,
                             const cbit_hv_step_fn *steps, void (*done)(void *self),
                             void *done_self);

#endif
