/**
 * @file
 * Making traces out of running programs and out of other tools' text files.
 */
#ifndef CBIT_WORKLOADS_RECORD_H
#define CBIT_WORKLOADS_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/workloads/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_record_config {
    const char *const *argv;     /* the program and its arguments; NULL ends them */
    const char *licence;         /* of its code pages, for the header; NULL: unknown */
    bool without_code;           /* no IMAGE chunks: guests run generated code in their place */
    uint64_t skip_instructions;  /* not recorded at the start */
    uint64_t limit_instructions; /* recorded at most, then the program is killed; 0: no limit */
} cbit_record_config_t;

/*
 * Runs the program under valgrind's lackey tool (--trace-mem=yes) and writes its trace to path. The
 * program has our stdin, stdout and stderr. TOOL when valgrind is missing. *info is what was
 * written.
 */
cbit_err_t cbit_record_program(const cbit_record_config_t *config, const char *path,
                               cbit_trace_info_t *info, cbit_diag_t *diag);

#ifdef __cplusplus
}
#endif
#endif
