#include "cli/sp_measure.h"

#include <stdio.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit/sp/debug.h"
#include "cbit/workloads/owner.h"
#include "cbit/workloads/spdriver.h"
#include "cli/sp_flow.h"
#include "firmware/image.h"
#include "sev/sp_map.h"

enum { PAGE = SP_HOST_GUEST, PAGE_BYTES = 4096, NEW_PAGE = SP_HOST_GUEST + 0x100000, LINES = 64 };

typedef struct line {
    const char *what;
    uint64_t clocks;
} line_t;

typedef struct table {
    flow_t flow;
    line_t lines[LINES];
    uint32_t count;
} table_t;

static void note(table_t *table, const char *what, uint64_t clocks)
{
    if (table->count < LINES) {
        table->lines[table->count++] = (line_t){what, clocks};
    }
}

static uint64_t busy_ps(const table_t *table)
{
    cbit_sp_stats_t stats;
    cbit_sp_stats(sp_host_sp(table->flow.host), &stats);
    return stats.busy_ps;
}

/* One command, from doorbell to answer. */
static void run(table_t *table, const char *what, uint32_t id, void *buffer, uint32_t bytes)
{
    uint64_t before_ps = busy_ps(table);
    sp_flow_command(&table->flow, id, buffer, bytes);
    if (table->flow.status == 0) {
        note(table, what,
             (busy_ps(table) - before_ps) * sp_host_clock_mhz(table->flow.host) / 1000000);
    }
}

static void simple(table_t *table, const char *what, uint32_t id)
{
    run(table, what, id, NULL, 0);
}

static void with_handle(table_t *table, const char *what, uint32_t id)
{
    sev_handle_t buffer = {.handle = table->flow.handle};
    run(table, what, id, &buffer, sizeof buffer);
}

static void of_platform(table_t *table)
{
    sev_init_t init = {0};
    sev_platform_status_t status;
    sev_range_t id = {.paddr = AREA_OUT, .length = SEV_ID_BYTES};
    sev_range_t csr = {.paddr = AREA_OUT, .length = SEV_CERT_BYTES};
    simple(table, "NOP", SEV_CMD_NOP);
    run(table, "INIT, first", SEV_CMD_INIT, &init, sizeof init);
    simple(table, "SHUTDOWN", SEV_CMD_SHUTDOWN);
    run(table, "INIT, later", SEV_CMD_INIT, &init, sizeof init);
    run(table, "PLATFORM_STATUS", SEV_CMD_PLATFORM_STATUS, &status, sizeof status);
    run(table, "GET_ID", SEV_CMD_GET_ID, &id, sizeof id);
    run(table, "PEK_CSR", SEV_CMD_PEK_CSR, &csr, sizeof csr);
    simple(table, "PEK_GEN", SEV_CMD_PEK_GEN);
    simple(table, "PDH_GEN", SEV_CMD_PDH_GEN);
    sp_host_wbinvd(table->flow.host);
    simple(table, "DF_FLUSH, all ASIDs dirty", SEV_CMD_DF_FLUSH);
}

static void make_session(table_t *table, cbit_owner_session_t *session)
{
    sev_two_ranges_t ranges = {.first_paddr = AREA_CERT,
                               .first_length = SEV_CERT_BYTES,
                               .second_paddr = AREA_OUT,
                               .second_length = SEV_CHAIN_BYTES};
    sev_cert_t pdh;
    cbit_rng_t rng;
    run(table, "PDH_CERT_EXPORT", SEV_CMD_PDH_CERT_EXPORT, &ranges, sizeof ranges);
    sp_flow_peek(&table->flow, AREA_CERT, 0, &pdh, sizeof pdh);
    cbit_rng_init(&rng, 1, 0);
    if (table->flow.status == 0 && !cbit_owner_session(&pdh, 0, &rng, session)) {
        sp_flow_fail(&table->flow, CBIT_ERR_INTERNAL, "PDH", "is not a point of P-384");
    }
    sp_flow_poke(&table->flow, AREA_CERT, &session->cert, sizeof session->cert);
    sp_flow_poke(&table->flow, AREA_SESSION, &session->blob, sizeof session->blob);
}

static void start(table_t *table, const char *what, uint32_t id, bool with_session)
{
    sev_start_t buffer = {.cert_paddr = with_session ? AREA_CERT : 0,
                          .cert_length = SEV_CERT_BYTES,
                          .session_paddr = AREA_SESSION,
                          .session_length = SEV_SESSION_BYTES};
    sev_activate_t activate;
    run(table, what, id, &buffer, sizeof buffer);
    table->flow.handle = buffer.handle;
    activate = (sev_activate_t){.handle = buffer.handle, .asid = ++table->flow.asid};
    run(table, "ACTIVATE", SEV_CMD_ACTIVATE, &activate, sizeof activate);
}

static void transport(table_t *table, const char *what, uint32_t id, uint64_t gpa, uint32_t bytes)
{
    sev_transport_t buffer = {.handle = table->flow.handle,
                              .header_paddr = AREA_HEADER,
                              .header_length = SEV_PACKET_HEADER_BYTES,
                              .guest_paddr = gpa,
                              .guest_length = bytes,
                              .trans_paddr = AREA_DATA,
                              .trans_length = bytes};
    run(table, what, id, &buffer, sizeof buffer);
}

static void update(table_t *table, const char *what, uint32_t bytes)
{
    sev_launch_range_t range = {.handle = table->flow.handle, .paddr = PAGE, .length = bytes};
    run(table, what, SEV_CMD_LAUNCH_UPDATE_DATA, &range, sizeof range);
}

static void of_launch(table_t *table, cbit_owner_session_t *session)
{
    uint8_t measurement[SEV_MEASUREMENT_BYTES], iv[16] = {0}, secret[PAGE_BYTES] = {0};
    sev_packet_header_t header;
    start(table, "LAUNCH_START, with a session", SEV_CMD_LAUNCH_START, true);
    update(table, "LAUNCH_UPDATE_DATA, 4 KiB", PAGE_BYTES);
    update(table, "LAUNCH_UPDATE_DATA, 64 KiB", 16 * PAGE_BYTES);
    sev_launch_range_t out = {
        .handle = table->flow.handle, .paddr = AREA_OUT, .length = SEV_MEASUREMENT_BYTES};
    run(table, "LAUNCH_MEASURE", SEV_CMD_LAUNCH_MEASURE, &out, sizeof out);
    sp_flow_peek(&table->flow, AREA_OUT, 0, measurement, sizeof measurement);
    cbit_owner_secret(session, measurement, iv, secret, PAGE_BYTES, &header, secret);
    sp_flow_poke(&table->flow, AREA_HEADER, &header, sizeof header);
    sp_flow_poke(&table->flow, AREA_DATA, secret, sizeof secret);
    transport(table, "LAUNCH_SECRET, 4 KiB", SEV_CMD_LAUNCH_SECRET, PAGE + 16 * PAGE_BYTES,
              PAGE_BYTES);
    sev_attestation_t attest = {
        .handle = table->flow.handle, .paddr = AREA_OUT, .length = SEV_REPORT_BYTES};
    run(table, "ATTESTATION", SEV_CMD_ATTESTATION, &attest, sizeof attest);
    with_handle(table, "LAUNCH_FINISH", SEV_CMD_LAUNCH_FINISH);
}

static void of_memory(table_t *table)
{
    sev_debug_t debug = {.handle = table->flow.handle,
                         .src_paddr = PAGE,
                         .dst_paddr = AREA_OUT,
                         .length = PAGE_BYTES};
    sev_copy_t copy = {.handle = table->flow.handle,
                       .length = PAGE_BYTES,
                       .src_paddr = PAGE,
                       .dst_paddr = PAGE + PAGE_BYTES};
    sev_guest_status_t status = {.handle = table->flow.handle};
    run(table, "GUEST_STATUS", SEV_CMD_GUEST_STATUS, &status, sizeof status);
    run(table, "DBG_DECRYPT, 4 KiB", SEV_CMD_DBG_DECRYPT, &debug, sizeof debug);
    run(table, "COPY, 4 KiB", SEV_CMD_COPY, &copy, sizeof copy);
}

static void of_migration(table_t *table)
{
    sev_cert_t pdh, chain[3];
    sp_flow_export_certs(&table->flow, &pdh, chain);
    sp_flow_poke(&table->flow, AREA_CERT, &pdh, sizeof pdh); /* to itself: a receiver as any */
    sev_send_start_t send = {.handle = table->flow.handle,
                             .pdh_paddr = AREA_CERT,
                             .pdh_length = SEV_CERT_BYTES,
                             .session_paddr = AREA_SESSION,
                             .session_length = SEV_SESSION_BYTES};
    run(table, "SEND_START", SEV_CMD_SEND_START, &send, sizeof send);
    transport(table, "SEND_UPDATE_DATA, 4 KiB", SEV_CMD_SEND_UPDATE_DATA, PAGE, PAGE_BYTES);
    with_handle(table, "SEND_FINISH", SEV_CMD_SEND_FINISH);
    with_handle(table, "DEACTIVATE", SEV_CMD_DEACTIVATE);
    with_handle(table, "DECOMMISSION", SEV_CMD_DECOMMISSION);
    start(table, "RECEIVE_START", SEV_CMD_RECEIVE_START, true);
    transport(table, "RECEIVE_UPDATE_DATA, 4 KiB", SEV_CMD_RECEIVE_UPDATE_DATA, NEW_PAGE,
              PAGE_BYTES);
    with_handle(table, "RECEIVE_FINISH", SEV_CMD_RECEIVE_FINISH);
    start(table, "LAUNCH_START, without", SEV_CMD_LAUNCH_START, false);
}

static void of_download(table_t *table)
{
    simple(table, "SHUTDOWN, two guests", SEV_CMD_SHUTDOWN);
    sp_flow_poke(&table->flow, SP_HOST_GUEST, cbit_firmware.image, cbit_firmware.image_bytes);
    sev_range_t range = {.paddr = SP_HOST_GUEST, .length = cbit_firmware.image_bytes};
    run(table, "DOWNLOAD_FIRMWARE", SEV_CMD_DOWNLOAD_FIRMWARE, &range, sizeof range);
    simple(table, "NOP, the first of a download", SEV_CMD_NOP);
    simple(table, "PLATFORM_RESET", SEV_CMD_PLATFORM_RESET);
}

/* SRAM is zero at power-up: the lowest word of the stack that is not was its high-water mark. */
static uint32_t stack_bytes(const table_t *table)
{
    uint32_t at = SP_SRAM_BASE + SP_GUARD_BYTES, word = 0;
    while (at < SP_STACK_TOP) {
        (void)cbit_sp_debug_read(sp_host_sp(table->flow.host), at, &word, sizeof word);
        if (word != 0) {
            break;
        }
        at += 4;
    }
    return SP_STACK_TOP - at;
}

static void print(const table_t *table, uint64_t boot_clocks, sp_table_format_t format)
{
    static const char *const forms[] = {
        [SP_TABLE_TEXT] = "%-32s %12llu %14llu.%03llu\n",
        [SP_TABLE_CSV] = "\"%s\",%llu,%llu.%03llu\n",
        [SP_TABLE_JSON] = "    {\"command\": \"%s\", \"clocks\": %llu, \"us\": %llu.%03llu}"};
    uint64_t mhz = sp_host_clock_mhz(table->flow.host);
    const struct {
        const char *text, *key;
        uint64_t value;
    } facts[] = {{"boot, clocks", "boot_clocks", boot_clocks},
                 {"boot ROM, bytes", "rom_bytes", cbit_firmware.rom_bytes},
                 {"image, bytes", "image_bytes", cbit_firmware.image_bytes},
                 {"stack at most, bytes", "stack_bytes", stack_bytes(table)}};
    enum { FACTS = sizeof facts / sizeof facts[0] };
    (void)printf("%s", format == SP_TABLE_TEXT
                           ? "command                                clocks                 us\n"
                       : format == SP_TABLE_CSV ? "command,clocks,us\n"
                                                : "{\"commands\": [\n");
    for (uint32_t i = 0; i < table->count; i++) {
        uint64_t clocks = table->lines[i].clocks;
        (void)printf(forms[format], table->lines[i].what, (unsigned long long)clocks,
                     (unsigned long long)(clocks / mhz),
                     (unsigned long long)(clocks % mhz * 1000 / mhz));
        if (format == SP_TABLE_JSON) {
            (void)printf("%s\n", i + 1 == table->count ? "" : ",");
        }
    }
    for (uint32_t i = 0; i < FACTS; i++) {
        unsigned long long value = facts[i].value;
        if (format == SP_TABLE_JSON) {
            (void)printf("%s\"%s\": %llu", i == 0 ? "  ], " : ", ", facts[i].key, value);
        } else {
            (void)printf(format == SP_TABLE_TEXT ? "%-32s %12llu\n" : "\"%s\",%llu,\n",
                         facts[i].text, value);
        }
    }
    (void)printf("%s", format == SP_TABLE_JSON ? "}\n" : "");
}

int sp_measure_run(sp_host_t *host, sp_table_format_t format)
{
    static table_t table;
    cbit_owner_session_t session;
    table.flow = (flow_t){.host = host};
    uint64_t boot_clocks = sp_host_now_ps(host) * sp_host_clock_mhz(host) / 1000000;
    of_platform(&table);
    make_session(&table, &session);
    of_launch(&table, &session);
    of_memory(&table);
    of_migration(&table);
    of_download(&table);
    if (table.flow.status == 0) {
        print(&table, boot_clocks, format);
    }
    return table.flow.status;
}
