/* How many instructions a second the Secure Processor's hart does, cycle counting on. CPU time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/sp/hart.h"
#include "perf/benchmarks/meter.h"
#include "perf/benchmarks/rows.h"

enum { SLICE = 10000, SLICES = 5000, ROUNDS = 9 };

#define ROM_BASE  0x00010000u
#define ROM_BYTES 0x8000u
#define RAM_BASE  0x20000000u
#define RAM_BYTES 0x100000u
#define CODE_BASE 0x200C0000u

static uint8_t rom[ROM_BYTES], ram[RAM_BYTES];

static bool no_read(void *self, uint32_t address, uint32_t *value)
{
    (void)self, (void)address, (void)value;
    return false;
}

static bool no_write(void *self, uint32_t address, uint32_t value)
{
    (void)self, (void)address, (void)value;
    return false;
}

/* Millions of instructions a second, and the host's core clocks for each. */
static bool measure(uint32_t which, uint32_t rounds, meter_t *rate, meter_t *clocks)
{
    static const hart_region_t regions[HART_REGIONS] = {
        {.base = ROM_BASE, .size_bytes = ROM_BYTES, .bytes = rom},
        {.base = RAM_BASE, .size_bytes = RAM_BYTES, .bytes = ram, .writable = true}};
    static const hart_bus_t bus = {.read = no_read, .write = no_write};
    cbit_sp_config_t config;
    hart_t hart;
    cbit_sp_config_default(&config);
    if (!hart_init(&hart, regions, &bus, &config.hart, CODE_BASE)) {
        return false;
    }
    hart.x[10] = which;
    /* As the boot ROM locks it: stack, data and code apart. */
    const uint32_t locks[][2] = {{0x3b0, 0x20000000 >> 2},
                                 {0x3b1, 0x20001000 >> 2},
                                 {0x3b2, CODE_BASE >> 2},
                                 {0x3b3, 0x20100000 >> 2},
                                 {0x3a0, 0x8d8b8880}};
    for (size_t i = 0; i < sizeof locks / sizeof locks[0]; i++) {
        (void)hart_csr_write(&hart, locks[i][0], locks[i][1]);
    }
    for (uint32_t round = 0; round < rounds; round++) {
        const double before_hz = meter_core_hz();
        uint64_t before = hart.retired;
        double begin = meter_cpu_seconds();
        for (int i = 0; i < SLICES; i++) {
            uint32_t budget = SLICE;
            (void)hart_run(&hart, UINT64_MAX, &budget, false);
        }
        const double per_s = (double)(hart.retired - before) / (meter_cpu_seconds() - begin);
        meter_add(rate, per_s / 1e6);
        meter_add(clocks, (before_hz + meter_core_hz()) / 2 / per_s);
    }
    hart_free(&hart);
    return true;
}

static bool load(void)
{
    FILE *file = fopen(CBIT_HART_PROGRAMS, "rb");
    if (file == NULL) {
        return false;
    }
    size_t bytes = fread(ram + (CODE_BASE - RAM_BASE), 1, RAM_BYTES - (CODE_BASE - RAM_BASE), file);
    (void)fclose(file);
    return bytes > 0;
}

int main(int argc, char **argv)
{
    static const char *const PROGRAMS[] = {"SHA-256", "lists and divisions"};
    const bench_options_t options = bench_options(argc, argv, ROUNDS);
    if (!load()) {
        (void)fprintf(stderr, "the programs cannot be opened\n");
        return 1;
    }
    cJSON *root = cJSON_CreateObject();
    (void)cJSON_AddItemToObject(root, "machine", meter_machine());
    for (uint32_t which = 0; which < sizeof PROGRAMS / sizeof PROGRAMS[0]; which++) {
        meter_t rate = {.count = 0}, clocks = {.count = 0};
        char what[64];
        if (!measure(which, options.rounds, &rate, &clocks)) {
            return 70;
        }
        (void)snprintf(what, sizeof what, "firmware on the hart, %s", PROGRAMS[which]);
        bench_row_add(root, &(bench_row_t){what, "M instructions/s", &rate,
                                           "host core clocks an instruction", &clocks,
                                           BENCH_VALUE_AT_LEAST, 300});
        if (!options.json) {
            printf("hart, %s: millions of instructions a second %.0f (median %.0f, least %.0f); "
                   "%.1f core clocks of the host each\n",
                   PROGRAMS[which], meter_best(&rate), meter_median(&rate), meter_least(&rate),
                   meter_median(&clocks));
        }
    }
    if (options.json) {
        bench_print(root);
    } else {
        cJSON_Delete(root);
    }
    return 0;
}
