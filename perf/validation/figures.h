/*
 * The published figures that cbit can express, one row each: what the world says, with its source,
 * and the function that asks the model.
 */
#ifndef CBIT_PERF_VALIDATION_FIGURES_H
#define CBIT_PERF_VALIDATION_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

/* How a figure came to be in the model: an agreement means something for PREDICTED only. */
typedef enum validation_kind {
    VALIDATION_PREDICTED,  /* comes out of the simulation; nothing was chosen to meet it */
    VALIDATION_FITTED,     /* a parameter was chosen so that it is met */
    VALIDATION_CONFIGURED, /* is itself a parameter */
} validation_kind_t;

typedef struct validation_figure validation_figure_t;
struct validation_figure {
    const char *what;
    uint64_t low, high; /* as published, in thousandths of the unit; equal for a single value */
    const char *unit;
    validation_kind_t kind;
    uint32_t tolerance_percent; /* beyond low and high: what still counts as agreement */
    const char *source;
    const char *remark; /* where it differs: why, as far as known; "" */
    /* The model's value in thousandths; ends the process when it cannot be asked. */
    uint64_t (*ask)(const validation_figure_t *figure);
    const char *preset;
    uint64_t a, b; /* arguments of ask */
};

extern const validation_figure_t validation_figures[]; /* ends with what NULL */

/* Published figures that cbit does not express, and why: pairs of strings, NULL ends them. */
extern const char *const validation_left_out[][2];

#endif
