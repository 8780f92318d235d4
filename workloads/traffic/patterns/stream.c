/* copy and scale: b[i] from a[i]; add and triad: c[i] from a[i] and b[i]. */
#include "workloads/traffic/patterns/pattern.h"

static uint64_t arrays(const cbit_pattern_t *pattern)
{
    uint32_t kernel = pattern->traffic->kernel;
    return kernel == CBIT_STREAM_ADD || kernel == CBIT_STREAM_TRIAD ? 3 : 2;
}

static uint32_t next(cbit_pattern_t *pattern, cbit_trace_record_t records[CBIT_PATTERN_MAX_STEP])
{
    uint64_t count = arrays(pattern);
    uint64_t elements = pattern->items / count;
    uint64_t element = pattern->step % elements;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t item = i * elements + element;
        records[i] = (cbit_trace_record_t){
            .gva = CBIT_TRAFFIC_BASE_GVA + item * pattern->traffic->access_bytes,
            .kind = i + 1 == count ? CBIT_TRACE_STORE : CBIT_TRACE_LOAD};
    }
    return (uint32_t)count;
}

const cbit_pattern_kind_t cbit_pattern_stream = {NULL, next};
