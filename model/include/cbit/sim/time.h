/**
 * @file
 * Simulated time and clocks.
 *
 * Time is picoseconds since reset in 64 bits (213 days). A clock has an exact rational period, so
 * edges never drift: edge n is at phase + floor(n x num / den).
 */
#ifndef CBIT_SIM_TIME_H
#define CBIT_SIM_TIME_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t cbit_ps_t;

#define CBIT_PS_NEVER UINT64_MAX

typedef struct cbit_clock {
    uint64_t phase_ps;
    uint64_t period_num_ps; /* period = num / den picoseconds; DDR5-4800: 1250 / 3 */
    uint64_t period_den;    /* >= 1 */
} cbit_clock_t;

__extension__ typedef unsigned __int128 cbit_u128_t;

/* When edge n is. */
static inline cbit_ps_t cbit_clock_edge_ps(const cbit_clock_t *clock, uint64_t n)
{
    if (clock->period_den == 1) {
        return clock->phase_ps + n * clock->period_num_ps;
    }
    uint64_t product;
    if (!__builtin_mul_overflow(n, clock->period_num_ps, &product)) {
        return clock->phase_ps + product / clock->period_den; /* the wide division is a call */
    }
    return clock->phase_ps + (uint64_t)((cbit_u128_t)n * clock->period_num_ps / clock->period_den);
}

/* The first edge at or after at_ps. */
static inline uint64_t cbit_clock_edge_at_or_after(const cbit_clock_t *clock, cbit_ps_t at_ps)
{
    if (at_ps <= clock->phase_ps) {
        return 0;
    }
    /* Smallest n with floor(n num / den) >= d, which is n num >= d den. */
    uint64_t product;
    if (!__builtin_mul_overflow(at_ps - clock->phase_ps, clock->period_den, &product) &&
        !__builtin_add_overflow(product, clock->period_num_ps - 1, &product)) {
        return product / clock->period_num_ps;
    }
    cbit_u128_t d = at_ps - clock->phase_ps;
    return (uint64_t)((d * clock->period_den + clock->period_num_ps - 1) / clock->period_num_ps);
}

/* The last edge at or before at_ps; at_ps must not be before the phase. */
static inline uint64_t cbit_clock_edge_at_or_before(const cbit_clock_t *clock, cbit_ps_t at_ps)
{
    uint64_t n = cbit_clock_edge_at_or_after(clock, at_ps);
    return cbit_clock_edge_ps(clock, n) == at_ps || n == 0 ? n : n - 1;
}

/* n periods, rounded down: for fixed latencies given in clocks. */
static inline cbit_ps_t cbit_clock_span_ps(const cbit_clock_t *clock, uint64_t n)
{
    return (uint64_t)((cbit_u128_t)n * clock->period_num_ps / clock->period_den);
}

#ifdef __cplusplus
}
#endif
#endif
