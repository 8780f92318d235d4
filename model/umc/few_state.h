/*
 * What is kept of few requests in a channel, which are held apart from the queues (few.c); and the
 * lanes of a bank, which both ways of holding requests speak of. Private to the quick controller.
 */
#ifndef CBIT_MODEL_UMC_FEW_STATE_H
#define CBIT_MODEL_UMC_FEW_STATE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum umc_op { UMC_ACT, UMC_PRE, UMC_WR, UMC_RD, UMC_OPS } umc_op_t; /* RD last: credits */

/* One number for each lane of a bank; signed, as vector instructions compare, and below 2^31. */
typedef struct umc_lanes {
    int32_t op[UMC_OPS] __attribute__((aligned(16)));
} umc_lanes_t;

enum {
    UMC_FEW = 8,       /* so many, */
    UMC_FEW_AGAIN = 4, /* and again as soon as so few are left in the queues */
    UMC_FEW_WAITS = 1 << 30,
    UMC_FEW_FAR = 0x7fffffff, /* a gate of who does not compete */
    UMC_FEW_NO_BANK = 0xff,
    UMC_FEW_RANK = 1 << 16,
};

/* One request to a line of the host's cache. */
typedef struct umc_few_slot {
    uint64_t line, accept_nck, first_nck;
    uint32_t user, row, column;
    uint8_t bank, group, rank;
    uint8_t bit; /* of the sets below */
    bool write, missed;
} __attribute__((aligned(64))) umc_few_slot_t;

/* Which of all lanes of groups, and of ranks, stands for its next command, by the row that is open:
   x UMC_OPS + the command; that of ranks x UMC_FEW_RANK. One number: two halves side by side are
   written apart and read together, for which the host waits. */
typedef uint32_t umc_few_lane_t;

/* Distances and limits as a command of theirs uses them, and no more of the tables than that. */
typedef struct umc_few_rules {
    uint32_t ranks, command_nck, starvation_nck;
    uint32_t pre_to_act, pre_to_pre; /* of the bank; of the rank */
    uint32_t act_to_group_act, act_to_act, faw_nck;
    uint32_t act_to_column; /* the shorter one */
    uint32_t column_to_pre[2], entries[2];
    uint16_t groups;              /* of a rank */
    bool both_need_room, unified; /* as the policy's */
    umc_lanes_t act;              /* to the commands of its bank */
    struct umc_few_column {
        umc_lanes_t group, rank;
    } column[2]; /* by write */
} __attribute__((aligned(64))) umc_few_rules_t;

typedef struct umc_few {
    /* What a look takes of each slot: two lines of the host for all of them. */
    uint32_t own[2][UMC_FEW] __attribute__((aligned(64))); /* while reads go first, and while
        writes do: the gate of its bank for its next command, or UMC_FEW_FAR */
    uint32_t key[UMC_FEW]; /* UMC_FEW_WAITS until its ACT, then order of coming, then which slot */
    umc_few_lane_t lane[UMC_FEW];
    uint64_t bank_of; /* a byte a slot: UMC_FEW_NO_BANK if it is free */

    uint64_t quiet_nck; /* before this clock nothing but their commands can happen, */
    uint64_t due_nck;   /* and before this one nothing; 0: not known (few_run.c) */
    uint64_t banks;     /* that have requests, */
    uint64_t twice;     /* more than one of them */
    uint32_t next;      /* with due_nck: whose command is due */
    uint32_t used;      /* set of slots; */
    uint32_t youngest;  /* the one given last */
    uint32_t columns;   /* those whose row is open */
    uint32_t next_key;
    uint32_t over[2]; /* with more writes than this they go first; while reads, writes do */
    bool allowed, on;
    bool watched; /* somebody observes the commands */
    umc_few_rules_t rules;
    umc_few_slot_t slot[UMC_FEW];
} umc_few_t;

#endif
