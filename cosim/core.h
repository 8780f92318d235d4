/* A bare AES core at its ports, clock by clock, in the words of its adapter. */
#ifndef COSIM_CORE_H
#define COSIM_CORE_H

#include "cbit/aes/engine.h"
#include "cosim/core_rules.h"

enum { CBIT_CORE_MAX_LATENCY = 4096, CBIT_CORE_LOOK = 64 };

typedef struct cbit_core cbit_core_t; /* opaque */

typedef struct cbit_core_in {
    bool reset;
    bool offer; /* a block: start or valid */
    bool load_key;
    bool decrypt;
    bool out_ready;
    uint8_t data[CBIT_BLOCK_BYTES];
    uint8_t key[CBIT_KEY_BYTES];
} cbit_core_in_t;

typedef struct cbit_core_out {
    bool taken;                     /* the offered block is in */
    bool ready;                     /* a block could go in */
    bool answer;                    /* data mean something; taken away when out_ready */
    bool key_done;                  /* a key that is being loaded is loaded */
    uint8_t data[CBIT_BLOCK_BYTES]; /* the port, answer or not */
} cbit_core_out_t;

/* The ports have been checked; the instance is taken over. latency_clocks: of a core whose answers
   come by time. */
cbit_err_t cbit_core_create(cbit_dut_t *dut, const cbit_core_rules_t *rules,
                            uint32_t latency_clocks, cbit_core_t **out);
void cbit_core_destroy(cbit_core_t *core); /* NULL is allowed */

/* One clock: the outputs that these inputs show before the edge, then the edge. */
void cbit_core_clock(cbit_core_t *core, const cbit_core_in_t *in, cbit_core_out_t *out);

/* Before a clock: whether the last edge left an answer at the ports, and whether a block can go in.
 */
bool cbit_core_shows_answer(cbit_core_t *core);
bool cbit_core_shows_ready(const cbit_core_t *core);

/* How many clocks after the last one the data port shows this block with no other coming (before:
   negative), within CBIT_CORE_LOOK; 0: it does not, or went in itself as a block. Clocks the core
   unless it writes waves. */
int cbit_core_when(cbit_core_t *core, const cbit_core_in_t *in,
                   const uint8_t block[CBIT_BLOCK_BYTES]);

/* Clocks so far. */
uint64_t cbit_core_cycle(const cbit_core_t *core);

/* What the design said when it stopped the simulation, or NULL. */
const char *cbit_core_failure(const cbit_core_t *core);

/* Writes waves from that cycle on. */
void cbit_core_waves(cbit_core_t *core, const char *path, uint64_t from_cycle);
bool cbit_core_waves_failed(const cbit_core_t *core);

#endif
