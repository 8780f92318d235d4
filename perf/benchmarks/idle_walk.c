#include "perf/benchmarks/idle_walk.h"

#include "cbit/base/rng.h"

enum { LOADS = 20000, SHORT = 200 };

typedef struct walk {
    cbit_rng_t rng;
    uint64_t span_bytes;
    uint32_t left;
} walk_t;

static bool next_load(void *self, cbit_op_t *op)
{
    walk_t *walk = self;
    if (walk->left == 0) {
        return false;
    }
    walk->left--;
    *op = (cbit_op_t){.kind = CBIT_OP_LOAD,
                      .gva = PATH_DATA + cbit_rng_below(&walk->rng, walk->span_bytes / 64) * 64,
                      .size_bytes = 8,
                      .depends = true};
    return true;
}

static uint64_t walk_ps(path_machine_t *machine, walk_t *walk, uint64_t seed, uint32_t loads)
{
    const cbit_program_t program = {.self = walk, .next = next_load, .may_ask_ahead = true};
    uint64_t events;
    walk->left = loads;
    cbit_rng_init(&walk->rng, seed, loads);
    return path_machine_run(machine, &program, &events);
}

uint64_t idle_walk_ps(const cbit_platform_config_t *config, path_bytes_t bytes, uint64_t span_bytes,
                      uint32_t warm_loads, uint64_t seed)
{
    path_machine_t *machine = path_machine_create(config, bytes);
    /* Three programs: a core knows them by their address. */
    walk_t warm = {.span_bytes = span_bytes}, shorter = warm, longer = warm;
    (void)walk_ps(machine, &warm, seed, warm_loads);
    const uint64_t short_ps = walk_ps(machine, &shorter, seed, SHORT);
    const uint64_t long_ps = walk_ps(machine, &longer, seed, SHORT + LOADS);
    path_machine_destroy(machine);
    return (long_ps - short_ps) / LOADS;
}
