/**
 * @file
 * The payload: one memory request on its way, with the time for which every block held it.
 *
 * A request belongs to its creator from send to reply; blocks in between only hold it. Each block
 * charges the time between accepting a request and passing it on to a stage. The charges must add
 * up to the whole latency: the platform's recorder compares them for every answer.
 */
#ifndef CBIT_SIM_TXN_H
#define CBIT_SIM_TXN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cbit/base/err.h"
#include "cbit/sim/key.h"
#include "cbit/sim/time.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t cbit_gva_t; /* guest virtual address */
typedef uint64_t cbit_gpa_t; /* guest physical address, C-bit removed */
typedef uint64_t cbit_spa_t; /* system physical address, C-bit removed */

enum {
    CBIT_LINE_BYTES = 64,
    CBIT_BLOCK_BYTES = 16,
    CBIT_PAGE_BYTES = 4096,
};

/* The stages to which a request's time is charged; the names are those of result.json. */
typedef enum cbit_stage {
    CBIT_STAGE_CORE,   /* issue to last-level miss, walks excluded */
    CBIT_STAGE_WALK,   /* page walks */
    CBIT_STAGE_FABRIC, /* to acceptance by the memory controller */
    CBIT_STAGE_QUEUE,  /* to the request's first DRAM command */
    CBIT_STAGE_DRAM,   /* to its last bus beat */
    CBIT_STAGE_AES,    /* last plaintext beat minus last bus beat */
    CBIT_STAGE_RETURN, /* back to the requester */
    CBIT_STAGE_COUNT,
} cbit_stage_t;

extern const char *const cbit_stage_keys[CBIT_STAGE_COUNT]; /* by stage: "core", "walk"... */

typedef enum cbit_command {
    CBIT_COMMAND_READ,
    CBIT_COMMAND_WRITE,
    CBIT_COMMAND_COUNT,
} cbit_command_t;

typedef enum cbit_source {
    CBIT_SOURCE_VCPU,     /* a guest's data and instructions */
    CBIT_SOURCE_WALK,     /* page-table reads of guest and nested walks */
    CBIT_SOURCE_HOST,     /* hypervisor and emulated devices */
    CBIT_SOURCE_DMA,      /* real devices */
    CBIT_SOURCE_SP,       /* the Secure Processor */
    CBIT_SOURCE_PREFETCH, /* a core's prefetcher, for a guest */
    CBIT_SOURCE_COUNT,
} cbit_source_t;

typedef struct cbit_txn cbit_txn_t;

/* One hop of the return path: called when the answer reaches the block that pushed it. */
typedef struct cbit_reply {
    void (*fn)(void *self, cbit_txn_t *txn);
    void *self;
} cbit_reply_t;

enum { CBIT_TXN_MAX_HOPS = 6 };

/* Answers that a return path has carried. */
typedef struct cbit_returns {
    uint64_t answers;
    uint64_t errors; /* of them */
} cbit_returns_t;

struct cbit_txn {
    cbit_spa_t spa;             /* an access never crosses a 64-byte line */
    cbit_spa_t channel_address; /* the same byte's address within its channel's memory; equals spa
                                   until a fabric interleaves addresses over channels */
    cbit_key_t key;
    uint16_t source_id; /* guest index for VCPU and WALK, device index for DMA, else 0 */
    uint8_t command;    /* cbit_command_t */
    uint8_t size_bytes; /* 1..64 */
    bool locked; /* a core's write of data[0, 8) to its cache, if data[8, 16) is what is there; the
                    latter becomes what was there */
    bool no_bytes;    /* timing only: data is neither filled in nor read */
    uint8_t source;   /* cbit_source_t */
    uint8_t hops;     /* replies pushed */
    bool no_fill;     /* a write of no bytes, and only of a line that some cache has */
    uint32_t back_ps; /* set by the sender for a target that offers try_send_at: how long the answer
                         will travel back to the block that wants it (cbit/sim/port.h) */
    cbit_err_t status;    /* CBIT_ERR_OK, ADDRESS or KEY_NOT_LOADED; data is zero when not OK */
    cbit_ps_t born_ps;    /* when the requester issued it */
    cbit_ps_t entered_ps; /* scratch of the block that holds it now */
    cbit_txn_t *next;     /* scratch of the block that holds it now: queues without allocation */
    cbit_ps_t stage_ps[CBIT_STAGE_COUNT];
    cbit_returns_t *returns; /* set with back_ps: counters of a return path on which nothing else
                                can happen to the answer (cbit_txn_return); or NULL */
    cbit_reply_t reply[CBIT_TXN_MAX_HOPS]; /* [0, hops): the rest of them is never looked at */
    uint8_t data[CBIT_LINE_BYTES]; /* bytes [0, size) at spa; read: filled in; write: given */
};

/* Makes a fresh request; data is left alone. */
static inline void cbit_txn_init(cbit_txn_t *txn, cbit_command_t command, cbit_spa_t spa,
                                 uint32_t size_bytes, cbit_key_t key, cbit_source_t source,
                                 cbit_ps_t now_ps)
{
    /* Field by field: clearing all of them is a slow instruction on many hosts. */
    txn->spa = txn->channel_address = spa;
    txn->key = key;
    txn->command = (uint8_t)command;
    txn->source = (uint8_t)source;
    txn->source_id = 0;
    txn->size_bytes = (uint8_t)size_bytes;
    txn->hops = 0;
    txn->no_bytes = txn->no_fill = txn->locked = false;
    txn->back_ps = 0;
    txn->returns = NULL;
    txn->status = CBIT_ERR_OK;
    txn->born_ps = now_ps;
    txn->entered_ps = now_ps;
    for (uint32_t stage = 0; stage < CBIT_STAGE_COUNT; stage++) {
        txn->stage_ps[stage] = 0;
    }
    txn->next = NULL;
}

/* Adds a block's own time to a stage. */
static inline void cbit_txn_charge(cbit_txn_t *txn, cbit_stage_t stage, cbit_ps_t span_ps)
{
    txn->stage_ps[stage] += span_ps;
}

/* The sum of all charges. */
cbit_ps_t cbit_txn_charged_ps(const cbit_txn_t *txn);

/* Asks to be called with the answer on its way back. The last one pushed is called first. */
static inline void cbit_txn_push_reply(cbit_txn_t *txn, void (*fn)(void *self, cbit_txn_t *txn),
                                       void *self)
{
    /* The depth of the machine is fixed at CBIT_TXN_MAX_HOPS; one more is a bug of the platform. */
    if (txn->hops == CBIT_TXN_MAX_HOPS) {
        __builtin_trap();
    }
    cbit_reply_t *hop = &txn->reply[txn->hops++];
    hop->fn = fn;
    hop->self = self;
}

/* Passes the answer one hop back. Exactly one block calls this once per hop pushed. */
static inline void cbit_txn_reply(cbit_txn_t *txn)
{
    if (txn->hops == 0) {
        __builtin_trap();
    }
    const cbit_reply_t hop = txn->reply[--txn->hops];
    hop.fn(hop.self, txn);
}

/* The same for a target that offers try_send_at. now_ps is back_ps after it had the answer. */
static inline void cbit_txn_return(cbit_txn_t *txn, cbit_ps_t now_ps)
{
    if (txn->returns != NULL) {
        cbit_txn_charge(txn, CBIT_STAGE_RETURN, now_ps - txn->entered_ps);
        txn->returns->answers++;
        txn->returns->errors += txn->status != CBIT_ERR_OK;
    }
    cbit_txn_reply(txn);
}

#ifdef __cplusplus
}
#endif
#endif
