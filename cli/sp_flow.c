#include "cli/sp_flow.h"

#include <stdio.h>

#include "cbit/workloads/spdriver.h"
#include "cli/sp_file.h"

void sp_flow_fail(flow_t *flow, cbit_err_t err, const char *subject, const char *what)
{
    (void)fprintf(stderr, "error: %s: %s\n", subject, what);
    flow->status = cbit_err_exit_status(err);
}

void sp_flow_command(flow_t *flow, uint32_t id, void *buffer, uint32_t bytes)
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

void sp_flow_with_handle(flow_t *flow, uint32_t id)
{
    sev_handle_t buffer = {.handle = flow->handle};
    sp_flow_command(flow, id, &buffer, sizeof buffer);
}

void sp_flow_poke(flow_t *flow, uint64_t spa, const void *bytes, uint32_t length)
{
    if (flow->status == 0 && !sp_host_write(flow->host, spa, 0, bytes, length)) {
        sp_flow_fail(flow, CBIT_ERR_INTERNAL, "memory", "cannot be written");
    }
}

void sp_flow_peek(flow_t *flow, uint64_t spa, uint16_t key, void *bytes, uint32_t length)
{
    if (flow->status == 0 && !sp_host_read(flow->host, spa, key, bytes, length)) {
        sp_flow_fail(flow, CBIT_ERR_INTERNAL, "memory", "cannot be read");
    }
}

void sp_flow_init(flow_t *flow, bool es)
{
    sev_init_t buffer = {.flags = es ? SEV_INIT_FLAG_ES : 0,
                         .tmr_paddr = es ? TMR : 0,
                         .tmr_length = es ? SEV_TMR_BYTES : 0};
    sp_flow_command(flow, SEV_CMD_INIT, &buffer, sizeof buffer);
    sp_host_wbinvd(flow->host);
    sp_flow_command(flow, SEV_CMD_DF_FLUSH, NULL, 0);
}

void sp_flow_export_certs(flow_t *flow, sev_cert_t *pdh, sev_cert_t chain[3])
{
    sev_two_ranges_t ranges = {.first_paddr = AREA_CERT,
                               .first_length = SEV_CERT_BYTES,
                               .second_paddr = AREA_OUT,
                               .second_length = SEV_CHAIN_BYTES};
    sp_flow_command(flow, SEV_CMD_PDH_CERT_EXPORT, &ranges, sizeof ranges);
    sp_flow_peek(flow, AREA_CERT, 0, pdh, SEV_CERT_BYTES);
    sp_flow_peek(flow, AREA_OUT, 0, chain, SEV_CHAIN_BYTES);
}

/* A file of exactly that many bytes. */
void sp_flow_read_exact(flow_t *flow, const char *directory, const char *name, void *bytes,
                        size_t length)
{
    size_t got = 0;
    if (flow->status == 0) {
        flow->status = sp_file_read(directory, name, bytes, length, &got);
    }
    if (flow->status == 0 && got != length) {
        sp_flow_fail(flow, CBIT_ERR_FORMAT, name, "has a wrong length");
    }
}

void sp_flow_write_out(flow_t *flow, const char *directory, const char *name, const void *bytes,
                       size_t length)
{
    if (flow->status == 0) {
        flow->status = sp_file_write(directory, name, bytes, length, CBIT_NEW_FILE_PLAIN);
    }
}

void sp_flow_write_secret(flow_t *flow, const char *directory, const char *name, const void *bytes,
                          size_t length)
{
    if (flow->status == 0) {
        flow->status = sp_file_write(directory, name, bytes, length, CBIT_NEW_FILE_SECRET);
    }
}

void sp_flow_start_guest(flow_t *flow, uint32_t id, const char *directory, const char *cert_name,
                         const char *blob_name, uint32_t policy)
{
    sev_cert_t cert;
    sev_session_t blob;
    sp_flow_read_exact(flow, directory, cert_name, &cert, sizeof cert);
    sp_flow_read_exact(flow, directory, blob_name, &blob, sizeof blob);
    sp_flow_poke(flow, AREA_CERT, &cert, sizeof cert);
    sp_flow_poke(flow, AREA_SESSION, &blob, sizeof blob);
    sev_start_t start = {.policy = policy,
                         .cert_paddr = AREA_CERT,
                         .cert_length = SEV_CERT_BYTES,
                         .session_paddr = AREA_SESSION,
                         .session_length = SEV_SESSION_BYTES};
    sp_flow_command(flow, id, &start, sizeof start);
    flow->handle = start.handle;
    sev_activate_t activate = {.handle = flow->handle, .asid = flow->asid};
    sp_flow_command(flow, SEV_CMD_ACTIVATE, &activate, sizeof activate);
}

void sp_flow_hex(const uint8_t *bytes, size_t length, char *text)
{
    for (size_t i = 0; i < length; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
}
