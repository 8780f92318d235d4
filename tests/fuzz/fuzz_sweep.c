/* Any bytes as the file of a sweep, and as a result that it collects: findings, or a plan whose
   runs have names, values and tables. */
#define _XOPEN_SOURCE 700

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cbit/perf/sweep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FEW_RUNS = 256 };

static char path[] = "/tmp/cbit-fuzz-sweep-XXXXXX";

static void forget(void)
{
    (void)unlink(path);
}

static void require(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "%s\n", what);
        abort();
    }
}

static void write_file(const uint8_t *data, size_t size)
{
    static bool made;
    if (!made) {
        const int fd = mkstemp(path);
        require(fd >= 0 && atexit(forget) == 0, "a file to write to");
        (void)close(fd);
        made = true;
    }
    FILE *file = fopen(path, "wb");
    require(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0, path);
}

static void collect(const cbit_sweep_t *sweep)
{
    cbit_sweep_table_t *table = cbit_sweep_table_create(sweep);
    require(table != NULL, "a table");
    const uint32_t runs = cbit_sweep_runs(sweep);
    cbit_sweep_collect(table, 0, path); /* which is no result, or one with other figures */
    for (uint32_t run = 1; run < runs; run++) {
        cbit_sweep_collect_failure(table, run, "\"none\",\n");
    }
    require(table->good + table->failed == runs, "each run is good or has failed");
    cbit_text_t csv = {0}, summary = {0};
    cbit_sweep_csv(table, &csv);
    cbit_sweep_summary(table, &summary);
    free(cbit_text_take(&csv));
    free(cbit_text_take(&summary));
    cbit_sweep_table_destroy(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cbit_diag_t *diag = cbit_diag_create();
    cbit_sweep_t *sweep = NULL;
    write_file(data, size);
    const cbit_err_t err = cbit_sweep_load(path, &sweep, diag);
    require((err == CBIT_ERR_OK) == (cbit_diag_count(diag) == 0), "an error has a finding");
    require((err == CBIT_ERR_OK) == (sweep != NULL), "a plan or an error");
    if (sweep != NULL) {
        char name[CBIT_SWEEP_NAME_BYTES];
        const uint32_t runs = cbit_sweep_runs(sweep);
        require(runs >= 1 && runs <= CBIT_SWEEP_MAX_RUNS, "a number of runs");
        cbit_sweep_name(sweep, "basis", runs - 1, name);
        for (uint32_t axis = 0; axis < sweep->axes_count; axis++) {
            require(cbit_sweep_value(sweep, sweep->points_count - 1, axis)[0] != '\0', "a value");
        }
        if (runs <= FEW_RUNS) {
            collect(sweep);
        }
    }
    cbit_sweep_destroy(sweep);
    cbit_diag_destroy(diag);
    return 0;
}
