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

/* A divisor that stays: its quotients are exact, and cost two multiplications. */
typedef struct cbit_divisor {
    uint64_t by;
    uint64_t reciprocal; /* 2^64 / by, too small by 1 at most */
} cbit_divisor_t;

/* by: >= 1. */
static inline cbit_divisor_t cbit_divisor_of(uint64_t by)
{
    const cbit_divisor_t divisor = {by, UINT64_MAX / by};
    return divisor;
}

static inline uint64_t cbit_divide(cbit_divisor_t divisor, uint64_t value)
{
    /* The reciprocal lacks 1 at most, so the product lacks value / 2^64, which is less than 1. */
    const uint64_t estimate = (uint64_t)((cbit_u128_t)value * divisor.reciprocal >> 64);
    return estimate + (value - estimate * divisor.by >= divisor.by ? 1 : 0);
}

/* A clock that is asked often. */
typedef struct cbit_pace {
    cbit_clock_t clock;
    cbit_divisor_t num, den;
} cbit_pace_t;

static inline cbit_pace_t cbit_pace_of(cbit_clock_t clock)
{
    const cbit_pace_t pace = {clock, cbit_divisor_of(clock.period_num_ps),
                              cbit_divisor_of(clock.period_den)};
    return pace;
}

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

/* The same two of a clock that is asked often. */
static inline cbit_ps_t cbit_pace_edge_ps(const cbit_pace_t *pace, uint64_t n)
{
    uint64_t product;
    if (__builtin_mul_overflow(n, pace->num.by, &product)) {
        return cbit_clock_edge_ps(&pace->clock, n);
    }
    return pace->clock.phase_ps + cbit_divide(pace->den, product);
}

static inline uint64_t cbit_pace_edge_at_or_after(const cbit_pace_t *pace, cbit_ps_t at_ps)
{
    uint64_t product;
    if (at_ps <= pace->clock.phase_ps ||
        __builtin_mul_overflow(at_ps - pace->clock.phase_ps, pace->den.by, &product) ||
        __builtin_add_overflow(product, pace->num.by - 1, &product)) {
        return cbit_clock_edge_at_or_after(&pace->clock, at_ps);
    }
    return cbit_divide(pace->num, product);
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
