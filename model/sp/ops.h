/**
 * @file
 * The operations of RV32IM after decoding, one row each; compressed ones decode to these.
 *
 * In the expressions A and B are the source registers, I the immediate.
 */
#ifndef CBIT_MODEL_SP_OPS_H
#define CBIT_MODEL_SP_OPS_H

#include <stdbool.h>
#include <stdint.h>

/* Results that need only the sources. AUIPC decodes to LI: the pc of an entry is fixed. */
#define HART_ALU_MAP(X)                                                                            \
    X(LI, I)                                                                                       \
    X(ADDI, A + I)                                                                                 \
    X(SLTI, (uint32_t)((int32_t)A < (int32_t)I))                                                   \
    X(SLTIU, (uint32_t)(A < I))                                                                    \
    X(XORI, A ^ I)                                                                                 \
    X(ORI, A | I)                                                                                  \
    X(ANDI, (A) & (I))                                                                             \
    X(SLLI, A << I)                                                                                \
    X(SRLI, A >> I)                                                                                \
    X(SRAI, (uint32_t)((int32_t)A >> I))                                                           \
    X(ADD, A + B)                                                                                  \
    X(SUB, A - B)                                                                                  \
    X(SLL, A << (B & 31))                                                                          \
    X(SLT, (uint32_t)((int32_t)A < (int32_t)B))                                                    \
    X(SLTU, (uint32_t)(A < B))                                                                     \
    X(XOR, A ^ B)                                                                                  \
    X(SRL, A >> (B & 31))                                                                          \
    X(SRA, (uint32_t)((int32_t)A >> (B & 31)))                                                     \
    X(OR, A | B)                                                                                   \
    X(AND, (A) & (B))                                                                              \
    X(MUL, (A) * (B))                                                                              \
    X(MULH, (uint32_t)((uint64_t)((int64_t)(int32_t)A * (int32_t)B) >> 32))                        \
    X(MULHSU, (uint32_t)((uint64_t)((int64_t)(int32_t)A * (int64_t)B) >> 32))                      \
    X(MULHU, (uint32_t)((uint64_t)A * B >> 32))                                                    \
    X(DIV, hart_div(A, B))                                                                         \
    X(DIVU, B == 0 ? UINT32_MAX : A / B)                                                           \
    X(REM, hart_rem(A, B))                                                                         \
    X(REMU, B == 0 ? A : A % B)

#define HART_BRANCH_MAP(X)                                                                         \
    X(BEQ, A == B)                                                                                 \
    X(BNE, A != B)                                                                                 \
    X(BLT, (int32_t)A < (int32_t)B)                                                                \
    X(BGE, (int32_t)A >= (int32_t)B)                                                               \
    X(BLTU, A < B)                                                                                 \
    X(BGEU, A >= B)

/* name, type in memory, type that widens it. */
#define HART_LOAD_MAP(X)                                                                           \
    X(LB, uint8_t, int8_t)                                                                         \
    X(LH, uint16_t, int16_t)                                                                       \
    X(LW, uint32_t, uint32_t)                                                                      \
    X(LBU, uint8_t, uint8_t)                                                                       \
    X(LHU, uint16_t, uint16_t)

#define HART_STORE_MAP(X)                                                                          \
    X(SB, uint8_t)                                                                                 \
    X(SH, uint16_t)                                                                                \
    X(SW, uint32_t)

/* Operations that do not go on right behind themselves, or seldom come: one case serves both
   lengths. FAR: a jump or branch that leaves its region. END: the fetch ran out of the region, or
   of what may be executed. LOST: it met memory that error correction has lost. */
#define HART_OTHER_MAP(X)                                                                          \
    X(JAL)                                                                                         \
    X(JALR)                                                                                        \
    X(FAR_JAL)                                                                                     \
    X(FAR_BEQ)                                                                                     \
    X(FAR_BNE)                                                                                     \
    X(FAR_BLT)                                                                                     \
    X(FAR_BGE)                                                                                     \
    X(FAR_BLTU)                                                                                    \
    X(FAR_BGEU)                                                                                    \
    X(NOP)                                                                                         \
    X(CSRRW)                                                                                       \
    X(CSRRS)                                                                                       \
    X(CSRRC)                                                                                       \
    X(CSRRWI)                                                                                      \
    X(CSRRSI)                                                                                      \
    X(CSRRCI)                                                                                      \
    X(ECALL)                                                                                       \
    X(EBREAK)                                                                                      \
    X(MRET)                                                                                        \
    X(WFI)                                                                                         \
    X(ILLEGAL)                                                                                     \
    X(LOST)                                                                                        \
    X(END)

enum {
    HART_OP_UNDECODED = 0,
#define HART_OP_ENUM1(name)       HART_OP_##name,
#define HART_OP_ENUM2(name, a)    HART_OP_##name,
#define HART_OP_ENUM3(name, a, b) HART_OP_##name,
    HART_ALU_MAP(HART_OP_ENUM2) HART_BRANCH_MAP(HART_OP_ENUM2) HART_LOAD_MAP(HART_OP_ENUM3)
        HART_STORE_MAP(HART_OP_ENUM2) HART_OTHER_MAP(HART_OP_ENUM1) HART_OPS,
    HART_OP_WIDE = 128, /* or-ed to an operation of 4 bytes, if its cases tell them apart */
};

/* Whether the operation has a case for each length: the rows before those of HART_OTHER_MAP. */
static inline bool hart_op_has_lengths(uint32_t op)
{
    return op < HART_OP_JAL;
}

_Static_assert(HART_OPS <= HART_OP_WIDE, "an operation and its length are one byte");

/* Division never traps: x / 0 is all ones, x % 0 is x, INT_MIN / -1 is INT_MIN with remainder 0. */
static inline uint32_t hart_div(uint32_t a, uint32_t b)
{
    if (b == 0) {
        return UINT32_MAX;
    }
    return b == UINT32_MAX ? 0u - a : (uint32_t)((int32_t)a / (int32_t)b);
}

static inline uint32_t hart_rem(uint32_t a, uint32_t b)
{
    if (b == 0) {
        return a;
    }
    return b == UINT32_MAX ? 0u : (uint32_t)((int32_t)a % (int32_t)b);
}

#endif
