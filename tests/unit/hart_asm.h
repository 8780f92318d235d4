/**
 * @file
 * Just enough of an assembler to write instructions by hand. Encodings: the RISC-V manual, vol. 1.
 */
#ifndef TESTS_UNIT_HART_ASM_H
#define TESTS_UNIT_HART_ASM_H

#include <stdint.h>

static inline uint32_t asm_r(uint32_t opcode, uint32_t f3, uint32_t f7, uint32_t rd, uint32_t rs1,
                             uint32_t rs2)
{
    return opcode | rd << 7 | f3 << 12 | rs1 << 15 | rs2 << 20 | f7 << 25;
}

static inline uint32_t asm_i(uint32_t opcode, uint32_t f3, uint32_t rd, uint32_t rs1, int32_t imm)
{
    return opcode | rd << 7 | f3 << 12 | rs1 << 15 | (uint32_t)imm << 20;
}

static inline uint32_t asm_s(uint32_t f3, uint32_t rs1, uint32_t rs2, int32_t imm)
{
    uint32_t u = (uint32_t)imm;
    return 0x23 | (u & 31) << 7 | f3 << 12 | rs1 << 15 | rs2 << 20 | (u >> 5 & 127) << 25;
}

static inline uint32_t asm_b(uint32_t f3, uint32_t rs1, uint32_t rs2, int32_t imm)
{
    uint32_t u = (uint32_t)imm;
    return 0x63 | (u >> 11 & 1) << 7 | (u >> 1 & 15) << 8 | f3 << 12 | rs1 << 15 | rs2 << 20 |
           (u >> 5 & 63) << 25 | (u >> 12 & 1) << 31;
}

static inline uint32_t asm_jal(uint32_t rd, int32_t imm)
{
    uint32_t u = (uint32_t)imm;
    return 0x6f | rd << 7 | (u >> 12 & 255) << 12 | (u >> 11 & 1) << 20 | (u >> 1 & 1023) << 21 |
           (u >> 20 & 1) << 31;
}

#define ASM_LUI(rd, imm20)       (0x37 | (uint32_t)(rd) << 7 | (uint32_t)(imm20) << 12)
#define ASM_ADDI(rd, rs1, imm)   asm_i(0x13, 0, rd, rs1, imm)
#define ASM_ADD(rd, rs1, rs2)    asm_r(0x33, 0, 0, rd, rs1, rs2)
#define ASM_MUL(rd, rs1, rs2)    asm_r(0x33, 0, 1, rd, rs1, rs2)
#define ASM_DIV(rd, rs1, rs2)    asm_r(0x33, 4, 1, rd, rs1, rs2)
#define ASM_REM(rd, rs1, rs2)    asm_r(0x33, 6, 1, rd, rs1, rs2)
#define ASM_LW(rd, rs1, imm)     asm_i(0x03, 2, rd, rs1, imm)
#define ASM_LH(rd, rs1, imm)     asm_i(0x03, 1, rd, rs1, imm)
#define ASM_LB(rd, rs1, imm)     asm_i(0x03, 0, rd, rs1, imm)
#define ASM_SW(rs2, rs1, imm)    asm_s(2, rs1, rs2, imm)
#define ASM_SH(rs2, rs1, imm)    asm_s(1, rs1, rs2, imm)
#define ASM_BEQ(rs1, rs2, imm)   asm_b(0, rs1, rs2, imm)
#define ASM_BNE(rs1, rs2, imm)   asm_b(1, rs1, rs2, imm)
#define ASM_JALR(rd, rs1, imm)   asm_i(0x67, 0, rd, rs1, imm)
#define ASM_CSRRW(rd, csr, rs1)  asm_i(0x73, 1, rd, rs1, csr)
#define ASM_CSRRS(rd, csr, rs1)  asm_i(0x73, 2, rd, rs1, csr)
#define ASM_CSRRWI(rd, csr, imm) asm_i(0x73, 5, rd, imm, csr)
#define ASM_ECALL                0x00000073u
#define ASM_EBREAK               0x00100073u
#define ASM_MRET                 0x30200073u
#define ASM_WFI                  0x10500073u

#endif
