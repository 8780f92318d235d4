/* The table as CSV: every run, and means over repeats. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perf/sweep/sweep.h"

/* A cell as RFC 4180 wants it. */
static void put_cell(cbit_text_t *text, const char *cell)
{
    if (strpbrk(cell, ",\"\r\n") == NULL) {
        cbit_text_put(text, cell, strlen(cell));
        return;
    }
    cbit_text_put(text, "\"", 1);
    for (; *cell != '\0'; cell++) {
        cbit_text_put(text, "\"\"", *cell == '"' ? 2 : 0);
        cbit_text_put(text, cell, *cell == '"' ? 0 : 1);
    }
    cbit_text_put(text, "\"", 1);
}

static void put_axes_head(const cbit_sweep_t *sweep, cbit_text_t *text)
{
    for (uint32_t a = 0; a < sweep->axes_count; a++) {
        cbit_text_put(text, ",", 1);
        put_cell(text, sweep->axes[a].pointer);
    }
}

static void put_axes(const cbit_sweep_t *sweep, uint32_t point, cbit_text_t *text)
{
    for (uint32_t a = 0; a < sweep->axes_count; a++) {
        cbit_text_put(text, ",", 1);
        put_cell(text, cbit_sweep_value(sweep, point, a));
    }
}

void cbit_sweep_csv(const cbit_sweep_table_t *table, cbit_text_t *text)
{
    const cbit_sweep_t *sweep = table->sweep;
    cbit_text_add(text, "run,point,seed");
    put_axes_head(sweep, text);
    for (uint32_t f = 0; f < sweep->figures_count; f++) {
        cbit_text_put(text, ",", 1);
        put_cell(text, sweep->figures[f]);
    }
    cbit_text_add(text, ",expectations_failed,error\n");
    for (uint32_t r = 0; r < cbit_sweep_runs(sweep); r++) {
        const cbit_sweep_record_t *record = &table->records[r];
        cbit_text_add(text, "%" PRIu32 ",%" PRIu32 ",%" PRIu64, r, r / sweep->repeats,
                      cbit_sweep_seed(sweep, r));
        put_axes(sweep, r / sweep->repeats, text);
        for (uint32_t f = 0; f < sweep->figures_count; f++) {
            const char *figure = record->figures == NULL ? NULL : record->figures[f];
            cbit_text_put(text, ",", 1);
            put_cell(text, figure == NULL ? "" : figure);
        }
        if (record->error == NULL) {
            cbit_text_add(text, ",%" PRIu32 ",\n", record->unmet);
        } else {
            cbit_text_add(text, ",,");
            put_cell(text, record->error);
            cbit_text_put(text, "\n", 1);
        }
    }
}

/* ---- means ---- */

/* Two-sided 95 % quantile of Student's t. Between the rows the one of fewer degrees of freedom is
   taken: the interval is rather too wide. */
static double student(uint32_t freedom)
{
    static const struct {
        uint32_t freedom;
        double t;
    } rows[] = {{1, 12.706}, {2, 4.303},  {3, 3.182},  {4, 2.776},  {5, 2.571},  {6, 2.447},
                {7, 2.365},  {8, 2.306},  {9, 2.262},  {10, 2.228}, {11, 2.201}, {12, 2.179},
                {13, 2.160}, {14, 2.145}, {15, 2.131}, {16, 2.120}, {17, 2.110}, {18, 2.101},
                {19, 2.093}, {20, 2.086}, {21, 2.080}, {22, 2.074}, {23, 2.069}, {24, 2.064},
                {25, 2.060}, {26, 2.056}, {27, 2.052}, {28, 2.048}, {29, 2.045}, {30, 2.042},
                {40, 2.021}, {60, 2.000}, {120, 1.980}};
    size_t i = sizeof rows / sizeof rows[0] - 1;
    while (rows[i].freedom > freedom) {
        i--;
    }
    return rows[i].t;
}

uint32_t cbit_sweep_mean(const cbit_sweep_table_t *table, uint32_t point, uint32_t f,
                         double *mean_of, double *ci95)
{
    uint32_t repeats = table->sweep->repeats, n = 0;
    double sum = 0, squares = 0;
    for (int pass = 0; pass < 2; pass++) {
        double mean = n == 0 ? 0 : sum / n;
        for (uint32_t r = point * repeats; r < (point + 1) * repeats; r++) {
            const cbit_sweep_record_t *record = &table->records[r];
            char *end = NULL;
            if (record->figures == NULL || record->figures[f] == NULL || record->quoted[f]) {
                continue;
            }
            double x = strtod(record->figures[f], &end);
            if (end == record->figures[f]) { /* true, false */
                continue;
            }
            n += pass == 0;
            sum += pass == 0 ? x : 0;
            squares += pass == 0 ? 0 : (x - mean) * (x - mean);
        }
    }
    *mean_of = n == 0 ? 0 : sum / n;
    *ci95 = n < 2 ? 0 : student(n - 1) * sqrt(squares / (n - 1) / n);
    return n;
}

static void put_mean(const cbit_sweep_table_t *table, uint32_t point, uint32_t f, cbit_text_t *text)
{
    double mean, ci95;
    uint32_t n = cbit_sweep_mean(table, point, f, &mean, &ci95);
    if (n == 0) {
        cbit_text_add(text, ",,");
    } else if (n == 1) {
        cbit_text_add(text, ",%.6f,", mean);
    } else {
        cbit_text_add(text, ",%.6f,%.6f", mean, ci95);
    }
}

void cbit_sweep_summary(const cbit_sweep_table_t *table, cbit_text_t *text)
{
    const cbit_sweep_t *sweep = table->sweep;
    cbit_text_add(text, "point,runs,failed");
    put_axes_head(sweep, text);
    for (uint32_t f = 0; f < sweep->figures_count; f++) {
        cbit_text_put(text, ",", 1);
        put_cell(text, sweep->figures[f]);
        cbit_text_put(text, ",", 1);
        cbit_text_t head = {0};
        cbit_text_add(&head, "%s ci95", sweep->figures[f]);
        char *cell = cbit_text_take(&head);
        put_cell(text, cell == NULL ? "" : cell);
        text->failed = text->failed || cell == NULL;
        free(cell);
    }
    cbit_text_put(text, "\n", 1);
    for (uint32_t p = 0; p < sweep->points_count; p++) {
        uint32_t failed = 0;
        for (uint32_t r = p * sweep->repeats; r < (p + 1) * sweep->repeats; r++) {
            failed += table->records[r].error != NULL;
        }
        cbit_text_add(text, "%" PRIu32 ",%" PRIu32 ",%" PRIu32, p, sweep->repeats, failed);
        put_axes(sweep, p, text);
        for (uint32_t f = 0; f < sweep->figures_count; f++) {
            put_mean(table, p, f, text);
        }
        cbit_text_put(text, "\n", 1);
    }
}
