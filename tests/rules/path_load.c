#include "path_load.h"

#include <string.h>

#include "perf/benchmarks/path_machine.h"

void path_load_machine(cbit_platform_config_t *config)
{
    cbit_rows_defaults(cbit_platform_rows, config);
    config->cache.l2.size_bytes = UINT64_C(32) << 10;
    config->cache.l3.size_bytes = UINT64_C(256) << 10;
}

void path_load_init(path_load_t *load, uint32_t references, uint64_t seed)
{
    load->left = references;
    cbit_rng_init(&load->rng, seed, 0);
}

bool path_load_next(void *self, cbit_op_t *op)
{
    static const uint64_t spans[] = {UINT64_C(1) << 12, UINT64_C(1) << 18, UINT64_C(1) << 28};
    path_load_t *load = self;
    if (load->left-- == 0) {
        return false;
    }
    op->kind = cbit_rng_below(&load->rng, 3) == 0 ? CBIT_OP_STORE : CBIT_OP_LOAD;
    op->gva = PATH_DATA + cbit_rng_below(&load->rng, spans[cbit_rng_below(&load->rng, 3)]);
    op->size_bytes = 1 + (uint32_t)cbit_rng_below(&load->rng, CBIT_LINE_BYTES);
    op->depends = cbit_rng_below(&load->rng, 4) == 0;
    op->instructions = 1;
    memset(op->data, (int)load->left, sizeof op->data);
    return true;
}
