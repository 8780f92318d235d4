/*
 * Arguments declared once: a verb is a table of options bound to a struct, and parsing, --help and
 * the manual come from that table.
 */
#ifndef CBIT_CLI_ARGS_H
#define CBIT_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cbit/base/err.h"

typedef enum cbit_arg_type {
    CBIT_ARG_FLAG, /* bool: set to true */
    CBIT_ARG_TEXT, /* const char * */
    CBIT_ARG_WORD, /* uint32_t: index into words */
    CBIT_ARG_U64,  /* uint64_t: decimal or 0x */
    CBIT_ARG_LIST, /* cbit_arg_list_t: may be given many times */
} cbit_arg_type_t;

enum { CBIT_ARG_LIST_MAX = 256 };

typedef struct cbit_arg_list {
    const char *items[CBIT_ARG_LIST_MAX];
    uint32_t count;
} cbit_arg_list_t;

typedef struct cbit_arg {
    const char *name; /* "--engine"; NULL ends the table */
    cbit_arg_type_t type;
    size_t offset;
    const char *value;        /* what help calls the value: "MODE"; NULL for flags */
    const char *const *words; /* WORD: permitted values, NULL ends them */
    size_t given_offset;      /* bool that tells whether it was given; 0: nobody asks */
    const char *help;
} cbit_arg_t;

typedef struct cbit_cli_command {
    const char *verb;
    const char *operands; /* "SCENARIO.json" */
    uint32_t min_operands, max_operands;
    const char *summary;     /* one sentence */
    const char *examples[3]; /* whole command lines, NULL ends them */
    const cbit_arg_t *args;
    const char *exit_notes; /* more for --help, or NULL */
} cbit_cli_command_t;

typedef struct cbit_operands {
    const char *items[CBIT_ARG_LIST_MAX];
    uint32_t count;
} cbit_operands_t;

/*
 * Fills *options, which the caller has set to its defaults. CBIT_ERR_USAGE after telling stderr
 * what is wrong; *help is true when help was asked for and has been printed.
 */
cbit_err_t cbit_args_parse(const cbit_cli_command_t *command, int argc, char **argv, void *options,
                           cbit_operands_t *operands, bool *help);

/* A whole number, decimal or 0x. */
bool cbit_args_u64(const char *value, uint64_t *number);

/* A usage error in the tool's words; returns its exit status. */
int cbit_usage_error(const cbit_cli_command_t *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
