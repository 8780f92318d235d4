/* Around the footprint in steps; each time around starts one access further. */
#include "workloads/traffic/patterns/pattern.h"

static uint32_t next(cbit_pattern_t *pattern, cbit_trace_record_t records[CBIT_PATTERN_MAX_STEP])
{
    const cbit_traffic_t *traffic = pattern->traffic;
    uint64_t in_a_round = traffic->footprint / traffic->stride;
    uint64_t round = pattern->step / in_a_round;
    uint64_t shifts = traffic->stride / traffic->access_bytes;
    uint64_t offset = pattern->step % in_a_round * traffic->stride +
                      (shifts == 0 ? 0 : round % shifts) * traffic->access_bytes;
    cbit_pattern_access(pattern, offset, &records[0]);
    return 1;
}

const cbit_pattern_kind_t cbit_pattern_strided = {NULL, next};
