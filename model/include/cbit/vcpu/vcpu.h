/**
 * @file
 * One core with its virtual CPU: VMRUN to VMEXIT, translation, outstanding misses, key ids.
 *
 * A VMCB is bytes in host memory at the architecture's offsets (cbit/vcpu/vmcb.h). VMRUN reads it
 * under the host's key. VMEXIT writes exit code and saved state back. Under SEV-ES the state is in
 * the VMSA (cbit/vcpu/vmsa.h), which both access under the guest's key. Only automatic exits then
 * reach the hypervisor; the others raise #VC in the guest.
 *
 * Memory order is x86 TSO. Loads get their bytes in program order. Others see stores in program
 * order and after earlier loads. A load may overtake earlier stores, and takes from them what they
 * write. VMEXIT, INVLPG and writes of CR3 wait for all of them.
 *
 * When fetched instruction bytes differ from the recorded ones, the vCPU runs the *instruction
 * check*. It decodes what it fetched (Zydis) from RIP on, translates memory operands from its real
 * register values through the same walk, follows branches, and stops at the first exception or
 * exit, or after 64 instructions. It writes nothing. An exception that cannot be delivered becomes
 * a double fault, and then SHUTDOWN.
 */
#ifndef CBIT_VCPU_VCPU_H
#define CBIT_VCPU_VCPU_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/diag.h"
#include "cbit/base/rows.h"
#include "cbit/sim/kernel.h"
#include "cbit/sim/port.h"
#include "cbit/vcpu/program.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_vcpu cbit_vcpu_t; /* opaque: one physical core and the vCPU that runs on it */

/* #VMEXIT codes, AMD64 Architecture Programmer's Manual volume 2, appendix C. */
#define CBIT_EXIT_MAP(X)                                                                           \
    X(CR_READ, 0x00, "cr_read")                                                                    \
    X(CR_WRITE, 0x10, "cr_write")                                                                  \
    X(DR_READ, 0x20, "dr_read")                                                                    \
    X(DR_WRITE, 0x30, "dr_write")                                                                  \
    X(EXCP_DE, 0x40, "excp_de")                                                                    \
    X(EXCP_DB, 0x41, "excp_db")                                                                    \
    X(EXCP_BP, 0x43, "excp_bp")                                                                    \
    X(EXCP_BR, 0x45, "excp_br")                                                                    \
    X(EXCP_UD, 0x46, "excp_ud")                                                                    \
    X(EXCP_NM, 0x47, "excp_nm")                                                                    \
    X(EXCP_DF, 0x48, "excp_df")                                                                    \
    X(EXCP_NP, 0x4b, "excp_np")                                                                    \
    X(EXCP_SS, 0x4c, "excp_ss")                                                                    \
    X(EXCP_GP, 0x4d, "excp_gp")                                                                    \
    X(EXCP_PF, 0x4e, "excp_pf")                                                                    \
    X(EXCP_MC, 0x52, "excp_mc")                                                                    \
    X(INTR, 0x60, "intr")                                                                          \
    X(IDTR_READ, 0x66, "idtr_read")                                                                \
    X(GDTR_READ, 0x67, "gdtr_read")                                                                \
    X(LDTR_READ, 0x68, "ldtr_read")                                                                \
    X(TR_READ, 0x69, "tr_read")                                                                    \
    X(IDTR_WRITE, 0x6a, "idtr_write")                                                              \
    X(GDTR_WRITE, 0x6b, "gdtr_write")                                                              \
    X(LDTR_WRITE, 0x6c, "ldtr_write")                                                              \
    X(TR_WRITE, 0x6d, "tr_write")                                                                  \
    X(RDTSC, 0x6e, "rdtsc")                                                                        \
    X(RDPMC, 0x6f, "rdpmc")                                                                        \
    X(PUSHF, 0x70, "pushf")                                                                        \
    X(POPF, 0x71, "popf")                                                                          \
    X(CPUID, 0x72, "cpuid")                                                                        \
    X(RSM, 0x73, "rsm")                                                                            \
    X(IRET, 0x74, "iret")                                                                          \
    X(INTN, 0x75, "intn")                                                                          \
    X(INVD, 0x76, "invd")                                                                          \
    X(PAUSE, 0x77, "pause")                                                                        \
    X(HLT, 0x78, "hlt")                                                                            \
    X(INVLPG, 0x79, "invlpg")                                                                      \
    X(INVLPGA, 0x7a, "invlpga")                                                                    \
    X(IOIO, 0x7b, "ioio")                                                                          \
    X(MSR, 0x7c, "msr")                                                                            \
    X(SHUTDOWN, 0x7f, "shutdown")                                                                  \
    X(VMRUN, 0x80, "vmrun")                                                                        \
    X(VMMCALL, 0x81, "vmmcall")                                                                    \
    X(VMLOAD, 0x82, "vmload")                                                                      \
    X(VMSAVE, 0x83, "vmsave")                                                                      \
    X(STGI, 0x84, "stgi")                                                                          \
    X(CLGI, 0x85, "clgi")                                                                          \
    X(SKINIT, 0x86, "skinit")                                                                      \
    X(RDTSCP, 0x87, "rdtscp")                                                                      \
    X(ICEBP, 0x88, "icebp")                                                                        \
    X(WBINVD, 0x89, "wbinvd")                                                                      \
    X(MONITOR, 0x8a, "monitor")                                                                    \
    X(MWAIT, 0x8b, "mwait")                                                                        \
    X(XSETBV, 0x8d, "xsetbv")                                                                      \
    X(RDPRU, 0x8e, "rdpru")                                                                        \
    X(NPF, 0x400, "npf")                                                                           \
    X(VMGEXIT, 0x403, "vmgexit")                                                                   \
    X(BUDGET, 0x1000, "budget") /* cbit's own: the instruction check ended without an exit */      \
    X(INVALID, -1, "invalid")

typedef enum cbit_exit_reason {
#define CBIT_EXIT_ENUM(name, code, word) CBIT_EXIT_##name = (code),
    CBIT_EXIT_MAP(CBIT_EXIT_ENUM)
#undef CBIT_EXIT_ENUM
} cbit_exit_reason_t;

/* The word that results use ("npf"); "unknown" for anything else. */
const char *cbit_exit_word(int32_t reason);

typedef struct cbit_exit {
    int32_t reason;        /* cbit_exit_reason_t */
    uint64_t info1, info2; /* NPF: error code, guest physical address; IOIO: port information */
    uint64_t rip;          /* 0 under SEV-ES: the hypervisor does not see it */
    cbit_ps_t at_ps;
} cbit_exit_t;

typedef struct cbit_vcpu_config {
    uint64_t clock_khz;          /* core clock */
    uint32_t c_bit;              /* position of the C-bit in guest and nested entries: 47 or 51 */
    uint32_t gpa_bits;           /* guest physical address bits; entries with higher bits fault */
    uint32_t tlb_entries;        /* second level; power of two, as the next one */
    uint32_t tlb_l1_entries;     /* first level, each of fetch and data */
    uint32_t tlb_l2_cclk;        /* a hit in the second level */
    uint32_t walk_cache_entries; /* power of two, or 0: none */
    uint32_t max_misses;         /* outstanding loads */
    uint32_t load_queue;         /* loads from the oldest incomplete one on */
    uint32_t max_stores;         /* stores that others do not see yet (store buffer) */
    uint32_t forward_cclk;       /* a load that takes its bytes from such a store */
    uint32_t vmrun_cclk, vmexit_cclk;
} cbit_vcpu_config_t;
extern const cbit_row_t cbit_vcpu_rows[];

/* Checks ranges and table sizes. Adds one entry for each finding, at `where` (a JSON pointer; ""
   for none) and the key below it. RANGE or CONFLICT if there is any. */
cbit_err_t cbit_vcpu_check_config(const cbit_vcpu_config_t *config, const char *where,
                                  cbit_diag_t *diag);

typedef struct cbit_vcpu_parts {
    cbit_kernel_t *kernel;
    cbit_port_t fetch;   /* the instruction side; self NULL: memory serves both */
    cbit_port_t memory;  /* the core's data cache, or whatever takes its place */
    uint32_t core;       /* its number */
    cbit_key_t host_key; /* VMCB accesses: HOST when the host runs with SME, else PLAIN */
    uint64_t seed;       /* of the unknown registers of the instruction check */
    bool timing_only;    /* stores, and loads of programs without on_data, carry no bytes; fetched
                            bytes are assumed to be the recorded ones */
    void *exit_self;
    void (*on_exit)(void *self, cbit_vcpu_t *vcpu, const cbit_exit_t *exit);
} cbit_vcpu_parts_t;

/* On error (a wrong configuration, or NO_MEMORY) *out is untouched. The parts must outlive it. */
cbit_err_t cbit_vcpu_create(const cbit_vcpu_config_t *config, const cbit_vcpu_parts_t *parts,
                            cbit_vcpu_t **out, cbit_diag_t *diag);
void cbit_vcpu_destroy(cbit_vcpu_t *vcpu); /* NULL is allowed */

/* Sets the software that the guest on this core runs from now on; guest is its index (statistics).
   The core remembers the position of each (guest, program->self), including the next operation. A
   program therefore stays on the core on which it began, until it is moved. */
void cbit_vcpu_bind(cbit_vcpu_t *vcpu, const cbit_program_t *program, uint16_t guest);

/*
 * Moves a program's position from one core to another, between runs. Bound there, it continues
 * where it stood. Registers travel in the VMCB or VMSA. The new core's TLB entries of the ASID may
 * be older than what the guest has changed elsewhere, so its VMRUN must flush them (TLB control). A
 * run cannot be rewound (below) once its program has moved. Statistics stay with the old core.
 */
void cbit_vcpu_move(cbit_vcpu_t *from, cbit_vcpu_t *to, const cbit_program_t *program,
                    uint16_t guest);

/* VMRUN at the current time; exactly one on_exit follows, never from inside this call. */
void cbit_vcpu_run(cbit_vcpu_t *vcpu, cbit_spa_t vmcb_spa);

/* Asks a running vCPU to exit with INTR at its next operation. */
void cbit_vcpu_interrupt(cbit_vcpu_t *vcpu);

/* The Secure Processor's side: whether VMRUN accepts an ASID on this core. */
void cbit_vcpu_set_asid_valid(cbit_vcpu_t *vcpu, uint16_t asid, bool valid);

/* Drops this core's TLB entries of one ASID, or of all (asid 0). After a change of a nested table
   call it for every core that has run the ASID. */
void cbit_vcpu_flush_tlb(cbit_vcpu_t *vcpu, uint16_t asid);
/* INVLPGA: drops the entries of one ASID's page, and the walk caches of its tables. */
void cbit_vcpu_invlpga(cbit_vcpu_t *vcpu, uint16_t asid, cbit_gva_t gva);

/* Called for each 16-byte block that reaches the core (fetched, loaded or walked), with the key id
   under which it was read. For checks that no other guest's plaintext came through. */
typedef void (*cbit_vcpu_observer_t)(void *self, cbit_spa_t spa, cbit_key_t key,
                                     const uint8_t block[CBIT_BLOCK_BYTES]);
void cbit_vcpu_observe(cbit_vcpu_t *vcpu, cbit_vcpu_observer_t observer, void *self);

/* Makes the next run of the guest start where its program stood before the latest VMRUN. This puts
   a probed vCPU back. The caller restores the architectural state in the VMCB. */
void cbit_vcpu_rewind(cbit_vcpu_t *vcpu);

typedef struct cbit_vcpu_stats {
    uint64_t instructions, busy_cclk, fetches, loads, stores;
    uint64_t private_accesses, shared_accesses;
    uint64_t tlb_hits, tlb_l2_hits, tlb_misses, walk_reads, walk_writes;
    uint64_t exits;
} cbit_vcpu_stats_t;
extern const cbit_row_t cbit_vcpu_stat_rows[];
/* Of one guest on this core. */
void cbit_vcpu_stats(const cbit_vcpu_t *vcpu, uint16_t guest, cbit_vcpu_stats_t *stats);

#ifdef __cplusplus
}
#endif
#endif
