/* What cbit dram tells about a run: a table or one JSON document. */
#ifndef CBIT_CLI_DRAM_TELL_H
#define CBIT_CLI_DRAM_TELL_H

#include "cbit/umc/stream.h"

typedef struct cbit_dram_told {
    const char *preset, *mapping, *policy, *engine;
    uint64_t window;
    bool check;
    bool with_energy;                     /* the plain controller keeps none */
    const cbit_stream_result_t *result;   /* of a stream that is not empty */
    const cbit_stream_explain_t *explain; /* NULL: nobody asked */
    double cpu_seconds;                   /* of the simulation alone */
} cbit_dram_told_t;

void cbit_dram_tell_json(const cbit_dram_told_t *told);
void cbit_dram_tell_table(const cbit_dram_told_t *told);

#endif
