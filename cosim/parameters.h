/* The parameter sets of rtl/aes_engine that are shipped: what a name stands for. */
#ifndef COSIM_PARAMETERS_H
#define COSIM_PARAMETERS_H

#include "cbit/aes/pins.h"

typedef struct cbit_parameters {
    const char *name; /* NULL ends the table */
    cbit_aes_pins_config_t pins;
    const char *help;
} cbit_parameters_t;

/* The first one is the engine that is built into the tool. */
extern const cbit_parameters_t cbit_parameter_sets[];

#endif
