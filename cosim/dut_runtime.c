/* Verilator's runtime as the build compiled it. */
#include <stdio.h>
#include <string.h>

#include "cosim/dut_library.h"

/* Made by the linker out of the object file. */
extern const unsigned char cbit_dut_runtime_begin[], cbit_dut_runtime_end[];

/* Whether the Verilator in use is the one that the runtime is of. */
static bool same_version(const char *root)
{
    char path[2 * CBIT_DUT_FOLDER_BYTES], line[256];
    bool same = false;
    (void)snprintf(path, sizeof path, "%s/include/verilated_config.h", root);
    FILE *file = fopen(path, "r");
    while (file != NULL && !same && fgets(line, sizeof line, file) != NULL) {
        same = strstr(line, "VERILATOR_VERSION \"" CBIT_VERILATOR_VERSION " ") != NULL;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return same;
}

bool cbit_dut_runtime_write(const char *root, const char *path)
{
    size_t len = (size_t)(cbit_dut_runtime_end - cbit_dut_runtime_begin);
    FILE *file = same_version(root) ? fopen(path, "wb") : NULL;
    bool good = file != NULL && fwrite(cbit_dut_runtime_begin, 1, len, file) == len;
    if (file != NULL && fclose(file) != 0) {
        good = false;
    }
    return good;
}
