/* From instruction bits to entries. */
#include <string.h>

#include "model/sp/hart.h"
#include "model/sp/ops.h"

/* A 32-bit instruction's fields, or those that a compressed one stands for. */
typedef struct fields {
    uint32_t op, rd, rs1, rs2;
    uint32_t imm;
} fields_t;

static uint32_t bits(uint32_t word, uint32_t high, uint32_t low)
{
    return (word >> low) & ((1u << (high - low + 1)) - 1);
}

/* Sign-extends the low `width` bits. */
static uint32_t extend(uint32_t value, uint32_t width)
{
    uint32_t sign = 1u << (width - 1);
    return (value ^ sign) - sign;
}

static const fields_t illegal = {.op = HART_OP_ILLEGAL};

static uint32_t imm_i(uint32_t w)
{
    return extend(w >> 20, 12);
}

static uint32_t imm_s(uint32_t w)
{
    return extend(bits(w, 31, 25) << 5 | bits(w, 11, 7), 12);
}

static uint32_t imm_b(uint32_t w)
{
    return extend(bits(w, 31, 31) << 12 | bits(w, 7, 7) << 11 | bits(w, 30, 25) << 5 |
                      bits(w, 11, 8) << 1,
                  13);
}

static uint32_t imm_j(uint32_t w)
{
    return extend(bits(w, 31, 31) << 20 | bits(w, 19, 12) << 12 | bits(w, 20, 20) << 11 |
                      bits(w, 30, 21) << 1,
                  21);
}

static fields_t decode_op_imm(uint32_t w, fields_t f)
{
    static const uint8_t ops[8] = {HART_OP_ADDI, HART_OP_SLLI, HART_OP_SLTI, HART_OP_SLTIU,
                                   HART_OP_XORI, HART_OP_SRLI, HART_OP_ORI,  HART_OP_ANDI};
    uint32_t funct3 = bits(w, 14, 12), funct7 = w >> 25;
    f.op = ops[funct3];
    f.imm = imm_i(w);
    if (funct3 == 1 || funct3 == 5) {
        f.imm = bits(w, 24, 20);
        if (funct3 == 5 && funct7 == 0x20) {
            f.op = HART_OP_SRAI;
        } else if (funct7 != 0) {
            return illegal;
        }
    }
    return f;
}

static fields_t decode_op(uint32_t w, fields_t f)
{
    static const uint8_t base[8] = {HART_OP_ADD, HART_OP_SLL, HART_OP_SLT, HART_OP_SLTU,
                                    HART_OP_XOR, HART_OP_SRL, HART_OP_OR,  HART_OP_AND};
    static const uint8_t muldiv[8] = {HART_OP_MUL, HART_OP_MULH, HART_OP_MULHSU, HART_OP_MULHU,
                                      HART_OP_DIV, HART_OP_DIVU, HART_OP_REM,    HART_OP_REMU};
    uint32_t funct3 = bits(w, 14, 12), funct7 = w >> 25;
    if (funct7 == 0) {
        f.op = base[funct3];
    } else if (funct7 == 1) {
        f.op = muldiv[funct3];
    } else if (funct7 == 0x20 && funct3 == 0) {
        f.op = HART_OP_SUB;
    } else if (funct7 == 0x20 && funct3 == 5) {
        f.op = HART_OP_SRA;
    } else {
        return illegal;
    }
    return f;
}

static fields_t decode_system(uint32_t w, fields_t f)
{
    static const uint8_t csr[8] = {0, HART_OP_CSRRW,  HART_OP_CSRRS,  HART_OP_CSRRC,
                                   0, HART_OP_CSRRWI, HART_OP_CSRRSI, HART_OP_CSRRCI};
    static const struct {
        uint32_t word;
        uint8_t op;
    } whole[] = {{0x00000073, HART_OP_ECALL},
                 {0x00100073, HART_OP_EBREAK},
                 {0x30200073, HART_OP_MRET},
                 {0x10500073, HART_OP_WFI}};
    uint32_t funct3 = bits(w, 14, 12);
    if (csr[funct3] != 0) {
        f.op = csr[funct3];
        f.imm = w >> 20;
        return f;
    }
    for (uint32_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        if (w == whole[i].word) {
            f.op = whole[i].op;
            return f;
        }
    }
    return illegal;
}

/* The opcodes whose funct3 alone picks the operation; 0 is illegal. */
static const uint8_t branch_ops[8] = {HART_OP_BEQ, HART_OP_BNE,  0,           0, HART_OP_BLT,
                                      HART_OP_BGE, HART_OP_BLTU, HART_OP_BGEU};
static const uint8_t load_ops[8] = {HART_OP_LB,  HART_OP_LH,  HART_OP_LW, 0,
                                    HART_OP_LBU, HART_OP_LHU, 0,          0};
static const uint8_t store_ops[8] = {HART_OP_SB, HART_OP_SH, HART_OP_SW, 0, 0, 0, 0, 0};

static fields_t by_funct3(const uint8_t ops[8], uint32_t w, fields_t f, uint32_t imm)
{
    f.op = ops[bits(w, 14, 12)];
    f.imm = imm;
    return f.op == 0 ? illegal : f;
}

static fields_t decode32(uint32_t w, uint32_t pc)
{
    fields_t f = {.rd = bits(w, 11, 7), .rs1 = bits(w, 19, 15), .rs2 = bits(w, 24, 20)};
    switch (w & 0x7f) {
    case 0x37:
        f.op = HART_OP_LI;
        f.imm = w & 0xfffff000u;
        return f;
    case 0x17:
        f.op = HART_OP_LI;
        f.imm = pc + (w & 0xfffff000u);
        return f;
    case 0x6f:
        f.op = HART_OP_JAL;
        f.imm = imm_j(w);
        return f;
    case 0x67:
        f.op = HART_OP_JALR;
        f.imm = imm_i(w);
        return bits(w, 14, 12) == 0 ? f : illegal;
    case 0x63:
        return by_funct3(branch_ops, w, f, imm_b(w));
    case 0x03:
        return by_funct3(load_ops, w, f, imm_i(w));
    case 0x23:
        return by_funct3(store_ops, w, f, imm_s(w));
    case 0x13:
        return decode_op_imm(w, f);
    case 0x33:
        return decode_op(w, f);
    case 0x0f: /* FENCE, FENCE.I: one hart, and stores invalidate entries by themselves */
        f.op = HART_OP_NOP;
        return bits(w, 14, 12) <= 1 ? f : illegal;
    case 0x73:
        return decode_system(w, f);
    default:
        return illegal;
    }
}

static fields_t decode_quadrant0(uint32_t w)
{
    uint32_t rd = bits(w, 4, 2) + 8, rs1 = bits(w, 9, 7) + 8;
    uint32_t word_imm = bits(w, 12, 10) << 3 | bits(w, 6, 6) << 2 | bits(w, 5, 5) << 6;
    switch (bits(w, 15, 13)) {
    case 0: { /* C.ADDI4SPN */
        uint32_t imm =
            bits(w, 12, 11) << 4 | bits(w, 10, 7) << 6 | bits(w, 6, 6) << 2 | bits(w, 5, 5) << 3;
        return imm == 0 ? illegal : (fields_t){HART_OP_ADDI, rd, 2, 0, imm};
    }
    case 2:
        return (fields_t){HART_OP_LW, rd, rs1, 0, word_imm};
    case 6:
        return (fields_t){HART_OP_SW, 0, rs1, rd, word_imm};
    default:
        return illegal;
    }
}

static uint32_t imm_cj(uint32_t w)
{
    return extend(bits(w, 12, 12) << 11 | bits(w, 11, 11) << 4 | bits(w, 10, 9) << 8 |
                      bits(w, 8, 8) << 10 | bits(w, 7, 7) << 6 | bits(w, 6, 6) << 7 |
                      bits(w, 5, 3) << 1 | bits(w, 2, 2) << 5,
                  12);
}

/* C.SRLI, C.SRAI, C.ANDI and the register forms. */
static fields_t decode_c_arithmetic(uint32_t w)
{
    static const uint8_t ops[4] = {HART_OP_SUB, HART_OP_XOR, HART_OP_OR, HART_OP_AND};
    uint32_t rd = bits(w, 9, 7) + 8, shift = bits(w, 6, 2);
    bool high = bits(w, 12, 12) != 0;
    switch (bits(w, 11, 10)) {
    case 0:
        return high ? illegal : (fields_t){HART_OP_SRLI, rd, rd, 0, shift};
    case 1:
        return high ? illegal : (fields_t){HART_OP_SRAI, rd, rd, 0, shift};
    case 2:
        return (fields_t){HART_OP_ANDI, rd, rd, 0, extend(bits(w, 12, 12) << 5 | shift, 6)};
    default:
        return high ? illegal : (fields_t){ops[bits(w, 6, 5)], rd, rd, bits(w, 4, 2) + 8, 0};
    }
}

static fields_t decode_quadrant1(uint32_t w)
{
    uint32_t rd = bits(w, 11, 7);
    uint32_t imm = extend(bits(w, 12, 12) << 5 | bits(w, 6, 2), 6);
    switch (bits(w, 15, 13)) {
    case 0: /* C.NOP, C.ADDI and their hints */
        return (fields_t){HART_OP_ADDI, rd, rd, 0, imm};
    case 1:
        return (fields_t){HART_OP_JAL, 1, 0, 0, imm_cj(w)};
    case 2:
        return (fields_t){HART_OP_LI, rd, 0, 0, imm};
    case 3: {
        uint32_t sp_imm = extend(bits(w, 12, 12) << 9 | bits(w, 6, 6) << 4 | bits(w, 5, 5) << 6 |
                                     bits(w, 4, 3) << 7 | bits(w, 2, 2) << 5,
                                 10);
        if (imm == 0) {
            return illegal; /* reserved, for C.ADDI16SP too */
        }
        return rd == 2 ? (fields_t){HART_OP_ADDI, 2, 2, 0, sp_imm}
                       : (fields_t){HART_OP_LI, rd, 0, 0, imm << 12};
    }
    case 4:
        return decode_c_arithmetic(w);
    case 5:
        return (fields_t){HART_OP_JAL, 0, 0, 0, imm_cj(w)};
    default: {
        uint32_t branch = extend(bits(w, 12, 12) << 8 | bits(w, 11, 10) << 3 | bits(w, 6, 5) << 6 |
                                     bits(w, 4, 3) << 1 | bits(w, 2, 2) << 5,
                                 9);
        uint32_t op = bits(w, 13, 13) != 0 ? HART_OP_BNE : HART_OP_BEQ;
        return (fields_t){op, 0, bits(w, 9, 7) + 8, 0, branch};
    }
    }
}

static fields_t decode_quadrant2(uint32_t w)
{
    uint32_t rd = bits(w, 11, 7), rs2 = bits(w, 6, 2);
    bool high = bits(w, 12, 12) != 0;
    switch (bits(w, 15, 13)) {
    case 0:
        return high ? illegal : (fields_t){HART_OP_SLLI, rd, rd, 0, rs2};
    case 2: {
        uint32_t imm = bits(w, 12, 12) << 5 | bits(w, 6, 4) << 2 | bits(w, 3, 2) << 6;
        return rd == 0 ? illegal : (fields_t){HART_OP_LW, rd, 2, 0, imm};
    }
    case 4:
        if (rs2 != 0) { /* C.MV, C.ADD */
            return (fields_t){HART_OP_ADD, rd, high ? rd : 0, rs2, 0};
        }
        if (rd == 0) {
            return high ? (fields_t){.op = HART_OP_EBREAK} : illegal;
        }
        return (fields_t){HART_OP_JALR, high ? 1 : 0, rd, 0, 0};
    case 6:
        return (fields_t){HART_OP_SW, 0, 2, rs2, bits(w, 12, 9) << 2 | bits(w, 8, 7) << 6};
    default:
        return illegal;
    }
}

static fields_t decode16(uint32_t w)
{
    switch (w & 3) {
    case 0:
        return decode_quadrant0(w);
    case 1:
        return decode_quadrant1(w);
    default:
        return decode_quadrant2(w);
    }
}

static void set_costs(hart_insn_t *insn, uint32_t op, const cbit_sp_hart_costs_t *costs)
{
    uint32_t cost = costs->alu_spclk, taken = 0;
    if (op == HART_OP_MUL) {
        cost = costs->mul_spclk;
    } else if (op > HART_OP_MUL && op <= HART_OP_MULHU) {
        cost = costs->mulh_spclk;
    } else if (op >= HART_OP_DIV && op <= HART_OP_REMU) {
        cost = costs->div_spclk;
    } else if ((op >= HART_OP_BEQ && op <= HART_OP_BGEU) ||
               (op >= HART_OP_FAR_BEQ && op <= HART_OP_FAR_BGEU)) {
        cost = costs->branch_spclk;
        taken = costs->branch_taken_spclk - costs->branch_spclk;
    } else if (op >= HART_OP_LB && op <= HART_OP_LHU) {
        cost = costs->load_spclk;
    } else if (op >= HART_OP_SB && op <= HART_OP_SW) {
        cost = costs->store_spclk;
    } else if (op == HART_OP_JAL || op == HART_OP_JALR || op == HART_OP_FAR_JAL ||
               op == HART_OP_MRET) {
        cost = costs->jump_spclk;
    } else if (op >= HART_OP_CSRRW && op <= HART_OP_CSRRCI) {
        cost = costs->csr_spclk;
    }
    insn->cost = (uint8_t)cost;
    insn->taken = (uint8_t)taken;
}

/* A target outside the region cannot be reached by moving along the table. */
static uint32_t far_op(uint32_t op)
{
    return op == HART_OP_JAL ? HART_OP_FAR_JAL : HART_OP_FAR_BEQ + (op - HART_OP_BEQ);
}

/* Where an instruction may not be, or cannot be read from; 0 otherwise. */
static uint32_t fetch_fault(hart_t *hart, uint32_t address, uint32_t len_bytes)
{
    const hart_region_t *ram = &hart->regions[1];
    if (!hart_pmp_allows(hart, address, len_bytes, HART_PMP_EXECUTE)) {
        return HART_OP_END;
    }
    bool watched = hart->ecc_on && address - ram->base < ram->size_bytes;
    return watched && !hart->ecc.load(hart->ecc.self, address, len_bytes) ? HART_OP_LOST : 0;
}

/* The instruction's fields, and whether it has 4 bytes. */
static fields_t fetch(hart_t *hart, const hart_region_t *region, uint32_t offset, bool *wide)
{
    uint32_t address = region->base + offset, fault = fetch_fault(hart, address, 2);
    uint16_t half;
    memcpy(&half, region->bytes + offset, 2);
    uint32_t word = half;
    *wide = (half & 3) == 3;
    if (fault != 0) {
        return (fields_t){.op = fault};
    }
    fields_t f;
    if (!*wide) {
        f = decode16(word);
    } else if (offset + 4 > region->size_bytes) {
        f = (fields_t){.op = HART_OP_END}; /* its second half is outside */
    } else if ((fault = fetch_fault(hart, address + 2, 2)) != 0) {
        f = (fields_t){.op = fault};
    } else {
        memcpy(&word, region->bytes + offset, 4);
        f = decode32(word, address);
    }
    if (f.op == HART_OP_ILLEGAL) {
        f.imm = word;
    } else if (f.op == HART_OP_JAL || (f.op >= HART_OP_BEQ && f.op <= HART_OP_BGEU)) {
        f.op = offset + f.imm < region->size_bytes ? f.op : far_op(f.op);
    }
    return f;
}

void hart_decode(hart_t *hart, hart_region_t *region, uint32_t offset)
{
    bool wide;
    fields_t f = fetch(hart, region, offset, &wide);
    hart_insn_t *insn = &region->code[offset / 2];
    const bool told = wide && hart_op_has_lengths(f.op);
    *insn = (hart_insn_t){.op = (uint8_t)(f.op | (told ? HART_OP_WIDE : 0)),
                          .rd = (uint8_t)(f.rd == 0 ? HART_REGISTER_ZERO_SINK : f.rd),
                          .rs1 = (uint8_t)f.rs1,
                          .rs2 = (uint8_t)f.rs2,
                          .imm = (int32_t)f.imm,
                          .halves = wide ? 2 : 1};
    set_costs(insn, f.op, &hart->costs);
    if (offset / 2 < region->decoded_first) {
        region->decoded_first = offset / 2;
    }
    if (offset / 2 >= region->decoded_end) {
        region->decoded_end = offset / 2 + 1;
    }
}
