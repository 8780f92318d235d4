/* What the instruction check knows about single instructions. Private to model/vcpu. */
#ifndef CBIT_MODEL_VCPU_INSTRUCTIONS_H
#define CBIT_MODEL_VCPU_INSTRUCTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <Zydis/Zydis.h>

enum { INSTRUCTION_IOPL = 1 << 0 }; /* #GP when CPL is above IOPL */

typedef struct cbit_instruction {
    ZydisMnemonic mnemonic;
    int32_t exit_code; /* when intercepted; -1: none */
    int32_t vector;    /* raised when not intercepted; -1: it runs */
    uint32_t flags;
} cbit_instruction_t;

/* The row of an instruction that exits, faults or looks at IOPL; NULL for all others. */
const cbit_instruction_t *cbit_instruction_find(ZydisMnemonic mnemonic);

/* The exception that comes before any other: instructions that the processor does not have, or
   that CR0 and CR4 keep off. -1: none. */
int32_t cbit_instruction_fault(const ZydisDecodedInstruction *in, uint64_t cr0, uint64_t cr4);

/* 0..15 as in the encoding of Jcc, or -1. */
int32_t cbit_instruction_condition(ZydisMnemonic mnemonic);
bool cbit_condition_holds(uint32_t condition, uint64_t rflags);

/* How far pushes, pops, calls and returns move the stack pointer, in bytes; 0: not at all. */
int32_t cbit_instruction_stack_move(const ZydisDecodedInstruction *in,
                                    const ZydisDecodedOperand *operands);

#endif
