/*
 * What the sparse store costs beside the cipher: lines at random over 1 GiB of touched pages,
 * scattered over 64 GiB, through the cipher alone, through the cipher and a plain array of the same
 * size, and through the cipher and the store, cold and as the controller uses it. And the memory
 * that the touched GiB takes.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cbit/aes/cipher.h"
#include "cbit/base/rng.h"
#include "cbit/dram/store.h"
#include "perf/benchmarks/meter.h"
#include "perf/benchmarks/rows.h"

/* A controller expects a line when its request comes. */
enum { ROUNDS = 9, LINES = 400000, SLOT = 1, LINE_BYTES = 64, AHEAD = 24 };
#define SPACE_BYTES   (UINT64_C(64) << 30)
#define TOUCHED_BYTES (UINT64_C(1) << 30)
#define PAGES         (TOUCHED_BYTES / CBIT_PAGE_BYTES)

typedef enum way { CIPHER, ARRAY, COLD, STORE, WAYS } way_t;
static const char *const NAMES[WAYS] = {"cipher", "cipher_array", "cipher_store_cold",
                                        "cipher_store"};

typedef struct bench {
    cbit_cipher_t *cipher;
    cbit_store_t *store;
    uint8_t *array;
} bench_t;

static void check(cbit_err_t err)
{
    if (err != CBIT_ERR_OK) {
        fprintf(stderr, "store: %s\n", cbit_err_text(err));
        exit(70);
    }
}

/* Touched page n of the address space: one in 64, at a place within its 64 that varies. */
static cbit_spa_t page_of(uint64_t n)
{
    return (n * 64 + cbit_splitmix64(n) % 64) * CBIT_PAGE_BYTES;
}

static uint64_t random_of(uint64_t seed, uint64_t i)
{
    return cbit_splitmix64(seed + i);
}

static cbit_spa_t spa_of(uint64_t random)
{
    return page_of(random % PAGES) + (random >> 40 & (CBIT_PAGE_BYTES - LINE_BYTES));
}

/* Reads (and deciphers) or writes (and enciphers) LINES lines; returns nanoseconds of each. */
static double run(bench_t *bench, way_t way, uint64_t seed)
{
    uint8_t line[LINE_BYTES] = {0}, out[LINE_BYTES];
    const double begin = meter_cpu_seconds();
    for (uint64_t i = 0; i < LINES; i++) {
        const uint64_t random = random_of(seed, i);
        const cbit_spa_t spa = spa_of(random);
        uint8_t *flat = bench->array + random % PAGES * CBIT_PAGE_BYTES + spa % CBIT_PAGE_BYTES;
        if (way == STORE) {
            cbit_store_expect(bench->store, spa_of(random_of(seed, i + AHEAD)));
        }
        if (random >> 62 == 0) { /* one in four writes */
            check(cbit_cipher_encrypt(bench->cipher, SLOT, spa, line, out, LINE_BYTES));
            if (way >= COLD) {
                check(cbit_store_write(bench->store, spa, out, LINE_BYTES));
            } else if (way == ARRAY) {
                memcpy(flat, out, LINE_BYTES);
            }
            continue;
        }
        if (way >= COLD) {
            check(cbit_store_read(bench->store, spa, line, LINE_BYTES));
        } else if (way == ARRAY) {
            memcpy(line, flat, LINE_BYTES);
        }
        check(cbit_cipher_decrypt(bench->cipher, SLOT, spa, line, line, LINE_BYTES));
    }
    return (meter_cpu_seconds() - begin) / LINES * 1e9;
}

static double resident_gib(void)
{
    unsigned long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        if (fscanf(file, "%lu %lu", &size, &resident) != 2) {
            resident = 0;
        }
        (void)fclose(file);
    }
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1 << 30);
}

/* Every touched page written once; the growth of the process in GiB. */
static double fill(bench_t *bench)
{
    const double before = resident_gib();
    check(cbit_store_create(SPACE_BYTES, &bench->store));
    for (uint64_t n = 0; n < PAGES; n++) {
        check(cbit_store_write(bench->store, page_of(n), &n, sizeof n));
    }
    return resident_gib() - before;
}

static void create(bench_t *bench)
{
    const uint8_t key[16] = {1, 2, 3};
    cbit_tweak_t tweak;
    cbit_tweak_init(&tweak, CBIT_TWEAK_PER_BOOT, 1);
    check(cbit_cipher_create(SLOT + 1, &tweak, false, &bench->cipher));
    check(cbit_cipher_set_key(bench->cipher, SLOT, key));
    bench->array = malloc(TOUCHED_BYTES);
    if (bench->array == NULL) {
        check(CBIT_ERR_NO_MEMORY);
    }
    memset(bench->array, 1, TOUCHED_BYTES);
}

int main(int argc, char **argv)
{
    const bench_options_t options = bench_options(argc, argv, ROUNDS);
    bench_t bench = {0};
    const double gib = fill(&bench);
    create(&bench);
    meter_t ns[WAYS] = {{.count = 0}};
    for (uint64_t round = 0; round < options.rounds; round++) {
        for (uint32_t way = 0; way < WAYS; way++) {
            meter_add(&ns[way], run(&bench, (way_t)way, round << 32));
        }
    }
    const meter_t per_array = meter_ratio(&ns[STORE], &ns[ARRAY]);
    const meter_t per_cipher = meter_ratio(&ns[STORE], &ns[CIPHER]);
    cJSON *root = cJSON_CreateObject();
    (void)cJSON_AddItemToObject(root, "machine", meter_machine());
    (void)cJSON_AddNumberToObject(root, "resident_gib_per_touched_gib", gib);
    cJSON *lines = cJSON_AddObjectToObject(root, "line_ns");
    for (uint32_t way = 0; way < WAYS; way++) {
        (void)cJSON_AddItemToObject(lines, NAMES[way], meter_json(&ns[way]));
    }
    (void)cJSON_AddItemToObject(root, "store_per_array", meter_json(&per_array));
    (void)cJSON_AddItemToObject(root, "store_per_cipher", meter_json(&per_cipher));
    const meter_t rate = meter_inverse(&ns[STORE], 1e3);
    bench_row_add(root,
                  &(bench_row_t){"sparse store and cipher, 1 of 64 GiB touched", "M lines/s", &rate,
                                 "time with a plain array", &per_array, BENCH_RATIO_AT_MOST, 1.2});
    if (options.json) {
        bench_print(root);
    } else {
        printf("lines at random over 1 GiB touched in 64 GiB: resident %.3f GiB\n", gib);
        for (uint32_t way = 0; way < WAYS; way++) {
            printf("  %-17s %6.1f ns a line (least), %6.1f (median)\n", NAMES[way],
                   meter_least(&ns[way]), meter_median(&ns[way]));
        }
        printf("  with the store / cipher alone: %.2f (median, %.2f..%.2f)\n",
               meter_median(&per_cipher), meter_least(&per_cipher), meter_best(&per_cipher));
        printf("  store / array, with the cipher in both: %.2f (median of %d rounds, %.2f..%.2f)\n",
               meter_median(&per_array), (int)options.rounds, meter_least(&per_array),
               meter_best(&per_array));
        cJSON_Delete(root);
    }
    free(bench.array);
    cbit_cipher_destroy(bench.cipher);
    cbit_store_destroy(bench.store);
    return 0;
}
