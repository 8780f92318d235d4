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
    const char *qemu_plugin;     /* path of cbit_qemu_trace.so: QEMU runs it; NULL: valgrind */
    const char *licence;         /* of its code pages, for the header; NULL: unknown */
    bool without_code;           /* no IMAGE chunks: guests run generated code in their place */
    uint64_t skip_instructions;  /* not recorded at the start */
    uint64_t limit_instructions; /* recorded at most, then the program is killed; 0: no limit */
} cbit_record_config_t;

/*
 * Runs the program under valgrind's lackey tool (--trace-mem=yes), or under QEMU's user mode with
 * the plugin that comes with cbit, and writes its trace to path. The program has our stdin, stdout
 * and stderr. TOOL when valgrind or QEMU is missing. *info is what was written.
 */
cbit_err_t cbit_record_program(const cbit_record_config_t *config, const char *path,
                               cbit_trace_info_t *info, cbit_diag_t *diag);

/* ---- other tools' files ---- */

typedef enum cbit_import_format {
    CBIT_IMPORT_LACKEY,       /* valgrind --tool=lackey --trace-mem=yes */
    CBIT_IMPORT_DRAMSIM3,     /* "0x1f00 READ 10": address, READ or WRITE, clock */
    CBIT_IMPORT_RAMULATOR_LS, /* "LD 0x1f00", "ST 0x1f00" */
    CBIT_IMPORT_RAMULATOR_O3, /* "3 20734016 [20841280]": bubbles, load, write-back (SimpleO3) */
    CBIT_IMPORT_CHAMPSIM,     /* 64-byte instruction records, not compressed */
    CBIT_IMPORT_CSV,          /* kind,address,size,gap,depends (docs/trace-format.md) */
    CBIT_IMPORT_FORMATS,
} cbit_import_format_t;
extern const char *const cbit_import_format_words[CBIT_IMPORT_FORMATS + 1];

typedef struct cbit_import_config {
    uint32_t format;   /* cbit_import_format_t */
    uint64_t base_gva; /* added to each data address of a format with physical addresses */
    uint64_t limit;    /* lines or instructions taken at most; 0: all */
    const char *name;  /* of what was imported, for the header */
} cbit_import_config_t;

/* Where physical addresses of imported traces are put by default: out of the way of the guest. */
#define CBIT_IMPORT_BASE_GVA UINT64_C(0x10000000)

/*
 * Reads in_path ("-": stdin) and writes a trace. Formats without instruction addresses get a fetch
 * for each 16 accesses from one page of generated code. The first finding ends it; it names the
 * line, or the byte of a binary file. missing is as for cbit_trace_reader_open.
 */
cbit_err_t cbit_trace_import(const cbit_import_config_t *config, const char *in_path,
                             cbit_err_t missing, const char *out_path, cbit_trace_info_t *info,
                             cbit_diag_t *diag);

#ifdef __cplusplus
}
#endif
#endif
