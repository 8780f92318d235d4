#define _XOPEN_SOURCE 700

#include "cli/sp_owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "cbit/base/rng.h"
#include "cbit/workloads/owner.h"
#include "cbit/workloads/spdriver.h"
#include "cli/args.h"
#include "cli/sp_file.h"
#include "cli/sp_flow.h"
#include "cli/sp_kds.h"
#include "sev/abi.h"

/* ---- what the verbs take ---- */

#define OPTION(field) offsetof(owner_options_t, field)

static const cbit_arg_t session_args[] = {
    {"--policy", CBIT_ARG_U64, OPTION(policy), .value = "P", .help = "the guest's policy"},
    {"--out", CBIT_ARG_TEXT, OPTION(out), .value = "DIR",
     .help = "gets godh.cert, launch_blob.bin and tk.bin (TEK, then TIK)"},
    {"--owner-seed", CBIT_ARG_U64, OPTION(seed), .value = "N", .given_offset = OPTION(seed_given),
     .help = "the owner's keys, to make them again (otherwise new ones)"},
    {.name = NULL},
};

static const cbit_arg_t launch_args[] = {
    {"--firmware", CBIT_ARG_TEXT, OPTION(firmware), .value = "FILE",
     .help = "the guest's image: a multiple of 16 bytes, all of it measured"},
    {"--policy", CBIT_ARG_U64, OPTION(policy), .value = "P", .help = "the guest's policy"},
    {"--session", CBIT_ARG_TEXT, OPTION(session), .value = "DIR",
     .help = "godh.cert and launch_blob.bin of its owner"},
    {"--owner", CBIT_ARG_TEXT, OPTION(owner), .value = "COMMAND",
     .help = "run between measurement and finish, with DIR of --out as its argument"},
    {"--secret-gpa", CBIT_ARG_U64, OPTION(secret_gpa), .value = "A",
     .given_offset = OPTION(secret_gpa_given),
     .help = "where secret_header.bin and secret_payload.bin go (behind the image)"},
    {"--migrate-to", CBIT_ARG_TEXT, OPTION(migrate_to), .value = "PDH",
     .help = "then send the guest to the platform of this certificate: DIR/migration"},
    {"--migrate-chain", CBIT_ARG_TEXT, OPTION(migrate_chain), .value = "FILE",
     .help = "its PEK, OCA and signed CEK, for policies with DOMAIN or SEV"},
    {"--migrate-amd", CBIT_ARG_TEXT, OPTION(migrate_amd), .value = "FILE",
     .help = "ASK and ARK, for policies with SEV"},
    {"--out", CBIT_ARG_TEXT, OPTION(out), .value = "DIR",
     .help = "gets launch.json, attestation_report.bin and pek.cert"},
    {.name = NULL},
};

static const cbit_arg_t receive_args[] = {
    {"--from", CBIT_ARG_TEXT, OPTION(from), .value = "DIR", .help = "a migration folder"},
    {"--out", CBIT_ARG_TEXT, OPTION(out), .value = "DIR", .help = "gets received.json"},
    {.name = NULL},
};

static const cbit_arg_t migrate_args[] = {
    {"--firmware", CBIT_ARG_TEXT, OPTION(firmware), .value = "FILE",
     .help = "the guest's image: a multiple of 16 bytes, all of it measured"},
    {"--policy", CBIT_ARG_U64, OPTION(policy), .value = "P", .help = "the guest's policy"},
    {"--session", CBIT_ARG_TEXT, OPTION(session), .value = "DIR",
     .help = "godh.cert and launch_blob.bin of its owner"},
    {"--to-state", CBIT_ARG_TEXT, OPTION(to_state), .value = "FILE",
     .help = "the state file of the platform that receives it"},
    {"--out", CBIT_ARG_TEXT, OPTION(out), .value = "DIR",
     .help = "gets what launch leaves, target/ (the receiver's certificates), migration/ (what "
             "travels) and arrived/received.json"},
    {.name = NULL},
};

static const cbit_arg_t kds_args[] = {
    {"--out", CBIT_ARG_TEXT, OPTION(out), .value = "DIR",
     .help = "gets cek.cert, chain.cert (PEK, OCA, signed CEK), pdh.cert, ask_ark.cert and a note "
             "that they are synthetic"},
    {.name = NULL},
};

static const cbit_arg_t attest_args[] = {
    {"--report", CBIT_ARG_TEXT, OPTION(report), .value = "FILE", .help = "attestation_report.bin"},
    {"--pek", CBIT_ARG_TEXT, OPTION(pek), .value = "FILE", .help = "pek.cert"},
    {.name = NULL},
};

/* ---- session ---- */

static int run_session(sp_host_t *host, const owner_options_t *options)
{
    flow_t flow = {.host = host, .options = options};
    cbit_owner_session_t session;
    sev_cert_t pdh, chain[3];
    cbit_rng_t rng;
    uint64_t seed = options->seed;
    if (!options->seed_given && getrandom(&seed, sizeof seed, 0) != sizeof seed) {
        sp_flow_fail(&flow, CBIT_ERR_INTERNAL, "random numbers", "there are none");
    }
    sp_flow_init(&flow, false);
    sp_flow_export_certs(&flow, &pdh, chain);
    cbit_rng_init(&rng, seed, 0x6f776e6572u);
    if (flow.status == 0 && !cbit_owner_session(&pdh, (uint32_t)options->policy, &rng, &session)) {
        sp_flow_fail(&flow, CBIT_ERR_INTERNAL, "PDH", "is not a point of P-384");
    }
    if (flow.status == 0) {
        uint8_t keys[2 * SEV_KEY_BYTES];
        memcpy(keys, session.tek, SEV_KEY_BYTES);
        memcpy(keys + SEV_KEY_BYTES, session.tik, SEV_KEY_BYTES);
        sp_flow_write_out(&flow, options->out, "godh.cert", &session.cert, sizeof session.cert);
        sp_flow_write_out(&flow, options->out, "launch_blob.bin", &session.blob,
                          sizeof session.blob);
        sp_flow_write_secret(&flow, options->out, "tk.bin", keys, sizeof keys);
        OPENSSL_cleanse(keys, sizeof keys);
    }
    OPENSSL_cleanse(&session, sizeof session);
    return flow.status;
}

/* ---- launch ---- */

static uint8_t *read_firmware(flow_t *flow)
{
    uint8_t *bytes = malloc(GUEST_MAX_BYTES / 2);
    size_t got = 0;
    if (bytes == NULL) {
        sp_flow_fail(flow, CBIT_ERR_NO_MEMORY, flow->options->firmware, "out of memory");
        return NULL;
    }
    flow->status = sp_file_read(NULL, flow->options->firmware, bytes, GUEST_MAX_BYTES / 2, &got);
    flow->length = (uint32_t)got;
    if (flow->status == 0 && (got == 0 || got % 16 != 0)) {
        sp_flow_fail(flow, CBIT_ERR_FORMAT, flow->options->firmware,
                     "expected a multiple of 16 bytes, and some");
    }
    return bytes;
}

static void measure(flow_t *flow, const uint8_t *image)
{
    sp_flow_poke(flow, SP_HOST_GUEST, image, flow->length);
    sev_launch_range_t update = {
        .handle = flow->handle, .paddr = SP_HOST_GUEST, .length = flow->length};
    sp_flow_command(flow, SEV_CMD_LAUNCH_UPDATE_DATA, &update, sizeof update);
    sev_launch_range_t out = {
        .handle = flow->handle, .paddr = AREA_OUT, .length = SEV_MEASUREMENT_BYTES};
    sp_flow_command(flow, SEV_CMD_LAUNCH_MEASURE, &out, sizeof out);
    sp_flow_peek(flow, AREA_OUT, 0, flow->measurement, SEV_MEASUREMENT_BYTES);
    sev_attestation_t attest = {
        .handle = flow->handle, .paddr = AREA_OUT, .length = SEV_REPORT_BYTES};
    memcpy(attest.mnonce, flow->measurement + SEV_DIGEST_BYTES, SEV_NONCE_BYTES);
    sp_flow_command(flow, SEV_CMD_ATTESTATION, &attest, sizeof attest);
    sp_flow_peek(flow, AREA_OUT, 0, &flow->report, sizeof flow->report);
}

static void write_json(flow_t *flow)
{
    char json[1024], digest[65];
    unsigned char measurement[4 * ((SEV_MEASUREMENT_BYTES + 2) / 3) + 1];
    sp_flow_hex(flow->report.launch_digest, SEV_DIGEST_BYTES, digest);
    (void)EVP_EncodeBlock(measurement, flow->measurement, SEV_MEASUREMENT_BYTES);
    int length = snprintf(json, sizeof json,
                          "{\n  \"measurement\": \"%s\",\n  \"api_major\": %d,\n"
                          "  \"api_minor\": %d,\n  \"build_id\": %d,\n  \"policy\": %u,\n"
                          "  \"launch_digest\": \"%s\"%s%s%s\n}\n",
                          (const char *)measurement, SEV_API_MAJOR, SEV_API_MINOR, SEV_BUILD,
                          flow->report.policy, digest,
                          flow->secret_sha256[0] != '\0' ? ",\n  \"secret_sha256\": \"" : "",
                          flow->secret_sha256, flow->secret_sha256[0] != '\0' ? "\"" : "");
    sp_flow_write_out(flow, flow->options->out, "launch.json", json, (size_t)length);
}

/* The owner's turn: a command with the folder as its argument. */
static void ask_owner(flow_t *flow)
{
    if (flow->status != 0 || flow->options->owner == NULL) {
        return;
    }
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        (void)execlp(flow->options->owner, flow->options->owner, flow->options->out, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0) {
        sp_flow_fail(flow, CBIT_ERR_MISMATCH, flow->options->owner,
                     WIFEXITED(status) && WEXITSTATUS(status) == 127
                         ? "cannot be run; the launch is aborted"
                         : "the owner refuses; the launch is aborted");
    }
}

static void inject(flow_t *flow)
{
    static uint8_t header[SEV_PACKET_HEADER_BYTES], payload[SECRET_MAX_BYTES];
    size_t header_bytes = 0, bytes = 0;
    const char *out = flow->options->out;
    if (flow->status != 0 || !sp_file_exists(out, "secret_header.bin") ||
        !sp_file_exists(out, "secret_payload.bin")) {
        return;
    }
    flow->status =
        sp_file_read_packet(out, "secret_header.bin", header, sizeof header, &header_bytes);
    if (flow->status == 0) {
        flow->status =
            sp_file_read_packet(out, "secret_payload.bin", payload, sizeof payload, &bytes);
    }
    uint64_t gpa = flow->options->secret_gpa_given ? flow->options->secret_gpa
                                                   : (flow->length + 4095u) & ~4095u;
    if (flow->status == 0 && gpa > GUEST_MAX_BYTES - SECRET_MAX_BYTES) {
        sp_flow_fail(flow, CBIT_ERR_ADDRESS, "--secret-gpa", "is outside the guest's memory");
    }
    sp_flow_poke(flow, AREA_HEADER, header, (uint32_t)header_bytes);
    sp_flow_poke(flow, AREA_DATA, payload, (uint32_t)bytes);
    sev_transport_t secret = {.handle = flow->handle,
                              .header_paddr = AREA_HEADER,
                              .header_length = (uint32_t)header_bytes,
                              .guest_paddr = SP_HOST_GUEST + gpa,
                              .guest_length = (uint32_t)bytes,
                              .trans_paddr = AREA_DATA,
                              .trans_length = (uint32_t)bytes};
    sp_flow_command(flow, SEV_CMD_LAUNCH_SECRET, &secret, sizeof secret);
    /* What the guest finds there, through its own key. */
    sp_flow_peek(flow, SP_HOST_GUEST + gpa, (uint16_t)flow->asid, payload, (uint32_t)bytes);
    uint8_t digest[SEV_DIGEST_BYTES];
    sp_flow_hex(SHA256(payload, bytes, digest), sizeof digest, flow->secret_sha256);
    OPENSSL_cleanse(payload, sizeof payload);
}

static int run_launch(sp_host_t *host, const owner_options_t *options)
{
    bool es = (options->policy & SEV_POLICY_ES) != 0;
    flow_t flow = {.host = host, .options = options, .asid = es ? 1 : 2};
    sev_cert_t pdh, chain[3];
    uint8_t *image = read_firmware(&flow);
    sp_flow_init(&flow, es);
    sp_flow_export_certs(&flow, &pdh, chain);
    sp_flow_start_guest(&flow, SEV_CMD_LAUNCH_START, options->session, "godh.cert",
                        "launch_blob.bin", (uint32_t)options->policy);
    if (image != NULL) {
        measure(&flow, image);
    }
    write_json(&flow);
    sp_flow_write_out(&flow, options->out, "attestation_report.bin", &flow.report,
                      sizeof flow.report);
    sp_flow_write_out(&flow, options->out, "pek.cert", &chain[0], sizeof chain[0]);
    ask_owner(&flow);
    inject(&flow);
    sp_flow_with_handle(&flow, SEV_CMD_LAUNCH_FINISH);
    if (flow.secret_sha256[0] != '\0') {
        write_json(&flow);
    }
    sp_flow_migrate(&flow);
    if (flow.status == 0) {
        (void)printf("launched %s: %u bytes measured%s%s\n", options->firmware, flow.length,
                     flow.secret_sha256[0] != '\0' ? ", a secret injected" : "",
                     options->migrate_to != NULL ? ", and sent away" : "");
    }
    free(image);
    return flow.status;
}

/* ---- migrate ---- */

static bool same_file(const char *a, const char *b)
{
    struct stat first, second;
    return a != NULL &&
           (strcmp(a, b) == 0 || (stat(a, &first) == 0 && stat(b, &second) == 0 &&
                                  first.st_dev == second.st_dev && first.st_ino == second.st_ino));
}

/* Launches here, sends to the platform of another process, and lets that one receive. */
static int run_migrate(sp_host_t *host, const owner_options_t *options)
{
    enum { NAME_BYTES = 4096 };
    char target[NAME_BYTES], pdh[NAME_BYTES + 16], chain[NAME_BYTES + 16], amd[NAME_BYTES + 16];
    char packets[NAME_BYTES], arrived[NAME_BYTES];
    owner_options_t all = *options;
    if (same_file(sp_host_state(host), options->to_state)) {
        (void)fprintf(stderr, "error: --to-state: %s is the sender's own\n", options->to_state);
        return cbit_err_exit_status(CBIT_ERR_USAGE);
    }
    (void)snprintf(target, sizeof target, "%s/target", options->out);
    (void)snprintf(packets, sizeof packets, "%s/migration", options->out);
    (void)snprintf(arrived, sizeof arrived, "%s/arrived", options->out);
    (void)snprintf(pdh, sizeof pdh, "%s/pdh.cert", target);
    (void)snprintf(chain, sizeof chain, "%s/chain.cert", target);
    (void)snprintf(amd, sizeof amd, "%s/ask_ark.cert", target);
    all.migrate_to = pdh;
    all.migrate_chain = chain;
    all.migrate_amd = amd;
    (void)mkdir(options->out, 0777);
    int status = sp_flow_elsewhere("kds", options->to_state, target, NULL);
    status = status != 0 ? status : run_launch(host, &all);
    return status != 0 ? status : sp_flow_elsewhere("receive", options->to_state, arrived, packets);
}

/* ---- attest ---- */

static int run_attest(sp_host_t *host, const owner_options_t *options)
{
    flow_t flow = {.host = host, .options = options};
    sev_report_t report;
    sev_cert_t pek;
    char digest[65];
    sp_flow_read_exact(&flow, NULL, options->report, &report, sizeof report);
    sp_flow_read_exact(&flow, NULL, options->pek, &pek, sizeof pek);
    if (flow.status == 0 && !cbit_owner_report_good(&report, &pek)) {
        sp_flow_fail(&flow, CBIT_ERR_MISMATCH, options->report, "is not signed by that PEK");
    }
    if (flow.status == 0) {
        sp_flow_hex(report.launch_digest, SEV_DIGEST_BYTES, digest);
        (void)printf("signed by that PEK: launch digest %s, policy %u\n", digest, report.policy);
    }
    return flow.status;
}

/* ---- the verbs ---- */

static const struct {
    cbit_cli_command_t command;
    int (*run)(sp_host_t *host, const owner_options_t *options);
    const char *required[4]; /* texts that must be given */
} verbs[] = {
    {{.verb = "session",
      .summary = "Makes an owner's session for this platform.",
      .args = session_args},
     run_session,
     {"--out"}},
    {{.verb = "launch", .summary = "Launches an image as a guest.", .args = launch_args},
     run_launch,
     {"--out", "--firmware", "--session"}},
    {{.verb = "receive", .summary = "Receives a guest that was sent.", .args = receive_args},
     sp_flow_receive,
     {"--out", "--from"}},
    {{.verb = "migrate",
      .summary = "Launches an image and moves the guest to another platform.",
      .args = migrate_args},
     run_migrate,
     {"--out", "--firmware", "--session", "--to-state"}},
    {{.verb = "kds",
      .summary = "Writes the modelled chip's certificates as its maker would.",
      .args = kds_args},
     sp_kds_run,
     {"--out"}},
    {{.verb = "attest", .summary = "Checks an attestation report.", .args = attest_args},
     run_attest,
     {"--report", "--pek"}},
};

enum { VERBS = sizeof verbs / sizeof verbs[0] };

static int find_verb(const char *word)
{
    for (int i = 0; i < VERBS; i++) {
        if (strcmp(verbs[i].command.verb, word) == 0) {
            return i;
        }
    }
    return -1;
}

bool sp_owner_verb(const char *word)
{
    return find_verb(word) >= 0;
}

/* The option of that name, or the end of the table. */
static const cbit_arg_t *option_of(const cbit_arg_t *args, const char *name)
{
    while (args->name != NULL && strcmp(args->name, name) != 0) {
        args++;
    }
    return args;
}

/* Names the options that verb i needs and does not have; its exit status, or 0. */
static int check_required(int i, const cbit_cli_command_t *named, const owner_options_t *options)
{
    char missing[128] = "";
    uint32_t count = 0;
    for (uint32_t j = 0; j < 4 && verbs[i].required[j] != NULL; j++) {
        const cbit_arg_t *arg = option_of(named->args, verbs[i].required[j]);
        const char *text;
        memcpy(&text, (const char *)options + arg->offset, sizeof text);
        if (text == NULL) {
            size_t used = strlen(missing);
            (void)snprintf(missing + used, sizeof missing - used, "%s%s %s",
                           count++ == 0 ? "" : ", ", arg->name, arg->value);
        }
    }
    return count == 0
               ? 0
               : cbit_usage_error(named, "%s %s missing", missing, count == 1 ? "is" : "are");
}

/* Parses the words of verb i. *done: help was asked for. Returns an exit status. */
static int parse(int i, int argc, char **argv, owner_options_t *options, bool *done)
{
    cbit_operands_t operands;
    cbit_cli_command_t named = verbs[i].command;
    char name[32];
    (void)snprintf(name, sizeof name, "sp %s", named.verb);
    named.verb = name;
    char summary[128];
    (void)snprintf(summary, sizeof summary, "%s DIR is short for --out DIR.", named.summary);
    named.operands = "";
    if (option_of(named.args, "--out")->name != NULL) {
        named.summary = summary;
        named.operands = "[DIR]";
        named.max_operands = 1;
    }
    if (cbit_args_parse(&named, argc, argv, options, &operands, done) != CBIT_ERR_OK) {
        return cbit_err_exit_status(CBIT_ERR_USAGE);
    }
    if (*done) {
        return 0;
    }
    if (operands.count == 1 && options->out == NULL) {
        options->out = operands.items[0]; /* the folder may stand without --out */
    } else if (operands.count == 1) {
        return cbit_usage_error(&named, "one too many: %s", operands.items[0]);
    }
    if (options->policy > UINT32_MAX) {
        return cbit_usage_error(&named, "--policy has 32 bits");
    }
    return check_required(i, &named, options);
}

int sp_owner_check(int argc, char **argv, bool *done)
{
    owner_options_t options = {.policy = 0};
    return parse(find_verb(argv[0]), argc, argv, &options, done);
}

int sp_owner_run(sp_host_t *host, int argc, char **argv)
{
    owner_options_t options = {.policy = 0};
    bool done = false;
    const int i = find_verb(argv[0]);
    const int status = parse(i, argc, argv, &options, &done);
    return status != 0 || done ? status : verbs[i].run(host, &options);
}

void sp_owner_help(void)
{
    (void)printf("\ncommands on files (cbit sp COMMAND --help tells more):\n");
    for (int i = 0; i < VERBS; i++) {
        (void)printf("  %-20s %s\n", verbs[i].command.verb, verbs[i].command.summary);
    }
}
