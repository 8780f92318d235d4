#include "workloads/hypervisor/hv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/hypervisor/migrate.h"
#include "workloads/hypervisor/result.h"
#include "workloads/hypervisor/session.h"

enum { PROGRESS_SLICE_PS = 100 * 1000 * 1000 };

#define DEFAULT_LIMIT_PS UINT64_C(10000000000000)

cbit_hv_step_t cbit_hv_fail(cbit_hv_t *hv, cbit_err_t err, const char *where, const char *format,
                            ...)
{
    char text[CBIT_DIAG_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cbit_hv_t *both[] = {hv, hv->source != NULL ? hv->source : hv->target};
    if (hv->err == CBIT_ERR_OK) {
        hv->err = cbit_diag_add(hv->diag, err, where, "%s", text);
    }
    for (uint32_t i = 0; i < 2 && both[i] != NULL; i++) {
        both[i]->err = hv->err;
        both[i]->over = true;
    }
    if (hv->kernel != NULL) {
        cbit_kernel_stop(hv->kernel);
    }
    return CBIT_HV_STOP;
}

bool cbit_hv_uses_sp(const cbit_hv_t *hv)
{
    if (hv->source != NULL) {
        return cbit_hv_uses_sp(hv->source);
    }
    for (uint32_t i = 0; i < hv->guest_count; i++) {
        if (hv->guests[i].sev) {
            return true;
        }
    }
    return false;
}

/* ---- from power-on to the last teardown ---- */

static void launch_those_after(cbit_hv_t *hv, uint32_t index)
{
    for (uint32_t i = 0; i < hv->guest_count; i++) {
        cbit_hv_guest_t *guest = &hv->guests[i];
        if (guest->phase == CBIT_HV_PHASE_WAITING && guest->config->after_guest == index) {
            cbit_hv_launch(guest);
        }
    }
}

static cbit_hv_step_t boot_init(void *self)
{
    cbit_hv_t *hv = self;
    const sev_init_t init = {.flags = hv->tmr_spa != 0 ? SEV_INIT_FLAG_ES : 0,
                             .tmr_paddr = hv->tmr_spa,
                             .tmr_length = hv->tmr_spa != 0 ? SEV_TMR_BYTES : 0};
    hv->doing = "INIT";
    cbit_hv_command_run(&hv->command, SEV_CMD_INIT, &init, sizeof init, cbit_hv_task_resume,
                        &hv->task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t succeeded(cbit_hv_t *hv)
{
    uint32_t status = hv->command.request.status;
    if (status == SEV_STATUS_SUCCESS) {
        return CBIT_HV_NEXT;
    }
    return cbit_hv_fail(hv, CBIT_ERR_INTERNAL, NULL, "the Secure Processor answered %s with %s",
                        cbit_spdriver_command_name(hv->command.request.command),
                        cbit_spdriver_status_name(status));
}

static cbit_hv_step_t boot_flush(void *self)
{
    cbit_hv_t *hv = self;
    if (succeeded(hv) != CBIT_HV_NEXT) {
        return CBIT_HV_STOP;
    }
    hv->doing = "WBINVD and DF_FLUSH after INIT";
    hv->boot_turn = (cbit_hv_turn_t){.granted = cbit_hv_task_resume, .self = &hv->task};
    cbit_hv_flush(hv, &hv->boot_turn);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t boot_status(void *self)
{
    cbit_hv_t *hv = self;
    const sev_platform_status_t status = {0};
    hv->doing = "PLATFORM_STATUS";
    cbit_hv_command_run(&hv->command, SEV_CMD_PLATFORM_STATUS, &status, sizeof status,
                        cbit_hv_task_resume, &hv->task);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t boot_owner(void *self)
{
    cbit_hv_t *hv = self;
    sev_platform_status_t status;
    memcpy(&status, hv->command.bytes, sizeof status);
    hv->owner = (cbit_hv_owner_t){
        .api_major = status.api_major, .api_minor = status.api_minor, .build = status.build};
    return succeeded(hv);
}

static cbit_hv_step_t boot_exported(void *self)
{
    return succeeded(self);
}

static const cbit_hv_step_fn boot_steps[] = {
    boot_init,     boot_flush,       boot_status,        boot_owner,           cbit_hv_export_pdh,
    boot_exported, cbit_hv_read_pdh, cbit_hv_iommu_boot, cbit_hv_iommu_booted, NULL};

static const cbit_hv_step_fn plain_boot_steps[] = {cbit_hv_iommu_boot, cbit_hv_iommu_booted, NULL};

static void booted(void *self)
{
    cbit_hv_t *hv = self;
    hv->doing = "guests";
    hv->booted = true;
    for (cbit_hv_turn_t *turn; (turn = cbit_hv_turns_take(&hv->boot_waiting)) != NULL;) {
        turn->granted(turn->self);
    }
    if (hv->err == CBIT_ERR_OK) {
        launch_those_after(hv, UINT32_MAX);
    }
}

/* Host software starts once the Secure Processor has loaded the host's key. */
void cbit_hv_boot(cbit_hv_t *hv)
{
    cbit_hv_task_start(&hv->task, cbit_hv_uses_sp(hv) ? boot_steps : plain_boot_steps, hv, booted,
                       hv);
}

/* Of the target first, if there is one, and then of the machine itself. */
static cbit_hv_step_t flush_at_end(cbit_hv_t *hv, cbit_hv_t *which)
{
    if (which == NULL || !cbit_hv_uses_sp(which)) {
        return CBIT_HV_NEXT;
    }
    hv->doing = "the last WBINVD and DF_FLUSH";
    hv->boot_turn = (cbit_hv_turn_t){.granted = cbit_hv_task_resume, .self = &hv->task};
    cbit_hv_flush(which, &hv->boot_turn);
    return CBIT_HV_WAIT;
}

static cbit_hv_step_t end_flush_target(void *self)
{
    cbit_hv_t *hv = self;
    return flush_at_end(hv, hv->target);
}

static cbit_hv_step_t end_flush(void *self)
{
    return flush_at_end(self, self);
}

static const cbit_hv_step_fn end_steps[] = {end_flush_target, end_flush, NULL};

static void ended(void *self)
{
    cbit_hv_t *hv = self;
    hv->doing = "over";
    hv->result->time_ps = cbit_hv_now(hv);
    hv->over = true;
    if (hv->target != NULL) {
        hv->target->over = true;
    }
    cbit_kernel_stop(hv->kernel);
}

static void end_if_all_gone(cbit_hv_t *hv)
{
    if (hv->guests_gone == hv->guest_count && hv->migrations_open == 0) {
        cbit_hv_task_start(&hv->task, end_steps, hv, ended, hv);
    }
}

void cbit_hv_guest_gone(cbit_hv_guest_t *guest)
{
    cbit_hv_t *hv = guest->hv->source != NULL ? guest->hv->source : guest->hv;
    hv->guests_gone++;
    launch_those_after(hv, guest->index);
    end_if_all_gone(hv);
}

void cbit_hv_stand_in_gone(cbit_hv_guest_t *stand_in)
{
    cbit_hv_t *hv = stand_in->hv->source != NULL ? stand_in->hv->source : stand_in->hv;
    hv->migrations_open--;
    end_if_all_gone(hv);
}

/* ---- running ---- */

static void say_who_hangs(cbit_hv_t *hv, cbit_err_t why, const char *what)
{
    (void)cbit_hv_fail(hv, why, NULL, "%s at %llu ps; hypervisor: %s", what,
                       (unsigned long long)cbit_hv_now(hv),
                       hv->doing == NULL ? "waiting for the Secure Processor" : hv->doing);
    for (uint32_t i = 0; i < hv->guest_count; i++) {
        (void)cbit_diag_add(hv->diag, why, NULL, "guest %s: %s", hv->guests[i].config->name,
                            hv->guests[i].doing);
    }
    for (uint32_t i = 0; hv->migrations != NULL && i < hv->scenario->events_count; i++) {
        if (hv->migrations[i] != NULL && hv->migrations[i]->doing != NULL) {
            (void)cbit_diag_add(hv->diag, why, NULL, "migration of event %u: %s", i,
                                hv->migrations[i]->doing);
        }
    }
}

static void simulate(cbit_hv_t *hv)
{
    const cbit_hypervisor_options_t *options = hv->options;
    cbit_ps_t limit_ps = options->limit_ps == 0 ? DEFAULT_LIMIT_PS : options->limit_ps;
    uint64_t fired = 0;
    if (hv->guest_count == 0) {
        hv->over = true;
    }
    while (!hv->over) {
        cbit_ps_t until_ps = cbit_hv_watch_until_ps(hv, cbit_hv_now(hv) + PROGRESS_SLICE_PS);
        fired += cbit_kernel_run(hv->kernel, until_ps < limit_ps ? until_ps : limit_ps);
        cbit_hv_watch_sample(hv);
        if (options->on_progress != NULL) {
            options->on_progress(options->self, cbit_hv_now(hv), fired);
        }
        if (!hv->over && cbit_kernel_next_ps(hv->kernel) == CBIT_PS_NEVER) {
            say_who_hangs(hv, CBIT_ERR_INTERNAL, "nothing is left to happen");
        } else if (!hv->over && cbit_hv_now(hv) >= limit_ps) {
            say_who_hangs(hv, CBIT_ERR_RANGE, "too long a run: not over");
        }
    }
}

/* Built and, unless out is NULL, run to its end. */
static cbit_err_t build_and_run(const cbit_scenario_t *scenario,
                                const cbit_hypervisor_options_t *options, cbit_run_result_t *out,
                                cbit_diag_t *diag)
{
    cbit_hv_t *hv = calloc(1, sizeof *hv);
    cbit_run_result_t *result = calloc(1, sizeof *result);
    if (hv == NULL || result == NULL) {
        free(hv);
        free(result);
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    hv->scenario = scenario;
    hv->options = options;
    hv->diag = diag;
    hv->result = result;
    hv->checking = out == NULL;
    cbit_err_t err = cbit_hv_build(hv);
    if (err == CBIT_ERR_OK && out != NULL) {
        simulate(hv);
        err = hv->err;
    }
    if (err == CBIT_ERR_OK && out != NULL) {
        cbit_hv_collect(hv);
        err = hv->err;
    }
    if (err == CBIT_ERR_OK && out != NULL) {
        *out = *result;
    } else {
        cbit_run_result_clear(result);
    }
    free(result);
    cbit_hv_destroy(hv);
    return err;
}

cbit_err_t cbit_hypervisor_run(const cbit_scenario_t *scenario,
                               const cbit_hypervisor_options_t *options, cbit_run_result_t *out,
                               cbit_diag_t *diag)
{
    return build_and_run(scenario, options, out, diag);
}

cbit_err_t cbit_hypervisor_check(const cbit_scenario_t *scenario,
                                 const cbit_hypervisor_options_t *options, cbit_diag_t *diag)
{
    return build_and_run(scenario, options, NULL, diag);
}
