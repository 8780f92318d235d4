/**
 * @file
 * What a migration came to: rounds, bytes, times, and whether the guest is what it was.
 */
#ifndef CBIT_WORKLOADS_MIGRATION_H
#define CBIT_WORKLOADS_MIGRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One pass over the pages that have to be sent; the last one while the guest stands still. */
typedef struct cbit_run_round {
    uint64_t private_pages, shared_pages, bytes; /* bytes: on the link, headers included */
    uint64_t begin_ps, span_ps;   /* from the first page to the last one on the link */
    uint64_t send_ps, receive_ps; /* doorbell to answer of SEND_UPDATE and RECEIVE_UPDATE */
    uint64_t dirty_pages;         /* written to meanwhile */
} cbit_run_round_t;
extern const cbit_row_t cbit_run_round_rows[];

typedef struct cbit_run_migration {
    uint32_t event; /* index; so are guests */
    uint32_t guest;
    uint32_t from_asid, to_asid; /* 0: protection none, or it has not come to that */
    const char *outcome;         /* ok, refused, garbage, stale, ended; static text */
    const char *command;         /* the one that was refused; "" */
    const char *status;          /* and with what; "" */
    bool converged;              /* the threshold was reached before the rounds were over */
    uint64_t begin_ps, total_ps; /* until the guest runs there, or until it is given up */
    uint64_t setup_ps;           /* SEND_START to ACTIVATE on the other machine */
    uint64_t downtime_ps;        /* stopped here to going on there, or here if that has failed */
    uint64_t bytes, state_pages; /* VMSAs and VMCBs */
    uint64_t pages_compared, pages_wrong;
    uint32_t round_count;
    cbit_run_round_t *rounds;
} cbit_run_migration_t;
extern const cbit_row_t cbit_run_migration_rows[];

#ifdef __cplusplus
}
#endif
#endif
