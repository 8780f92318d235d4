/**
 * @file
 * Binding a JSON file of another format than a scenario's through rows, with the same errors.
 */
#ifndef CBIT_WORKLOADS_BIND_H
#define CBIT_WORKLOADS_BIND_H

#include "cbit/base/diag.h"
#include "cbit/base/rows.h"
#include "cbit/workloads/json.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Fills *object from tree, an object read from the file `shown` with origin 0: defaults first, then
 * every value that fits. What does not fit, is unknown or missing is added to diag. Arrays come
 * from the arena.
 */
cbit_err_t cbit_bind(cbit_arena_t *arena, const cbit_json_t *tree, const char *shown,
                     const cbit_row_t *rows, void *object, cbit_diag_t *diag);

#ifdef __cplusplus
}
#endif
#endif
