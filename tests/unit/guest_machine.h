/*
 * The guest's software on the smallest machine that can run it: memory as an array, and a walk of
 * the page tables that are in it. What the image says must be enough.
 */
#ifndef CBIT_TESTS_GUEST_MACHINE_H
#define CBIT_TESTS_GUEST_MACHINE_H

#include "cbit/workloads/guest.h"
#include "tests/support/cbit_test.h"

enum { C_BIT = 47, MEMORY_BYTES = 8 << 20 };
#define C_MASK (UINT64_C(1) << C_BIT)

/* Check's own assertions make a system call each: too slow for what is held millions of times. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("%s", #condition);                                                        \
        }                                                                                          \
    } while (0)

typedef struct machine {
    uint8_t *memory;
    cbit_trace_reader_t *reader;
    cbit_trace_source_t source;
    cbit_guest_t *guest;
    uint64_t cr3; /* 0: not paged */
    uint64_t private_accesses, shared_accesses, exits;
    uint64_t kernel_loads[2]; /* of the driver since the last exit: shared, private */
    bool encrypted;
    bool corrupt_next_load;
} machine_t;

/* Loads a trace of workloads/traces and its guest, of at most limit instructions. */
void open_machine(machine_t *machine, const char *trace, bool encrypted, uint64_t limit);
void close_machine(machine_t *machine);

/* Does one operation of the program, data as memory has them; false at the end. */
bool step_machine(machine_t *machine, const cbit_program_t *program, cbit_op_t *op);
void run_to_end(machine_t *machine);

#endif
