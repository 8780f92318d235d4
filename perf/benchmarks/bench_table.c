/*
 * All benchmarks in one table: runs each program given (with --json and the options behind --) and
 * puts their rows into a table on stdout, DIR/bench.json and DIR/bench.csv. A program that fails or
 * says no rows is an error of the whole, after the others have run.
 *
 *     bench_table DIR PROGRAM... [-- OPTION...]
 */
#define _POSIX_C_SOURCE 200809L
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perf/benchmarks/meter.h"

enum { MOST_OUTPUT = 1 << 20, COMMAND_BYTES = 4096 };

typedef struct text {
    char *bytes;
    size_t len;
} text_t;

/* What the command prints; false when it cannot be run, fails or prints without end. */
static bool output_of(const char *command, text_t *text)
{
    FILE *pipe = popen(command, "r");
    *text = (text_t){.bytes = malloc(MOST_OUTPUT)};
    if (pipe == NULL || text->bytes == NULL) {
        return false;
    }
    text->len = fread(text->bytes, 1, MOST_OUTPUT - 1, pipe);
    text->bytes[text->len] = '\0';
    return pclose(pipe) == 0;
}

/* "bench_dram" to "dram". */
static const char *name_of(const char *program)
{
    const char *slash = strrchr(program, '/');
    const char *name = slash == NULL ? program : slash + 1;
    return strncmp(name, "bench_", 6) == 0 ? name + 6 : name;
}

/* Quotes an argument for the shell; false when it does not fit. */
static bool append(char *command, const char *argument)
{
    size_t len = strlen(command);
    if (strchr(argument, '\'') != NULL || len + strlen(argument) + 4 > COMMAND_BYTES) {
        return false;
    }
    (void)snprintf(command + len, COMMAND_BYTES - len, "'%s' ", argument);
    return true;
}

/* Runs one program; its document, with rows, or NULL. */
static cJSON *run(const char *program, int options, char **option)
{
    char command[COMMAND_BYTES] = "";
    bool good = append(command, program) && append(command, "--json");
    for (int i = 0; i < options && good; i++) {
        good = append(command, option[i]);
    }
    text_t text = {0};
    good = good && output_of(command, &text);
    cJSON *json = good ? cJSON_Parse(text.bytes) : NULL;
    free(text.bytes);
    if (cJSON_GetArraySize(cJSON_GetObjectItem(json, "rows")) == 0) {
        cJSON_Delete(json);
        return NULL;
    }
    return json;
}

static double number(const cJSON *row, const char *key, const char *part)
{
    const cJSON *item = cJSON_GetObjectItem(row, key);
    const cJSON *value = part == NULL ? item : cJSON_GetObjectItem(item, part);
    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

static const char *word(const cJSON *row, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(row, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static const char *reached(const cJSON *row)
{
    const cJSON *item = cJSON_GetObjectItem(row, "reached");
    return item == NULL ? "" : cJSON_IsTrue(item) ? "yes" : "no";
}

static void print_head(void)
{
    printf("CPU time, one core; medians of the rounds and their spread (least to best)\n");
    printf("%-44s %9s %17s  %-16s %8s %15s  %-36s %s\n", "", "median", "spread", "unit", "ratio",
           "spread", "to", "goal");
}

static void print_row(const cJSON *row)
{
    char spread[64], goal[64] = "";
    (void)snprintf(spread, sizeof spread, "%.4g..%.4g", number(row, "value", "least"),
                   number(row, "value", "best"));
    printf("%-44s %9.4g %17s  %-16s", word(row, "what"), number(row, "value", "median"), spread,
           word(row, "unit"));
    if (cJSON_GetObjectItem(row, "ratio") != NULL) {
        (void)snprintf(spread, sizeof spread, "%.3g..%.3g", number(row, "ratio", "least"),
                       number(row, "ratio", "best"));
        printf(" %8.3g %15s  %-36s", number(row, "ratio", "median"), spread, word(row, "beside"));
    } else {
        printf(" %8s %15s  %-36s", "", "", "");
    }
    if (cJSON_GetObjectItem(row, "goal") != NULL) {
        (void)snprintf(goal, sizeof goal, "%s %g: %s", word(row, "goal_is"),
                       number(row, "goal", NULL), reached(row));
    }
    printf(" %s\n", goal);
    (void)fflush(stdout);
}

/* Its quotes doubled; at most 127 bytes of it. */
static const char *quoted(const char *text, char into[256])
{
    size_t len = 0;
    for (; *text != '\0' && len < 254; text++) {
        into[len++] = *text;
        if (*text == '"') {
            into[len++] = '"';
        }
    }
    into[len] = '\0';
    return into;
}

static void csv_row(FILE *csv, const cJSON *row)
{
    char cell[256];
    (void)fprintf(csv, "%s,\"%s\",%s,%.9g,%.9g,%.9g,%g", word(row, "bench"),
                  quoted(word(row, "what"), cell), word(row, "unit"),
                  number(row, "value", "median"), number(row, "value", "least"),
                  number(row, "value", "best"), number(row, "value", "rounds"));
    if (cJSON_GetObjectItem(row, "ratio") != NULL) {
        (void)fprintf(csv, ",\"%s\",%.9g,%.9g,%.9g", quoted(word(row, "beside"), cell),
                      number(row, "ratio", "median"), number(row, "ratio", "least"),
                      number(row, "ratio", "best"));
    } else {
        (void)fprintf(csv, ",,,,");
    }
    if (cJSON_GetObjectItem(row, "goal") != NULL) {
        (void)fprintf(csv, ",%s,%g,%s\n", word(row, "goal_is"), number(row, "goal", NULL),
                      reached(row));
    } else {
        (void)fprintf(csv, ",,,\n");
    }
}

/* Its rows join the table, each with the benchmark's name; the rest is kept under that name. */
static void add(cJSON *root, const char *name, cJSON *json)
{
    cJSON *table = cJSON_GetObjectItem(root, "rows");
    cJSON *rows = cJSON_DetachItemFromObject(json, "rows");
    for (cJSON *row; (row = cJSON_DetachItemFromArray(rows, 0)) != NULL;) {
        cJSON *named = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(named, "bench", name);
        for (cJSON *item; (item = row->child) != NULL;) {
            (void)cJSON_AddItemToObject(named, item->string, cJSON_DetachItemViaPointer(row, item));
        }
        cJSON_Delete(row);
        print_row(named);
        (void)cJSON_AddItemToArray(table, named);
    }
    cJSON_Delete(rows);
    cJSON_DeleteItemFromObject(json, "machine");
    (void)cJSON_AddItemToObject(cJSON_GetObjectItem(root, "benches"), name, json);
}

static FILE *open_in(const char *directory, const char *name)
{
    char path[COMMAND_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
    }
    return file;
}

static bool write_files(const cJSON *root, const char *directory)
{
    FILE *json = open_in(directory, "bench.json"), *csv = open_in(directory, "bench.csv");
    bool good = json != NULL && csv != NULL;
    if (good) {
        char *text = cJSON_Print(root);
        good = fprintf(json, "%s\n", text) > 0;
        cJSON_free(text);
        (void)fprintf(csv, "bench,what,unit,median,least,best,rounds,beside,ratio_median,"
                           "ratio_least,ratio_best,goal_is,goal,reached\n");
        const cJSON *row;
        cJSON_ArrayForEach(row, cJSON_GetObjectItem(root, "rows"))
        {
            csv_row(csv, row);
        }
    }
    good = (json == NULL || fclose(json) == 0) && good;
    return (csv == NULL || fclose(csv) == 0) && good;
}

int main(int argc, char **argv)
{
    int programs_end = 2;
    while (programs_end < argc && strcmp(argv[programs_end], "--") != 0) {
        programs_end++;
    }
    if (programs_end <= 2) {
        (void)fprintf(stderr, "usage: bench_table DIR PROGRAM... [-- OPTION...]\n");
        return 2;
    }
    cJSON *root = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(root, "format", "cbit-bench/1");
    (void)cJSON_AddItemToObject(root, "machine", meter_machine());
    (void)cJSON_AddArrayToObject(root, "rows");
    (void)cJSON_AddObjectToObject(root, "benches");
    int failed = 0;
    print_head();
    for (int i = 2; i < programs_end; i++) {
        const int options = argc - programs_end - 1;
        cJSON *json = run(argv[i], options < 0 ? 0 : options, &argv[programs_end + 1]);
        if (json == NULL) {
            (void)fprintf(stderr, "error: benchmark %s failed\n", name_of(argv[i]));
            failed++;
        } else {
            add(root, name_of(argv[i]), json);
        }
    }
    const bool written = write_files(root, argv[1]);
    cJSON_Delete(root);
    return !written ? 4 : failed > 0 ? 1 : 0;
}
