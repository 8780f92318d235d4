/* Verilog to C++: one run of verilator over a design's files. */
#ifndef COSIM_VERILATE_H
#define COSIM_VERILATE_H

#include "cosim/dut_library.h"

/*
 * Writes C++ into the library's folder (obj/) and the first warning into library->lint. Folders of
 * the files are searched for what they include; a design that uses a word of SystemVerilog as a
 * name is read once more as Verilog 2005. FORMAT: *diag has the first errors.
 */
cbit_err_t cbit_verilate(const cbit_dut_source_t *source, cbit_dut_library_t *library,
                         uint32_t *warnings, cbit_diag_t *diag);

/* Counts a log's warnings, with the first one's text; failed: passes on the lines with an error. */
uint32_t cbit_verilate_tell(const char *log, bool failed, char first[CBIT_DUT_LINT_BYTES],
                            cbit_diag_t *diag);

#endif
