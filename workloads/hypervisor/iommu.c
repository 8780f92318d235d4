/*
 * The host's IOMMU driver. The device table and, for each guest with a real device, I/O page tables
 * lie in host memory: written by host software under the host's key, read by the IOMMU. A guest's
 * device uses guest addresses. On an SME host every entry carries the C-bit but for the leaves of
 * private pages: no key that a device can name opens those.
 */
#include <stdlib.h>

#include "workloads/hypervisor/bytes.h"
#include "workloads/hypervisor/hv.h"

enum {
    LEVELS = 4,
    TABLE_BYTES = CBIT_IOMMU_MAX_DEVICES * CBIT_IOMMU_DTE_BYTES,
};

/* ---- which guests ---- */

static bool has_real_device(const cbit_hv_t *hv, uint32_t index)
{
    const cbit_guest_io_load_t *io = &hv->scenario->guests[index].io;
    bool found = io->every_instructions != 0 && io->device == CBIT_GUEST_DEVICE_REAL;
    for (uint32_t i = 0; i < hv->scenario->events_count; i++) {
        const cbit_scenario_event_t *event = &hv->scenario->events[i];
        bool dma = event->kind == CBIT_EVENT_DMA_READ || event->kind == CBIT_EVENT_DMA_WRITE;
        found |= dma && event->guest_index == index && event->device == CBIT_GUEST_DEVICE_REAL;
    }
    return found;
}

cbit_err_t cbit_hv_iommu_create(cbit_hv_t *hv)
{
    uint32_t next = 1; /* 0 is nobody's: its address is used as it is */
    for (uint32_t i = 0; i < hv->scenario->guests_count; i++) {
        if (!has_real_device(hv, i)) {
            continue;
        }
        if (next == CBIT_IOMMU_MAX_DEVICES) {
            return cbit_diag_add(
                hv->diag, CBIT_ERR_CONFLICT, "/guests",
                "more than %d guests with real devices, which the IOMMU tells apart",
                CBIT_IOMMU_MAX_DEVICES - 1);
        }
        cbit_iommu_set_address_bits(cbit_platform_iommu(hv->platform), next,
                                    hv->config.dma_mask_bits);
        if (hv->guests != NULL) { /* else the machine that they migrate to */
            hv->guests[i].device_id = next;
        }
        next++;
    }
    if (next == 1 || hv->config.iommu == CBIT_IOMMU_PASSTHROUGH) {
        return CBIT_ERR_OK;
    }
    hv->device_table = calloc(1, TABLE_BYTES); /* V = 0: not translated */
    return hv->device_table != NULL &&
                   cbit_hv_frames_take_run(&hv->frames, TABLE_BYTES, &hv->device_table_spa)
               ? CBIT_ERR_OK
               : cbit_diag_add(hv->diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
}

/* ---- the device table ---- */

cbit_hv_step_t cbit_hv_iommu_boot(void *self)
{
    cbit_hv_t *hv = self;
    if (hv->device_table_spa == 0) {
        return CBIT_HV_NEXT;
    }
    hv->doing = "writing the device table";
    cbit_hv_transfer_start(&hv->transfer, CBIT_COMMAND_WRITE, hv->device_table_spa, hv->host_key,
                           hv->device_table, TABLE_BYTES, cbit_hv_task_resume, &hv->task);
    return CBIT_HV_WAIT;
}

cbit_hv_step_t cbit_hv_iommu_booted(void *self)
{
    cbit_hv_t *hv = self;
    if (hv->device_table_spa != 0) {
        cbit_iommu_set_device_table(cbit_platform_iommu(hv->platform),
                                    hv->device_table_spa | hv->c_bit_mask, CBIT_IOMMU_MAX_DEVICES);
    }
    return CBIT_HV_NEXT;
}

static cbit_hv_step_t write_entry(cbit_hv_guest_t *guest, uint64_t first)
{
    cbit_hv_t *hv = guest->hv;
    cbit_hv_put_le(guest->device_entry, first, 8);
    cbit_hv_transfer_start(
        &guest->transfer, CBIT_COMMAND_WRITE,
        hv->device_table_spa + (cbit_spa_t)guest->device_id * CBIT_IOMMU_DTE_BYTES, hv->host_key,
        guest->device_entry, CBIT_IOMMU_DTE_BYTES, cbit_hv_task_resume, &guest->task);
    return CBIT_HV_WAIT;
}

static bool is_translated(const cbit_hv_guest_t *guest)
{
    return guest->device_id != 0 && guest->hv->device_table_spa != 0;
}

/* ---- a guest's tables ---- */

static bool is_private(const cbit_hv_guest_t *guest, cbit_gpa_t gpa)
{
    return guest->sev && cbit_guest_area_at(guest->soft, gpa) == CBIT_GUEST_AREA_PRIVATE;
}

cbit_hv_step_t cbit_hv_iommu_map(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_hv_t *hv = guest->hv;
    if (!is_translated(guest)) {
        return CBIT_HV_NEXT;
    }
    guest->doing = "mapping its memory for its device";
    cbit_err_t err = cbit_hv_nested_init(&guest->domain, cbit_hv_frames_for(guest), hv->c_bit_mask);
    cbit_hv_nested_set_format(&guest->domain, &cbit_hv_iommu_format);
    for (cbit_gpa_t gpa = 0; gpa < guest->config->memory && err == CBIT_ERR_OK;
         gpa += CBIT_PAGE_BYTES) {
        cbit_spa_t spa;
        if (cbit_hv_nested_frame(&guest->nested, gpa, &spa)) {
            err = is_private(guest, gpa) ? cbit_hv_nested_map_plain(&guest->domain, gpa, spa)
                                         : cbit_hv_nested_map(&guest->domain, gpa, spa);
        }
    }
    if (err != CBIT_ERR_OK) {
        return cbit_hv_fail(hv, CBIT_ERR_CONFLICT, "/memory/size_bytes",
                            "guest %s needs more memory than the machine has left",
                            guest->config->name);
    }
    return CBIT_HV_NEXT;
}

cbit_hv_step_t cbit_hv_iommu_write(void *self)
{
    cbit_hv_guest_t *guest = self;
    cbit_spa_t spa;
    if (!cbit_hv_nested_next_dirty(&guest->domain, &spa, guest->transfer.line)) {
        return CBIT_HV_NEXT;
    }
    cbit_hv_transfer_start(&guest->transfer, CBIT_COMMAND_WRITE, spa, guest->hv->host_key,
                           guest->transfer.line, CBIT_LINE_BYTES, cbit_hv_task_resume,
                           &guest->task);
    return CBIT_HV_AGAIN;
}

cbit_hv_step_t cbit_hv_iommu_enter(void *self)
{
    cbit_hv_guest_t *guest = self;
    return !is_translated(guest)
               ? CBIT_HV_NEXT
               : write_entry(guest, CBIT_DTE_V | CBIT_DTE_TV |
                                        (uint64_t)LEVELS << CBIT_DTE_MODE_SHIFT | CBIT_DTE_IR |
                                        CBIT_DTE_IW | cbit_hv_nested_root(&guest->domain));
}

cbit_hv_step_t cbit_hv_iommu_entered(void *self)
{
    const cbit_hv_guest_t *guest = self;
    if (is_translated(guest)) {
        cbit_iommu_invalidate(cbit_platform_iommu(guest->hv->platform), guest->device_id);
    }
    return CBIT_HV_NEXT;
}

/* Valid, without a translation: every access of the device is a fault from then on. */
cbit_hv_step_t cbit_hv_iommu_block(void *self)
{
    cbit_hv_guest_t *guest = self;
    return guest->domain.count == 0 ? CBIT_HV_NEXT : write_entry(guest, CBIT_DTE_V);
}

cbit_hv_step_t cbit_hv_iommu_blocked(void *self)
{
    cbit_hv_guest_t *guest = self;
    (void)cbit_hv_iommu_entered(guest);
    cbit_hv_nested_clear(&guest->domain);
    return CBIT_HV_NEXT;
}

/* ---- addresses ---- */

bool cbit_hv_iommu_address(const cbit_hv_guest_t *guest, cbit_gpa_t gpa, cbit_spa_t spa,
                           bool under_host_key, uint64_t *address)
{
    uint32_t bits = guest->hv->config.dma_mask_bits;
    *address = guest->domain.count != 0 ? gpa : spa | (under_host_key ? guest->hv->c_bit_mask : 0);
    return bits == 64 || *address >> bits == 0;
}
