#include "cbit/base/hist.h"

#include <string.h>

enum { STEPS = 1 << CBIT_HIST_STEP_BITS };

void cbit_hist_init(cbit_hist_t *hist)
{
    memset(hist, 0, sizeof *hist);
    hist->min = UINT64_MAX;
}

/* Values below 2 x STEPS have a bucket each; above, STEPS buckets per power of two. */
static uint32_t bucket_of(uint64_t value)
{
    if (value < STEPS) {
        return (uint32_t)value;
    }
    uint32_t top = 63u - (uint32_t)__builtin_clzll(value);
    uint32_t shift = top - CBIT_HIST_STEP_BITS;
    return ((shift + 1) << CBIT_HIST_STEP_BITS) + (uint32_t)(value >> shift) - STEPS;
}

static uint64_t bucket_last_value(uint32_t bucket)
{
    if (bucket < STEPS) {
        return bucket;
    }
    uint32_t shift = (bucket >> CBIT_HIST_STEP_BITS) - 1;
    uint64_t step = (bucket & (STEPS - 1)) + STEPS;
    return ((step + 1) << shift) - 1; /* wraps to UINT64_MAX for the last bucket, as it should */
}

void cbit_hist_add(cbit_hist_t *hist, uint64_t value)
{
    hist->count++;
    hist->sum += value;
    hist->min = value < hist->min ? value : hist->min;
    hist->max = value > hist->max ? value : hist->max;
    hist->buckets[bucket_of(value)]++;
}

void cbit_hist_merge(cbit_hist_t *into, const cbit_hist_t *from)
{
    into->count += from->count;
    into->sum += from->sum;
    into->min = from->min < into->min ? from->min : into->min;
    into->max = from->max > into->max ? from->max : into->max;
    for (uint32_t i = 0; i < CBIT_HIST_BUCKETS; i++) {
        into->buckets[i] += from->buckets[i];
    }
}

uint64_t cbit_hist_percentile(const cbit_hist_t *hist, uint32_t per_mille)
{
    if (hist->count == 0) {
        return 0;
    }
    /* ceil(count x per_mille / 1000), at least 1; split so that large counts do not overflow. */
    uint64_t whole = hist->count / 1000 * per_mille;
    uint64_t wanted = whole + (hist->count % 1000 * per_mille + 999) / 1000;
    wanted = wanted == 0 ? 1 : wanted;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < CBIT_HIST_BUCKETS; i++) {
        seen += hist->buckets[i];
        if (seen >= wanted) {
            uint64_t value = bucket_last_value(i);
            value = value > hist->max ? hist->max : value;
            return value < hist->min ? hist->min : value;
        }
    }
    return hist->max;
}
