/* The kernel's benchmark and what it is measured beside. Nanoseconds of CPU time; 0: not available.
 */
#ifndef CBIT_PERF_BENCH_KERNEL_H
#define CBIT_PERF_BENCH_KERNEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { BENCH_EVENTS = 2000000, BENCH_CLOCK_PS = 625, BENCH_SPREAD = 64 };

/* When an event that fired for the state-th time fires again: 1 to 64 clocks. Both sides use it. */
static inline uint64_t bench_next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return 1 + (*state >> 33) % BENCH_SPREAD;
}

double bench_now_ns(void);

/* SystemC's side: methods woken by events, deltas, a signal, and transactions outstanding. */
double bench_systemc_timed_ns(uint32_t pending);
double bench_systemc_delta_ns(uint32_t unused);
double bench_systemc_signal_ns(uint32_t unused);
double bench_systemc_transaction_ns(uint32_t outstanding);

/* Measures both by turns and prints the table; called by whichever main there is. */
int bench_kernel_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif
