/* The state of one core. Private to model/vcpu. */
#ifndef CBIT_MODEL_VCPU_CORE_H
#define CBIT_MODEL_VCPU_CORE_H

#include "cbit/base/rng.h"
#include "cbit/vcpu/vcpu.h"
#include "cbit/vcpu/vmcb.h"
#include "model/vcpu/tlb.h"

/* What a step that may have to wait comes to. After WAIT the same call is made again. */
typedef enum cbit_step {
    STEP_DONE,
    STEP_WAIT,  /* an answer, room or a later time; the step event will fire */
    STEP_FAULT, /* vcpu->fault says what */
} cbit_step_t;

typedef enum cbit_mode {
    MODE_IDLE,
    MODE_ENTER,   /* VMRUN reads the VMCB */
    MODE_RUN,     /* the program's operations */
    MODE_CHECK,   /* the instruction check */
    MODE_DELIVER, /* an exception goes through the guest's IDT */
    MODE_DRAIN,   /* VMEXIT waits for what is outstanding */
    MODE_SAVE,    /* VMEXIT writes the VMCB */
} cbit_mode_t;

enum {
    VECTOR_DE = 0,
    VECTOR_BP = 3,
    VECTOR_UD = 6,
    VECTOR_NM = 7,
    VECTOR_DF = 8,
    VECTOR_NP = 11,
    VECTOR_SS = 12,
    VECTOR_GP = 13,
    VECTOR_PF = 14,
    VECTOR_MC = 18,
    VECTOR_VC = 29,
    VECTOR_NPF = 256,       /* not an exception of the guest: exits */
    VECTOR_SOFTWARE = 1024, /* added to the number of INT n, which no exception intercept meets */
};

typedef enum cbit_intent { INTENT_READ, INTENT_WRITE, INTENT_FETCH, INTENTS } cbit_intent_t;

typedef struct cbit_fault {
    uint32_t vector;
    uint64_t error; /* #PF and NPF */
    uint64_t address;
} cbit_fault_t;

/* Where an access goes. */
typedef struct cbit_target {
    cbit_spa_t spa;
    cbit_key_t key;
} cbit_target_t;

/* The one access that the core waits for in place: walks, fetches, VMCB, descriptors. */
typedef struct cbit_blocking {
    enum { BLOCKING_FREE, BLOCKING_REFUSED, BLOCKING_SENT, BLOCKING_ANSWERED } state;
    cbit_ps_t refused_ps;
    const cbit_port_t *port;
    cbit_txn_t txn;
} cbit_blocking_t;

/* A load that waits for memory. */
typedef struct cbit_slot {
    cbit_vcpu_t *vcpu;
    uint64_t number;        /* of all loads; UINT64_MAX: the slot is free */
    struct cbit_load *load; /* of a program that hears of its loads, else NULL */
    uint16_t *store_waits;  /* of the store behind it */
    uint8_t pending;        /* pieces not answered */
    bool retried; /* refused at first, and then perhaps a hit: its bytes are from before */
    struct cbit_piece {
        struct cbit_slot *slot;
        uint8_t offset;
        cbit_txn_t txn;
    } pieces[2];
    uint8_t bytes[CBIT_LINE_BYTES];
} cbit_slot_t;

/* A load that the program hears of, in the order of the program, until all before it have their
   bytes: then it gets its own. Those that find no other before them are never here. */
typedef struct cbit_load {
    uint64_t number; /* of all loads */
    bool complete;   /* its bytes have come, or need not be waited for */
} cbit_load_t;

typedef struct cbit_told {
    uint64_t stores;         /* issued before it */
    const cbit_slot_t *slot; /* while its bytes are on their way */
    uint32_t pieces;
    cbit_target_t targets[2];
    uint8_t len[2];
    cbit_op_t op;
    struct cbit_context *context;
} cbit_told_t;

enum { CBIT_STORE_PIECES = 2 }; /* an access lies in one line or two */

/* A store that nobody else sees yet, in the order of the program. */
typedef struct cbit_store {
    uint64_t loads;    /* issued before it: it waits until they have their bytes */
    uint8_t count, at; /* pieces; those written */
    bool copied;       /* the bytes of the last load before it are its own */
    struct cbit_store_piece {
        cbit_vcpu_t *vcpu;
        cbit_target_t target;
        uint8_t offset, len;
        enum { PIECE_IDLE, PIECE_FETCHING, PIECE_WRITING, PIECE_WRITTEN } state;
        cbit_txn_t txn;
    } pieces[CBIT_STORE_PIECES];
    uint8_t bytes[CBIT_LINE_BYTES];
} cbit_store_t;

typedef struct cbit_walk {
    bool active;
    cbit_gva_t gva;
    cbit_intent_t intent;
    int level;      /* of the guest's table being read, 3..0; -1: the final address */
    cbit_gpa_t gpa; /* of the entry, or the final address */
    bool writable, user, no_execute, guest_c;
    bool dirty;            /* the guest's leaf has D */
    cbit_page_size_t size; /* of the page that the guest's leaf maps */
    bool from_cache;       /* began at a table that a walk cache knew */
    struct {
        bool active;
        bool entry_known; /* spa below is the nested walk's result */
        int level;
        cbit_spa_t table_spa;
        bool c; /* of the entry (or nCR3) that points at the table; at the end, of the leaf */
        bool writable, no_execute, dirty;
        cbit_page_size_t size;
        cbit_spa_t spa;
    } nested;
    struct {
        bool active;
        uint64_t entry; /* as it was read */
    } mark;             /* A or D of an entry, on their way */
} cbit_walk_t;

enum { CBIT_HORIZON_UNKNOWN, CBIT_HORIZON_ASKED }; /* the latter: only as a time so far */
enum { REWIND_OPS = 256, RUN_AHEAD_CCLK = 1 << 16, CS_LONG = 1 << 9 };
enum { STORE_LINES = 256 };
enum { GPR_RAX = 0, GPR_RSP = 4 };

/* A program and where it stands. */
typedef struct cbit_context {
    cbit_program_t program;
    uint16_t guest;
    bool begun;    /* it has run: its registers are no longer those of reset */
    bool op_valid; /* op was begun and is not complete */
    bool ended;
    bool plain;    /* the next one is the program's, and the log has no room for it */
    bool foreseen; /* the next one of the program is here already: the other one of ops */
    cbit_op_t *op; /* one of ops */
    cbit_op_t ops[2];
    cbit_op_t log[REWIND_OPS]; /* begun since VMRUN */
    uint32_t logged;
    bool log_full;
    cbit_op_t replay[2 * REWIND_OPS]; /* to be issued again before the program is asked */
    uint32_t replay_at, replay_count;
    uint64_t instructions_at_run;
    uint8_t copied[CBIT_LINE_BYTES]; /* by its latest load that a store copies from */
    struct cbit_context *next;
} cbit_context_t;

typedef struct cbit_segment {
    uint16_t selector, attributes;
    uint32_t limit;
    uint64_t base;
} cbit_segment_t;

/* Registers as far as anything depends on them. */
typedef struct cbit_guest_state {
    uint32_t asid;
    bool sev, es;
    uint64_t ncr3;
    uint64_t ghcb; /* MSR C001_0130 */
    uint64_t cr0, cr2, cr3, cr4, efer, rflags, rip;
    uint64_t gpr[16];   /* in the order of their encoding: RAX RCX RDX RBX RSP RBP RSI RDI R8.. */
    uint32_t gpr_known; /* bit per register */
    bool flags_known;
    uint8_t cpl;
    cbit_segment_t es_segment, cs, ss, ds, fs, gs, gdtr, idtr;
} cbit_guest_state_t;

typedef struct cbit_check {
    uint32_t count; /* instructions so far */
    uint8_t bytes[16];
    uint32_t have;
    /* Where the look at the current instruction's memory operands stands. */
    bool admitted; /* it may execute: no exception, no exit */
    uint32_t operand, operand_at;
    bool address_known;
    uint64_t address_gva;
    uint8_t operand_bytes[CBIT_LINE_BYTES];
    uint64_t loaded; /* the first 8 bytes that it read */
} cbit_check_t;

struct cbit_vcpu {
    /* What nearly every operation touches stands first, in few of the host's lines. */
    _Alignas(64) uint64_t n; /* the core's own time, in edges of its clock */
    uint64_t now_n;          /* the kernel's time when this step began */
    uint64_t horizon_n;      /* before it, nothing else can happen; or as above */
    cbit_ps_t horizon_ps;    /* the same as the kernel says it, if horizon_n is not unknown */
    uint64_t core_n;         /* the last that was worked out as a time: core_ps; edge 0 is at 0 */
    cbit_ps_t core_ps;
    bool stepping;
    bool waits_for_slot;
    bool interrupt;
    bool paged_quick; /* there is paging, and a cache that may answer at once */
    bool loads_carry; /* bytes: the program looks at them, or all of the machine does */
    bool committing;  /* stores (order.c) */

    /* The operation in progress. */
    bool issued;   /* its issue time is taken, and there is room */
    bool straight; /* it lies in a line and is translated (straight.c) */
    bool op_begun; /* interrupts wait until the operation in progress is complete */
    uint8_t target_len[2];
    uint32_t target_count;
    cbit_context_t *context;
    cbit_vcpu_stats_t *mine; /* of the bound guest */
    cbit_ps_t ready_ps;      /* straight: when it was translated */
    cbit_ps_t walk_ps;       /* what it waited for translation */
    cbit_slot_t *slot;
    cbit_ps_t send_refused_ps; /* since when the current piece is refused; 0: it is not */
    uint64_t far_tag; /* that the first-level TLB has not, of the one that waits; 0: not known */
    cbit_mode_t mode;
    uint32_t private_key; /* the guest's own, if it has one; UINT32_MAX */
    cbit_target_t targets[2];

    /* Order (order.c): loads on their way, those that the program hears of, and the store buffer;
       rings. */
    uint32_t loads_busy;
    uint32_t stores_first, stores_next, stores_busy;
    cbit_slot_t **slots_free;       /* a stack */
    uint64_t load_number;           /* of the next one */
    uint64_t load_oldest;           /* the first that has no bytes yet, or one before it, */
    const cbit_slot_t *oldest_slot; /* and what it was in when that was worked out */
    const cbit_slot_t *last_load;   /* the newest load, if its bytes are still on their way */
    uint64_t last_load_n;           /* when the last one that is complete had its bytes */
    cbit_ps_t answered_ps;          /* the same of those that memory answered, if not 0 */
    uint64_t store_number;          /* of the next one */
    cbit_store_t *stores;           /* one place more than there may be stores */
    uint16_t *store_waits; /* by place: loads behind the store before that have no bytes yet */

    struct cbit_translations {
        cbit_tlb_t l1d, l2; /* l1d and l1i: 4 KiB pieces of what l2 has */
        cbit_tlb_t l1i;
        cbit_tlb_t nested;        /* guest physical page -> system physical page */
        cbit_tlb_t guest_tables;  /* 2 MiB of virtual addresses -> guest's last table (gpa) */
        cbit_tlb_t nested_tables; /* 2 MiB of guest physical addresses -> last nested table */
    } tlb;
    /* What the guest's mode makes of an entry's flags, by intent: those that matter, how they must
       be, and the key id by the two C-bits. */
    struct cbit_rule {
        uint8_t matter, want;
        cbit_key_t keys[4];
    } rules[INTENTS];
    cbit_guest_state_t guest;
    cbit_vcpu_parts_t parts;
    cbit_vcpu_config_t config;
    cbit_pace_t pace;
    cbit_event_t step_event;
    cbit_waiter_t space;
    cbit_waiter_t store_space;
    uint64_t run_ahead_cclk;          /* at most so far; results do not depend on it */
    uint8_t store_lines[STORE_LINES]; /* buffered pieces by the line's number */

    cbit_slot_t *slots; /* max_misses */
    cbit_load_t *loads;
    cbit_told_t *told; /* beside each of them */
    uint32_t loads_first, loads_count;

    /* The operation in progress, where it is not straight. */
    uint64_t issue_n;
    uint32_t at;               /* bytes translated or fetched */
    uint32_t piece;            /* pieces sent */
    cbit_ps_t first_waited_ps; /* how long the first piece was: the second one waited as well */
    uint8_t fetched[CBIT_LINE_BYTES];
    uint32_t fetched_bytes;
    cbit_walk_t walk;
    cbit_fault_t fault;
    cbit_fault_t delivering;
    uint32_t deliver_at;
    uint8_t gate[16];
    const cbit_op_t
        *vc_op;        /* the program's operation that raised the #VC being delivered, or NULL */
    uint32_t frame_at; /* bytes of its frame that are written */
    cbit_blocking_t blocking;
    cbit_check_t check;
    cbit_rng_t rng;

    uint64_t entered_n;
    cbit_spa_t vmcb_spa;
    uint8_t vmcb[CBIT_VMCB_BYTES]; /* the lines that were read */
    uint32_t vmcb_at;
    cbit_spa_t vmsa_spa; /* SEV-ES */
    uint8_t vmsa[CBIT_VMCB_BYTES];
    uint32_t vmsa_at; /* lines read or written */
    bool vmsa_good;
    cbit_exit_t exit;
    uint64_t next_rip;
    uint64_t exit_int_info;

    cbit_context_t *contexts;
    cbit_vcpu_stats_t *stats; /* by guest */
    uint32_t stats_count;
    cbit_vcpu_observer_t observer;
    void *observer_self;
    bool asid_valid[CBIT_KEY_ASID_MAX + 1];
};

/* ---- time (run.c) ---- */

/* Until when nothing else happens is asked once for what is worked on: it is known after this. */
static inline void cbit_vcpu_ask_horizon(cbit_vcpu_t *vcpu)
{
    if (vcpu->horizon_n == CBIT_HORIZON_UNKNOWN) {
        vcpu->horizon_ps = cbit_kernel_quiet_ps(vcpu->parts.kernel);
        vcpu->horizon_n = CBIT_HORIZON_ASKED;
    }
}
/* True if the core, which is ahead of the kernel, may act at its own time: nothing can happen
   before. Else the step event fires then, and the caller returns STEP_WAIT. */
bool cbit_vcpu_may_act_ahead(cbit_vcpu_t *vcpu);
/* The same, of a core ahead or not. */
static inline bool cbit_vcpu_may_act(cbit_vcpu_t *vcpu)
{
    return vcpu->n <= vcpu->now_n || vcpu->n < vcpu->horizon_n || cbit_vcpu_may_act_ahead(vcpu);
}
/* The kernel's time becomes the core's, at_ps: nothing happens before. */
static inline void cbit_vcpu_catch_up(cbit_vcpu_t *vcpu, cbit_ps_t at_ps)
{
    cbit_kernel_go_on_at(vcpu->parts.kernel, at_ps);
    vcpu->now_n = vcpu->n;
}
/* True if the kernel's time is the core's own now, as sending needs. Else the step event fires
   then. */
bool cbit_vcpu_in_time(cbit_vcpu_t *vcpu);
/* The same of a core that is ahead, where it is known when its time is. */
bool cbit_vcpu_in_time_at(cbit_vcpu_t *vcpu, cbit_ps_t at_ps);
/* The step event fires at the first edge from now on. */
void cbit_vcpu_wake(cbit_vcpu_t *vcpu);
/* The same for what has waited for room or for an earlier load: if all that it does then is to look
   into the TLBs, that is done already. */
void cbit_vcpu_resume(cbit_vcpu_t *vcpu);
/* Goes on until it has to wait: the step event. */
void cbit_vcpu_step(void *self);
/* What the short way does not do, one operation or step of something else. True: go on. */
bool cbit_vcpu_act(cbit_vcpu_t *vcpu);
/* After sending: others may have events that are nearer than before. */
static inline void cbit_vcpu_look_again(cbit_vcpu_t *vcpu)
{
    vcpu->horizon_n = CBIT_HORIZON_UNKNOWN;
}

static inline cbit_ps_t cbit_vcpu_edge_ps(const cbit_vcpu_t *vcpu, uint64_t n)
{
    return cbit_pace_edge_ps(&vcpu->pace, n);
}
/* The core's own time. */
static inline cbit_ps_t cbit_vcpu_core_ps(cbit_vcpu_t *vcpu)
{
    if (vcpu->core_n != vcpu->n) {
        vcpu->core_n = vcpu->n;
        vcpu->core_ps = cbit_vcpu_edge_ps(vcpu, vcpu->n);
    }
    return vcpu->core_ps;
}
/* The first edge from the kernel's time on. */
static inline uint64_t cbit_vcpu_edge_now(const cbit_vcpu_t *vcpu)
{
    return cbit_pace_edge_at_or_after(&vcpu->pace, cbit_kernel_now_ps(vcpu->parts.kernel));
}
/* The first edge from now on becomes the core's time. */
static inline void cbit_vcpu_go_to_edge(cbit_vcpu_t *vcpu)
{
    const uint64_t now_n = cbit_vcpu_edge_now(vcpu);
    vcpu->n = now_n > vcpu->n ? now_n : vcpu->n;
}

/* ---- memory (access.c) ---- */

/* Reads or writes at most a line in place, on the data side. */
cbit_step_t cbit_vcpu_access(cbit_vcpu_t *vcpu, cbit_command_t command, cbit_target_t target,
                             cbit_source_t source, void *bytes, uint32_t len_bytes);
/* A locked compare and exchange of 8 bytes, aligned: bytes[0, 8) if bytes[8, 16) is what is there;
   the latter becomes what was there. */
cbit_step_t cbit_vcpu_exchange(cbit_vcpu_t *vcpu, cbit_target_t target, cbit_source_t source,
                               uint8_t bytes[16]);
/* Translates and reads what of [gva, gva + len) is in gva's line; *len gets how much. */
cbit_step_t cbit_vcpu_read_piece(cbit_vcpu_t *vcpu, cbit_gva_t gva, cbit_intent_t intent,
                                 uint8_t *bytes, uint32_t *len);
void cbit_vcpu_tell_observer(cbit_vcpu_t *vcpu, cbit_target_t target, uint32_t len_bytes);
static inline void cbit_vcpu_saw(cbit_vcpu_t *vcpu, cbit_target_t target, uint32_t len_bytes)
{
    if (vcpu->observer != NULL) {
        cbit_vcpu_tell_observer(vcpu, target, len_bytes);
    }
}
static inline void cbit_vcpu_count_access(const cbit_vcpu_t *vcpu, cbit_key_t key)
{
    ++*(key == vcpu->private_key ? &vcpu->mine->private_accesses : &vcpu->mine->shared_accesses);
}
/* Timing only: nothing moves unless the program looks at what it loads. */
static inline bool cbit_vcpu_carries_bytes(const cbit_vcpu_t *vcpu, bool store)
{
    return store ? !vcpu->parts.timing_only : vcpu->loads_carry;
}
/* A load or store; completes by itself. */
cbit_step_t cbit_vcpu_issue(cbit_vcpu_t *vcpu, const cbit_op_t *op);
/* Hands a request over; *refused_ps: since when it is refused, 0: it is not. */
bool cbit_vcpu_send(cbit_vcpu_t *vcpu, const cbit_port_t *memory, cbit_txn_t *txn,
                    cbit_ps_t *refused_ps);

/* ---- translation (walk.c) ---- */

cbit_step_t cbit_vcpu_translate(cbit_vcpu_t *vcpu, cbit_gva_t gva, cbit_intent_t intent,
                                cbit_target_t *target);
static inline bool cbit_rule_allows(const struct cbit_rule *rule, uint8_t flags)
{
    return (flags & rule->matter) == rule->want;
}
static inline cbit_key_t cbit_rule_key(const struct cbit_rule *rule, uint8_t flags)
{
    return rule->keys[(flags & (TLB_GUEST_C | TLB_HOST_C)) / TLB_GUEST_C];
}
/* To be called when mode or privilege of the guest have changed. */
void cbit_vcpu_set_rules(cbit_vcpu_t *vcpu);
/* Drops what is known of one ASID, or of all (0); of one page (and all walk caches, as INVLPG). */
void cbit_vcpu_forget_asid(cbit_vcpu_t *vcpu, uint32_t asid);
void cbit_vcpu_forget_page(cbit_vcpu_t *vcpu, uint32_t asid, cbit_gva_t gva);
static inline bool cbit_vcpu_paged(const cbit_vcpu_t *vcpu)
{
    return (vcpu->guest.cr0 & CBIT_CR0_PG) != 0;
}
static inline bool cbit_vcpu_canonical(uint64_t gva)
{
    return (uint64_t)((int64_t)(gva << 16) >> 16) == gva;
}

/* ---- exits and exceptions (exit.c, deliver.c) ---- */

cbit_step_t cbit_vcpu_enter(cbit_vcpu_t *vcpu);
cbit_step_t cbit_vcpu_save(cbit_vcpu_t *vcpu);
/* Begins a VMEXIT: what is outstanding drains first. */
void cbit_vcpu_exit(cbit_vcpu_t *vcpu, int32_t reason, uint64_t info1, uint64_t info2);
/* The same for what the guest did: an SEV-ES guest may get #VC instead. */
void cbit_vcpu_leave(cbit_vcpu_t *vcpu, int32_t reason, uint64_t info1, uint64_t info2);
bool cbit_vcpu_intercepted(const cbit_vcpu_t *vcpu, int32_t code);
/* vcpu->fault exits, or goes to the guest's IDT. */
void cbit_vcpu_take_fault(cbit_vcpu_t *vcpu);
void cbit_vcpu_raise(cbit_vcpu_t *vcpu, uint32_t vector, uint64_t error, uint64_t address);
cbit_step_t cbit_vcpu_deliver(cbit_vcpu_t *vcpu);

/* ---- the instruction check (check.c) ---- */

void cbit_vcpu_check_begin(cbit_vcpu_t *vcpu);
cbit_step_t cbit_vcpu_check(cbit_vcpu_t *vcpu);

/* ---- programs (program.c) ---- */

/* The next one of a program, or of those to be issued again; NULL after the last one. */
const cbit_op_t *cbit_vcpu_pull_op(cbit_context_t *context);
static inline cbit_op_t *cbit_vcpu_other_op(cbit_context_t *context)
{
    return &context->ops[context->op == &context->ops[0] ? 1 : 0];
}
/* The operation to perform, or NULL after the last one. */
static inline const cbit_op_t *cbit_vcpu_next_op(const cbit_vcpu_t *vcpu)
{
    cbit_context_t *context = vcpu->context;
    if (context->op_valid) {
        return context->op;
    }
    if (context->plain) {
        if (!context->program.next(context->program.self, context->op)) {
            return cbit_vcpu_pull_op(context);
        }
    } else if (context->foreseen && context->log_full &&
               context->replay_at == context->replay_count) {
        context->foreseen = false;
        context->plain = true;
        context->op = cbit_vcpu_other_op(context);
    } else {
        return cbit_vcpu_pull_op(context);
    }
    context->op_valid = true;
    return context->op;
}
/* One that is not the last. */
static inline void cbit_vcpu_access_done(const cbit_vcpu_t *vcpu)
{
    cbit_context_t *context = vcpu->context;
    vcpu->mine->instructions += context->op->instructions;
    context->op_valid = false;
}
static inline void cbit_vcpu_op_done(const cbit_vcpu_t *vcpu)
{
    cbit_context_t *context = vcpu->context;
    context->ended = context->op->kind == CBIT_OP_END;
    cbit_vcpu_access_done(vcpu);
}
/* The operation behind the one to perform, if the program may be asked for it already; or NULL. */
const cbit_op_t *cbit_vcpu_foresee_op(cbit_context_t *context);
/* VMRUN: what is begun from now on can be put back. */
void cbit_vcpu_log_begin(cbit_context_t *context, uint64_t instructions);

#endif
