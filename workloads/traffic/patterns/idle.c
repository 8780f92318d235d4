/* Instructions only: a core that runs out of its instruction cache. */
#include "workloads/traffic/patterns/pattern.h"

static uint32_t next(cbit_pattern_t *pattern, cbit_trace_record_t records[CBIT_PATTERN_MAX_STEP])
{
    (void)pattern;
    (void)records;
    return 0;
}

const cbit_pattern_kind_t cbit_pattern_idle = {NULL, next};
