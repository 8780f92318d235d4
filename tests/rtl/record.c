/* Pins of a case as hexadecimal words, for a bench in another simulator: tests/rtl/pins_tb.v. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static void hex(FILE *file, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fprintf(file, "%02x", bytes[i]);
    }
}

/* Widths in nibbles are those of pins_tb.v, most significant field first. */
static void write_lane(FILE *file, const cbit_aes_lane_in_t *in, const cbit_aes_lane_out_t *out)
{
    fprintf(file, "%x%012llx%03x%02x",
            in->valid | in->bypass << 1 | in->last << 2 | in->out_ready << 3,
            (unsigned long long)(in->spa >> 4 & 0xFFFFFFFFFFFF), in->slot & 0x3FFu, in->tag);
    hex(file, in->data, sizeof in->data);
    fprintf(file, "%x%x%02x", out->ready | out->valid << 1 | out->last << 2, out->error, out->tag);
    hex(file, out->data, sizeof out->data);
}

static void write_clock(FILE *file, const cbit_aes_pins_in_t *in, const cbit_aes_pins_out_t *out)
{
    fprintf(file, "%x%x%02x%03x", in->reset | in->zeroise << 1 | in->xe << 2 | in->tweak_valid << 3,
            in->key_valid | in->key_clear << 1, in->tweak_index, in->key_slot & 0x3FFu);
    hex(file, in->key, sizeof in->key);
    hex(file, in->tweak_data, sizeof in->tweak_data);
    fprintf(file, "%x", out->key_ready | out->zeroise_busy << 1 | out->fault << 2);
    write_lane(file, &in->lane[0], &out->lane[0]);
    write_lane(file, &in->lane[1], &out->lane[1]);
    fprintf(file, "\n");
}

int bench_record(int argc, char **argv)
{
    if (argc < 3) {
        return 2;
    }
    const cbit_parameters_t *set = bench_set(argv[0]);
    uint32_t clocks = (uint32_t)strtoul(argv[1], NULL, 0), written = 0;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
    FILE *file = fopen(argv[2], "w");
    if (file == NULL) {
        bench_fail("the file cannot be opened", NULL);
    }
    for (uint64_t index = 0; written < clocks; index++) {
        bench_trace_t trace;
        bench_trace_make(set, seed, index, 60, &trace);
        for (uint32_t t = 0; t < trace.clocks && written < clocks; t++, written++) {
            write_clock(file, &trace.in[t], &trace.out[t]);
        }
        bench_trace_free(&trace);
    }
    return fclose(file) == 0 ? 0 : 4;
}
