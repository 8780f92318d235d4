#include "cbit/iommu/iommu.h"

#include <stdlib.h>

struct cbit_iommu {
    uint64_t c_bit_mask;
    cbit_port_t memory;
};

static cbit_key_t key_of(const cbit_iommu_t *iommu, cbit_spa_t address)
{
    const cbit_access_t access = {.accessor = CBIT_ACCESSOR_DEVICE,
                                  .host_c_bit = (address & iommu->c_bit_mask) != 0};
    return cbit_key_of_access(&access);
}

static bool iommu_try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    const cbit_iommu_t *iommu = self;
    const cbit_spa_t address = txn->spa;
    txn->key = key_of(iommu, address);
    txn->source = CBIT_SOURCE_DMA;
    txn->spa = address & ~iommu->c_bit_mask;
    if (!iommu->memory.try_send(iommu->memory.self, txn, waiter)) {
        txn->spa = address; /* the device sends the same request again */
        return false;
    }
    return true;
}

static cbit_err_t iommu_peek(void *self, cbit_spa_t spa, cbit_key_t key, void *bytes,
                             uint32_t len_bytes)
{
    const cbit_iommu_t *iommu = self;
    (void)key;
    return iommu->memory.peek(iommu->memory.self, spa & ~iommu->c_bit_mask, key_of(iommu, spa),
                              bytes, len_bytes);
}

static cbit_err_t iommu_poke(void *self, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                             uint32_t len_bytes)
{
    const cbit_iommu_t *iommu = self;
    (void)key;
    return iommu->memory.poke(iommu->memory.self, spa & ~iommu->c_bit_mask, key_of(iommu, spa),
                              bytes, len_bytes);
}

cbit_err_t cbit_iommu_create(uint32_t c_bit, cbit_port_t memory, cbit_iommu_t **out)
{
    cbit_iommu_t *iommu = calloc(1, sizeof *iommu);
    if (iommu == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    iommu->c_bit_mask = c_bit == 0 ? 0 : UINT64_C(1) << c_bit;
    iommu->memory = memory;
    *out = iommu;
    return CBIT_ERR_OK;
}

void cbit_iommu_destroy(cbit_iommu_t *iommu)
{
    free(iommu);
}

cbit_port_t cbit_iommu_port(cbit_iommu_t *iommu)
{
    return (cbit_port_t){
        .self = iommu, .try_send = iommu_try_send, .peek = iommu_peek, .poke = iommu_poke};
}
