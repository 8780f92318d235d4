/* The rules, and what they ask of other parts. */
#ifndef CBIT_WORKLOADS_SCENARIO_RULES_H
#define CBIT_WORKLOADS_SCENARIO_RULES_H

#include "workloads/scenario/file.h"

/* Reads the whole trace once; findings name their byte offset. */
void cbit_scenario_check_trace(const char *path, cbit_diag_t *diag);

/* The platform's own rules across its blocks. */
void cbit_scenario_check_machine(const cbit_scenario_file_t *file, cbit_diag_t *diag);

#endif
