#include "perf/measure/core.h"

#include <string.h>

#include "cbit/base/rng.h"
#include "perf/measure/flat_guest.h"

enum {
    BASE = 0x10000000, /* where guest memory begins */
    GUEST_BYTES = 0x10000000,
};

static void on_exit_of(void *self, cbit_vcpu_t *vcpu, const cbit_exit_t *exit)
{
    cbit_core_t *core = self;
    (void)vcpu;
    core->exit_reason = exit->reason;
    core->exited = true;
    cbit_kernel_stop(core->rig.kernel);
}

/* ---- the machine ---- */

static cbit_err_t begin_core(cbit_core_t *core, cbit_diag_t *diag)
{
    const cbit_platform_config_t *config = &core->rig.config;
    cbit_vcpu_config_t vcpu = config->vcpu;
    vcpu.c_bit = config->sev.c_bit;
    const cbit_clock_t cclk = {.period_num_ps = UINT64_C(1000000000), .period_den = vcpu.clock_khz};
    cbit_err_t err = cbit_cache_create(&config->cache, 1, config->sev.coherent_domains, &cclk,
                                       core->rig.kernel, core->rig.port, &core->cache, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    cbit_cache_set_timing_only(core->cache);
    const cbit_vcpu_parts_t parts = {.timing_only = true,
                                     .kernel = core->rig.kernel,
                                     .memory = cbit_cache_port(core->cache, 0),
                                     .fetch = cbit_cache_fetch_port(core->cache, 0),
                                     .host_key = CBIT_KEY_PLAIN,
                                     .seed = core->seed,
                                     .exit_self = core,
                                     .on_exit = on_exit_of};
    err = cbit_vcpu_create(&vcpu, &parts, &core->vcpu, diag);
    if (err == CBIT_ERR_OK) {
        cbit_vcpu_set_asid_valid(core->vcpu, CBIT_CORE_ASID, true);
    }
    return err;
}

cbit_err_t cbit_core_begin(cbit_core_t *core, const cbit_platform_config_t *config,
                           cbit_rig_mode_t mode, bool small_pages, uint64_t seed, cbit_diag_t *diag)
{
    memset(core, 0, sizeof *core);
    core->seed = seed;
    cbit_err_t err = cbit_rig_begin(&core->rig, config, mode, seed, diag);
    if (err == CBIT_ERR_OK) {
        err = begin_core(core, diag);
    }
    if (err != CBIT_ERR_OK) {
        return err;
    }
    const cbit_flat_guest_t guest = {.asid = CBIT_CORE_ASID,
                                     .c_bit = config->sev.c_bit,
                                     .base = BASE,
                                     .bytes = GUEST_BYTES,
                                     .small_pages = small_pages};
    const cbit_port_t port = cbit_cache_port(core->cache, 0);
    err = cbit_flat_guest_write(&guest, &port);
    return err == CBIT_ERR_OK ? err : cbit_diag_add(diag, err, "/memory", "%s", cbit_err_text(err));
}

void cbit_core_end(cbit_core_t *core)
{
    cbit_vcpu_destroy(core->vcpu);
    cbit_cache_destroy(core->cache);
    cbit_rig_end(&core->rig);
    core->vcpu = NULL;
    core->cache = NULL;
}

/* ---- what a core does ---- */

/* What ends the wait stops the kernel; a stop that came before the run may end it early. */
static void run_until(const cbit_core_t *core, const bool *done)
{
    while (!*done && cbit_kernel_next_ps(core->rig.kernel) != CBIT_PS_NEVER) {
        (void)cbit_kernel_run(core->rig.kernel, CBIT_PS_NEVER);
    }
}

static bool next_load(void *self, cbit_op_t *op)
{
    cbit_pass_t *pass = self;
    if (pass->done == pass->loads) {
        return false;
    }
    const uint64_t offset =
        pass->stride_bytes != 0
            ? pass->done * pass->stride_bytes % pass->span_bytes
            : cbit_rng_below(&pass->rng, pass->span_bytes / CBIT_LINE_BYTES) * CBIT_LINE_BYTES;
    pass->done++;
    *op = (cbit_op_t){
        .kind = CBIT_OP_LOAD, .gva = CBIT_CORE_DATA + offset, .size_bytes = 8, .depends = true};
    return true;
}

cbit_err_t cbit_core_pass(cbit_core_t *core, const cbit_pass_t *wanted, cbit_ps_t *took_ps,
                          cbit_diag_t *diag)
{
    cbit_kernel_t *kernel = core->rig.kernel;
    if (core->passes_made == CBIT_CORE_PASSES) {
        return cbit_diag_add(diag, CBIT_ERR_RANGE, NULL, "more than %d passes", CBIT_CORE_PASSES);
    }
    cbit_pass_t *pass = &core->passes[core->passes_made++];
    *pass = *wanted;
    cbit_rng_init(&pass->rng, core->seed, 2);
    const cbit_program_t program = {.self = pass, .next = next_load, .may_ask_ahead = true};
    const cbit_ps_t begun_ps = cbit_kernel_now_ps(kernel);
    core->exited = false;
    cbit_vcpu_bind(core->vcpu, &program, 0);
    cbit_vcpu_run(core->vcpu, CBIT_FLAT_VMCB);
    run_until(core, &core->exited);
    *took_ps = cbit_kernel_now_ps(kernel) - begun_ps;
    if (core->exit_reason != CBIT_EXIT_HLT || pass->done != pass->loads) {
        return cbit_diag_add(diag, CBIT_ERR_RANGE, "/vcpu", "the guest ended with exit %s",
                             cbit_exit_word(core->exit_reason));
    }
    return CBIT_ERR_OK;
}

typedef struct wait {
    cbit_core_t *core;
    bool done;
} wait_t;

static void on_done(void *self)
{
    wait_t *wait = self;
    wait->done = true;
    cbit_kernel_stop(wait->core->rig.kernel);
}

static void on_answer(void *self, cbit_txn_t *txn)
{
    (void)txn;
    on_done(self);
}

void cbit_core_empty(cbit_core_t *core, bool caches)
{
    wait_t wait = {.core = core};
    cbit_vcpu_flush_tlb(core->vcpu, 0);
    if (caches) {
        cbit_cache_wbinvd(core->cache, 0, on_done, &wait);
        run_until(core, &wait.done);
    }
}

cbit_ps_t cbit_core_access(cbit_core_t *core, cbit_command_t command, uint64_t data_offset,
                           cbit_key_t key)
{
    const cbit_port_t port = cbit_cache_port(core->cache, 0);
    const cbit_ps_t begun_ps = cbit_kernel_now_ps(core->rig.kernel);
    wait_t wait = {.core = core};
    cbit_txn_t txn;
    cbit_txn_init(&txn, command, BASE + CBIT_CORE_DATA + data_offset, CBIT_LINE_BYTES, key,
                  CBIT_SOURCE_VCPU, begun_ps);
    txn.no_bytes = true;
    cbit_txn_push_reply(&txn, on_answer, &wait);
    while (!port.try_send(port.self, &txn, NULL)) {
        (void)cbit_kernel_run(core->rig.kernel, cbit_kernel_next_ps(core->rig.kernel));
    }
    run_until(core, &wait.done);
    return cbit_kernel_now_ps(core->rig.kernel) - begun_ps;
}

cbit_ps_t cbit_core_flush_line(cbit_core_t *core, uint64_t data_offset)
{
    const cbit_ps_t begun_ps = cbit_kernel_now_ps(core->rig.kernel);
    wait_t wait = {.core = core};
    cbit_cache_clflush(core->cache, BASE + CBIT_CORE_DATA + data_offset, on_done, &wait);
    run_until(core, &wait.done);
    return cbit_kernel_now_ps(core->rig.kernel) - begun_ps;
}
