/*
 * A design under test that the tool Verilates itself: Verilog files in, something with named ports
 * that can be evaluated out. Needs verilator and a C++ compiler in PATH when it is used.
 */
#ifndef COSIM_DUT_H
#define COSIM_DUT_H

#include "cbit/base/diag.h"
#include "cosim/device.h"

typedef struct cbit_dut_library cbit_dut_library_t; /* opaque: the compiled design */
typedef struct cbit_dut cbit_dut_t;                 /* opaque: one instance of it */

typedef struct cbit_dut_source {
    const char *top;
    const char *const *files; /* Verilog or SystemVerilog */
    uint32_t file_count;
    const char *const *options; /* passed to verilator: -IDIR, -DNAME=V, -GNAME=V, -f LIST */
    uint32_t option_count;
    bool waves;     /* can write an FST */
    bool unchecked; /* without assertions, for speed */
    bool strict;    /* our own files, out of the tool: a warning is an error */
    /* Whether the ports are those that are needed: asked before the compiler runs, of an instance
       that has nothing but ports without data. NULL: any will do. */
    cbit_err_t (*check)(const void *self, const cbit_dut_t *ports, cbit_diag_t *diag);
    const void *check_self;
} cbit_dut_source_t;

/* Values are kept as Verilator does: little-endian bytes, (width + 7) / 8 of them mean something.
 */
typedef struct cbit_dut_port {
    const char *name;
    uint32_t width; /* bits */
    bool input;
    void *data;
} cbit_dut_port_t;

/*
 * Compiles. TOOL: verilator or the compiler is missing. OPEN: a file cannot be opened.
 * UNSUPPORTED: VHDL. FORMAT: verilator or the compiler refuses it; *diag has the first errors.
 * *warnings counts the lint that does not stop it.
 */
cbit_err_t cbit_dut_build(const cbit_dut_source_t *source, cbit_dut_library_t **out,
                          uint32_t *warnings, cbit_diag_t *diag);
/* The first warning in verilator's words, "" when there is none. */
const char *cbit_dut_lint(const cbit_dut_library_t *library);
void cbit_dut_library_destroy(cbit_dut_library_t *library); /* NULL is allowed */

/* seed fills what reset leaves undefined. */
cbit_err_t cbit_dut_create(cbit_dut_library_t *library, uint64_t seed, cbit_dut_t **out);
void cbit_dut_destroy(cbit_dut_t *dut); /* NULL is allowed */

/* NULL when there is no such port. */
const cbit_dut_port_t *cbit_dut_find(const cbit_dut_t *dut, const char *name);
const cbit_dut_port_t *cbit_dut_port(const cbit_dut_t *dut, uint32_t index); /* NULL: no more */
/* The port whose name is most like this one, or NULL when none is. */
const char *cbit_dut_nearest(const cbit_dut_t *dut, const char *name);

/* Variables that a .vlt file among the sources made public: where they are kept, arrays word by
   word in as many bytes (1, 2, 4, 8, then whole 32-bit words) as Verilator takes for the width. */
typedef struct cbit_dut_state {
    const char *name; /* with the instances' names */
    uint32_t width;   /* bits of a word */
    uint32_t words;
    uint8_t *data;
} cbit_dut_state_t;

/* False: no more. */
bool cbit_dut_state(const cbit_dut_t *dut, uint32_t index, cbit_dut_state_t *out);

/* Writes what was covered, by all instances of the process with one context each; false when built
   without an option --coverage... */
bool cbit_dut_coverage(const cbit_dut_t *dut, const char *path);

void cbit_dut_eval(cbit_dut_t *dut);
/* What the design said when it stopped the simulation, or NULL. Evaluating goes on without effect.
 */
const char *cbit_dut_failure(const cbit_dut_t *dut);

/* Writes everything that happens from now on; false when built without waves. */
bool cbit_dut_waves(cbit_dut_t *dut, const char *path);

#endif
