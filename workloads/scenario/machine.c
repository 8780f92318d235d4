/* What the loader asks of the trace reader and of the platform, where they exist. */
#include "workloads/scenario/machine.h"

#include "workloads/scenario/rules.h"

#ifdef CBIT_HAVE_TRACE

#include "cbit/workloads/trace.h"

void cbit_scenario_check_trace(const char *path, cbit_diag_t *diag)
{
    cbit_diag_set_file(diag, path);
    (void)cbit_trace_check(path, CBIT_ERR_INPUT_FILE, diag);
}

#else

void cbit_scenario_check_trace(const char *path, cbit_diag_t *diag)
{
    (void)path;
    (void)diag;
}

#endif

#ifdef CBIT_HAVE_PLATFORM

void cbit_scenario_check_machine(const cbit_scenario_file_t *file, cbit_diag_t *diag)
{
    (void)cbit_platform_check(&file->machine, diag);
}

#else

void cbit_scenario_check_machine(const cbit_scenario_file_t *file, cbit_diag_t *diag)
{
    (void)file;
    (void)diag;
}

#define STAND_IN(row_type, name, field)                                                            \
    .key = name, .type = CBIT_ROW_##row_type, .offset = offsetof(cbit_platform_config_t, field)

const cbit_row_t cbit_platform_rows[] = {
    {.key = "host",
     .type = CBIT_ROW_OBJECT,
     .rows = (const cbit_row_t[]){{STAND_IN(BOOL, "sme", host.sme)},
                                  {STAND_IN(U32, "cores", host.cores), .min = 1, .max = 64,
                                   .fallback = 2},
                                  {.key = NULL}}},
    {.key = "sev",
     .type = CBIT_ROW_OBJECT,
     .rows =
         (const cbit_row_t[]){
             {STAND_IN(U32, "c_bit", sev.c_bit), .min = 47, .max = 51, .fallback = 47},
             {STAND_IN(U32, "asids", sev.asids), .min = 1, .max = 1023, .fallback = 509},
             {.key = NULL}}},
    {.key = "memory",
     .type = CBIT_ROW_OBJECT,
     .rows = (const cbit_row_t[]){{STAND_IN(SIZE, "size_bytes", memory.size_bytes), .min = 1 << 20,
                                   .max = UINT64_C(1) << 46, .fallback = UINT64_C(4) << 30,
                                   .unit = "bytes"},
                                  {.key = NULL}}},
    {.key = "engine",
     .type = CBIT_ROW_OBJECT,
     .rows = (const cbit_row_t[]){{STAND_IN(U32, "depth_eclk", engine.depth_eclk), .min = 1,
                                   .max = 64, .fallback = 11, .unit = "eclk",
                                   .source = "rtl/aes_engine, measured by cosim",
                                   .help = "First plaintext byte in to first ciphertext byte out"},
                                  {.key = NULL}}},
    {.key = NULL},
};

#endif
