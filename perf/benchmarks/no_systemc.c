/* Without SystemC: its columns stay empty. */
#include "perf/benchmarks/bench_kernel.h"

double bench_systemc_timed_ns(uint32_t pending)
{
    (void)pending;
    return 0;
}

double bench_systemc_delta_ns(uint32_t unused)
{
    (void)unused;
    return 0;
}

double bench_systemc_signal_ns(uint32_t unused)
{
    (void)unused;
    return 0;
}

double bench_systemc_transaction_ns(uint32_t outstanding)
{
    (void)outstanding;
    return 0;
}

int main(int argc, char **argv)
{
    return bench_kernel_main(argc, argv);
}
