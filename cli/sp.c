/* cbit sp: the Secure Processor alone. */
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
        "  --json, --csv the tables of --profile and measure in this form\n"
        "  --allow-rollback  images of older security versions may run\n"
        "  --console     the firmware's console on standard error\n"
        "\n"
        "commands:\n");
    sp_words_help();
    sp_owner_help();
    (void)printf("  %-20s %s\n", "measure",
                 "Clocks of each command, and the firmware's size and stack.");
    (void)printf("  %-20s %s\n", "map", "Memory map, registers and costs of the SP.");
    (void)printf("\nExit status: 0 every command succeeded; 1 the firmware refused one; with a\n"
                 "program, its own.\n");
}

static int usage(const char *what, const char *word)
{
    (void)fprintf(stderr, "error: cbit sp: %s%s%s\n  hint: cbit sp --help\n", what,
                  word[0] != '\0' ? " " : "", word);
    return cbit_err_exit_status(CBIT_ERR_USAGE);
}

typedef enum sp_mode { MODE_WORDS, MODE_PROGRAM, MODE_HELP } sp_mode_t;

/* Takes our options out of the line, wherever they stand before "--"; what is left are commands
   and their options. 0 or an exit status. */
static int take_options(int *argc, char **argv, sp_host_options_t *options, sp_mode_t *mode)
{
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        const char *word = argv[i];
        bool state = strcmp(word, "--state") == 0, seed = strcmp(word, "--seed") == 0;
        bool image = strcmp(word, "--image") == 0;
        bool cut = strcmp(word, "--power-cut-us") == 0, gdb = strcmp(word, "--gdb") == 0;
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
        } else if (strcmp(word, "--console") == 0) {
            options->console = true;
        } else if (strcmp(word, "--profile") == 0) {
            options->profile = true;
        } else if (strcmp(word, "--json") == 0 || strcmp(word, "--csv") == 0) {
            options->format = word[2] == 'j' ? SP_TABLE_JSON : SP_TABLE_CSV;
        } else if (strcmp(word, "--allow-rollback") == 0) {
            options->allow_rollback = true;
        } else if ((state || seed || cut || gdb || image) && i + 1 == *argc) {
            return usage("a value must follow", word);
        } else if (state) {
            options->state = argv[++i];
        } else if (image) {
            options->image = argv[++i];
        } else if (seed) {
            options->seed_given = cbit_args_u64(argv[++i], &options->seed);
            if (!options->seed_given) {
                return usage("--seed: expected a whole number, found", argv[i]);
            }
        } else if (gdb) {
            options->gdb = true;
            if (!cbit_args_u64(argv[++i], &options->gdb_port) || options->gdb_port > 65535) {
                return usage("--gdb: expected a port, found", argv[i]);
            }
        } else if (cut) {
            if (!cbit_args_u64(argv[++i], &options->power_cut_us) ||
                options->power_cut_us > 1000000000) {
                return usage("--power-cut-us: expected a number up to 1000000000, found", argv[i]);
            }
        } else if (kept == 1 && word[0] == '-') {
            return usage("unknown option", word);
        } else {
            argv[kept++] = argv[i];
        }
    }
    argv[kept] = NULL;
    *argc = kept;
    return 0;
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
    if (mode == MODE_WORDS && strcmp(argv[at], "map") == 0) {
        sp_map_print();
        return 0;
    }
    if (mode == MODE_PROGRAM) {
        status = sp_dev_check(argv[at]);
    } else if (!sp_owner_verb(argv[at]) && strcmp(argv[at], "measure") != 0) {
        status = sp_words_check(argc - at, argv + at);
    }
    return status != 0 ? status : with_host(&options, argc - at, argv + at, mode);
}
