#include "model/platform/wiring.h"

static void part(cbit_module_t *module, cbit_module_t *parent, const char *name, uint32_t index,
                 cbit_binding_t *memory)
{
    cbit_module_init(module, parent, name, index);
    if (memory != NULL) {
        cbit_binding_init(memory, module, "memory");
    }
}

void cbit_wiring_init(cbit_wiring_t *wiring, uint32_t channels, uint32_t cores, cbit_diag_t *diag)
{
    wiring->diag = diag;
    wiring->err = CBIT_ERR_OK;
    cbit_module_t *soc = &wiring->soc;
    part(soc, NULL, "soc", CBIT_MODULE_SINGLE, NULL);
    part(&wiring->fabric, soc, "fabric", CBIT_MODULE_SINGLE, NULL);
    for (uint32_t i = 0; i < channels; i++) {
        part(&wiring->channel[i], &wiring->fabric, "channel", i, &wiring->channel_memory[i]);
    }
    part(&wiring->cache, soc, "cache", CBIT_MODULE_SINGLE, &wiring->cache_memory);
    part(&wiring->iommu, soc, "iommu", CBIT_MODULE_SINGLE, &wiring->iommu_memory);
    for (uint32_t i = 0; i < cores; i++) {
        part(&wiring->core[i], soc, "core", i, &wiring->core_memory[i]);
    }
    part(&wiring->sp, soc, "sp", CBIT_MODULE_SINGLE, &wiring->sp_memory);
}

cbit_port_t cbit_wiring_bind(cbit_wiring_t *wiring, cbit_binding_t *binding, cbit_port_t port)
{
    const cbit_err_t err = cbit_binding_bind(binding, port, wiring->diag);
    wiring->err = err == CBIT_ERR_OK ? wiring->err : err;
    return binding->port;
}

cbit_err_t cbit_wiring_check(const cbit_wiring_t *wiring)
{
    const cbit_err_t err = cbit_module_elaborate(&wiring->soc, wiring->diag);
    return err == CBIT_ERR_OK ? wiring->err : err;
}
