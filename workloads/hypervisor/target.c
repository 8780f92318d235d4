/* The second machine of a migration, and how a guest changes over to it. */
#include <stdlib.h>
#include <string.h>

#include "workloads/hypervisor/migrate.h"

bool cbit_hv_guest_migrates(const cbit_hv_t *hv, uint32_t guest, uint32_t *tamper)
{
    for (uint32_t i = 0; i < hv->scenario->events_count; i++) {
        const cbit_scenario_event_t *event = &hv->scenario->events[i];
        if (event->kind == CBIT_EVENT_MIGRATE && event->guest_index == guest) {
            *tamper = event->tamper;
            return true;
        }
    }
    return false;
}

/* ---- stand-ins ---- */

/* Not the number that it has here: nothing may rely on that. */
static uint32_t other_asid(const cbit_hv_t *hv, const cbit_hv_guest_t *guest)
{
    uint32_t first = guest->es ? 1 : hv->machine.sev.min_sev_asid;
    uint32_t last = guest->es ? hv->machine.sev.min_sev_asid - 1 : hv->machine.sev.asids;
    return first + (guest->index + (guest->config->asid != 0 ? guest->config->asid : 1)) %
                       (last - first + 1);
}

static bool add_vcpus(cbit_hv_guest_t *stand_in)
{
    stand_in->vcpus = calloc(stand_in->config->vcpus, sizeof *stand_in->vcpus);
    for (uint32_t i = 0; stand_in->vcpus != NULL && i < stand_in->config->vcpus; i++) {
        cbit_hv_vcpu_t *vcpu = &stand_in->vcpus[i];
        if (!cbit_hv_frames_take(&stand_in->hv->frames, &vcpu->vmcb_spa) ||
            (stand_in->es && !cbit_hv_frames_take(&stand_in->hv->frames, &vcpu->vmsa_spa))) {
            return false;
        }
    }
    return stand_in->vcpus != NULL;
}

static void bind_transfer(cbit_hv_guest_t *guest)
{
    cbit_hv_t *hv = guest->hv;
    cbit_hv_transfer_init(&guest->transfer, hv->kernel,
                          cbit_platform_host_port(hv->platform, guest->index % hv->core_count),
                          CBIT_SOURCE_HOST, 0);
}

cbit_hv_guest_t *cbit_hv_stand_in_create(cbit_hv_migration_t *m)
{
    cbit_hv_guest_t *stand_in = calloc(1, sizeof *stand_in);
    if (stand_in == NULL) {
        return NULL;
    }
    m->stand_in_config = *m->guest->config;
    m->stand_in_config.asid = m->guest->sev ? other_asid(m->hv, m->guest) : 0;
    *stand_in = (cbit_hv_guest_t){.hv = m->hv->target,
                                  .index = m->guest->index,
                                  .config = &m->stand_in_config,
                                  .sev = m->guest->sev,
                                  .es = m->guest->es,
                                  .stands_in = true,
                                  .device_id = m->guest->device_id,
                                  .soft = m->guest->soft,
                                  .session = m->guest->session,
                                  .result = &m->stand_in_result,
                                  .doing = "standing in for a migration"};
    bind_transfer(stand_in);
    if (!cbit_hv_command_init(&stand_in->command, stand_in->hv) || !add_vcpus(stand_in)) {
        cbit_hv_stand_in_destroy(stand_in);
        return NULL;
    }
    return stand_in;
}

void cbit_hv_stand_in_destroy(cbit_hv_guest_t *stand_in)
{
    if (stand_in != NULL) {
        if (stand_in->nested.frames != NULL) {
            cbit_hv_nested_clear(&stand_in->nested);
        }
        if (stand_in->domain.frames != NULL) {
            cbit_hv_nested_clear(&stand_in->domain);
        }
        free(stand_in->vcpus);
        free(stand_in->remaps);
        free(stand_in);
    }
}

/* ---- is it the same guest? ---- */

static bool read_page(const cbit_hv_guest_t *side, cbit_gpa_t gpa, uint8_t bytes[CBIT_PAGE_BYTES])
{
    cbit_port_t port = cbit_platform_host_port(side->hv->platform, 0);
    bool is_private = side->sev && cbit_guest_area_at(side->soft, gpa) == CBIT_GUEST_AREA_PRIVATE;
    cbit_key_t key = is_private ? (cbit_key_t)side->asid : side->hv->host_key;
    cbit_spa_t spa;
    bool done = cbit_hv_nested_frame(&side->nested, gpa, &spa);
    for (uint32_t at = 0; done && at < CBIT_PAGE_BYTES; at += CBIT_LINE_BYTES) {
        done = port.peek(port.self, spa + at, key, bytes + at, CBIT_LINE_BYTES) == CBIT_ERR_OK;
    }
    return done;
}

static uint64_t changed_blocks(const uint8_t *a, const uint8_t *b)
{
    uint64_t changed = 0;
    for (uint32_t at = 0; at < CBIT_PAGE_BYTES; at += CBIT_BLOCK_BYTES) {
        changed += memcmp(a + at, b + at, CBIT_BLOCK_BYTES) != 0;
    }
    return changed;
}

static bool is_replayed(const cbit_hv_migration_t *m, cbit_gpa_t gpa, const uint8_t *seen)
{
    return m->tampered && m->kept != NULL && gpa == m->replayed_gpa &&
           memcmp(m->kept[gpa / CBIT_PAGE_BYTES]->plain, seen, CBIT_PAGE_BYTES) == 0;
}

void cbit_hv_migrate_compare(cbit_hv_migration_t *m)
{
    cbit_run_event_t *event = m->probe->result;
    uint8_t here[CBIT_PAGE_BYTES], there[CBIT_PAGE_BYTES];
    for (cbit_gpa_t gpa = 0; gpa < m->guest->config->memory; gpa += CBIT_PAGE_BYTES) {
        if (!read_page(m->guest, gpa, here)) {
            continue;
        }
        uint64_t changed = read_page(m->stand_in, gpa, there) ? changed_blocks(here, there)
                                                              : CBIT_PAGE_BYTES / CBIT_BLOCK_BYTES;
        m->result->pages_compared++;
        event->blocks += CBIT_PAGE_BYTES / CBIT_BLOCK_BYTES;
        event->changed_blocks += changed;
        if (changed > 0) {
            m->result->pages_wrong++;
            m->result->outcome = is_replayed(m, gpa, there) ? "stale" : "garbage";
            if (m->probe->event->tamper != CBIT_TAMPER_NONE) {
                cbit_guest_spoil(m->guest->soft, gpa);
            }
        }
    }
}

/* ---- the change-over ---- */

#define SWAP(type, a, b)                                                                           \
    do {                                                                                           \
        type swapped = (a);                                                                        \
        (a) = (b);                                                                                 \
        (b) = swapped;                                                                             \
    } while (0)

/* Command buffers stay with their machines. */
static void swap_commands(cbit_hv_guest_t *a, cbit_hv_guest_t *b)
{
    cbit_spa_t a_spa = a->command.buffer_spa, b_spa = b->command.buffer_spa;
    cbit_hv_command_bind(&a->command, a->hv, b_spa);
    cbit_hv_command_bind(&b->command, b->hv, a_spa);
    bind_transfer(a);
    bind_transfer(b);
}

static void swap_belongings(cbit_hv_guest_t *a, cbit_hv_guest_t *b)
{
    SWAP(cbit_hv_t *, a->hv, b->hv);
    SWAP(cbit_hv_nested_t, a->nested, b->nested);
    SWAP(cbit_hv_nested_t, a->domain, b->domain);
    SWAP(uint32_t, a->asid, b->asid);
    SWAP(uint32_t, a->handle, b->handle);
    SWAP(bool, a->asid_taken, b->asid_taken);
    SWAP(bool, a->activated, b->activated);
    SWAP(cbit_hv_remap_t *, a->remaps, b->remaps);
    SWAP(uint32_t, a->remap_count, b->remap_count);
    swap_commands(a, b);
}

/* The program's place goes along; registers are in the VMCB or VMSA that is there already. */
static void move_vcpu(cbit_hv_vcpu_t *vcpu, cbit_hv_vcpu_t *stand_in, uint32_t *next_core)
{
    cbit_hv_core_t *from = vcpu->home;
    cbit_hv_core_t *to = &vcpu->guest->hv->cores[cbit_hv_first_core(vcpu, next_core)];
    if (vcpu->last_core != NULL) {
        cbit_vcpu_move(from->cpu, to->cpu, &vcpu->bound_program, (uint16_t)vcpu->guest->index);
        from->bound = from->bound == vcpu ? NULL : from->bound;
        vcpu->last_core = to;
    }
    vcpu->home = to;
    vcpu->fair_ps = 0;
    SWAP(cbit_spa_t, vcpu->vmcb_spa, stand_in->vmcb_spa);
    SWAP(cbit_spa_t, vcpu->vmsa_spa, stand_in->vmsa_spa);
    memcpy(vcpu->vmcb, stand_in->vmcb, sizeof vcpu->vmcb);
    cbit_hv_devices_attach(vcpu);
}

void cbit_hv_hand_over(cbit_hv_migration_t *m)
{
    cbit_hv_guest_t *guest = m->guest;
    swap_belongings(guest, m->stand_in);
    for (uint32_t i = 0; i < guest->config->vcpus; i++) {
        move_vcpu(&guest->vcpus[i], &m->stand_in->vcpus[i], &guest->hv->next_core);
    }
    guest->resident_since_ps = cbit_hv_now(guest->hv);
}
