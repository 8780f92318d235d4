/* Any bytes as the text of another tool; the first one chooses which. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cbit/workloads/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char in[64], out[64];
    cbit_trace_info_t info;
    (void)snprintf(in, sizeof in, "/tmp/cbit-fuzz-%ld.txt", (long)getpid());
    (void)snprintf(out, sizeof out, "/tmp/cbit-fuzz-%ld.cbt", (long)getpid());
    if (len == 0) {
        return 0;
    }
    FILE *file = fopen(in, "wb");
    if (file == NULL) {
        abort();
    }
    (void)fwrite(bytes + 1, 1, len - 1, file);
    (void)fclose(file);
    const cbit_import_config_t config = {.format = bytes[0] % CBIT_IMPORT_FORMATS,
                                         .base_gva = CBIT_IMPORT_BASE_GVA};
    cbit_diag_t *diag = cbit_diag_create();
    cbit_err_t err = cbit_trace_import(&config, in, CBIT_ERR_OPEN, out, &info, diag);
    if ((err == CBIT_ERR_OK) != (cbit_diag_count(diag) == 0)) {
        abort(); /* every refusal is told */
    }
    if (err == CBIT_ERR_OK && cbit_trace_check(out, CBIT_ERR_OPEN, NULL) != CBIT_ERR_OK) {
        abort(); /* what was taken is sound */
    }
    (void)remove(in);
    (void)remove(out);
    cbit_diag_destroy(diag);
    return 0;
}
