/* The summary as people read it: a line a point, and columns with the ends of their pointers. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "perf/sweep/sweep.h"

enum { CELL_BYTES = 64, MAX_COLUMNS = CBIT_SWEEP_MAX_AXES + CBIT_SWEEP_MAX_FIGURES };

static uint32_t columns(const cbit_sweep_t *sweep)
{
    return sweep->axes_count + sweep->figures_count;
}

static const char *pointer_of(const cbit_sweep_t *sweep, uint32_t column)
{
    return column < sweep->axes_count ? sweep->axes[column].pointer
                                      : sweep->figures[column - sweep->axes_count];
}

static bool ends_with(const char *text, const char *end)
{
    size_t all = strlen(text), part = strlen(end);
    return all >= part && strcmp(text + all - part, end) == 0;
}

static bool is_shared(const cbit_sweep_t *sweep, uint32_t column, const char *end)
{
    for (uint32_t other = 0; other < columns(sweep); other++) {
        if (other != column && ends_with(pointer_of(sweep, other), end)) {
            return true;
        }
    }
    return false;
}

/* As much of the pointer's end as no other column ends with, and at least two keys of it that are
   no indices. */
static const char *head_of(const cbit_sweep_t *sweep, uint32_t column)
{
    const char *pointer = pointer_of(sweep, column), *end = pointer + strlen(pointer);
    uint32_t keys = 0;
    while (end > pointer && (keys < 2 || is_shared(sweep, column, end))) {
        do {
            end--;
        } while (end > pointer && *end != '/');
        keys += strchr("0123456789", end[1]) == NULL;
    }
    return end + (*end == '/');
}

/* 6.5 and not 6.500000. */
static int print_number(char *to, size_t bytes, int decimals, double x)
{
    int length = snprintf(to, bytes, "%.*f", decimals, x);
    if (strchr(to, '.') != NULL) {
        while (to[length - 1] == '0') {
            length--;
        }
        length -= to[length - 1] == '.' ? 1 : 0;
        to[length] = '\0';
    }
    return length;
}

/* Three digits that count, six decimals at most. */
static int decimals_of(double ci95)
{
    const double digits = ci95 > 0 ? 2 - floor(log10(ci95)) : 0;
    return digits < 0 ? 0 : digits > 6 ? 6 : (int)digits;
}

static void figure_of(const cbit_sweep_table_t *table, uint32_t point, uint32_t f,
                      char cell[CELL_BYTES])
{
    double mean, ci95;
    const uint32_t n = cbit_sweep_mean(table, point, f, &mean, &ci95);
    const uint32_t repeats = table->sweep->repeats;
    if (n != 0) {
        int length = print_number(cell, CELL_BYTES, 6, mean);
        if (n > 1) {
            length += snprintf(cell + length, (size_t)(CELL_BYTES - length), " +/- ");
            (void)print_number(cell + length, (size_t)(CELL_BYTES - length), decimals_of(ci95),
                               ci95);
        }
        return;
    }
    const char *text = "-"; /* no number: what the first good run has */
    for (uint32_t r = point * repeats; r < (point + 1) * repeats && *text == '-'; r++) {
        const char *const *figures = table->records[r].figures;
        text = figures != NULL && figures[f] != NULL ? figures[f] : text;
    }
    (void)snprintf(cell, CELL_BYTES, "%s", text);
}

static void cell_of(const cbit_sweep_table_t *table, uint32_t point, uint32_t column,
                    char cell[CELL_BYTES])
{
    const cbit_sweep_t *sweep = table->sweep;
    if (column < sweep->axes_count) {
        (void)snprintf(cell, CELL_BYTES, "%s", cbit_sweep_value(sweep, point, column));
    } else {
        figure_of(table, point, column - sweep->axes_count, cell);
    }
}

static int width_of(const cbit_sweep_table_t *table, uint32_t points, uint32_t column)
{
    size_t width = strlen(head_of(table->sweep, column));
    for (uint32_t point = 0; point < points; point++) {
        char cell[CELL_BYTES];
        cell_of(table, point, column, cell);
        width = strlen(cell) > width ? strlen(cell) : width;
    }
    return (int)width;
}

void cbit_sweep_show(const cbit_sweep_table_t *table, uint32_t most, cbit_text_t *text)
{
    const cbit_sweep_t *sweep = table->sweep;
    const uint32_t points = sweep->points_count < most ? sweep->points_count : most;
    int widths[MAX_COLUMNS];
    for (uint32_t c = 0; c < columns(sweep); c++) {
        widths[c] = width_of(table, points, c);
        cbit_text_add(text, "  %*s", widths[c], head_of(sweep, c));
    }
    cbit_text_put(text, "\n", 1);
    for (uint32_t point = 0; point < points; point++) {
        for (uint32_t c = 0; c < columns(sweep); c++) {
            char cell[CELL_BYTES];
            cell_of(table, point, c, cell);
            cbit_text_add(text, "  %*s", widths[c], cell);
        }
        cbit_text_put(text, "\n", 1);
    }
    if (points < sweep->points_count) {
        cbit_text_add(text, "  and %" PRIu32 " more points: summary.csv has them all\n",
                      sweep->points_count - points);
    }
}
