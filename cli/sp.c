/* cbit sp: the Secure Processor alone. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/sp_dev.h"
#include "cli/sp_host.h"
#include "cli/sp_map.h"
#include "cli/sp_measure.h"
#include "cli/sp_owner.h"
#include "cli/sp_profile.h"
#include "cli/sp_words.h"
#include "cli/tell.h"
#include "cli/verbs.h"

/* Commands without options of their own. */
static const struct {
    const char *name, *sentence, *options;
} bare[] = {
    {"measure", "Measures the clocks of each command, and the firmware's size and stack.",
     "[--json|--csv] "},
    {"map", "Prints memory map, registers and costs of the SP.", ""},
};

enum { BARE = sizeof bare / sizeof bare[0] };

static void help(void)
{
    (void)printf(
        "  cbit sp --state chip.sp init pdh-cert-export --pdh pdh.cert --chain chain.cert\n"
        "  cbit sp --state chip.sp -- sevtool --ofolder out --pdh_cert_export\n"
        "\n"
        "usage: cbit sp [--state FILE] [--seed N] [--console] COMMAND [options]...\n"
        "       cbit sp [--state FILE] [--seed N] [--console] -- PROGRAM ARGS\n"
        "\n"
        "Powers up a Secure Processor with its memory, runs the firmware, and gives it\n"
        "commands one after the other, or serves /dev/sev to a program and its children.\n"
        "\n"
        "options:\n"
        "  --state FILE  the chip and its flash; made when absent, with a chip of its own\n"
        "  --seed N      the chip that is made (without a state file: 1)\n"
        "  --gdb PORT    wait for gdb on 127.0.0.1 before the first instruction; 0: any port\n"
        "  --power-cut-us N  the power fails N us after the boot: what the flash holds then is "
        "kept\n"
        "  --image FILE  put a signed image into the flash first; built-in: this cbit's own\n"
        "  --profile     cycles and branches by function of boot ROM and firmware, at the end\n"
        "  --json, --csv  the tables of --profile and measure in this form\n"
        "  --allow-rollback  images of older security versions may run\n"
        "  --console     the firmware's console on standard error\n"
        "\n"
        "commands:\n");
    sp_words_help();
    (void)printf(
        "\naddresses are of the machine; without --spa they begin at 0x%x. write and read are\n"
        "host software: with --asid under that guest's key, as the guest sees it.\n",
        (unsigned)SP_HOST_GUEST);
    sp_owner_help();
    for (size_t i = 0; i < BARE; i++) {
        (void)printf("  %-20s %s\n", bare[i].name, bare[i].sentence);
    }
    (void)printf(
        "\nExit status: 0 every command succeeded, 1 the firmware refused one, 2 usage, 3 a\n"
        "file is wrong or its image does not start, 4 a file cannot be opened; with a\n"
        "program, its own.\n");
}

static int usage(const char *what, const char *word)
{
    (void)fprintf(stderr, "error: cbit sp: %s%s%s\n  hint: cbit sp --help\n", what,
                  word[0] != '\0' ? " " : "", word);
    return cbit_err_exit_status(CBIT_ERR_USAGE);
}

/* Which of them the word is; BARE: none. */
static size_t bare_at(const char *word)
{
    size_t i = 0;
    while (i < BARE && strcmp(bare[i].name, word) != 0) {
        i++;
    }
    return i;
}

/* A bare command stands alone, but for a question what it is. *done: that was answered. */
static int check_bare(size_t i, int argc, char **argv, bool *done)
{
    *done = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    if (*done) {
        (void)printf("usage: cbit sp %s%s\n\n%s\n", bare[i].options, bare[i].name,
                     bare[i].sentence);
    }
    return *done || argc == 1 ? 0 : usage("nothing may follow", argv[0]);
}

typedef enum sp_mode { MODE_WORDS, MODE_PROGRAM, MODE_HELP } sp_mode_t;

/* ---- our options ---- */

typedef enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_NUMBER, OPTION_FORMAT } option_kind_t;

#define AT(field) offsetof(sp_host_options_t, field)
#define NO_FLAG   SIZE_MAX

static const struct {
    const char *name;
    option_kind_t kind;
    size_t offset, given; /* of the value, and of what says that there is one */
    uint64_t max;         /* numbers; formats: the format itself */
} own_options[] = {
    {"--state", OPTION_TEXT, AT(state), NO_FLAG, 0},
    {"--image", OPTION_TEXT, AT(image), NO_FLAG, 0},
    {"--seed", OPTION_NUMBER, AT(seed), AT(seed_given), UINT64_MAX},
    {"--gdb", OPTION_NUMBER, AT(gdb_port), AT(gdb), 65535},
    {"--power-cut-us", OPTION_NUMBER, AT(power_cut_us), NO_FLAG, 1000000000},
    {"--allow-rollback", OPTION_FLAG, AT(allow_rollback), NO_FLAG, 0},
    {"--console", OPTION_FLAG, AT(console), NO_FLAG, 0},
    {"--profile", OPTION_FLAG, AT(profile), NO_FLAG, 0},
    {"--json", OPTION_FORMAT, AT(format), NO_FLAG, SP_TABLE_JSON},
    {"--csv", OPTION_FORMAT, AT(format), NO_FLAG, SP_TABLE_CSV},
};

enum { OWN_OPTIONS = sizeof own_options / sizeof own_options[0] };

static int find_option(const char *word)
{
    int i = 0;
    while (i < OWN_OPTIONS && strcmp(own_options[i].name, word) != 0) {
        i++;
    }
    return i;
}

static void set_flag(sp_host_options_t *options, size_t offset)
{
    const bool yes = true;
    if (offset != NO_FLAG) {
        memcpy((char *)options + offset, &yes, sizeof yes);
    }
}

/* Option `index`, with the word behind it if it takes one (NULL: there is none). */
static int take_option(sp_host_options_t *options, int index, const char *value)
{
    char *base = (char *)options + own_options[index].offset;
    uint64_t number;
    switch (own_options[index].kind) {
    case OPTION_FLAG:
        set_flag(options, own_options[index].offset);
        return 0;
    case OPTION_FORMAT:
        options->format = (sp_table_format_t)own_options[index].max;
        return 0;
    default:
        break;
    }
    if (value == NULL) {
        return usage("a value must follow", own_options[index].name);
    }
    if (own_options[index].kind == OPTION_TEXT) {
        memcpy(base, &value, sizeof value);
        return 0;
    }
    if (!cbit_args_u64(value, &number) || number > own_options[index].max) {
        (void)fprintf(stderr,
                      "error: cbit sp: %s: expected a whole number up to %llu, found %s\n"
                      "  hint: cbit sp --help\n",
                      own_options[index].name, (unsigned long long)own_options[index].max, value);
        return cbit_err_exit_status(CBIT_ERR_USAGE);
    }
    memcpy(base, &number, sizeof number);
    set_flag(options, own_options[index].given);
    return 0;
}

/* Takes our options out of the line, wherever they stand before "--"; what is left are commands
   and their options. 0 or an exit status. */
static int take_options(int *argc, char **argv, sp_host_options_t *options, sp_mode_t *mode)
{
    int kept = 1, status = 0;
    for (int i = 1; i < *argc && status == 0; i++) {
        const char *word = argv[i];
        int index = find_option(word);
        if (*mode == MODE_PROGRAM) {
            argv[kept++] = argv[i];
        } else if (strcmp(word, "--") == 0) {
            *mode = MODE_PROGRAM;
            if (kept > 1) {
                return usage("commands and a program exclude each other:", argv[1]);
            }
        } else if (kept == 1 && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            *mode = MODE_HELP;
            return 0;
        } else if (index < OWN_OPTIONS) {
            bool takes =
                own_options[index].kind == OPTION_TEXT || own_options[index].kind == OPTION_NUMBER;
            status = take_option(options, index, i + 1 < *argc ? argv[i + 1] : NULL);
            i += takes ? 1 : 0;
        } else if (kept == 1 && word[0] == '-') {
            return usage("unknown option", word);
        } else {
            argv[kept++] = argv[i];
        }
    }
    argv[kept] = NULL;
    *argc = kept;
    return status;
}

static int with_host(const sp_host_options_t *options, int argc, char **argv, sp_mode_t mode)
{
    cbit_diag_t *diag = cbit_diag_create();
    sp_host_t *host = NULL;
    int status = 0;
    if (sp_host_open(options, &host, diag) == CBIT_ERR_OK) {
        if (mode == MODE_PROGRAM) {
            status = sp_dev_run(host, argv);
        } else if (strcmp(argv[0], "measure") == 0) {
            status = sp_measure_run(host, options->format);
        } else if (sp_owner_verb(argv[0])) {
            status = sp_owner_run(host, argc, argv);
        } else {
            status = sp_words_run(host, argc, argv);
        }
        if (sp_host_profile(host) != NULL) {
            sp_profile_print(sp_host_profile(host), options->format);
        }
        (void)sp_host_close(host, diag);
    }
    int told = cbit_tell(diag, "nothing was kept");
    cbit_diag_destroy(diag);
    return told != 0 ? told : status;
}

int cbit_cli_sp(int argc, char **argv)
{
    sp_host_options_t options = {.seed = 1};
    sp_mode_t mode = MODE_WORDS;
    const int at = 1;
    int status = take_options(&argc, argv, &options, &mode);
    if (status == 0 && options.profile && options.gdb) {
        status = usage("--profile and --gdb both want every instruction:", "choose one");
    }
    if (status != 0) {
        return status;
    }
    if (mode == MODE_HELP) {
        help();
        return 0;
    }
    if (at == argc) {
        return usage(mode == MODE_PROGRAM ? "a program must follow --" : "a command must follow",
                     "");
    }
    bool done = false;
    if (mode == MODE_PROGRAM) {
        status = sp_dev_check(argv[at]);
    } else if (bare_at(argv[at]) < BARE) {
        status = check_bare(bare_at(argv[at]), argc - at, argv + at, &done);
    } else if (sp_owner_verb(argv[at])) {
        status = sp_owner_check(argc - at, argv + at, &done);
    } else {
        status = sp_words_check(argc - at, argv + at);
    }
    if (status != 0 || done) {
        return status;
    }
    if (mode == MODE_WORDS && strcmp(argv[at], "map") == 0) {
        sp_map_print();
        return 0;
    }
    return with_host(&options, argc - at, argv + at, mode);
}
