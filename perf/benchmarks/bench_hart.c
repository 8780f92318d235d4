/* How many instructions a second the Secure Processor's hart does, cycle counting on. CPU time. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/sp/hart.h"

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

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Best of the rounds, in millions of instructions a second. */
static double measure(uint32_t which)
{
    static const hart_region_t regions[HART_REGIONS] = {
        {.base = ROM_BASE, .size_bytes = ROM_BYTES, .bytes = rom},
        {.base = RAM_BASE, .size_bytes = RAM_BYTES, .bytes = ram, .writable = true}};
    static const hart_bus_t bus = {.read = no_read, .write = no_write};
    cbit_sp_config_t config;
    hart_t hart;
    double best = 0;
    cbit_sp_config_default(&config);
    if (!hart_init(&hart, regions, &bus, &config.hart, CODE_BASE)) {
        return 0;
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
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t before = hart.retired;
        double begin = cpu_s();
        for (int i = 0; i < SLICES; i++) {
            uint32_t budget = SLICE;
            (void)hart_run(&hart, UINT64_MAX, &budget, false);
        }
        double rate = (double)(hart.retired - before) / (cpu_s() - begin) / 1e6;
        best = rate > best ? rate : best;
    }
    hart_free(&hart);
    return best;
}

int main(int argc, char **argv)
{
    FILE *file = fopen(argc > 1 ? argv[1] : CBIT_HART_PROGRAMS, "rb");
    if (file == NULL) {
        (void)fprintf(stderr, "the programs cannot be opened\n");
        return 1;
    }
    (void)fread(ram + (CODE_BASE - RAM_BASE), 1, RAM_BYTES - (CODE_BASE - RAM_BASE), file);
    (void)fclose(file);
    printf("hart, millions of instructions a second: SHA-256 %.0f, lists and divisions %.0f\n",
           measure(0), measure(1));
    return 0;
}
