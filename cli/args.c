#include "cli/args.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rows.h"

/* ---- help ---- */

/* Gives the width. */
static int print_words(FILE *to, const char *const *words)
{
    int len = 0;
    for (uint32_t i = 0; words[i] != NULL; i++) {
        len += fprintf(to, "%s%s", i > 0 ? "|" : "", words[i]);
    }
    return len;
}

/* An option, and what it means in a column of its own; below the option where that is longer. */
static void print_option(const cbit_arg_t *arg)
{
    enum { COLUMN = 26 };
    int len = printf("  %s", arg->name);
    if (arg->type == CBIT_ARG_WORD) {
        len += printf(" ") + print_words(stdout, arg->words);
    } else if (arg->value != NULL) {
        len += printf(" %s", arg->value);
    }
    if (len >= COLUMN) {
        (void)printf("\n");
        len = 0;
    }
    (void)printf("%*s%s\n", COLUMN - len, "", arg->help);
}

static void print_help(const cbit_cli_command_t *command)
{
    for (uint32_t i = 0; i < 3 && command->examples[i] != NULL; i++) {
        (void)printf("  %s\n", command->examples[i]);
    }
    bool operands = command->operands[0] != '\0';
    (void)printf("\nusage: cbit %s [options]%s%s\n\n%s\n\noptions:\n", command->verb,
                 operands ? " " : "", command->operands, command->summary);
    for (const cbit_arg_t *arg = command->args; arg->name != NULL; arg++) {
        print_option(arg);
    }
    (void)printf("  %-24s%s\n", "--help", "this text");
    if (command->exit_notes != NULL) {
        (void)printf("\n%s\n", command->exit_notes);
    }
}

int cbit_usage_error(const cbit_cli_command_t *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "error: cbit %s: ", command->verb);
    (void)vfprintf(stderr, format, args);
    (void)fprintf(stderr, "\n  hint: cbit %s --help\n", command->verb);
    va_end(args);
    return cbit_err_exit_status(CBIT_ERR_USAGE);
}

/* ---- values ---- */

static const cbit_arg_t *find(const cbit_cli_command_t *command, const char *name, size_t len)
{
    for (const cbit_arg_t *arg = command->args; arg->name != NULL; arg++) {
        if (strlen(arg->name) == len && memcmp(arg->name, name, len) == 0) {
            return arg;
        }
    }
    return NULL;
}

static const char *nearest(const cbit_cli_command_t *command, const char *name)
{
    cbit_row_t rows[64] = {{.key = NULL}};
    for (uint32_t i = 0; i < 63 && command->args[i].name != NULL; i++) {
        rows[i].key = command->args[i].name;
        rows[i + 1].key = NULL;
    }
    return cbit_rows_nearest(rows, name);
}

/* "a, b or c" into text. */
static const char *alternatives(const char *const *words, char text[256])
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; words[i] != NULL && used < 256; i++) {
        const char *between = i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ";
        used += (size_t)snprintf(text + used, 256 - used, "%s%s", between, words[i]);
    }
    return text;
}

static bool take_word(const cbit_arg_t *arg, const char *value, uint32_t *word)
{
    for (uint32_t i = 0; arg->words[i] != NULL; i++) {
        if (strcmp(arg->words[i], value) == 0) {
            *word = i;
            return true;
        }
    }
    return false;
}

bool cbit_args_u64(const char *value, uint64_t *number)
{
    char *end = NULL;
    bool hex = value[0] == '0' && value[1] == 'x';
    if (value[0] < '0' || value[0] > '9') {
        return false; /* strtoull takes blanks and signs, nobody means them */
    }
    errno = 0;
    *number = strtoull(value, &end, hex ? 16 : 10);
    return errno == 0 && end != value && *end == '\0';
}

static cbit_err_t store(const cbit_cli_command_t *command, const cbit_arg_t *arg, const char *value,
                        unsigned char *options)
{
    void *field = options + arg->offset;
    switch (arg->type) {
    case CBIT_ARG_FLAG:
        *(bool *)field = true;
        break;
    case CBIT_ARG_TEXT:
        *(const char **)field = value;
        break;
    case CBIT_ARG_WORD:
        if (!take_word(arg, value, field)) {
            char allowed[256];
            (void)cbit_usage_error(command, "%s: found \"%s\"; expected %s", arg->name, value,
                                   alternatives(arg->words, allowed));
            return CBIT_ERR_USAGE;
        }
        break;
    case CBIT_ARG_U64:
        if (!cbit_args_u64(value, field)) {
            (void)cbit_usage_error(command, "%s: found \"%s\"; expected a whole number below 2^64",
                                   arg->name, value);
            return CBIT_ERR_USAGE;
        }
        break;
    case CBIT_ARG_LIST: {
        cbit_arg_list_t *list = field;
        if (list->count == CBIT_ARG_LIST_MAX) {
            (void)cbit_usage_error(command, "%s: given more than %d times", arg->name,
                                   (int)CBIT_ARG_LIST_MAX);
            return CBIT_ERR_USAGE;
        }
        list->items[list->count++] = value;
        break;
    }
    }
    if (arg->given_offset != 0) {
        *(bool *)(options + arg->given_offset) = true;
    }
    return CBIT_ERR_OK;
}

/* ---- the line ---- */

static cbit_err_t take_option(const cbit_cli_command_t *command, int argc, char **argv, int *i,
                              unsigned char *options)
{
    const char *word = argv[*i], *equals = strchr(word, '=');
    size_t len = equals == NULL ? strlen(word) : (size_t)(equals - word);
    const cbit_arg_t *arg = find(command, word, len);
    const char *value = equals == NULL ? NULL : equals + 1;
    if (arg == NULL) {
        const char *near = nearest(command, word);
        (void)cbit_usage_error(command, "unknown option %s%s%s%s", word,
                               near == NULL ? "" : "; did you mean ", near == NULL ? "" : near,
                               near == NULL ? "" : "?");
        return CBIT_ERR_USAGE;
    }
    if (arg->type == CBIT_ARG_FLAG && value != NULL) {
        (void)cbit_usage_error(command, "%s takes no value", arg->name);
        return CBIT_ERR_USAGE;
    }
    if (arg->type != CBIT_ARG_FLAG && value == NULL) {
        if (*i + 1 >= argc) {
            (void)cbit_usage_error(command, "%s needs a value", arg->name);
            return CBIT_ERR_USAGE;
        }
        value = argv[++*i];
    }
    return store(command, arg, value, options);
}

cbit_err_t cbit_args_parse(const cbit_cli_command_t *command, int argc, char **argv, void *options,
                           cbit_operands_t *operands, bool *help)
{
    bool only_operands = false;
    operands->count = 0;
    *help = false;
    for (int i = 1; i < argc; i++) {
        if (!only_operands && strcmp(argv[i], "--") == 0) {
            only_operands = true;
        } else if (!only_operands &&
                   (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            print_help(command);
            *help = true;
            return CBIT_ERR_OK;
        } else if (!only_operands && argv[i][0] == '-' && argv[i][1] != '\0') {
            if (take_option(command, argc, argv, &i, options) != CBIT_ERR_OK) {
                return CBIT_ERR_USAGE;
            }
        } else if (operands->count == command->max_operands ||
                   operands->count == CBIT_ARG_LIST_MAX) {
            (void)cbit_usage_error(command, "one too many: %s", argv[i]);
            return CBIT_ERR_USAGE;
        } else {
            operands->items[operands->count++] = argv[i];
        }
    }
    if (operands->count < command->min_operands) {
        (void)cbit_usage_error(command, "%s is missing", command->operands);
        return CBIT_ERR_USAGE;
    }
    return CBIT_ERR_OK;
}
