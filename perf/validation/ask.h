/* Asking the model; every function answers in thousandths (picoseconds for nanoseconds). */
#ifndef CBIT_PERF_VALIDATION_ASK_H
#define CBIT_PERF_VALIDATION_ASK_H

#include "perf/validation/figures.h"

/* A dependent random walk from cold caches in 2 MiB pages by one core, no engine: a = NPS, b = MiB.
 */
uint64_t ask_walk_ns(const validation_figure_t *figure);

/* The same when the caches hold what they can. */
uint64_t ask_full_walk_ns(const validation_figure_t *figure);

/* How much longer such a load of b MiB takes than one of 128 MiB. */
uint64_t ask_span_ns(const validation_figure_t *figure);

/* How much longer an idle read of the first quadrant's memory takes that enters the fabric at entry
   a (socket x 4 + quadrant) than one that enters there; b = sockets. */
uint64_t ask_farther_ns(const validation_figure_t *figure);

/* What the engine adds to an idle read. */
uint64_t ask_adder_ns(const validation_figure_t *figure);

/* Peak GB/s of a socket's buses. */
uint64_t ask_bus_gbs(const validation_figure_t *figure);

/* Saturated bandwidth at a per mille reads, in parts of the buses' peak. */
uint64_t ask_efficiency(const validation_figure_t *figure);

/* Saturated bandwidth with a channels, in parts of that with b. */
uint64_t ask_populated(const validation_figure_t *figure);

/* Run time of guest a of scenario `preset` under the model's engine over that without, in percent
   above 1. */
uint64_t ask_slowdown_percent(const validation_figure_t *figure);

/* Field at offset a of the hypervisor's default configuration. */
uint64_t ask_exit_ns(const validation_figure_t *figure);

#endif
