/* One value between JSON and a field, by the type of its row. */
#ifndef CBIT_WORKLOADS_SCENARIO_VALUE_H
#define CBIT_WORKLOADS_SCENARIO_VALUE_H

#include "cbit/base/rows.h"
#include "cbit/workloads/json.h"

enum { CBIT_VALUE_WHY_BYTES = 320 };

/*
 * Reads a scalar of the given type (row->type, or row->element of an array) into *field. Otherwise
 * says why it cannot be: TYPE, RANGE or SYNTAX, and "what was found; what is allowed".
 */
cbit_err_t cbit_value_parse(const cbit_row_t *row, cbit_row_type_t type, const cbit_json_t *json,
                            void *field, char why[CBIT_VALUE_WHY_BYTES]);

/* The canonical JSON of a scalar: what cbit_value_parse reads back as the same field. */
cbit_json_t *cbit_value_json(cbit_arena_t *arena, const cbit_row_t *row, cbit_row_type_t type,
                             const void *field);

/* "a whole number", "a size in quotes such as \"64MiB\"", "one of private, shared"... */
void cbit_value_wants_of(const cbit_row_t *row, cbit_row_type_t type, char *text, size_t bytes);

/* Digits behind the point that the unit at the end of the key has in picoseconds: _ns 3. */
uint32_t cbit_value_ps_decimals(const char *key);

/* Range of a field as its row has it; a row without one has that of its type. */
uint64_t cbit_value_max(const cbit_row_t *row, cbit_row_type_t type);

/* The number of words of an ENUM, and the word nearest to a mistyped one or NULL. */
uint32_t cbit_value_words(const char *const *names);
const char *cbit_value_nearest(const char *const *names, const char *word);

/* "64MiB", "4KiB", "100": the largest unit that leaves a whole number. */
void cbit_value_size_text(uint64_t bytes, char *text, size_t text_bytes);

#endif
