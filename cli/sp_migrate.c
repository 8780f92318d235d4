/* Migration between two platforms, in files. */
#define _XOPEN_SOURCE 700

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/sha.h>

#include "cli/sp_file.h"
#include "cli/sp_flow.h"

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
    sp_flow_command(flow, id, &buffer, sizeof buffer);
}

static void send_memory(flow_t *flow, const char *directory)
{
    uint32_t packets = (flow->length + SEV_PACKET_MAX_BYTES - 1) / SEV_PACKET_MAX_BYTES;
    packet_t *all = calloc(packets, sizeof *all);
    if (all == NULL) {
        sp_flow_fail(flow, CBIT_ERR_NO_MEMORY, directory, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < packets && flow->status == 0; i++) {
        transport(flow, SEV_CMD_SEND_UPDATE_DATA, i * SEV_PACKET_MAX_BYTES);
        sp_flow_peek(flow, AREA_HEADER, 0, &all[i].header, sizeof all[i].header);
        sp_flow_peek(flow, AREA_DATA, 0, all[i].data, part_of(flow, i * SEV_PACKET_MAX_BYTES));
    }
    sp_flow_write_out(flow, directory, "packets.bin", all, packets * sizeof *all);
    free(all);
}

/* A file of certificates, when there is one: its length. */
static uint32_t place_file(flow_t *flow, const char *name, uint64_t spa)
{
    uint8_t bytes[2 * SEV_AMD_CERT_4096_BYTES + SEV_CHAIN_BYTES];
    size_t got = 0;
    if (flow->status == 0 && name != NULL) {
        flow->status = sp_file_read(NULL, name, bytes, sizeof bytes, &got);
        sp_flow_poke(flow, spa, bytes, (uint32_t)got);
    }
    return (uint32_t)got;
}

void sp_flow_migrate(flow_t *flow)
{
    char directory[4096];
    sev_cert_t target, pdh, chain[3];
    sev_session_t session;
    if (flow->status != 0 || flow->options->migrate_to == NULL) {
        return;
    }
    (void)snprintf(directory, sizeof directory, "%s/migration", flow->options->out);
    sp_flow_export_certs(flow, &pdh, chain);
    sp_flow_read_exact(flow, NULL, flow->options->migrate_to, &target, sizeof target);
    sp_flow_poke(flow, AREA_CERT, &target, sizeof target);
    sev_send_start_t start = {.handle = flow->handle,
                              .pdh_paddr = AREA_CERT,
                              .pdh_length = SEV_CERT_BYTES,
                              .platform_paddr = AREA_HEADER,
                              .platform_length =
                                  place_file(flow, flow->options->migrate_chain, AREA_HEADER),
                              .amd_paddr = AREA_DATA,
                              .amd_length = place_file(flow, flow->options->migrate_amd, AREA_DATA),
                              .session_paddr = AREA_SESSION,
                              .session_length = SEV_SESSION_BYTES};
    sp_flow_command(flow, SEV_CMD_SEND_START, &start, sizeof start);
    sp_flow_peek(flow, AREA_SESSION, 0, &session, sizeof session);
    migration_t head = {.policy = start.policy, .length = flow->length};
    memcpy(head.magic, migration_magic, sizeof head.magic);
    sp_flow_write_out(flow, directory, "migration.bin", &head, sizeof head);
    sp_flow_write_out(flow, directory, "pdh.cert", &pdh, sizeof pdh);
    sp_flow_write_out(flow, directory, "session.bin", &session, sizeof session);
    if (flow->status == 0) {
        send_memory(flow, directory);
    }
    sp_flow_with_handle(flow, SEV_CMD_SEND_FINISH);
}

int sp_flow_elsewhere(const char *verb, const char *state, const char *out, const char *from)
{
    const char *words[] = {"cbit", "sp",    verb, "--state",
                           state,  "--out", out,  from == NULL ? NULL : "--from",
                           from,   NULL};
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        (void)execv("/proc/self/exe", (char **)(void *)words);
        _exit(127);
    }
    int status = -1;
    if (child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status)) {
        status = WEXITSTATUS(status);
    } else {
        status = cbit_err_exit_status(CBIT_ERR_INTERNAL);
    }
    if (status != 0) {
        (void)fprintf(stderr, "error: %s: cbit sp %s ended with status %d\n", state, verb, status);
    }
    return status;
}

/* ---- receive ---- */

static void receive_memory(flow_t *flow, const char *directory)
{
    uint32_t packets = (flow->length + SEV_PACKET_MAX_BYTES - 1) / SEV_PACKET_MAX_BYTES;
    packet_t *all = calloc(packets + 1, sizeof *all);
    if (all == NULL) {
        sp_flow_fail(flow, CBIT_ERR_NO_MEMORY, directory, "out of memory");
        return;
    }
    sp_flow_read_exact(flow, directory, "packets.bin", all, packets * sizeof *all);
    for (uint32_t i = 0; i < packets && flow->status == 0; i++) {
        sp_flow_poke(flow, AREA_HEADER, &all[i].header, sizeof all[i].header);
        sp_flow_poke(flow, AREA_DATA, all[i].data, part_of(flow, i * SEV_PACKET_MAX_BYTES));
        transport(flow, SEV_CMD_RECEIVE_UPDATE_DATA, i * SEV_PACKET_MAX_BYTES);
    }
    free(all);
}

/* What is said of the guest that comes; its length is known only if it is right. */
static void read_head(flow_t *flow, migration_t *head)
{
    sp_flow_read_exact(flow, flow->options->from, "migration.bin", head, sizeof *head);
    if (flow->status == 0 && (memcmp(head->magic, migration_magic, sizeof head->magic) != 0 ||
                              head->length > GUEST_MAX_BYTES / 2 || head->length % 16 != 0)) {
        sp_flow_fail(flow, CBIT_ERR_FORMAT, "migration.bin", "is not of a migration");
    }
    flow->length = flow->status == 0 ? head->length : 0;
    flow->asid = (head->policy & SEV_POLICY_ES) != 0 ? 1 : 2;
}

/* What the guest has in its memory now. */
static void write_received(flow_t *flow, uint32_t policy)
{
    uint8_t *memory = malloc(flow->length + 1), digest[SEV_DIGEST_BYTES];
    char text[65], json[256];
    if (memory == NULL) {
        sp_flow_fail(flow, CBIT_ERR_NO_MEMORY, "received.json", "out of memory");
        return;
    }
    sp_flow_peek(flow, SP_HOST_GUEST, (uint16_t)flow->asid, memory, flow->length);
    sp_flow_hex(SHA256(memory, flow->length, digest), sizeof digest, text);
    int length = snprintf(json, sizeof json,
                          "{\n  \"policy\": %u,\n  \"bytes\": %u,\n"
                          "  \"memory_sha256\": \"%s\"\n}\n",
                          policy, flow->length, text);
    sp_flow_write_out(flow, flow->options->out, "received.json", json, (size_t)length);
    free(memory);
}

int sp_flow_receive(sp_host_t *host, const owner_options_t *options)
{
    flow_t flow = {.host = host, .options = options};
    migration_t head = {.length = 0};
    read_head(&flow, &head);
    sp_flow_init(&flow, (head.policy & SEV_POLICY_ES) != 0);
    sp_flow_start_guest(&flow, SEV_CMD_RECEIVE_START, options->from, "pdh.cert", "session.bin",
                        head.policy);
    if (flow.status == 0) {
        receive_memory(&flow, options->from);
    }
    sp_flow_with_handle(&flow, SEV_CMD_RECEIVE_FINISH);
    if (flow.status == 0) {
        write_received(&flow, head.policy);
    }
    if (flow.status == 0) {
        (void)printf("received %u bytes; the guest runs\n", flow.length);
    }
    return flow.status;
}
