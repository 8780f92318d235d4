/* What the checks of the RTL share: a set's design, and a case as a recorded sequence of pins. */
#ifndef TESTS_RTL_BENCH_H
#define TESTS_RTL_BENCH_H

#include "cosim/case.h"
#include "cosim/dut.h"
#include "cosim/parameters.h"

/* Says why on stderr and ends the program with status 4. */
_Noreturn void bench_fail(const char *what, const cbit_diag_t *diag);

/* NULL when there is none of that name. */
const cbit_parameters_t *bench_set(const char *name);

/* Verilates files with top aes_engine. */
cbit_dut_library_t *bench_build(const char *const *files, uint32_t file_count,
                                const char *const *options, uint32_t option_count);

typedef struct bench_rtl {
    const char *root; /* of the folder rtl/ */
    bool registers;   /* public, every one of them: it costs speed */
    bool checks;      /* assertions; not for who puts an earlier state back, which those that look
                         back by a clock would take for a fault */
    const char *const *options; /* for verilator */
    uint32_t option_count;
} bench_rtl_t;

/* All of rtl/ with a set's parameters. */
cbit_dut_library_t *bench_build_rtl(const cbit_parameters_t *set, const bench_rtl_t *what);

/* Pins of one case, clock by clock: what goes in, and what the golden model answers. */
typedef struct bench_trace {
    uint32_t clocks, room;
    cbit_aes_pins_in_t *in;
    cbit_aes_pins_out_t *out;
} bench_trace_t;

void bench_trace_make(const cbit_parameters_t *set, uint64_t seed, uint64_t index, uint32_t lines,
                      bench_trace_t *out);
void bench_trace_free(bench_trace_t *trace);

/* The subcommands: arguments behind the name; the program's exit status. */
int bench_mutants(int argc, char **argv);
int bench_flips(int argc, char **argv);
int bench_cover(int argc, char **argv);
int bench_record(int argc, char **argv);

typedef struct bench_flips {
    uint64_t flips;
    uint64_t seen_at_once; /* fault_o in the very clock */
    uint64_t seen_later;   /* before or with the first wrong pin */
    uint64_t no_effect;    /* to the end of the trace or for `horizon` clocks */
    uint64_t escaped;      /* a wrong pin, and no fault_o by then */
    char first_escape[256];
} bench_flips_t;

/* Flips every register bit on `phases` clocks of the trace, adding to *out; mutant: the value of an
   input mutsel, 0 when there is none. False: the design differs from the trace without any flip. */
bool bench_flip_all(cbit_dut_library_t *library, const bench_trace_t *trace, uint32_t mutant,
                    uint32_t phases, uint32_t horizon, uint64_t seed, bench_flips_t *out);

/* Which bits of the public variables have risen and fallen, seen on every clock before its edge. */
typedef struct bench_toggles bench_toggles_t; /* opaque */

bench_toggles_t *bench_toggles_watch(const cbit_dut_t *dut, const cbit_device_t *device);
/* A line for each variable: "SET|name|bits|bits that did both|which did not", these as [bit] or, in
   an array, [word][bit], each with a blank behind it. False when the file cannot be written. */
bool bench_toggles_write(const bench_toggles_t *toggles, const char *set, const char *path);
void bench_toggles_free(bench_toggles_t *toggles);

bool bench_is_register(const char *name); /* by its end: _q */

/* Bytes that Verilator takes for one word of that many bits. */
uint32_t bench_word_bytes(uint32_t bits);

/* Puts a value on an input mutsel; false when there is none of at most 16 bits. */
bool bench_choose(const cbit_dut_t *dut, uint32_t mutant);

#endif
