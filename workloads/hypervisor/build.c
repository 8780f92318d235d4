/* Everything that a run needs before its first event: machine, cores, guests and their software. */
#include <stdio.h>
#include <stdlib.h>

#include "cbit/base/rng.h"
#include "workloads/hypervisor/hv.h"
#include "workloads/hypervisor/migrate.h"
#include "workloads/hypervisor/session.h"

enum {
    FRAMES_BASE = 16 << 20, /* below: BIOS, the kernel, and what firmware guards */
    CHECKED_INSTRUCTIONS = 20 * 1000 * 1000,
};

/* ---- the machine's callbacks ---- */

static cbit_hv_core_t *core_of(cbit_hv_t *hv, const cbit_vcpu_t *cpu)
{
    for (uint32_t i = 0; i < hv->core_count; i++) {
        if (hv->cores[i].cpu == cpu) {
            return &hv->cores[i];
        }
    }
    return NULL;
}

static void on_exit_of(void *self, cbit_vcpu_t *cpu, const cbit_exit_t *exit)
{
    cbit_hv_t *hv = self;
    cbit_hv_core_exit(core_of(hv, cpu), exit);
}

static void on_sp_interrupt(void *self)
{
    cbit_hv_t *hv = self;
    if (hv->driver != NULL) {
        cbit_spdriver_interrupt(hv->driver);
    }
}

static void on_console(void *self, char c)
{
    cbit_hv_t *hv = self;
    if (hv->options->on_console != NULL) {
        hv->options->on_console(hv->options->self, c);
    }
}

static void on_sp_ready(void *self)
{
    cbit_hv_boot(self);
}

/* ---- the machine ---- */

static void take_settings(cbit_hv_t *hv)
{
    hv->machine = *hv->scenario->machine;
    hv->seed = hv->scenario->seed;
    cbit_rows_defaults(cbit_hypervisor_rows, &hv->config);
    if (hv->options->config != NULL) {
        hv->config = *hv->options->config;
    }
    if (hv->options->baseline == CBIT_BASELINE_UNPROTECTED) {
        hv->machine.host.sme = hv->machine.host.tsme = false;
    }
    hv->host_key = hv->machine.host.sme ? CBIT_KEY_HOST : CBIT_KEY_PLAIN;
    hv->raw_key = hv->machine.host.tsme ? CBIT_KEY_RAW : CBIT_KEY_PLAIN;
    hv->c_bit_mask = hv->machine.host.sme ? UINT64_C(1) << hv->machine.sev.c_bit : 0;
    hv->next_plain_asid = hv->machine.sev.asids + 1;
    cbit_hv_frames_init(&hv->frames, FRAMES_BASE, hv->machine.memory.size_bytes);
    cbit_hv_nodes_init(hv);
    cbit_hv_asids_init(&hv->asids, hv->machine.sev.min_sev_asid, hv->machine.sev.asids);
    cbit_hv_asids_init(&hv->es_asids, 1, hv->machine.sev.min_sev_asid - 1);
    for (uint32_t i = 0; hv->source == NULL && i < hv->scenario->guests_count; i++) {
        if (hv->scenario->guests[i].asid != 0) {
            cbit_hv_asids_reserve(&hv->asids, hv->scenario->guests[i].asid);
            cbit_hv_asids_reserve(&hv->es_asids, hv->scenario->guests[i].asid);
        }
    }
}

cbit_diag_place_t cbit_hv_guest_place(uint32_t guest)
{
    cbit_diag_place_t where;
    (void)snprintf(where.text, sizeof where.text, "/guests/%u", guest);
    return where;
}

static cbit_err_t check_migration(const cbit_hv_t *hv, uint32_t guest)
{
    bool plain = hv->scenario->guests[guest].protection == CBIT_PROTECTION_NONE;
    const cbit_diag_place_t where = cbit_hv_guest_place(guest);
    uint32_t tamper;
    if (!cbit_hv_guest_migrates(hv, guest, &tamper)) {
        return CBIT_ERR_OK;
    }
    if (plain && tamper != CBIT_TAMPER_NONE) {
        return cbit_diag_add(hv->diag, CBIT_ERR_CONFLICT, where.text,
                             "it has no protection, and its migration is to be tampered "
                             "with; that is about packets of the Secure Processor");
    }
    if (!plain && !hv->machine.sp.identity) {
        cbit_err_t err = cbit_diag_add(hv->diag, CBIT_ERR_CONFLICT, where.text,
                                       "it migrates, which takes platforms with certificates");
        cbit_diag_hint(hv->diag, "\"sp\": { \"identity\": true }");
        return err;
    }
    return CBIT_ERR_OK;
}

/* What the scenario's own rules cannot see. */
static cbit_err_t check_settings(const cbit_hv_t *hv)
{
    cbit_err_t err = CBIT_ERR_OK;
    for (uint32_t i = 0; i < hv->scenario->guests_count; i++) {
        const cbit_diag_place_t where = cbit_hv_guest_place(i);
        if (hv->scenario->guests[i].secret && !hv->machine.sp.identity) {
            err = cbit_diag_add_below(hv->diag, CBIT_ERR_CONFLICT, where.text, "secret",
                                      "a session needs a platform with certificates");
            cbit_diag_hint(hv->diag, "\"sp\": { \"identity\": true }");
        }
        cbit_err_t migration = check_migration(hv, i);
        err = migration != CBIT_ERR_OK ? migration : err;
        for (uint32_t n = 0; n < hv->scenario->guests[i].cores_count; n++) {
            if (hv->scenario->guests[i].cores[n] >= hv->machine.host.cores) {
                err = cbit_diag_add_below(hv->diag, CBIT_ERR_RANGE, where.text, "cores",
                                          "%u is not one of the machine's %u",
                                          hv->scenario->guests[i].cores[n], hv->machine.host.cores);
            }
        }
    }
    return err;
}

static cbit_err_t build_machine(cbit_hv_t *hv)
{
    const cbit_hypervisor_options_t *options = hv->options;
    hv->ciphered = options->baseline != CBIT_BASELINE_ENGINE_OFF &&
                   options->mode != CBIT_ENGINE_OFF && options->engines != NULL;
    const cbit_platform_parts_t parts = {
        .engines = hv->ciphered ? options->engines : NULL,
        .seed = hv->seed,
        .kernel = hv->source != NULL ? hv->source->kernel : NULL,
        .firmware = options->firmware,
        .self = hv,
        .on_exit = on_exit_of,
        .on_sp_ready = on_sp_ready,
        .on_sp_interrupt = on_sp_interrupt,
        .on_console = on_console,
    };
    cbit_err_t err = cbit_platform_create(&hv->machine, &parts, &hv->platform, hv->diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    hv->kernel = cbit_platform_kernel(hv->platform);
    cbit_hv_trace_begin(hv);
    if (cbit_hv_probe_aliases(hv)) {
        cbit_platform_alias_dimms(hv->platform, true);
        hv->frames.limit = cbit_platform_alias_end(hv->platform);
    }
    cbit_spdriver_config_t driver;
    cbit_rows_defaults(cbit_spdriver_config_rows, &driver);
    driver.mailbox = hv->machine.sp.mailbox;
    return cbit_spdriver_create(&driver, hv->kernel, cbit_platform_sp(hv->platform), &hv->driver,
                                hv->diag);
}

static cbit_err_t build_cores(cbit_hv_t *hv)
{
    hv->core_count = cbit_platform_cores(hv->platform);
    hv->cores = calloc(hv->core_count, sizeof *hv->cores);
    if (hv->cores == NULL || !cbit_hv_command_init(&hv->command, hv) ||
        !cbit_hv_command_init(&hv->flush_command, hv) || !cbit_hv_rotor_init(hv)) {
        return cbit_diag_add(hv->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    cbit_hv_transfer_init(&hv->transfer, hv->kernel, cbit_platform_host_port(hv->platform, 0),
                          CBIT_SOURCE_HOST, 0);
    for (uint32_t i = 0; i < hv->core_count; i++) {
        cbit_hv_core_init(&hv->cores[i], hv, i);
    }
    return CBIT_ERR_OK;
}

/* ---- guests ---- */

/* vCPUs of one guest take different random ways through the same kind of traffic. */
static cbit_err_t open_sources(cbit_hv_guest_t *guest, uint64_t seed)
{
    uint32_t vcpus = guest->config->vcpus;
    guest->sources = calloc(vcpus, sizeof *guest->sources);
    if (guest->sources == NULL) {
        return cbit_diag_add(guest->hv->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    cbit_err_t err = CBIT_ERR_OK;
    for (uint32_t i = 0; i < vcpus && err == CBIT_ERR_OK; i++) {
        err = cbit_traffic_open(&guest->config->traffic, i == 0 ? seed : cbit_splitmix64(seed + i),
                                CBIT_ERR_INPUT_FILE, &guest->sources[i], guest->hv->diag);
    }
    return err;
}

static bool converts(const cbit_hv_guest_t *guest)
{
    const cbit_scenario_t *scenario = guest->hv->scenario;
    bool found = false;
    for (uint32_t i = 0; i < scenario->events_count; i++) {
        found = found || (scenario->events[i].kind == CBIT_EVENT_CONVERT_PAGE &&
                          scenario->events[i].guest_index == guest->index);
    }
    return found;
}

/* What events will ask of the guest's driver. */
static uint64_t largest_event_io(const cbit_hv_guest_t *guest)
{
    const cbit_scenario_t *scenario = guest->hv->scenario;
    uint64_t most = 0;
    for (uint32_t i = 0; i < scenario->events_count; i++) {
        const cbit_scenario_event_t *event = &scenario->events[i];
        bool dma = event->kind == CBIT_EVENT_DMA_READ || event->kind == CBIT_EVENT_DMA_WRITE;
        if (dma && event->guest_index == guest->index && event->bytes > most) {
            most = event->bytes;
        }
    }
    return most;
}

/* Who only checks does not read programs of any length to their end. */
static void shorten(cbit_guest_config_t *config)
{
    if (config->max_instructions == 0 || config->max_instructions > CHECKED_INSTRUCTIONS) {
        config->max_instructions = CHECKED_INSTRUCTIONS;
    }
    if (config->warm_up_instructions >= CHECKED_INSTRUCTIONS) {
        config->warm_up_instructions = CHECKED_INSTRUCTIONS - 1;
    }
}

static cbit_err_t build_software(cbit_hv_guest_t *guest)
{
    cbit_hv_t *hv = guest->hv;
    uint64_t seed = cbit_splitmix64(hv->scenario->seed + guest->index);
    cbit_err_t err = open_sources(guest, seed);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    uint32_t tamper = CBIT_TAMPER_NONE;
    bool migrates = cbit_hv_guest_migrates(hv, guest->index, &tamper);
    if (migrates && !cbit_hv_notices_init(guest)) {
        return cbit_diag_add(hv->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    cbit_guest_config_t config = {
        .memory_bytes = guest->config->memory,
        .vcpus = guest->config->vcpus,
        .common_data = guest->config->vcpu_data == CBIT_VCPU_DATA_COMMON,
        .c_bit = hv->machine.sev.c_bit,
        .encrypted = guest->sev,
        .encrypted_state = guest->es,
        .unaware = guest->sev && guest->config->unaware,
        .seed = seed,
        .max_instructions = guest->config->traffic.max_instructions,
        .warm_up_instructions = guest->config->traffic.warm_up_instructions,
        .io = guest->config->io,
        .swiotlb_bytes = guest->config->swiotlb,
        .io_room_bytes = largest_event_io(guest),
        .converts = converts(guest),
        .secret = guest->session != NULL,
        .notices = guest->sev && migrates,
        .misses_notice = tamper == CBIT_TAMPER_MISSED_NOTICE,
    };
    const cbit_diag_place_t where = cbit_hv_guest_place(guest->index);
    config.where = where.text;
    if (hv->checking) {
        shorten(&config);
    }
    return cbit_guest_create(&config, guest->sources, &guest->soft, hv->diag);
}

static cbit_err_t build_vcpus(cbit_hv_guest_t *guest, uint32_t *next_core)
{
    cbit_hv_t *hv = guest->hv;
    guest->vcpus = calloc(guest->config->vcpus, sizeof *guest->vcpus);
    if (guest->vcpus == NULL) {
        return cbit_diag_add(hv->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    guest->vcpus_left = guest->config->vcpus;
    guest->warming = guest->config->vcpus;
    for (uint32_t i = 0; i < guest->config->vcpus; i++) {
        cbit_hv_vcpu_t *vcpu = &guest->vcpus[i];
        vcpu->guest = guest;
        vcpu->index = i;
        vcpu->home = &hv->cores[cbit_hv_first_core(vcpu, next_core)];
        if (!cbit_hv_frames_take(&hv->frames, &vcpu->vmcb_spa) ||
            (guest->es && !cbit_hv_frames_take(&hv->frames, &vcpu->vmsa_spa))) {
            return cbit_diag_add(hv->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
        }
    }
    return CBIT_ERR_OK;
}

/* The trusted memory region of SEV-ES, aligned to its size, for the first guest that needs it. */
static bool take_tmr(cbit_hv_t *hv)
{
    cbit_spa_t spa;
    if (hv->tmr_spa != 0) {
        return true;
    }
    if (!cbit_hv_frames_take_run(&hv->frames, 2 * SEV_TMR_BYTES, &spa)) {
        return false;
    }
    hv->tmr_spa = (spa + SEV_TMR_BYTES - 1) / SEV_TMR_BYTES * SEV_TMR_BYTES;
    return true;
}

static cbit_err_t build_guest(cbit_hv_t *hv, uint32_t index, uint32_t *next_core)
{
    cbit_hv_guest_t *guest = &hv->guests[index];
    guest->hv = hv;
    guest->index = index;
    guest->config = &hv->scenario->guests[index];
    guest->sev = guest->config->protection != CBIT_PROTECTION_NONE &&
                 hv->options->baseline != CBIT_BASELINE_UNPROTECTED;
    guest->es = guest->sev && guest->config->protection == CBIT_PROTECTION_SEV_ES;
    if (guest->es && !take_tmr(hv)) {
        return cbit_diag_add(hv->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    guest->doing = "waiting for its turn";
    cbit_hv_pace_init(guest);
    guest->result = &hv->result->guests[index];
    (void)snprintf(guest->result->name, sizeof guest->result->name, "%s", guest->config->name);
    cbit_hv_transfer_init(&guest->transfer, hv->kernel,
                          cbit_platform_host_port(hv->platform, index % hv->core_count),
                          CBIT_SOURCE_HOST, 0);
    guest->digest = cbit_hv_digest_create();
    if (guest->digest == NULL || !cbit_hv_command_init(&guest->command, hv) ||
        !cbit_hv_session_init(guest)) {
        return cbit_diag_add(hv->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    cbit_err_t err = build_software(guest);
    return err == CBIT_ERR_OK ? build_vcpus(guest, next_core) : err;
}

static cbit_err_t build_guests(cbit_hv_t *hv)
{
    uint32_t next_core = 0;
    cbit_err_t first = CBIT_ERR_OK;
    for (uint32_t i = 0; i < hv->guest_count; i++) {
        /* All guests are looked at: a user wants to know of every bad trace at once. */
        cbit_err_t err = build_guest(hv, i, &next_core);
        first = first == CBIT_ERR_OK ? err : first;
    }
    return first;
}

/* A second machine of the same kind, for guests to migrate to. */
static cbit_err_t build_target(cbit_hv_t *hv)
{
    static const uint64_t another = UINT64_C(0x746172676574); /* "target" */
    cbit_hv_t *target = calloc(1, sizeof *target);
    if (target == NULL || (target->result = calloc(1, sizeof *target->result)) == NULL) {
        free(target);
        return cbit_diag_add(hv->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    hv->target = target;
    hv->target_options = *hv->options;
    hv->target_options.trace = NULL;
    hv->target_options.attack = NULL;
    hv->target_options.on_console = NULL;
    target->source = hv;
    target->scenario = hv->scenario;
    target->options = &hv->target_options;
    target->diag = hv->diag;
    take_settings(target);
    target->seed = hv->scenario->target.seed != 0 ? hv->scenario->target.seed
                                                  : cbit_splitmix64(hv->seed ^ another);
    cbit_err_t err = build_machine(target);
    err = err == CBIT_ERR_OK ? build_cores(target) : err;
    err = err == CBIT_ERR_OK ? cbit_hv_iommu_create(target) : err;
    if (err == CBIT_ERR_OK && hv->tmr_spa != 0 && !take_tmr(target)) {
        err = cbit_diag_add(hv->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    return err == CBIT_ERR_OK ? cbit_hv_migrations_create(hv) : err;
}

/* Whether an event of this run is a migration: none is in a baseline. */
static bool needs_target(const cbit_hv_t *hv)
{
    for (uint32_t i = 0; i < hv->probe_count; i++) {
        if (hv->probes[i].event->kind == CBIT_EVENT_MIGRATE &&
            hv->probes[i].state != CBIT_HV_PROBE_ABSENT) {
            return true;
        }
    }
    return false;
}

cbit_err_t cbit_hv_build(cbit_hv_t *hv)
{
    hv->guest_count = hv->scenario->guests_count;
    hv->result->guest_count = hv->guest_count;
    hv->result->event_count = hv->scenario->events_count;
    hv->result->guests = calloc(hv->guest_count + 1, sizeof *hv->result->guests);
    hv->result->events = calloc(hv->result->event_count + 1, sizeof *hv->result->events);
    hv->guests = calloc(hv->guest_count + 1, sizeof *hv->guests);
    if (hv->result->guests == NULL || hv->result->events == NULL || hv->guests == NULL) {
        return cbit_diag_add(hv->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    take_settings(hv);
    cbit_err_t err = check_settings(hv);
    err = err == CBIT_ERR_OK ? build_machine(hv) : err;
    err = err == CBIT_ERR_OK ? build_cores(hv) : err;
    err = err == CBIT_ERR_OK ? build_guests(hv) : err;
    err = err == CBIT_ERR_OK ? cbit_hv_iommu_create(hv) : err;
    err = err == CBIT_ERR_OK ? cbit_hv_probes_create(hv) : err;
    return err == CBIT_ERR_OK && needs_target(hv) ? build_target(hv) : err;
}
