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

/*
 * A clock that is asked often, without divisions. Edge n is at n x whole + (n x part >> 64), where
 * part is the fraction of a period in 2^-64, rounded up: exact as long as n x den < 2^64. The edge
 * at or after d is d x rate >> 64, rounded up, where rate is 1 / period in 2^-64, rounded down:
 * exact as long as d x num < 2^64. (Both fractions in lowest terms; later times take divisions.)
 */
typedef struct cbit_pace {
    cbit_clock_t clock;
    cbit_divisor_t num;
    uint64_t whole_ps, part, last_n; /* exact up to that edge, */
    uint64_t rate, last_ps;          /* and up to that time after the first edge */
} cbit_pace_t;

static inline cbit_pace_t cbit_pace_of(cbit_clock_t clock)
{
    uint64_t common = clock.period_num_ps;
    for (uint64_t rest = clock.period_den; rest != 0;) {
        const uint64_t next = common % rest;
        common = rest;
        rest = next;
    }
    const uint64_t num = clock.period_num_ps / common, den = clock.period_den / common;
    if (num == 0 || den == 0) {
        __builtin_unreachable(); /* a clock has a period, and its divisor is of both */
    }
    cbit_pace_t pace;
    pace.clock = clock;
    pace.num = cbit_divisor_of(clock.period_num_ps);
    pace.whole_ps = num / den;
    pace.part = (uint64_t)((((cbit_u128_t)(num % den) << 64) + den - 1) / den);
    const uint64_t most_n = UINT64_MAX / (pace.whole_ps + 1); /* its time fits */
    pace.last_n = UINT64_MAX / den < most_n ? UINT64_MAX / den : most_n;
    const cbit_u128_t rate = ((cbit_u128_t)den << 64) / num;
    pace.rate = rate > UINT64_MAX ? 0 : (uint64_t)rate;
    pace.last_ps = pace.rate == 0 ? 0 : UINT64_MAX / num;
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
    if (__builtin_expect(n > pace->last_n, 0)) {
        return cbit_clock_edge_ps(&pace->clock, n);
    }
    return pace->clock.phase_ps + n * pace->whole_ps +
           (uint64_t)((cbit_u128_t)n * pace->part >> 64);
}

static inline uint64_t cbit_pace_edge_at_or_after(const cbit_pace_t *pace, cbit_ps_t at_ps)
{
    const uint64_t since_ps = at_ps - pace->clock.phase_ps; /* before the first edge: a huge one */
    if (__builtin_expect(since_ps > pace->last_ps, 0)) {
        return cbit_clock_edge_at_or_after(&pace->clock, at_ps);
    }
    const cbit_u128_t edges = (cbit_u128_t)since_ps * pace->rate;
    return (uint64_t)(edges >> 64) + ((uint64_t)edges != 0 ? 1 : 0);
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
