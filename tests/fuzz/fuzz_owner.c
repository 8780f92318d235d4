/*
 * What an owner of a guest, or a platform that sends one, hands over in files: certificates and
 * reports that cbit sp looks at itself, packets raw or in base64, and the folder of a migration.
 * The first byte of an input chooses; the rest are changes of files that are right.
 */
#define _XOPEN_SOURCE 700

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cbit/workloads/owner.h"
#include "cbit/workloads/spdriver.h"
#include "cli/sp_file.h"
#include "cli/sp_flow.h"
#include "tests/fuzz/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { GUEST_BYTES = 4096, PACKET_BYTES = SEV_PACKET_HEADER_BYTES + SEV_PACKET_MAX_BYTES };

/* The files of a migration, one behind the other. */
typedef struct arriving {
    struct {
        char magic[8];
        uint32_t policy, length;
    } migration;
    sev_cert_t pdh;
    sev_session_t session;
    uint8_t packets[PACKET_BYTES];
} arriving_t;

/* What cbit sp attest and session look at. */
typedef struct papers {
    sev_report_t report;
    sev_cert_t pek, pdh;
} papers_t;

static char folder[] = "/tmp/cbit-fuzz-owner-XXXXXX";
static char file[64];
static sp_host_t *host;
static arriving_t arriving;
static papers_t papers;

static const char *const names[] = {"migration.bin", "pdh.cert",      "session.bin",
                                    "packets.bin",   "received.json", "packet"};

static void forget(void)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(file, sizeof file, "%s/%s", folder, names[i]);
        (void)unlink(file);
    }
    (void)rmdir(folder);
    (void)sp_host_close(host, NULL);
}

/* A chip, its certificates, a report of it and a session with it. */
static void open_once(void)
{
    const sp_host_options_t options = {.seed = 1, .image = "built-in"};
    flow_t flow = {.asid = 2};
    sev_cert_t chain[3];
    cbit_owner_session_t session;
    cbit_rng_t rng;
    cbit_diag_t *diag = cbit_diag_create();
    fuzz_require(mkdtemp(folder) != NULL && sp_host_open(&options, &host, diag) == CBIT_ERR_OK &&
                     atexit(forget) == 0,
                 "a chip");
    cbit_diag_destroy(diag);
    flow.host = host;
    sp_flow_init(&flow, false);
    sp_flow_export_certs(&flow, &papers.pdh, chain);
    papers.pek = chain[0];
    cbit_rng_init(&rng, 1, 0);
    fuzz_require(cbit_owner_session(&papers.pdh, 0, &rng, &session), "a session");
    memcpy(arriving.migration.magic, "CBITMIG1", 8);
    arriving.migration.length = GUEST_BYTES;
    arriving.pdh = session.cert;
    arriving.session = session.blob;
    sev_start_t start = {.policy = 0};
    sp_flow_command(&flow, SEV_CMD_LAUNCH_START, &start, sizeof start);
    sev_launch_range_t range = {.handle = start.handle, .paddr = SP_HOST_GUEST, .length = 4096};
    sp_flow_command(&flow, SEV_CMD_ACTIVATE,
                    &(sev_activate_t){.handle = start.handle, .asid = flow.asid},
                    sizeof(sev_activate_t));
    sp_flow_command(&flow, SEV_CMD_LAUNCH_UPDATE_DATA, &range, sizeof range);
    range = (sev_launch_range_t){
        .handle = start.handle, .paddr = AREA_OUT, .length = SEV_MEASUREMENT_BYTES};
    sp_flow_command(&flow, SEV_CMD_LAUNCH_MEASURE, &range, sizeof range);
    sev_attestation_t attest = {
        .handle = start.handle, .paddr = AREA_OUT, .length = SEV_REPORT_BYTES};
    sp_flow_command(&flow, SEV_CMD_ATTESTATION, &attest, sizeof attest);
    sp_flow_peek(&flow, AREA_OUT, 0, &papers.report, sizeof papers.report);
    fuzz_require(flow.status == 0 && cbit_owner_report_good(&papers.report, &papers.pek),
                 "a report");
}

/* A signature holds for what was signed, and for nothing else. */
static void read_papers(const uint8_t *data, size_t size)
{
    papers_t changed = papers;
    cbit_owner_session_t session;
    cbit_rng_t rng;
    cbit_rng_init(&rng, 2, 0);
    fuzz_patch((uint8_t *)&changed, sizeof changed, data, size);
    if (cbit_owner_report_good(&changed.report, &changed.pek)) {
        const size_t body = offsetof(sev_report_t, usage);
        fuzz_require(memcmp(&changed.report, &papers.report, body) == 0, "a forged report");
    }
    if (cbit_owner_cert_signed_by(&changed.pdh, &changed.pek)) {
        fuzz_require(memcmp(&changed.pdh, &papers.pdh, SEV_CERT_BODY_BYTES) == 0,
                     "a forged certificate");
    }
    (void)cbit_owner_session(&changed.pdh, 0, &rng, &session);
}

static void read_packet(const uint8_t *data, size_t size)
{
    static unsigned char bytes[256];
    size_t got = 0;
    (void)snprintf(file, sizeof file, "%s/packet", folder);
    fuzz_write_file(file, data, size);
    const int status = sp_file_read_packet(folder, "packet", bytes, sizeof bytes, &got);
    fuzz_require(status == 0 ? got >= 1 && got <= sizeof bytes
                             : status == cbit_err_exit_status(CBIT_ERR_FORMAT),
                 "a packet has a length, or is refused");
}

static void put_file(const char *name, const void *bytes, size_t len)
{
    (void)snprintf(file, sizeof file, "%s/%s", folder, name);
    fuzz_write_file(file, bytes, len);
}

/* Nobody has the keys of that session but the chip, so no guest runs with memory that was made up
   or with another policy. */
static void receive(const uint8_t *data, size_t size)
{
    static arriving_t changed;
    const owner_options_t options = {.from = folder, .out = folder};
    changed = arriving;
    fuzz_patch((uint8_t *)&changed, sizeof changed, data, size);
    const uint32_t packets =
        (changed.migration.length + SEV_PACKET_MAX_BYTES - 1) / SEV_PACKET_MAX_BYTES;
    put_file("migration.bin", &changed.migration, sizeof changed.migration);
    put_file("pdh.cert", &changed.pdh, sizeof changed.pdh);
    put_file("session.bin", &changed.session, sizeof changed.session);
    put_file("packets.bin", changed.packets, packets == 0 ? 0 : sizeof changed.packets);
    (void)sp_host_command(host, SEV_CMD_SHUTDOWN, NULL, 0);
    const int status = sp_flow_receive(host, &options);
    fuzz_require(status == 0 || status == cbit_err_exit_status(CBIT_ERR_FORMAT) ||
                     status == cbit_err_exit_status(CBIT_ERR_MISMATCH),
                 "a guest is received, or refused by the file or the firmware");
    fuzz_require(status != 0 || (changed.migration.length == 0 &&
                                 changed.migration.policy == arriving.migration.policy),
                 "a guest that nobody sent");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const ways[])(const uint8_t *, size_t) = {read_papers, read_packet, receive};
    if (host == NULL) {
        open_once();
    }
    if (size > 0) {
        ways[data[0] % 3](data + 1, size - 1);
    }
    return 0;
}
