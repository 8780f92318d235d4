/* Idle latency as published ones are measured: a dependent random walk by one core, pages of 2 MiB.
 */
#ifndef CBIT_PERF_IDLE_WALK_H
#define CBIT_PERF_IDLE_WALK_H

#include "perf/benchmarks/path_machine.h"

/* Picoseconds a load over span_bytes (at most 512 MiB): what 20 000 more loads take, so that entry,
   exit and cold tables cancel out. warm_loads go before: few leave the caches cold, so that hardly
   a load finds its line there. */
uint64_t idle_walk_ps(const cbit_platform_config_t *config, path_bytes_t bytes, uint64_t span_bytes,
                      uint32_t warm_loads, uint64_t seed);

enum { IDLE_WALK_COLD = 200 };

#endif
