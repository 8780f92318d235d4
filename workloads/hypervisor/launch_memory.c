/* A launch before its first command: ASID, frames, tables, VMCBs and the image as host software
   puts them into memory. */
#include "workloads/hypervisor/launch.h"
#include "workloads/hypervisor/session.h"
#include "workloads/hypervisor/vmcb.h"

uint64_t cbit_hv_launch_next_run(cbit_hv_guest_t *guest, cbit_spa_t *spa, const uint8_t **bytes)
{
    uint32_t count;
    const cbit_guest_piece_t *pieces = cbit_guest_pieces(guest->soft, &count);
    if (guest->piece < count && guest->piece_at == pieces[guest->piece].len_bytes) {
        guest->piece++;
        guest->piece_at = 0;
    }
    if (guest->piece >= count) {
        return 0;
    }
    const cbit_guest_piece_t *piece = &pieces[guest->piece];
    cbit_spa_t next;
    uint64_t len = CBIT_PAGE_BYTES;
    if (!cbit_hv_nested_lookup(&guest->nested, piece->gpa + guest->piece_at, spa)) {
        return 0; /* cannot be: every piece was mapped */
    }
    while (guest->piece_at + len < piece->len_bytes &&
           cbit_hv_nested_lookup(&guest->nested, piece->gpa + guest->piece_at + len, &next) &&
           next == *spa + len) {
        len += CBIT_PAGE_BYTES;
    }
    *bytes = piece->bytes + guest->piece_at;
    return len;
}

cbit_hv_step_t cbit_hv_launch_take_asid(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_hv_t *hv = guest->hv;
    guest->doing = "taking an ASID";
    if (!guest->sev) {
        /* As many as there are above those with keys; from then on two guests share one, and the
           TLB is flushed between them as between any two VMCBs of an ASID. */
        guest->asid = hv->next_plain_asid++;
        if (hv->next_plain_asid > CBIT_KEY_ASID_MAX) {
            hv->next_plain_asid = hv->machine.sev.asids + 1;
        }
        return CBIT_HV_NEXT;
    }
    cbit_hv_asid_answer_t answer = CBIT_HV_ASID_TAKEN; /* by a turn of the rotation */
    if (!guest->asid_taken) {
        answer = cbit_hv_asids_take(cbit_hv_asids_of(guest), guest->config->asid, &guest->asid);
    }
    if (answer == CBIT_HV_ASID_TAKEN) {
        guest->asid_taken = true;
        guest->result->asid = guest->asid;
        return CBIT_HV_NEXT;
    }
    if (answer == CBIT_HV_ASID_FLUSH_FIRST) {
        cbit_hv_flush(hv, &guest->turn);
        return CBIT_HV_AGAIN;
    }
    if (hv->config.asid_policy == CBIT_ASID_ROTATE && guest->config->asid == 0 && !guest->es) {
        cbit_hv_rotor_want(guest);
        return CBIT_HV_AGAIN;
    }
    guest->result->end = CBIT_GUEST_REFUSED;
    return CBIT_HV_STOP;
}

/* A frame for every page that the guest maps; the rest of its memory is never touched. */
cbit_hv_step_t cbit_hv_launch_map_memory(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_hv_t *hv = guest->hv;
    cbit_hv_frames_t *frames = cbit_hv_frames_for(guest);
    guest->doing = "mapping its memory";
    cbit_err_t err = cbit_hv_nested_init(&guest->nested, frames, hv->c_bit_mask);
    if (!hv->config.marked_tables) {
        cbit_hv_nested_set_format(&guest->nested, &cbit_hv_unmarked_format);
    }
    for (cbit_gpa_t gpa = 0; gpa < guest->config->memory && err == CBIT_ERR_OK;
         gpa += CBIT_PAGE_BYTES) {
        cbit_spa_t spa;
        bool for_secret = guest->session != NULL && gpa == cbit_hv_secret_gpa(guest);
        if (cbit_guest_area_at(guest->soft, gpa) == CBIT_GUEST_AREA_NONE && !for_secret) {
            continue;
        }
        guest->result->resident_pages++;
        err = cbit_hv_frames_take(frames, &spa) ? cbit_hv_nested_map(&guest->nested, gpa, spa)
                                                : CBIT_ERR_NO_MEMORY;
    }
    if (err != CBIT_ERR_OK) {
        return cbit_hv_fail(hv, CBIT_ERR_CONFLICT, "/memory/size_bytes",
                            "guest %s needs more memory than the machine has left",
                            guest->config->name);
    }
    return CBIT_HV_NEXT;
}

/* As KVM when memory is registered for an encrypted guest: what the caches hold of it under the
   host's key must not come down on the guest's data later. */
cbit_hv_step_t cbit_hv_launch_flush_region(void *self)
{
    cbit_hv_guest_t *guest = self;
    guest->doing = "CLFLUSH of its memory";
    while (guest->region_gpa < guest->config->memory) {
        cbit_spa_t spa;
        cbit_gpa_t gpa = guest->region_gpa;
        guest->region_gpa += CBIT_PAGE_BYTES;
        if (cbit_hv_nested_lookup(&guest->nested, gpa, &spa)) {
            cbit_platform_clflush(guest->hv->platform, spa, CBIT_PAGE_BYTES, cbit_hv_task_resume,
                                  &guest->task);
            return CBIT_HV_AGAIN;
        }
    }
    return CBIT_HV_NEXT;
}

cbit_hv_step_t cbit_hv_write_nested(cbit_hv_guest_t *guest, cbit_hv_transfer_t *transfer,
                                    cbit_hv_task_t *task)
{
    cbit_spa_t spa;
    if (!cbit_hv_nested_next_dirty(&guest->nested, &spa, transfer->line)) {
        return CBIT_HV_NEXT;
    }
    cbit_hv_transfer_start(transfer, CBIT_COMMAND_WRITE, spa, guest->hv->host_key, transfer->line,
                           CBIT_LINE_BYTES, cbit_hv_task_resume, task);
    return CBIT_HV_AGAIN;
}

cbit_hv_step_t cbit_hv_launch_write_nested(void *self)
{
    cbit_hv_guest_t *guest = self;
    guest->doing = "writing nested tables";
    return cbit_hv_write_nested(guest, &guest->transfer, &guest->task);
}

cbit_hv_step_t cbit_hv_launch_write_vmcb(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_hv_vcpu_t *vcpu = &guest->vcpus[guest->piece]; /* counts the vCPUs here */
    guest->doing = "writing its VMCB";
    if (guest->piece == guest->config->vcpus) {
        guest->piece = 0;
        return CBIT_HV_NEXT;
    }
    guest->piece++;
    cbit_hv_vmcb_setup_t setup = {.asid = guest->asid,
                                  .sev = guest->sev,
                                  .vmsa = vcpu->vmsa_spa,
                                  .nested_cr3 = cbit_hv_nested_root(&guest->nested)};
    cbit_guest_entry(guest->soft, &setup.entry);
    cbit_hv_vmcb_build(vcpu->vmcb, &setup);
    cbit_hv_transfer_start(&guest->transfer, CBIT_COMMAND_WRITE, vcpu->vmcb_spa,
                           guest->hv->host_key, vcpu->vmcb, CBIT_VMCB_BYTES, cbit_hv_task_resume,
                           &guest->task);
    return CBIT_HV_AGAIN;
}

/* The image as QEMU puts it: by host software, with the host's key or in plain. */
cbit_hv_step_t cbit_hv_launch_copy_image(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_spa_t spa;
    const uint8_t *bytes;
    uint64_t len = cbit_hv_launch_next_run(guest, &spa, &bytes);
    guest->doing = "copying its image";
    if (len == 0) {
        guest->piece = 0;
        guest->piece_at = 0;
        return CBIT_HV_NEXT;
    }
    guest->piece_at += len;
    /* A write only reads the bytes. */
    cbit_hv_transfer_start(&guest->transfer, CBIT_COMMAND_WRITE, spa, guest->hv->host_key,
                           (uint8_t *)(uintptr_t)bytes, len, cbit_hv_task_resume, &guest->task);
    return CBIT_HV_AGAIN;
}
