/* Any bytes as a request stream of cbit dram or a response file of NIST; the first chooses which.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/dram_stream_file.h"
#include "cosim/rsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static bool look(void *self, const cbit_rsp_record_t *record)
{
    uint8_t block[16];
    (void)self;
    return cbit_rsp_bytes(record, "KEY", block, sizeof block) <= sizeof block;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char path[64];
    cbit_dram_stream_t stream = {0};
    (void)snprintf(path, sizeof path, "/tmp/cbit-fuzz-%ld.txt", (long)getpid());
    FILE *file = len == 0 ? NULL : fopen(path, "wb");
    if (file == NULL) {
        return 0;
    }
    (void)fwrite(bytes + 1, 1, len - 1, file);
    (void)fclose(file);
    cbit_diag_t *diag = cbit_diag_create();
    cbit_err_t err = bytes[0] % 2 != 0 ? cbit_dram_stream_read(path, &stream, diag)
                                       : cbit_rsp_read(path, look, NULL, diag);
    if ((err == CBIT_ERR_OK) != (cbit_diag_count(diag) == 0)) {
        abort(); /* every refusal is told */
    }
    cbit_dram_stream_free(&stream);
    (void)remove(path);
    cbit_diag_destroy(diag);
    return 0;
}
