/**
 * @file
 * Migration of a guest to a second machine while it runs.
 *
 * migrate.c goes from phase to phase, migrate_send.c has the source's side of a page, and
 * migrate_receive.c the target's with the link in between; target.c is the second machine and the
 * moment at which the guest changes over. Sending and receiving overlap, window packets deep.
 *
 * What a guest has on a machine (frames, nested tables, ASID, handle, command buffer) is a
 * cbit_hv_guest_t of its own for the time of a migration, its stand-in: on the target until the
 * change-over and on the source afterwards. Whoever is not needed in the end is torn down as any
 * guest is, the stand-in of an abandoned migration on the target too.
 */
#ifndef CBIT_WORKLOADS_HYPERVISOR_MIGRATE_H
#define CBIT_WORKLOADS_HYPERVISOR_MIGRATE_H

#include "workloads/hypervisor/hv.h"

/* What travels. */
typedef enum cbit_hv_packet_kind {
    CBIT_HV_PACKET_PRIVATE, /* a page through both Secure Processors */
    CBIT_HV_PACKET_SHARED,  /* a page in clear */
    CBIT_HV_PACKET_VMSA,    /* the state of a vCPU through both Secure Processors */
    CBIT_HV_PACKET_VMCB,    /* what the hypervisor has of a vCPU, in clear */
} cbit_hv_packet_kind_t;

typedef struct cbit_hv_packet {
    cbit_hv_packet_kind_t kind;
    cbit_gpa_t gpa;
    uint32_t vcpu, round;
    cbit_ps_t due_ps; /* when it is at the target */
    sev_packet_header_t header;
    uint8_t bytes[CBIT_PAGE_BYTES];
} cbit_hv_packet_t;

/* A page's first packet, kept for who wants to send it again. */
typedef struct cbit_hv_kept {
    cbit_hv_packet_t packet;
    uint8_t plain[CBIT_PAGE_BYTES];
} cbit_hv_kept_t;

typedef enum cbit_hv_migrate_wait {
    CBIT_HV_MIGRATE_NO_WAIT,
    CBIT_HV_MIGRATE_WAIT_STILL,  /* for its vCPUs and devices to stand still */
    CBIT_HV_MIGRATE_WAIT_WINDOW, /* for room on the link */
    CBIT_HV_MIGRATE_WAIT_DRAIN,  /* for everything to have been received */
} cbit_hv_migrate_wait_t;

struct cbit_hv_migration {
    cbit_hv_t *hv;
    cbit_hv_probe_t *probe;
    cbit_hv_guest_t *guest, *stand_in;
    cbit_scenario_guest_t stand_in_config;
    cbit_run_guest_t stand_in_result;
    cbit_run_migration_t *result;
    cbit_hv_task_t task, round_task, page_task, receive_task, take_task;
    cbit_hv_turn_t turn;
    const char *doing;
    cbit_hv_migrate_wait_t wait;
    bool sending; /* SEND_START has succeeded */
    bool last;    /* this round is the one for which the guest stands still */
    bool failed;  /* it is given up: why is in result */
    bool handed_over;
    cbit_ps_t stopped_ps;
    /* Source: buffers in host memory, and what this round sends. */
    cbit_spa_t papers_spa;
    uint8_t pdh[SEV_CERT_BYTES], chain[SEV_CHAIN_BYTES];
    sev_session_t blob;
    cbit_gpa_t *list;
    uint64_t list_count, list_at, state_at;
    cbit_hv_packet_t outgoing;
    bool tampered; /* once is enough */
    bool holds_packet;
    cbit_hv_packet_t held_packet; /* the first of two that change places */
    cbit_hv_kept_t **kept;        /* by page number, for replays */
    cbit_gpa_t replayed_gpa;
    /* The link, and packets on it in order. */
    cbit_ps_t link_free_ps;
    cbit_event_t arrival, delay;
    cbit_hv_packet_t *ring;
    uint32_t ring_size, ring_first, ring_count;
    /* Target. */
    cbit_spa_t desk_spa;
    cbit_hv_packet_t incoming;
};

/* Offsets in papers_spa and desk_spa: page-aligned places for what commands point to. */
enum {
    CBIT_HV_MIGRATE_CERT_AT = 0,
    CBIT_HV_MIGRATE_CHAIN_AT = 1 * CBIT_PAGE_BYTES, /* two pages */
    CBIT_HV_MIGRATE_BLOB_AT = 3 * CBIT_PAGE_BYTES,
    CBIT_HV_MIGRATE_HEADER_AT = 4 * CBIT_PAGE_BYTES,
    CBIT_HV_MIGRATE_DATA_AT = 5 * CBIT_PAGE_BYTES,
    CBIT_HV_MIGRATE_DESK_BYTES = 6 * CBIT_PAGE_BYTES,
};

/* ---- migrate.c ---- */

cbit_err_t cbit_hv_migrations_create(cbit_hv_t *hv);
void cbit_hv_migrations_destroy(cbit_hv_t *hv);
/* The event is due and its guest runs: begins. */
void cbit_hv_migrate(cbit_hv_probe_t *probe, cbit_hv_vcpu_t *vcpu);
/* A core or a device has put something down: somebody may have waited for that. */
void cbit_hv_migrate_poke(cbit_hv_t *hv);
/* Gives it up; command and status as in the result. Returns STOP for steps. */
cbit_hv_step_t cbit_hv_migrate_fail(cbit_hv_migration_t *m, const char *outcome,
                                    const char *command, uint32_t status);
/* A step behind a command of one side: a refused one ends the migration. */
cbit_hv_step_t cbit_hv_migrate_checked(cbit_hv_migration_t *m, const cbit_hv_guest_t *side);
/* The round that a packet belongs to. */
cbit_run_round_t *cbit_hv_migrate_round(cbit_hv_migration_t *m, uint32_t round);

/* ---- migrate_send.c ---- */

/* Steps: certificates into memory, SEND_START, the blob out of it. */
extern const cbit_hv_step_fn cbit_hv_send_start_steps[];
/* A step of a round: sends the next page or state; AGAIN until all is on the link. */
cbit_hv_step_t cbit_hv_send_next(void *migration);

/* ---- migrate_receive.c ---- */

/* Steps: papers over the link, RECEIVE_START, ACTIVATE. */
extern const cbit_hv_step_fn cbit_hv_receive_start_steps[];
/* Whether the link takes another packet; puts one on it. */
bool cbit_hv_link_has_room(const cbit_hv_migration_t *m);
void cbit_hv_link_put(cbit_hv_migration_t *m, const cbit_hv_packet_t *packet);
bool cbit_hv_link_idle(const cbit_hv_migration_t *m);
void cbit_hv_link_init(cbit_hv_migration_t *m);
/* What is still on the way will not be received. */
void cbit_hv_link_drop(cbit_hv_migration_t *m);

/* ---- target.c ---- */

/* Whether a guest of this run migrates. */
bool cbit_hv_guest_migrates(const cbit_hv_t *hv, uint32_t guest, uint32_t *tamper);
/* What the guest will have on the target; NULL: out of memory. */
cbit_hv_guest_t *cbit_hv_stand_in_create(cbit_hv_migration_t *m);
void cbit_hv_stand_in_destroy(cbit_hv_guest_t *stand_in);
/* Compares every page there with what it is here, each as the guest would see it. */
void cbit_hv_migrate_compare(cbit_hv_migration_t *m);
/* The guest is on the target from now on, and its stand-in on the source. */
void cbit_hv_hand_over(cbit_hv_migration_t *m);

#endif
