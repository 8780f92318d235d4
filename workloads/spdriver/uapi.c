/* /dev/sev: the table of the driver's ioctl commands. */
#include "cbit/workloads/sev_uapi.h"

#include <errno.h>
#include <string.h>

#include "sev/abi.h"

uint32_t cbit_sev_init(const cbit_sev_platform_t *platform)
{
    sev_init_t init = {0};
    uint32_t status = platform->command(platform->self, SEV_CMD_INIT, &init, sizeof init);
    if (status == SEV_STATUS_SECURE_DATA_INVALID) {
        status = platform->command(platform->self, SEV_CMD_INIT, &init, sizeof init);
    }
    if (status == SEV_STATUS_SUCCESS) {
        platform->wbinvd(platform->self);
        status = platform->command(platform->self, SEV_CMD_DF_FLUSH, NULL, 0);
    }
    return status;
}

static uint32_t platform_state(const cbit_sev_platform_t *platform)
{
    sev_platform_status_t status = {0};
    (void)platform->command(platform->self, SEV_CMD_PLATFORM_STATUS, &status, sizeof status);
    return status.state;
}

/* Most commands initialise a platform that is not. */
static uint32_t ensure_init(const cbit_sev_platform_t *platform)
{
    return platform_state(platform) == SEV_PLATFORM_UNINIT ? cbit_sev_init(platform)
                                                           : (uint32_t)SEV_STATUS_SUCCESS;
}

static void answer(cbit_sev_response_t *response, uint32_t status)
{
    response->error = status;
    response->errno_value = status == SEV_STATUS_SUCCESS ? 0 : EIO;
}

static uint32_t simple(const cbit_sev_platform_t *platform, uint32_t command)
{
    return platform->command(platform->self, command, NULL, 0);
}

static void factory_reset(const cbit_sev_platform_t *platform, const cbit_sev_request_t *request,
                          cbit_sev_response_t *response)
{
    (void)request;
    uint32_t state = platform_state(platform);
    if (state == SEV_PLATFORM_WORKING) {
        response->errno_value = EBUSY;
        return;
    }
    if (state == SEV_PLATFORM_INIT) {
        (void)simple(platform, SEV_CMD_SHUTDOWN);
    }
    answer(response, simple(platform, SEV_CMD_PLATFORM_RESET));
}

static void platform_status(const cbit_sev_platform_t *platform, const cbit_sev_request_t *request,
                            cbit_sev_response_t *response)
{
    sev_platform_status_t status = {0};
    (void)request;
    answer(response,
           platform->command(platform->self, SEV_CMD_PLATFORM_STATUS, &status, sizeof status));
    memcpy(response->data, &status, sizeof status); /* the user's struct has the same bytes */
}

static void generate(const cbit_sev_platform_t *platform, const cbit_sev_request_t *request,
                     cbit_sev_response_t *response)
{
    uint32_t status = ensure_init(platform);
    if (status == SEV_STATUS_SUCCESS) {
        status = simple(platform,
                        request->command == CBIT_SEV_PEK_GEN ? SEV_CMD_PEK_GEN : SEV_CMD_PDH_GEN);
    }
    answer(response, status);
}

/* What an output buffer's length is for the firmware: 0 asks for the length. */
static uint32_t asked(const cbit_sev_blob_t *blob)
{
    return blob->present != 0 ? blob->length : 0;
}

static void take(const cbit_sev_platform_t *platform, cbit_sev_response_t *response, uint32_t i,
                 uint32_t length, bool good)
{
    response->blobs[i].length = length;
    if (good && length <= CBIT_SEV_BLOB_BYTES) {
        platform->read(platform->self, platform->areas[i], response->blobs[i].bytes, length);
        response->write_back[i] = length;
    }
}

/* PEK_CSR and GET_ID2: one output buffer. */
static void one_out(const cbit_sev_platform_t *platform, const cbit_sev_request_t *request,
                    cbit_sev_response_t *response)
{
    bool csr = request->command == CBIT_SEV_PEK_CSR;
    sev_range_t range = {.paddr = platform->areas[0], .length = asked(&request->blobs[0])};
    if (range.length > CBIT_SEV_BLOB_BYTES) {
        response->errno_value = EFAULT;
        return;
    }
    uint32_t status = csr ? ensure_init(platform) : (uint32_t)SEV_STATUS_SUCCESS;
    if (status == SEV_STATUS_SUCCESS) {
        status = platform->command(platform->self, csr ? SEV_CMD_PEK_CSR : SEV_CMD_GET_ID, &range,
                                   sizeof range);
    }
    answer(response, status);
    take(platform, response, 0, range.length, status == SEV_STATUS_SUCCESS);
}

static void export_certs(const cbit_sev_platform_t *platform, const cbit_sev_request_t *request,
                         cbit_sev_response_t *response)
{
    const cbit_sev_blob_t *blobs = request->blobs;
    bool query = asked(&blobs[0]) == 0 || asked(&blobs[1]) == 0;
    sev_two_ranges_t ranges = {.first_paddr = platform->areas[0],
                               .first_length = query ? 0 : blobs[0].length,
                               .second_paddr = platform->areas[1],
                               .second_length = query ? 0 : blobs[1].length};
    if (ranges.first_length > CBIT_SEV_BLOB_BYTES || ranges.second_length > CBIT_SEV_BLOB_BYTES) {
        response->errno_value = EFAULT;
        return;
    }
    if (request->writable == 0 && platform_state(platform) == SEV_PLATFORM_UNINIT) {
        response->errno_value = EPERM; /* it would have to initialise */
        return;
    }
    uint32_t status = ensure_init(platform);
    if (status == SEV_STATUS_SUCCESS) {
        status = platform->command(platform->self, SEV_CMD_PDH_CERT_EXPORT, &ranges, sizeof ranges);
    }
    answer(response, status);
    take(platform, response, 0, ranges.first_length, status == SEV_STATUS_SUCCESS);
    take(platform, response, 1, ranges.second_length, status == SEV_STATUS_SUCCESS);
}

static void import_certs(const cbit_sev_platform_t *platform, const cbit_sev_request_t *request,
                         cbit_sev_response_t *response)
{
    for (uint32_t i = 0; i < 2; i++) {
        const cbit_sev_blob_t *blob = &request->blobs[i];
        if (asked(blob) == 0 || blob->length > CBIT_SEV_BLOB_BYTES) {
            response->errno_value = EINVAL;
            return;
        }
        platform->write(platform->self, platform->areas[i], blob->bytes, blob->length);
    }
    sev_two_ranges_t ranges = {.first_paddr = platform->areas[0],
                               .first_length = request->blobs[0].length,
                               .second_paddr = platform->areas[1],
                               .second_length = request->blobs[1].length};
    uint32_t status = ensure_init(platform);
    if (status == SEV_STATUS_SUCCESS) {
        status = platform->command(platform->self, SEV_CMD_PEK_CERT_IMPORT, &ranges, sizeof ranges);
    }
    answer(response, status);
}

/* The old form: two ids of 64 bytes in the user's struct; one socket fills the first. */
static void get_id(const cbit_sev_platform_t *platform, const cbit_sev_request_t *request,
                   cbit_sev_response_t *response)
{
    (void)request;
    sev_range_t range = {.paddr = platform->areas[0], .length = sizeof response->data};
    answer(response, platform->command(platform->self, SEV_CMD_GET_ID, &range, sizeof range));
    if (response->errno_value == 0 && range.length <= sizeof response->data) {
        platform->read(platform->self, platform->areas[0], response->data, range.length);
    }
}

typedef void call_t(const cbit_sev_platform_t *platform, const cbit_sev_request_t *request,
                    cbit_sev_response_t *response);

/* Whether the file must be open for writing, and who answers. */
static const struct {
    bool writes;
    call_t *call;
} calls[CBIT_SEV_COMMANDS] = {
    [CBIT_SEV_FACTORY_RESET] = {true, factory_reset},
    [CBIT_SEV_PLATFORM_STATUS] = {false, platform_status},
    [CBIT_SEV_PEK_GEN] = {true, generate},
    [CBIT_SEV_PEK_CSR] = {true, one_out},
    [CBIT_SEV_PDH_GEN] = {true, generate},
    [CBIT_SEV_PDH_CERT_EXPORT] = {false, export_certs},
    [CBIT_SEV_PEK_CERT_IMPORT] = {true, import_certs},
    [CBIT_SEV_GET_ID] = {false, get_id},
    [CBIT_SEV_GET_ID2] = {false, one_out},
};

void cbit_sev_call(const cbit_sev_platform_t *platform, const cbit_sev_request_t *request,
                   cbit_sev_response_t *response)
{
    memset(response, 0, sizeof *response);
    response->error = (uint32_t)CBIT_SEV_NEVER_CALLED;
    for (uint32_t i = 0; i < 2; i++) {
        response->blobs[i].length = request->blobs[i].length;
    }
    if (request->command >= CBIT_SEV_COMMANDS) {
        response->errno_value = EINVAL; /* SNP's commands too: SNP is off */
    } else if (calls[request->command].writes && request->writable == 0) {
        response->errno_value = EPERM;
    } else {
        calls[request->command].call(platform, request, response);
    }
}
