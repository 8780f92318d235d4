/*
 * An oracle of x86 TSO: says whether what loads returned can be explained by the memory model.
 *
 * A run is a set of accesses of aligned quadwords: in the order of each thread's program, with the
 * value that each load got, and for each place the order in which stores became visible (from
 * whoever watched them). Every store writes a value of its own. The run is allowed if no access is,
 * by what must come after what, after itself:
 *
 *   ghb   program order but for store before load, fences, values from other threads, order of
 *         stores, and a load before the store that follows the one it read from
 *   place the same at one place, with the whole of program order and a thread's own values
 *
 * (Owens, Sarkar and Sewell 2009; Alglave, Maranget and Tautschnig 2014.)
 */
#ifndef CBIT_TESTS_TSO_H
#define CBIT_TESTS_TSO_H

#include <stdbool.h>
#include <stdint.h>

enum { TSO_NODES = 4096, TSO_THREADS = 8, TSO_PLACES = 64 };

typedef enum tso_kind { TSO_LOAD, TSO_STORE, TSO_FENCE } tso_kind_t;

typedef struct tso_node {
    tso_kind_t kind;
    uint32_t thread, place;
    uint32_t value; /* 0: of before the run; else the number of a store + 1 */
} tso_node_t;

typedef struct tso {
    uint32_t count;
    tso_node_t nodes[TSO_NODES];                                  /* each thread's in its order */
    uint32_t seen[TSO_PLACES][TSO_NODES], seen_count[TSO_PLACES]; /* stores, as they came */
} tso_t;

/* The number of a new access. A load's value is filled in later. */
uint32_t tso_add(tso_t *tso, tso_kind_t kind, uint32_t thread, uint32_t place);
/* A store has become visible. */
void tso_saw(tso_t *tso, uint32_t store);
/* NULL if the run is allowed, else what is wrong with it. */
const char *tso_check(const tso_t *tso);

#endif
