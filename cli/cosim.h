/* What cbit cosim found, for its text and its JSON. */
#ifndef CBIT_CLI_COSIM_H
#define CBIT_CLI_COSIM_H

#include "cosim/campaign.h"
#include "cosim/vectors.h"

typedef struct cbit_cosim_report {
    const char *name; /* of the parameter set, or of the top module */
    cbit_aes_pins_config_t pins;
    uint32_t warnings; /* verilator's, about the files of --rtl */
    uint64_t seed;
    bool with_vectors;
    cbit_vectors_result_t vectors;
    cbit_campaign_result_t result;
    cbit_case_t shrunk; /* of the failing case, when there is one */
    uint32_t shrink_runs;
    char replay[4096]; /* the command that shows the mismatch again; empty when there is none */
} cbit_cosim_report_t;

/* The document of docs/formats.md on stdout. */
cbit_err_t cbit_cosim_print_json(const cbit_cosim_report_t *report);

#endif
