/* cbit dram: a bare address stream into one memory controller. */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cbit/aes/engine.h"
#include "cbit/perf/dram_streams.h"
#include "cli/args.h"
#include "cli/dram_stream_file.h"
#include "cli/dram_tell.h"
#include "cli/new_file.h"
#include "cli/set_field.h"
#include "cli/tell.h"
#include "cli/verbs.h"

enum { CALIBRATION = CBIT_DRAM_SPEEDS };

typedef struct dram_options {
    uint32_t preset, policy, engine, page, gen;
    const char *mapping, *trace;
    uint64_t window, count, depth_eclk, width_bits, density_gbit, ranks, explain;
    uint64_t read_queue, write_queue;
    bool gen_given, json, emit, check, plain, explain_given, no_vectors;
    cbit_arg_list_t timings, devices, controllers, group_hash, bank_hash;
} dram_options_t;

static const char *const PRESETS[] = {
    "ddr4_2133p",  "ddr4_2400r", "ddr4_2666v", "ddr4_2933y",
    "ddr4_3200aa", "ddr5_4800a", "ddr5_4800b", "ddr5_5200a",
    "ddr5_5200b",  "ddr5_5600a", "ddr5_5600b", "ddr5_6000a",
    "ddr5_6000b",  "ddr5_6400a", "ddr5_6400b", "ddr4_3200aa_calibration",
    NULL};
static const char *const ENGINES[] = {"off", "model", NULL};
static const char *const GENS[] = {"a", "c", "d", "f", NULL};
static const char *const POLICIES[] = {
    "default",  "ramulator2_frfcfs_rowhit", "ramulator2_frfcfs",      "ramulator1_frfcfs_cap16",
    "dramsim3", "dramsys5_frfcfs",          "dramsys5_grp_watermark", NULL};
static const char *const PAGES[] = {"open", "closed", "adaptive", NULL};

#define OPTION(field) offsetof(dram_options_t, field)

static const cbit_arg_t args[] = {
    {"--preset", CBIT_ARG_WORD, OPTION(preset), .value = "NAME", .words = PRESETS,
     .help = "devices: a speed grade (x8; 8 Gb, DDR5 16 Gb), or the calibrated DDR4-3200AA"},
    {"--mapping", CBIT_ARG_TEXT, OPTION(mapping), .value = "MAP",
     .help = "M0, M1, or fields from the top: ro-ra-ba-bg-co"},
    {"--policy", CBIT_ARG_WORD, OPTION(policy), .value = "NAME", .words = POLICIES,
     .help = "scheduler: cbit's own, or that of a public simulator"},
    {"--page", CBIT_ARG_WORD, OPTION(page), .value = "POLICY", .words = PAGES,
     .help = "when rows are closed"},
    {"--window", CBIT_ARG_U64, OPTION(window), .value = "W",
     .help = "outstanding reads (default 32)"},
    {"--engine", CBIT_ARG_WORD, OPTION(engine), .value = "MODE", .words = ENGINES,
     .help = "off, or model: adds the AES engine's timing"},
    {"--depth", CBIT_ARG_U64, OPTION(depth_eclk), .value = "N",
     .help = "depth of the engine in its clocks (default 11)"},
    {"--gen", CBIT_ARG_WORD, OPTION(gen), .value = "LETTER", .words = GENS,
     .given_offset = OPTION(gen_given), .help = "a published stream instead of a file"},
    {"--count", CBIT_ARG_U64, OPTION(count), .value = "N",
     .help = "requests of --gen (default 1000000)"},
    {"--emit", CBIT_ARG_FLAG, OPTION(emit), .help = "write the stream to stdout, do not run it"},
    {"--width", CBIT_ARG_U64, OPTION(width_bits), .value = "BITS", .help = "of a device: 4, 8, 16"},
    {"--density", CBIT_ARG_U64, OPTION(density_gbit), .value = "GBIT", .help = "of a device"},
    {"--ranks", CBIT_ARG_U64, OPTION(ranks), .value = "N",
     .help = "1 to 4; three with a map that begins with ra"},
    {"--timing", CBIT_ARG_LIST, OPTION(timings), .value = "NAME=CLOCKS",
     .help = "override a timing, e.g. trcd_nck=24"},
    {"--device", CBIT_ARG_LIST, OPTION(devices), .value = "NAME=VALUE",
     .help = "any parameter of /umc/dram, e.g. refresh_granularity=2"},
    {"--controller", CBIT_ARG_LIST, OPTION(controllers), .value = "NAME=VALUE",
     .help = "any parameter of /umc, e.g. refresh_postpone=8"},
    {"--group-hash", CBIT_ARG_LIST, OPTION(group_hash), .value = "MASK",
     .help = "address bits XORed into the next bank-group bit"},
    {"--bank-hash", CBIT_ARG_LIST, OPTION(bank_hash), .value = "MASK",
     .help = "address bits XORed into the next bank bit"},
    {"--read-queue", CBIT_ARG_U64, OPTION(read_queue), .value = "N", .help = "entries"},
    {"--write-queue", CBIT_ARG_U64, OPTION(write_queue), .value = "N", .help = "entries"},
    {"--check", CBIT_ARG_FLAG, OPTION(check), .help = "replay every command against the rules"},
    {"--explain", CBIT_ARG_U64, OPTION(explain), .value = "REQUEST",
     .given_offset = OPTION(explain_given), .help = "report where the time of one request went"},
    {"--trace", CBIT_ARG_TEXT, OPTION(trace), .value = "FILE", .help = "write every command"},
    {"--plain", CBIT_ARG_FLAG, OPTION(plain), .help = "the clock-by-clock controller"},
    {"--no-vectors", CBIT_ARG_FLAG, OPTION(no_vectors), .help = "no vector instructions"},
    {"--json", CBIT_ARG_FLAG, OPTION(json), .help = "one JSON document on stdout"},
    {.name = NULL},
};

static const cbit_cli_command_t command = {
    .verb = "dram",
    .operands = "[STREAM]",
    .min_operands = 0,
    .max_operands = 1,
    .summary = "Offers a bare address stream to one memory controller and prints bandwidth and\n"
               "latency. STREAM has one request a line: R or W, an address, an optional arrival\n"
               "clock.",
    .examples = {"cbit dram --gen c --policy dramsim3 --json",
                 "cbit dram mine.txt --preset ddr5_5600b --mapping ro-ba-bg-co --window 64", NULL},
    .args = args,
    .exit_notes =
        "Exit status: 0 done, 1 --check found a violation, 2 usage, 3 something in the stream or\n"
        "the options' values is wrong, 4 a file cannot be opened or written.",
};

/* ---- configuration ---- */

static uint32_t set_masks(const cbit_arg_list_t *list, uint64_t *masks, const char *name,
                          cbit_diag_t *diag)
{
    if (list->count > CBIT_DRAM_HASH_BITS) {
        cbit_diag_add(diag, CBIT_ERR_RANGE, NULL, "%s: at most %d masks", name,
                      CBIT_DRAM_HASH_BITS);
        return 0;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        char *end;
        masks[i] = strtoull(list->items[i], &end, 0);
        if (end == list->items[i] || *end != '\0') {
            cbit_diag_add(diag, CBIT_ERR_SYNTAX, NULL, "%s %s: not a number", name, list->items[i]);
        }
    }
    return list->count;
}

static uint32_t small(uint64_t value)
{
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

/* masks has room for both hashes and must live as long as the configuration. */
static void configure(const dram_options_t *o, cbit_umc_config_t *config, uint64_t *masks,
                      cbit_diag_t *diag)
{
    cbit_rows_defaults(cbit_umc_rows, config);
    bool calibration = o->preset == CALIBRATION;
    config->dram.speed = calibration ? (uint32_t)CBIT_DDR4_3200AA : o->preset;
    config->dram.width_bits = small(o->width_bits);
    config->dram.density_gbit = small(o->density_gbit);
    config->dram.ranks = small(o->ranks);
    config->policy = o->policy;
    config->page_policy = o->page;
    config->read_queue_entries = small(o->read_queue);
    config->write_queue_entries = small(o->write_queue);
    if (strlen(o->mapping) > CBIT_DRAM_MAP_TEXT) {
        cbit_diag_add(diag, CBIT_ERR_RANGE, NULL, "--mapping: longer than %d characters",
                      CBIT_DRAM_MAP_TEXT);
    } else {
        (void)strcpy(config->mapping, o->mapping);
    }
    for (uint32_t i = 0; i < o->timings.count; i++) {
        cbit_cli_set_field("--timing", o->timings.items[i],
                           cbit_rows_find(cbit_dram_config_rows, "timing")->rows,
                           &config->dram.timing, diag);
    }
    for (uint32_t i = 0; i < o->devices.count; i++) {
        cbit_cli_set_field("--device", o->devices.items[i], cbit_dram_config_rows, &config->dram,
                           diag);
    }
    for (uint32_t i = 0; i < o->controllers.count; i++) {
        cbit_cli_set_field("--controller", o->controllers.items[i], cbit_umc_rows, config, diag);
    }
    config->group_hash = masks;
    config->group_hash_count = set_masks(&o->group_hash, masks, "--group-hash", diag);
    config->bank_hash = masks + CBIT_DRAM_HASH_BITS;
    config->bank_hash_count = set_masks(&o->bank_hash, config->bank_hash, "--bank-hash", diag);
}

/* ---- the stream ---- */

static void check_fingerprints(const dram_options_t *o, const cbit_dram_stream_t *stream,
                               cbit_diag_t *diag)
{
    for (const cbit_dram_fingerprint_t *f = cbit_dram_fingerprints; f->letter != 0; f++) {
        bool m1 = strcmp(o->mapping, "M1") == 0 && o->gen == 0;
        if (f->letter != GENS[o->gen][0] || f->m1 != m1 || f->count > stream->count) {
            continue;
        }
        uint64_t fnv1a = cbit_dram_stream_fingerprint(stream->requests, f->count, m1);
        (void)fprintf(stderr, "stream %c: fingerprint of %" PRIu64 " requests %016" PRIx64 ": %s\n",
                      f->letter, f->count, fnv1a, fnv1a == f->fnv1a ? "as published" : "WRONG");
        if (fnv1a != f->fnv1a) {
            cbit_diag_add(diag, CBIT_ERR_INTERNAL, NULL, "stream %c is not the published one",
                          f->letter);
        }
    }
}

static void get_stream(const dram_options_t *o, const cbit_operands_t *operands,
                       cbit_dram_stream_t *stream, cbit_diag_t *diag)
{
    if (operands->count == 1) {
        (void)cbit_dram_stream_read(operands->items[0], stream, diag);
        return;
    }
    enum { MOST = 1000000000 };
    if (o->count == 0 || o->count > MOST) {
        cbit_diag_add(diag, CBIT_ERR_RANGE, NULL, "--count %" PRIu64 ": 1..%d", o->count, MOST);
        return;
    }
    stream->requests = calloc(o->count, sizeof *stream->requests);
    stream->count = o->count;
    if (stream->requests == NULL) {
        cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "no memory for %" PRIu64 " requests",
                      o->count);
        return;
    }
    (void)cbit_dram_stream(GENS[o->gen][0], stream->requests, o->count);
    check_fingerprints(o, stream, diag);
}

/* ---- running and telling ---- */

static double cpu_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void write_command(void *self, const char *name, uint64_t at_nck, uint32_t rank,
                          uint32_t group, uint32_t bank, uint32_t row, uint32_t column)
{
    FILE *file = self;
    bool places = name[0] == 'A' || ((name[0] == 'R' || name[0] == 'W') && name[1] != 'E');
    if (strcmp(name, "REFSB") == 0) {
        (void)fprintf(file, "%" PRIu64 ",%s,%" PRIu32 ",%" PRIu32 "\n", at_nck, name, rank, bank);
    } else if (!places && strcmp(name, "PRE") != 0) {
        (void)fprintf(file, "%" PRIu64 ",%s,%" PRIu32 "\n", at_nck, name, rank);
    } else if (strcmp(name, "PRE") == 0) {
        (void)fprintf(file, "%" PRIu64 ",%s,%" PRIu32 ",%" PRIu32 ",%" PRIu32 "\n", at_nck, name,
                      rank, group, bank);
    } else {
        (void)fprintf(
            file, "%" PRIu64 ",%s,%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 "\n",
            at_nck, name, rank, group, bank, row, column);
    }
}

static void tell_unwritten(const char *path, cbit_diag_t *diag)
{
    cbit_diag_set_file(diag, path);
    cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "cannot be written");
}

static void tell_violation(const cbit_dram_violation_t *v)
{
    (void)fprintf(stderr,
                  "error: clock %" PRIu64 ": %s to rank %" PRIu32 " breaks %s: %" PRIu64
                  ", must be %" PRIu64 "\n",
                  v->at_nck, v->command, v->rank, v->rule, v->value, v->least);
}

static void check_explained(const dram_options_t *o, const cbit_dram_stream_t *stream,
                            cbit_diag_t *diag)
{
    if (!o->explain_given || stream->count == 0) {
        return;
    }
    if (o->explain >= stream->count) {
        cbit_diag_add(diag, CBIT_ERR_RANGE, NULL,
                      "--explain: %" PRIu64 "; requests are 0 to %" PRIu64, o->explain,
                      stream->count - 1);
    } else if ((stream->requests[o->explain].arrival_nck & CBIT_STREAM_WRITE) != 0) {
        cbit_diag_add(diag, CBIT_ERR_RANGE, NULL,
                      "--explain: request %" PRIu64 " is a write; it is done when it is queued, "
                      "only reads wait",
                      o->explain);
    }
}

static void run(const dram_options_t *o, const cbit_umc_config_t *config,
                const cbit_dram_stream_t *stream, FILE *trace, cbit_diag_t *diag, int *status)
{
    cbit_stream_options_t options = {.window = small(o->window),
                                     .plain = o->plain,
                                     .plain_scan = o->no_vectors,
                                     .engine_depth_nck = o->engine == 0 ? 0 : small(o->depth_eclk),
                                     .check = o->check,
                                     .stamps = true,
                                     .on_command = trace == NULL ? NULL : write_command,
                                     .self = trace,
                                     .line_of =
                                         stream->lines == NULL ? NULL : cbit_dram_stream_line,
                                     .stream = stream};
    cbit_stream_result_t result;
    cbit_stream_explain_t explanation = {.request = small(o->explain)};
    options.explain = o->explain_given ? &explanation : NULL;
    const double begin = cpu_seconds();
    if (cbit_stream_run(config, &options, stream->requests, stream->count, &result, diag) !=
        CBIT_ERR_OK) {
        return;
    }
    if (stream->count == 0) {
        cbit_stream_result_free(&result);
        return;
    }
    const double seconds = cpu_seconds() - begin;
    const cbit_dram_told_t told = {.preset = PRESETS[o->preset],
                                   .mapping = o->mapping,
                                   .policy = POLICIES[o->policy],
                                   .engine = ENGINES[o->engine],
                                   .window = o->window,
                                   .check = o->check,
                                   .with_energy = !o->plain,
                                   .result = &result,
                                   .explain = options.explain,
                                   .cpu_seconds = seconds};
    (o->json ? cbit_dram_tell_json : cbit_dram_tell_table)(&told);
    if (result.violations > 0) {
        tell_violation(&result.violation);
        *status = cbit_err_exit_status(CBIT_ERR_MISMATCH);
    }
    cbit_stream_result_free(&result);
}

static int run_or_emit(const dram_options_t *o, const cbit_operands_t *operands, cbit_diag_t *diag)
{
    uint64_t masks[2 * CBIT_DRAM_HASH_BITS];
    cbit_umc_config_t config;
    cbit_dram_stream_t stream = {0};
    int status = 0;
    configure(o, &config, masks, diag);
    bool options_good = cbit_diag_count(diag) == 0;
    get_stream(o, operands, &stream, diag);
    check_explained(o, &stream, diag);
    cbit_diag_set_file(diag, operands->count == 1 ? operands->items[0] : "cbit dram");
    cbit_new_file_t trace = {.file = NULL};
    if (cbit_diag_count(diag) > 0 && options_good) {
        stream.count = 0; /* nothing runs, but impossible timings and maps are told too */
        run(o, &config, &stream, NULL, diag, NULL);
    } else if (cbit_diag_count(diag) == 0 && o->emit) {
        cbit_dram_stream_write(&stream, stdout, diag);
    } else if (cbit_diag_count(diag) == 0) {
        if (o->trace != NULL && !cbit_new_file_begin(&trace, o->trace, CBIT_NEW_FILE_PLAIN)) {
            tell_unwritten(o->trace, diag);
        } else {
            run(o, &config, &stream, trace.file, diag, &status);
        }
        const bool good = cbit_diag_count(diag) == 0; /* a run that is refused leaves no trace */
        if (trace.file != NULL && !cbit_new_file_end(&trace, good) && good) {
            tell_unwritten(o->trace, diag);
        }
    }
    cbit_dram_stream_free(&stream);
    return status;
}

int cbit_cli_dram(int argc, char **argv)
{
    dram_options_t options = {.preset = CALIBRATION,
                              .mapping = "M0",
                              .window = 32,
                              .count = 1000000,
                              .depth_eclk = 11,
                              .width_bits = 8,
                              .ranks = 1};
    cbit_operands_t operands = {.count = 0};
    bool help = false;
    if (cbit_args_parse(&command, argc, argv, &options, &operands, &help) != CBIT_ERR_OK) {
        return cbit_err_exit_status(CBIT_ERR_USAGE);
    }
    if (help) {
        return 0;
    }
    if ((operands.count == 1) == options.gen_given) {
        return cbit_usage_error(&command, "needs a STREAM or --gen, one of them");
    }
    if (options.depth_eclk < 1 || options.depth_eclk > 64) {
        return cbit_usage_error(&command, "--depth: 1..64");
    }
    cbit_diag_t *diag = cbit_diag_create();
    int status = run_or_emit(&options, &operands, diag);
    if (cbit_diag_count(diag) > 0) {
        status = cbit_tell(diag, "nothing was run");
    }
    cbit_diag_destroy(diag);
    return status;
}
