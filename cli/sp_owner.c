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
#include "sev/abi.h"

/* ---- what the verbs take ---- */

typedef struct owner_options {
    const char *firmware, *session, *owner, *out, *migrate_to, *from, *report, *pek;
    uint64_t policy, secret_gpa, seed;
    bool secret_gpa_given, seed_given;
} owner_options_t;

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
    {"--out", CBIT_ARG_TEXT, OPTION(out), .value = "DIR",
     .help = "gets launch.json, attestation_report.bin and pek.cert"},
    {.name = NULL},
};

static const cbit_arg_t receive_args[] = {
    {"--from", CBIT_ARG_TEXT, OPTION(from), .value = "DIR", .help = "a migration folder"},
    {"--out", CBIT_ARG_TEXT, OPTION(out), .value = "DIR", .help = "gets received.json"},
    {.name = NULL},
};

static const cbit_arg_t attest_args[] = {
    {"--report", CBIT_ARG_TEXT, OPTION(report), .value = "FILE", .help = "attestation_report.bin"},
    {"--pek", CBIT_ARG_TEXT, OPTION(pek), .value = "FILE", .help = "pek.cert"},
    {.name = NULL},
};

/* ---- a run of firmware commands: the first refusal ends it ---- */

typedef struct flow {
    sp_host_t *host;
    const owner_options_t *options;
    int status;      /* exit status so far */
    uint32_t handle; /* of the guest */
    uint32_t length; /* of its image */
    uint32_t asid;
    uint8_t measurement[SEV_MEASUREMENT_BYTES];
    sev_report_t report;
    char secret_sha256[65];
} flow_t;

enum {
    AREA_CERT = SP_HOST_AREA0,
    AREA_SESSION = SP_HOST_AREA0 + SP_HOST_AREA_BYTES,
    AREA_HEADER = SP_HOST_AREA0 + 2 * SP_HOST_AREA_BYTES,
    AREA_DATA = SP_HOST_AREA0 + 3 * SP_HOST_AREA_BYTES,
    AREA_OUT = SP_HOST_AREA0 + 4 * SP_HOST_AREA_BYTES,
    TMR = 0x800000,
    GUEST_MAX_BYTES = SP_HOST_MEMORY_BYTES - SP_HOST_GUEST,
    SECRET_MAX_BYTES = SEV_PACKET_MAX_BYTES,
};

static void fail(flow_t *flow, cbit_err_t err, const char *subject, const char *what)
{
    (void)fprintf(stderr, "error: %s: %s\n", subject, what);
    flow->status = cbit_err_exit_status(err);
}

static void command(flow_t *flow, uint32_t id, void *buffer, uint32_t bytes)
{
    if (flow->status != 0) {
        return;
    }
    uint32_t status = sp_host_command(flow->host, id, buffer, bytes);
    if (status != SEV_STATUS_SUCCESS) {
        (void)fprintf(stderr, "error: %s: %s (%02x): %s\n", cbit_spdriver_command_name(id),
                      cbit_spdriver_status_name(status), status & 0xff,
                      cbit_spdriver_status_text(status));
        flow->status = cbit_err_exit_status(CBIT_ERR_MISMATCH);
    }
}

static void with_handle(flow_t *flow, uint32_t id)
{
    sev_handle_t buffer = {.handle = flow->handle};
    command(flow, id, &buffer, sizeof buffer);
}

static void poke(flow_t *flow, uint64_t spa, const void *bytes, uint32_t length)
{
    if (flow->status == 0 && !sp_host_write(flow->host, spa, 0, bytes, length)) {
        fail(flow, CBIT_ERR_INTERNAL, "memory", "cannot be written");
    }
}

static void peek(flow_t *flow, uint64_t spa, uint16_t key, void *bytes, uint32_t length)
{
    if (flow->status == 0 && !sp_host_read(flow->host, spa, key, bytes, length)) {
        fail(flow, CBIT_ERR_INTERNAL, "memory", "cannot be read");
    }
}

static void init(flow_t *flow, bool es)
{
    sev_init_t buffer = {.flags = es ? SEV_INIT_FLAG_ES : 0,
                         .tmr_paddr = es ? TMR : 0,
                         .tmr_length = es ? SEV_TMR_BYTES : 0};
    command(flow, SEV_CMD_INIT, &buffer, sizeof buffer);
    sp_host_wbinvd(flow->host);
    command(flow, SEV_CMD_DF_FLUSH, NULL, 0);
}

static void export_certs(flow_t *flow, sev_cert_t *pdh, sev_cert_t chain[3])
{
    sev_two_ranges_t ranges = {.first_paddr = AREA_CERT,
                               .first_length = SEV_CERT_BYTES,
                               .second_paddr = AREA_OUT,
                               .second_length = SEV_CHAIN_BYTES};
    command(flow, SEV_CMD_PDH_CERT_EXPORT, &ranges, sizeof ranges);
    peek(flow, AREA_CERT, 0, pdh, SEV_CERT_BYTES);
    peek(flow, AREA_OUT, 0, chain, SEV_CHAIN_BYTES);
}

/* A file of exactly that many bytes. */
static void read_exact(flow_t *flow, const char *directory, const char *name, void *bytes,
                       size_t length)
{
    size_t got = 0;
    if (flow->status == 0) {
        flow->status = sp_file_read(directory, name, bytes, length, &got);
    }
    if (flow->status == 0 && got != length) {
        fail(flow, CBIT_ERR_FORMAT, name, "has a wrong length");
    }
}

static void write_out(flow_t *flow, const char *directory, const char *name, const void *bytes,
                      size_t length)
{
    if (flow->status == 0) {
        flow->status = sp_file_write(directory, name, bytes, length);
    }
}

/* ---- session ---- */

static int run_session(sp_host_t *host, const owner_options_t *options)
{
    flow_t flow = {.host = host, .options = options};
    cbit_owner_session_t session;
    sev_cert_t pdh, chain[3];
    cbit_rng_t rng;
    uint64_t seed = options->seed;
    if (!options->seed_given && getrandom(&seed, sizeof seed, 0) != sizeof seed) {
        fail(&flow, CBIT_ERR_INTERNAL, "random numbers", "there are none");
    }
    init(&flow, false);
    export_certs(&flow, &pdh, chain);
    cbit_rng_init(&rng, seed, 0x6f776e6572u);
    if (flow.status == 0 && !cbit_owner_session(&pdh, (uint32_t)options->policy, &rng, &session)) {
        fail(&flow, CBIT_ERR_INTERNAL, "PDH", "is not a point of P-384");
    }
    if (flow.status == 0) {
        uint8_t keys[2 * SEV_KEY_BYTES];
        memcpy(keys, session.tek, SEV_KEY_BYTES);
        memcpy(keys + SEV_KEY_BYTES, session.tik, SEV_KEY_BYTES);
        write_out(&flow, options->out, "godh.cert", &session.cert, sizeof session.cert);
        write_out(&flow, options->out, "launch_blob.bin", &session.blob, sizeof session.blob);
        write_out(&flow, options->out, "tk.bin", keys, sizeof keys);
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
        fail(flow, CBIT_ERR_NO_MEMORY, flow->options->firmware, "out of memory");
        return NULL;
    }
    flow->status = sp_file_read(NULL, flow->options->firmware, bytes, GUEST_MAX_BYTES / 2, &got);
    flow->length = (uint32_t)got;
    if (flow->status == 0 && (got == 0 || got % 16 != 0)) {
        fail(flow, CBIT_ERR_FORMAT, flow->options->firmware,
             "expected a multiple of 16 bytes, and some");
    }
    return bytes;
}

static void start_guest(flow_t *flow, uint32_t id, const char *directory, const char *cert_name,
                        const char *blob_name, uint32_t policy)
{
    sev_cert_t cert;
    sev_session_t blob;
    read_exact(flow, directory, cert_name, &cert, sizeof cert);
    read_exact(flow, directory, blob_name, &blob, sizeof blob);
    poke(flow, AREA_CERT, &cert, sizeof cert);
    poke(flow, AREA_SESSION, &blob, sizeof blob);
    sev_start_t start = {.policy = policy,
                         .cert_paddr = AREA_CERT,
                         .cert_length = SEV_CERT_BYTES,
                         .session_paddr = AREA_SESSION,
                         .session_length = SEV_SESSION_BYTES};
    command(flow, id, &start, sizeof start);
    flow->handle = start.handle;
    sev_activate_t activate = {.handle = flow->handle, .asid = flow->asid};
    command(flow, SEV_CMD_ACTIVATE, &activate, sizeof activate);
}

static void measure(flow_t *flow, const uint8_t *image)
{
    poke(flow, SP_HOST_GUEST, image, flow->length);
    sev_launch_range_t update = {
        .handle = flow->handle, .paddr = SP_HOST_GUEST, .length = flow->length};
    command(flow, SEV_CMD_LAUNCH_UPDATE_DATA, &update, sizeof update);
    sev_launch_range_t out = {
        .handle = flow->handle, .paddr = AREA_OUT, .length = SEV_MEASUREMENT_BYTES};
    command(flow, SEV_CMD_LAUNCH_MEASURE, &out, sizeof out);
    peek(flow, AREA_OUT, 0, flow->measurement, SEV_MEASUREMENT_BYTES);
    sev_attestation_t attest = {
        .handle = flow->handle, .paddr = AREA_OUT, .length = SEV_REPORT_BYTES};
    memcpy(attest.mnonce, flow->measurement + SEV_DIGEST_BYTES, SEV_NONCE_BYTES);
    command(flow, SEV_CMD_ATTESTATION, &attest, sizeof attest);
    peek(flow, AREA_OUT, 0, &flow->report, sizeof flow->report);
}

static void hex(const uint8_t *bytes, size_t length, char *text)
{
    for (size_t i = 0; i < length; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
}

static void write_json(flow_t *flow)
{
    char json[1024], digest[65];
    unsigned char measurement[4 * ((SEV_MEASUREMENT_BYTES + 2) / 3) + 1];
    hex(flow->report.launch_digest, SEV_DIGEST_BYTES, digest);
    (void)EVP_EncodeBlock(measurement, flow->measurement, SEV_MEASUREMENT_BYTES);
    int length = snprintf(json, sizeof json,
                          "{\n  \"measurement\": \"%s\",\n  \"api_major\": %d,\n"
                          "  \"api_minor\": %d,\n  \"build_id\": %d,\n  \"policy\": %u,\n"
                          "  \"launch_digest\": \"%s\"%s%s%s\n}\n",
                          (const char *)measurement, SEV_API_MAJOR, SEV_API_MINOR, SEV_BUILD,
                          flow->report.policy, digest,
                          flow->secret_sha256[0] != '\0' ? ",\n  \"secret_sha256\": \"" : "",
                          flow->secret_sha256, flow->secret_sha256[0] != '\0' ? "\"" : "");
    write_out(flow, flow->options->out, "launch.json", json, (size_t)length);
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
        fail(flow, CBIT_ERR_MISMATCH, flow->options->owner,
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
        fail(flow, CBIT_ERR_ADDRESS, "--secret-gpa", "is outside the guest's memory");
    }
    poke(flow, AREA_HEADER, header, (uint32_t)header_bytes);
    poke(flow, AREA_DATA, payload, (uint32_t)bytes);
    sev_transport_t secret = {.handle = flow->handle,
                              .header_paddr = AREA_HEADER,
                              .header_length = (uint32_t)header_bytes,
                              .guest_paddr = SP_HOST_GUEST + gpa,
                              .guest_length = (uint32_t)bytes,
                              .trans_paddr = AREA_DATA,
                              .trans_length = (uint32_t)bytes};
    command(flow, SEV_CMD_LAUNCH_SECRET, &secret, sizeof secret);
    /* What the guest finds there, through its own key. */
    peek(flow, SP_HOST_GUEST + gpa, (uint16_t)flow->asid, payload, (uint32_t)bytes);
    uint8_t digest[SEV_DIGEST_BYTES];
    hex(SHA256(payload, bytes, digest), sizeof digest, flow->secret_sha256);
    OPENSSL_cleanse(payload, sizeof payload);
}

/* ---- migration, in files: a header and up to 16 KiB of data per packet ---- */

typedef struct migration {
    char magic[8];
    uint32_t policy, length; /* of the guest's memory */
} migration_t;

static const char migration_magic[8] = {'C', 'B', 'I', 'T', 'M', 'I', 'G', '1'};

typedef struct packet {
    sev_packet_header_t header;
    uint8_t data[SEV_PACKET_MAX_BYTES];
} packet_t;

static uint32_t part_of(const flow_t *flow, uint32_t at)
{
    uint32_t rest = flow->length - at;
    return rest < SEV_PACKET_MAX_BYTES ? rest : SEV_PACKET_MAX_BYTES;
}

static void transport(flow_t *flow, uint32_t id, uint32_t at)
{
    sev_transport_t buffer = {.handle = flow->handle,
                              .header_paddr = AREA_HEADER,
                              .header_length = SEV_PACKET_HEADER_BYTES,
                              .guest_paddr = SP_HOST_GUEST + at,
                              .guest_length = part_of(flow, at),
                              .trans_paddr = AREA_DATA,
                              .trans_length = part_of(flow, at)};
    command(flow, id, &buffer, sizeof buffer);
}

static void send_memory(flow_t *flow, const char *directory)
{
    uint32_t packets = (flow->length + SEV_PACKET_MAX_BYTES - 1) / SEV_PACKET_MAX_BYTES;
    packet_t *all = calloc(packets, sizeof *all);
    if (all == NULL) {
        fail(flow, CBIT_ERR_NO_MEMORY, directory, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < packets && flow->status == 0; i++) {
        transport(flow, SEV_CMD_SEND_UPDATE_DATA, i * SEV_PACKET_MAX_BYTES);
        peek(flow, AREA_HEADER, 0, &all[i].header, sizeof all[i].header);
        peek(flow, AREA_DATA, 0, all[i].data, part_of(flow, i * SEV_PACKET_MAX_BYTES));
    }
    write_out(flow, directory, "packets.bin", all, packets * sizeof *all);
    free(all);
}

static void migrate(flow_t *flow)
{
    char directory[4096];
    sev_cert_t target, pdh, chain[3];
    sev_session_t session;
    if (flow->status != 0 || flow->options->migrate_to == NULL) {
        return;
    }
    (void)snprintf(directory, sizeof directory, "%s/migration", flow->options->out);
    export_certs(flow, &pdh, chain);
    read_exact(flow, NULL, flow->options->migrate_to, &target, sizeof target);
    poke(flow, AREA_CERT, &target, sizeof target);
    sev_send_start_t start = {.handle = flow->handle,
                              .pdh_paddr = AREA_CERT,
                              .pdh_length = SEV_CERT_BYTES,
                              .session_paddr = AREA_SESSION,
                              .session_length = SEV_SESSION_BYTES};
    command(flow, SEV_CMD_SEND_START, &start, sizeof start);
    peek(flow, AREA_SESSION, 0, &session, sizeof session);
    migration_t head = {.policy = start.policy, .length = flow->length};
    memcpy(head.magic, migration_magic, sizeof head.magic);
    write_out(flow, directory, "migration.bin", &head, sizeof head);
    write_out(flow, directory, "pdh.cert", &pdh, sizeof pdh);
    write_out(flow, directory, "session.bin", &session, sizeof session);
    if (flow->status == 0) {
        send_memory(flow, directory);
    }
    with_handle(flow, SEV_CMD_SEND_FINISH);
}

static int run_launch(sp_host_t *host, const owner_options_t *options)
{
    bool es = (options->policy & SEV_POLICY_ES) != 0;
    flow_t flow = {.host = host, .options = options, .asid = es ? 1 : 2};
    sev_cert_t pdh, chain[3];
    uint8_t *image = read_firmware(&flow);
    init(&flow, es);
    export_certs(&flow, &pdh, chain);
    start_guest(&flow, SEV_CMD_LAUNCH_START, options->session, "godh.cert", "launch_blob.bin",
                (uint32_t)options->policy);
    if (image != NULL) {
        measure(&flow, image);
    }
    write_json(&flow);
    write_out(&flow, options->out, "attestation_report.bin", &flow.report, sizeof flow.report);
    write_out(&flow, options->out, "pek.cert", &chain[0], sizeof chain[0]);
    ask_owner(&flow);
    inject(&flow);
    with_handle(&flow, SEV_CMD_LAUNCH_FINISH);
    if (flow.secret_sha256[0] != '\0') {
        write_json(&flow);
    }
    migrate(&flow);
    if (flow.status == 0) {
        (void)printf("launched %s: %u bytes measured%s%s\n", options->firmware, flow.length,
                     flow.secret_sha256[0] != '\0' ? ", a secret injected" : "",
                     options->migrate_to != NULL ? ", and sent away" : "");
    }
    free(image);
    return flow.status;
}

/* ---- receive ---- */

static void receive_memory(flow_t *flow, const char *directory)
{
    uint32_t packets = (flow->length + SEV_PACKET_MAX_BYTES - 1) / SEV_PACKET_MAX_BYTES;
    packet_t *all = calloc(packets + 1, sizeof *all);
    if (all == NULL) {
        fail(flow, CBIT_ERR_NO_MEMORY, directory, "out of memory");
        return;
    }
    read_exact(flow, directory, "packets.bin", all, packets * sizeof *all);
    for (uint32_t i = 0; i < packets && flow->status == 0; i++) {
        poke(flow, AREA_HEADER, &all[i].header, sizeof all[i].header);
        poke(flow, AREA_DATA, all[i].data, part_of(flow, i * SEV_PACKET_MAX_BYTES));
        transport(flow, SEV_CMD_RECEIVE_UPDATE_DATA, i * SEV_PACKET_MAX_BYTES);
    }
    free(all);
}

static int run_receive(sp_host_t *host, const owner_options_t *options)
{
    flow_t flow = {.host = host, .options = options, .asid = 2};
    migration_t head = {.length = 0};
    read_exact(&flow, options->from, "migration.bin", &head, sizeof head);
    if (flow.status == 0 && (memcmp(head.magic, migration_magic, sizeof head.magic) != 0 ||
                             head.length > GUEST_MAX_BYTES / 2 || head.length % 16 != 0)) {
        fail(&flow, CBIT_ERR_FORMAT, "migration.bin", "is not of a migration");
    }
    flow.length = head.length;
    flow.asid = (head.policy & SEV_POLICY_ES) != 0 ? 1 : 2;
    init(&flow, (head.policy & SEV_POLICY_ES) != 0);
    start_guest(&flow, SEV_CMD_RECEIVE_START, options->from, "pdh.cert", "session.bin",
                head.policy);
    if (flow.status == 0) {
        receive_memory(&flow, options->from);
    }
    with_handle(&flow, SEV_CMD_RECEIVE_FINISH);
    uint8_t *memory = malloc(flow.length + 1), digest[SEV_DIGEST_BYTES];
    char text[65], json[256];
    if (memory != NULL && flow.status == 0) {
        peek(&flow, SP_HOST_GUEST, (uint16_t)flow.asid, memory, flow.length);
        hex(SHA256(memory, flow.length, digest), sizeof digest, text);
        int length = snprintf(json, sizeof json,
                              "{\n  \"policy\": %u,\n  \"bytes\": %u,\n"
                              "  \"memory_sha256\": \"%s\"\n}\n",
                              head.policy, flow.length, text);
        write_out(&flow, options->out, "received.json", json, (size_t)length);
    }
    free(memory);
    if (flow.status == 0) {
        (void)printf("received %u bytes; the guest runs\n", flow.length);
    }
    return flow.status;
}

/* ---- attest ---- */

static int run_attest(sp_host_t *host, const owner_options_t *options)
{
    flow_t flow = {.host = host, .options = options};
    sev_report_t report;
    sev_cert_t pek;
    char digest[65];
    read_exact(&flow, NULL, options->report, &report, sizeof report);
    read_exact(&flow, NULL, options->pek, &pek, sizeof pek);
    if (flow.status == 0 && !cbit_owner_report_good(&report, &pek)) {
        fail(&flow, CBIT_ERR_MISMATCH, options->report, "is not signed by that PEK");
    }
    if (flow.status == 0) {
        hex(report.launch_digest, SEV_DIGEST_BYTES, digest);
        (void)printf("signed by that PEK: launch digest %s, policy %u\n", digest, report.policy);
    }
    return flow.status;
}

/* ---- the verbs ---- */

static const struct {
    cbit_cli_command_t command;
    int (*run)(sp_host_t *host, const owner_options_t *options);
    size_t required[4]; /* texts that must be given; 0 ends them after the first */
} verbs[] = {
    {{.verb = "session", .summary = "An owner's session for this platform.", .args = session_args},
     run_session,
     {OPTION(out)}},
    {{.verb = "launch", .summary = "Launch an image as a guest.", .args = launch_args},
     run_launch,
     {OPTION(out), OPTION(firmware), OPTION(session)}},
    {{.verb = "receive", .summary = "Receive a guest that was sent.", .args = receive_args},
     run_receive,
     {OPTION(out), OPTION(from)}},
    {{.verb = "attest", .summary = "Check an attestation report.", .args = attest_args},
     run_attest,
     {OPTION(report), OPTION(pek)}},
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

int sp_owner_run(sp_host_t *host, int argc, char **argv)
{
    owner_options_t options = {.policy = 0};
    cbit_operands_t operands;
    bool help = false;
    int i = find_verb(argv[0]);
    const cbit_cli_command_t *verb = &verbs[i].command;
    cbit_cli_command_t named = *verb;
    char name[32];
    (void)snprintf(name, sizeof name, "sp %s", verb->verb);
    named.verb = name;
    named.operands = "";
    if (cbit_args_parse(&named, argc, argv, &options, &operands, &help) != CBIT_ERR_OK) {
        return cbit_err_exit_status(CBIT_ERR_USAGE);
    }
    if (help) {
        return 0;
    }
    if (options.policy > UINT32_MAX) {
        return cbit_usage_error(&named, "--policy has 32 bits");
    }
    for (int j = 0; j < 4 && (j == 0 || verbs[i].required[j] != 0); j++) {
        const char *text;
        memcpy(&text, (const char *)&options + verbs[i].required[j], sizeof text);
        if (text == NULL) {
            return cbit_usage_error(&named, "something is missing; every option without a default");
        }
    }
    return verbs[i].run(host, &options);
}

void sp_owner_help(void)
{
    (void)printf("\nverbs in files (cbit sp VERB --help tells more):\n");
    for (int i = 0; i < VERBS; i++) {
        (void)printf("  %-20s %s\n", verbs[i].command.verb, verbs[i].command.summary);
    }
}
