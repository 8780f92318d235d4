#include "tests/support/tso.h"

#include <stdlib.h>
#include <string.h>

enum { EDGES = 8 * TSO_NODES, NONE = -1 };

typedef struct graph {
    uint32_t count, edges;
    int32_t first[TSO_NODES], next[EDGES];
    uint32_t to[EDGES], into[TSO_NODES];
} graph_t;

static graph_t graph;

uint32_t tso_add(tso_t *tso, tso_kind_t kind, uint32_t thread, uint32_t place)
{
    if (tso->count == TSO_NODES) {
        abort();
    }
    tso->nodes[tso->count] = (tso_node_t){.kind = kind, .thread = thread, .place = place};
    return tso->count++;
}

void tso_saw(tso_t *tso, uint32_t store)
{
    uint32_t place = tso->nodes[store].place;
    tso->seen[place][tso->seen_count[place]++] = store;
}

static void clear(uint32_t count)
{
    graph.count = count;
    graph.edges = 0;
    for (uint32_t i = 0; i < count; i++) {
        graph.first[i] = NONE;
        graph.into[i] = 0;
    }
}

static void edge(int64_t from, int64_t to)
{
    if (from < 0 || to < 0) {
        return;
    }
    graph.to[graph.edges] = (uint32_t)to;
    graph.next[graph.edges] = graph.first[from];
    graph.first[from] = (int32_t)graph.edges++;
    graph.into[to]++;
}

static bool acyclic(void)
{
    static uint32_t ready[TSO_NODES];
    uint32_t count = 0, done = 0;
    for (uint32_t i = 0; i < graph.count; i++) {
        if (graph.into[i] == 0) {
            ready[count++] = i;
        }
    }
    while (done < count) {
        for (int32_t e = graph.first[ready[done++]]; e != NONE; e = graph.next[e]) {
            if (--graph.into[graph.to[e]] == 0) {
                ready[count++] = graph.to[e];
            }
        }
    }
    return count == graph.count;
}

/* Order of stores; what each load read from, and the store that follows that one. */
static void common(const tso_t *tso, const int32_t *after, bool own)
{
    for (uint32_t p = 0; p < TSO_PLACES; p++) {
        for (uint32_t i = 1; i < tso->seen_count[p]; i++) {
            edge(tso->seen[p][i - 1], tso->seen[p][i]);
        }
    }
    for (uint32_t i = 0; i < tso->count; i++) {
        const tso_node_t *node = &tso->nodes[i];
        if (node->kind != TSO_LOAD) {
            continue;
        }
        if (node->value == 0) {
            edge(i, tso->seen_count[node->place] == 0 ? NONE : (int64_t)tso->seen[node->place][0]);
            continue;
        }
        uint32_t from = node->value - 1;
        if (own || tso->nodes[from].thread != node->thread) {
            edge(from, i);
        }
        edge(i, after[from]);
    }
}

static void program_order(const tso_t *tso)
{
    int64_t load[TSO_THREADS], store[TSO_THREADS];
    for (uint32_t t = 0; t < TSO_THREADS; t++) {
        load[t] = store[t] = NONE;
    }
    for (uint32_t i = 0; i < tso->count; i++) {
        const tso_node_t *node = &tso->nodes[i];
        uint32_t t = node->thread;
        edge(load[t], i);
        if (node->kind != TSO_LOAD) {
            edge(store[t], i);
            store[t] = i;
        }
        load[t] = node->kind == TSO_STORE ? load[t] : (int64_t)i;
    }
}

static void order_at_places(const tso_t *tso)
{
    static int64_t last[TSO_THREADS][TSO_PLACES];
    for (uint32_t t = 0; t < TSO_THREADS; t++) {
        for (uint32_t p = 0; p < TSO_PLACES; p++) {
            last[t][p] = NONE;
        }
    }
    for (uint32_t i = 0; i < tso->count; i++) {
        const tso_node_t *node = &tso->nodes[i];
        if (node->kind != TSO_FENCE) {
            edge(last[node->thread][node->place], i);
            last[node->thread][node->place] = i;
        }
    }
}

const char *tso_check(const tso_t *tso)
{
    static int32_t after[TSO_NODES]; /* the next store seen at that place */
    static bool seen[TSO_NODES];
    for (uint32_t i = 0; i < tso->count; i++) {
        after[i] = NONE;
        seen[i] = false;
    }
    for (uint32_t p = 0; p < TSO_PLACES; p++) {
        for (uint32_t i = 0; i < tso->seen_count[p]; i++) {
            if (seen[tso->seen[p][i]]) {
                return "a store became visible twice";
            }
            seen[tso->seen[p][i]] = true;
            after[tso->seen[p][i]] =
                i + 1 < tso->seen_count[p] ? (int32_t)tso->seen[p][i + 1] : NONE;
        }
    }
    for (uint32_t i = 0; i < tso->count; i++) {
        const tso_node_t *node = &tso->nodes[i];
        if (node->kind == TSO_STORE && !seen[i]) {
            return "a store never became visible";
        }
        if (node->kind == TSO_LOAD && node->value != 0 &&
            (node->value > tso->count || tso->nodes[node->value - 1].kind != TSO_STORE ||
             tso->nodes[node->value - 1].place != node->place)) {
            return "a load returned what nobody stored there";
        }
    }
    clear(tso->count);
    common(tso, after, false);
    program_order(tso);
    if (!acyclic()) {
        return "no order of all accesses explains the loads";
    }
    clear(tso->count);
    common(tso, after, true);
    order_at_places(tso);
    return acyclic() ? NULL : "no order of the accesses to one place explains the loads";
}
