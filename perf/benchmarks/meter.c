#define _POSIX_C_SOURCE 200809L
#include "perf/benchmarks/meter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double meter_cpu_seconds(void)
{
    struct timespec t;
    /* The process's own clock moves by ticks of 4 ms while a profile is taken (where.c). */
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double meter_core_hz(void)
{
    enum { ADDITIONS = 8, TURNS = 500000 };
    uint64_t sum = 1;
    const double begin = meter_cpu_seconds();
    for (uint32_t i = 0; i < TURNS; i++) {
        /* Nobody may fold them: each waits for the one before it. */
        for (int k = 0; k < ADDITIONS; k++) {
            sum += i;
            __asm__ volatile("" : "+r"(sum));
        }
    }
    return (double)ADDITIONS * TURNS / (meter_cpu_seconds() - begin);
}

void meter_add(meter_t *meter, double value)
{
    if (meter->count < METER_ROUNDS) {
        meter->values[meter->count++] = value;
    }
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double at_share(const meter_t *meter, uint32_t num, uint32_t den)
{
    double sorted[METER_ROUNDS];
    if (meter->count == 0) {
        return 0;
    }
    memcpy(sorted, meter->values, sizeof sorted);
    qsort(sorted, meter->count, sizeof sorted[0], by_value);
    return sorted[(meter->count - 1) * num / den];
}

double meter_best(const meter_t *meter)
{
    return at_share(meter, 1, 1);
}

double meter_least(const meter_t *meter)
{
    return at_share(meter, 0, 1);
}

double meter_median(const meter_t *meter)
{
    return at_share(meter, 1, 2);
}

meter_t meter_ratio(const meter_t *over, const meter_t *under)
{
    meter_t ratio = {.count = 0};
    for (uint32_t i = 0; i < over->count && i < under->count; i++) {
        meter_add(&ratio, over->values[i] / under->values[i]);
    }
    return ratio;
}

meter_t meter_scaled(const meter_t *meter, double factor)
{
    meter_t scaled = {.count = 0};
    for (uint32_t i = 0; i < meter->count; i++) {
        meter_add(&scaled, meter->values[i] * factor);
    }
    return scaled;
}

meter_t meter_inverse(const meter_t *meter, double factor)
{
    meter_t inverse = {.count = 0};
    for (uint32_t i = 0; i < meter->count; i++) {
        meter_add(&inverse, factor / meter->values[i]);
    }
    return inverse;
}

cJSON *meter_json(const meter_t *meter)
{
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddNumberToObject(json, "best", meter_best(meter));
    (void)cJSON_AddNumberToObject(json, "median", meter_median(meter));
    (void)cJSON_AddNumberToObject(json, "least", meter_least(meter));
    (void)cJSON_AddNumberToObject(json, "rounds", meter->count);
    return json;
}

static void cpu_name(char *name, size_t size)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    (void)snprintf(name, size, "?");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
            (void)snprintf(name, size, "%s", colon + 2);
            name[strcspn(name, "\n")] = '\0';
            break;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

cJSON *meter_machine(void)
{
    char host[128] = "?", cpu[128];
    (void)gethostname(host, sizeof host - 1);
    cpu_name(cpu, sizeof cpu);
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(json, "host", host);
    (void)cJSON_AddStringToObject(json, "cpu", cpu);
    (void)cJSON_AddNumberToObject(json, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
    return json;
}
