/*
 * Scheduling policies as data: cbit's own and those of the public simulators that it imitates.
 * Both controllers, plain and quick, read the same traits. Private to model/umc.
 */
#ifndef CBIT_MODEL_UMC_POLICY_H
#define CBIT_MODEL_UMC_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/umc/config.h"

enum { UMC_MAX_ENTRIES = 256 }; /* of one queue */

typedef enum umc_scheme {
    UMC_SCHEME_AGE,         /* every request competes with its next command, the oldest wins */
    UMC_SCHEME_BANKS,       /* one request a bank competes (row hits first), the oldest wins */
    UMC_SCHEME_ROUND_ROBIN, /* per-bank command queues, served in turn */
} umc_scheme_t;

typedef enum umc_hits {
    UMC_HITS_FREE,  /* a conflict may close a row that others still hit */
    UMC_HITS_OLDER, /* not while an older hit waits */
} umc_hits_t;

typedef enum umc_refresh_style {
    UMC_REFRESH_FINISH, /* opened requests finish, then all banks close */
    UMC_REFRESH_YIELD,  /* opened requests go first when they can; closing does not wait for them */
    UMC_REFRESH_NOW,    /* nothing else issues to the rank; all banks close at once */
    UMC_REFRESH_EACH,   /* nothing else issues to the rank; banks close one by one */
} umc_refresh_style_t;

/* Of a channel's ranks: where in tREFI their refreshes are. */
typedef enum umc_stagger {
    UMC_STAGGER_NONE,     /* all at its end */
    UMC_STAGGER_UP,       /* evenly over it, the last rank at its end */
    UMC_STAGGER_REVERSED, /* evenly, back from its end by the rank's bits in reverse */
} umc_stagger_t;

typedef enum umc_page {
    UMC_PAGE_OPEN,     /* rows stay open until a conflict or a refresh */
    UMC_PAGE_CLOSED,   /* every column command closes its row */
    UMC_PAGE_ADAPTIVE, /* a column command closes its row when no queued request hits it */
} umc_page_t;

/* What a rank does beside its requests; all 0: it refreshes on time and never sleeps. */
typedef struct umc_rest_policy {
    bool same_bank; /* REFSB instead of REF */
    uint32_t postpone, pull_in, refresh_idle_nck;
    uint32_t power_down_nck, self_refresh_nck; /* idle clocks until then; 0: never */
} umc_rest_policy_t;

typedef struct umc_policy {
    const char *name;
    umc_scheme_t scheme;
    umc_hits_t hits;
    umc_refresh_style_t refresh;
    umc_page_t page;
    bool refresh_stops_channel;             /* not only its own rank */
    bool refresh_in_turn;                   /* of ranks that are due, one after the other */
    umc_stagger_t stagger;                  /* when each rank's first refresh is due */
    bool promote;                           /* a request whose ACT issued has absolute priority */
    bool promoted_keeps_row;                /* and its row stays open until its column command */
    bool mode_lazily;                       /* no change of mode while a promoted request issues */
    bool unified;                           /* reads and writes in one buffer, no write mode */
    bool both_need_room;                    /* a request is taken only if both queues have room */
    bool drain_snapshot;                    /* drain what was held when draining began */
    bool forwards, coalesces, merges_reads; /* same line, stream driver only */
    bool orders_lines;                      /* requests of one line keep their order */
    bool accept_first;     /* a request may issue in the clock in which it is taken */
    bool late_callback;    /* a completion frees its window place one clock later */
    bool answers_in_order; /* a read served from a queued write frees its place behind others */
    bool writes_adjoin;    /* no bubble on the data bus between writes of two ranks */
    uint32_t rank_preamble_nck; /* more on the data bus between reads and writes of two ranks */
    bool overlaps_ranks; /* WR follows another rank's RD as a RD would, even if bursts overlap */
    bool hits_by_first_command; /* a request hits if its first command is RD or WR */
    uint32_t row_hit_cap;       /* column commands of an open row before hits lose; 0: no cap */
    uint32_t starvation_nck;    /* a request older than this goes first; 0: never */
    uint32_t read_entries, write_entries;
    uint32_t write_high, write_low; /* drain above high, until below low */
    uint32_t bank_entries;          /* ROUND_ROBIN: commands of a bank's queue */
    umc_rest_policy_t rest;
} umc_policy_t;

/* True if a rank does anything but refresh on time. */
bool umc_policy_rests(const umc_policy_t *policy);

extern const umc_policy_t umc_policies[]; /* in the order of cbit_umc_policy_names */

/*
 * The policy that a configuration asks for: a named one, with what it overrides. *device is the
 * resolved one; a policy may know less of its rules (writes_adjoin, overlaps_ranks) unless they are
 * configured.
 */
cbit_err_t umc_policy_of(const cbit_umc_config_t *config, umc_policy_t *policy,
                         cbit_dram_device_t *device, const char *where, cbit_diag_t *diag);

#endif
