/* A parameter given as NAME=VALUE on the command line. */
#ifndef CBIT_CLI_SET_FIELD_H
#define CBIT_CLI_SET_FIELD_H

#include "cbit/base/diag.h"
#include "cbit/base/rows.h"

/*
 * Sets a field of 32 bits (a number or a word) of `into` by its row. What is wrong goes to diag,
 * with the option's name, what was found and what is allowed.
 */
void cbit_cli_set_field(const char *option, const char *text, const cbit_row_t *rows, void *into,
                        cbit_diag_t *diag);

#endif
