/*
 * Any bytes as what a program sends to the modelled /dev/sev, request after request: an answer says
 * either what went wrong or what was done, and nothing in it is longer than its buffer.
 */
#include <stdlib.h>
#include <string.h>

#include "cbit/workloads/sev_uapi.h"
#include "cbit/workloads/spdriver.h"
#include "cli/sp_host.h"
#include "sev/abi.h"
#include "tests/fuzz/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQUESTS = 8 };

static sp_host_t *host;

static void forget(void)
{
    (void)sp_host_close(host, NULL);
}

static void open_once(void)
{
    const sp_host_options_t options = {.seed = 1, .image = "built-in"};
    cbit_diag_t *diag = cbit_diag_create();
    fuzz_require(sp_host_open(&options, &host, diag) == CBIT_ERR_OK && atexit(forget) == 0,
                 "a chip");
    cbit_diag_destroy(diag);
}

/* A request in short: its command, whether the file may be written, and per buffer whether there is
   one, its length and its first bytes. */
static size_t take_request(cbit_sev_request_t *request, const uint8_t *data, size_t size)
{
    enum { HEAD = 2, BLOB_HEAD = 4 };
    size_t at = HEAD;
    request->command = data[0] < 0xf0 ? data[0] % (CBIT_SEV_COMMANDS + 1u) : UINT32_MAX - data[1];
    request->writable = data[1] & 1;
    for (uint32_t i = 0; i < 2 && size - at >= BLOB_HEAD; i++) {
        cbit_sev_blob_t *blob = &request->blobs[i];
        size_t count = data[at + 3];
        blob->present = data[at] & 1;
        blob->length = (uint32_t)(data[at + 1] | data[at + 2] << 8);
        blob->length = (data[at] & 2) != 0 ? UINT32_MAX - blob->length : blob->length;
        at += BLOB_HEAD;
        count = count < size - at ? count : size - at;
        memcpy(blob->bytes, data + at, count);
        at += count;
    }
    return at;
}

static void check(const cbit_sev_response_t *response)
{
    const bool refused = response->errno_value != 0;
    fuzz_require(refused || response->error == SEV_STATUS_SUCCESS, "0, and a status of success");
    for (uint32_t i = 0; i < 2; i++) {
        fuzz_require(response->write_back[i] <= CBIT_SEV_BLOB_BYTES, "more than the buffer");
        fuzz_require(!refused || response->write_back[i] == 0, "bytes of a request that failed");
        fuzz_require(response->write_back[i] == 0 ||
                         response->write_back[i] == response->blobs[i].length,
                     "as many bytes as the length says");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static cbit_sev_request_t request;
    static cbit_sev_response_t response;
    if (host == NULL) {
        open_once();
    }
    const cbit_sev_platform_t platform = sp_host_platform(host);
    (void)sp_host_command(host, SEV_CMD_SHUTDOWN, NULL, 0);
    for (uint32_t n = 0; n < REQUESTS && size >= 2; n++) {
        memset(&request, 0, sizeof request);
        const size_t used = take_request(&request, data, size);
        data += used;
        size -= used;
        cbit_sev_call(&platform, &request, &response);
        check(&response);
    }
    return 0;
}
