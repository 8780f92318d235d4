#include "model/vcpu/instructions.h"

#include <stddef.h>

#include "model/vcpu/core.h"

#define M(name) ZYDIS_MNEMONIC_##name
#define E(name) CBIT_EXIT_##name
enum { NONE = -1 };

/* APM volume 3 for the exceptions, volume 2 appendix C for the exits. */
static const cbit_instruction_t instructions[] = {
    {M(CPUID), E(CPUID), NONE, 0},
    {M(HLT), E(HLT), NONE, 0},
    {M(IN), E(IOIO), NONE, INSTRUCTION_IOPL},
    {M(INSB), E(IOIO), NONE, INSTRUCTION_IOPL},
    {M(INSW), E(IOIO), NONE, INSTRUCTION_IOPL},
    {M(INSD), E(IOIO), NONE, INSTRUCTION_IOPL},
    {M(OUT), E(IOIO), NONE, INSTRUCTION_IOPL},
    {M(OUTSB), E(IOIO), NONE, INSTRUCTION_IOPL},
    {M(OUTSW), E(IOIO), NONE, INSTRUCTION_IOPL},
    {M(OUTSD), E(IOIO), NONE, INSTRUCTION_IOPL},
    {M(CLI), NONE, NONE, INSTRUCTION_IOPL},
    {M(STI), NONE, NONE, INSTRUCTION_IOPL},
    {M(RDMSR), E(MSR), VECTOR_GP, 0}, /* without the hypervisor the number is not one we keep */
    {M(WRMSR), E(MSR), VECTOR_GP, 0},
    {M(RDTSC), E(RDTSC), NONE, 0},
    {M(RDTSCP), E(RDTSCP), NONE, 0},
    {M(RDPMC), E(RDPMC), NONE, 0},
    {M(RDPRU), E(RDPRU), NONE, 0},
    {M(PUSHF), E(PUSHF), NONE, 0},
    {M(PUSHFD), E(PUSHF), NONE, 0},
    {M(PUSHFQ), E(PUSHF), NONE, 0},
    {M(POPF), E(POPF), NONE, 0},
    {M(POPFD), E(POPF), NONE, 0},
    {M(POPFQ), E(POPF), NONE, 0},
    {M(IRET), E(IRET), VECTOR_GP, 0}, /* what it pops as CS is no selector of ours */
    {M(IRETD), E(IRET), VECTOR_GP, 0},
    {M(IRETQ), E(IRET), VECTOR_GP, 0},
    {M(INT), E(INTN), NONE, 0},
    {M(INT1), E(ICEBP), 1, 0},
    {M(INT3), NONE, VECTOR_BP, 0},
    {M(INVD), E(INVD), NONE, 0},
    {M(WBINVD), E(WBINVD), NONE, 0},
    {M(PAUSE), E(PAUSE), NONE, 0},
    {M(INVLPG), E(INVLPG), NONE, 0},
    {M(INVLPGA), E(INVLPGA), VECTOR_UD, 0}, /* as all of SVM: no nested hypervisor */
    {M(VMRUN), E(VMRUN), VECTOR_UD, 0},
    {M(VMMCALL), E(VMMCALL), VECTOR_UD, 0},
    {M(VMLOAD), E(VMLOAD), VECTOR_UD, 0},
    {M(VMSAVE), E(VMSAVE), VECTOR_UD, 0},
    {M(STGI), E(STGI), VECTOR_UD, 0},
    {M(CLGI), E(CLGI), VECTOR_UD, 0},
    {M(SKINIT), E(SKINIT), VECTOR_UD, 0},
    {M(RSM), E(RSM), VECTOR_UD, 0}, /* outside of system management mode */
    {M(MONITOR), E(MONITOR), NONE, 0},
    {M(MWAIT), E(MWAIT), NONE, 0},
    {M(XSETBV), E(XSETBV), VECTOR_GP, 0},
    {M(SIDT), E(IDTR_READ), NONE, 0},
    {M(SGDT), E(GDTR_READ), NONE, 0},
    {M(SLDT), E(LDTR_READ), NONE, 0},
    {M(STR), E(TR_READ), NONE, 0},
    {M(LIDT), E(IDTR_WRITE), NONE, 0},
    {M(LGDT), E(GDTR_WRITE), NONE, 0},
    {M(LLDT), E(LDTR_WRITE), VECTOR_GP, 0}, /* selectors: no descriptor table of ours has them */
    {M(LTR), E(TR_WRITE), VECTOR_GP, 0},
    {M(CLTS), E(CR_WRITE), NONE, 0},
    {M(LMSW), E(CR_WRITE), NONE, 0},
    {M(SMSW), E(CR_READ), NONE, 0},
    {M(UD0), NONE, VECTOR_UD, 0},
    {M(UD1), NONE, VECTOR_UD, 0},
    {M(UD2), NONE, VECTOR_UD, 0},
    {M(SYSENTER), NONE, VECTOR_GP, 0}, /* SYSENTER_CS is null, in long mode: #UD below */
    {M(SYSEXIT), NONE, VECTOR_GP, 0},
    {M(SYSRET), NONE, VECTOR_UD, 0}, /* EFER.SCE is clear, or its target unknown */
    {M(GETSEC), NONE, VECTOR_UD, 0},
};

const cbit_instruction_t *cbit_instruction_find(ZydisMnemonic mnemonic)
{
    for (size_t i = 0; i < sizeof instructions / sizeof instructions[0]; i++) {
        if (instructions[i].mnemonic == mnemonic) {
            return &instructions[i];
        }
    }
    return NULL;
}

/* Extensions that no Zen 2 has: their encodings are undefined there. */
static const ZydisISAExt absent[] = {
    ZYDIS_ISA_EXT_VTX,       ZYDIS_ISA_EXT_RTM,        ZYDIS_ISA_EXT_AMD3DNOW,
    ZYDIS_ISA_EXT_FMA4,      ZYDIS_ISA_EXT_XOP,        ZYDIS_ISA_EXT_TBM,
    ZYDIS_ISA_EXT_SGX,       ZYDIS_ISA_EXT_SGX_ENCLV,  ZYDIS_ISA_EXT_AVX512EVEX,
    ZYDIS_ISA_EXT_AVX512VEX, ZYDIS_ISA_EXT_AMX_TILE,   ZYDIS_ISA_EXT_AMX_INT8,
    ZYDIS_ISA_EXT_AMX_BF16,  ZYDIS_ISA_EXT_KEYLOCKER,  ZYDIS_ISA_EXT_KEYLOCKER_WIDE,
    ZYDIS_ISA_EXT_VAES,      ZYDIS_ISA_EXT_VPCLMULQDQ, ZYDIS_ISA_EXT_GFNI,
    ZYDIS_ISA_EXT_ENQCMD,    ZYDIS_ISA_EXT_MOVDIR,     ZYDIS_ISA_EXT_PCONFIG,
    ZYDIS_ISA_EXT_INVPCID,   ZYDIS_ISA_EXT_PKU,        ZYDIS_ISA_EXT_SERIALIZE,
    ZYDIS_ISA_EXT_TSX_LDTRK, ZYDIS_ISA_EXT_UINTR,      ZYDIS_ISA_EXT_HRESET,
    ZYDIS_ISA_EXT_WAITPKG,   ZYDIS_ISA_EXT_SNP,        ZYDIS_ISA_EXT_KNC,
    ZYDIS_ISA_EXT_KNCE,      ZYDIS_ISA_EXT_KNCV,       ZYDIS_ISA_EXT_PADLOCK,
    ZYDIS_ISA_EXT_AVX_VNNI,  ZYDIS_ISA_EXT_SMAP,
};

enum {
    CR0_EM = 1 << 2,
    CR0_TS = 1 << 3,
    CR4_OSFXSR = 1 << 9,
    CR4_OSXSAVE = 1 << 18,
};

static int32_t vector_fault(const ZydisDecodedInstruction *in, uint64_t cr0, uint64_t cr4)
{
    switch (in->meta.isa_ext) {
    case ZYDIS_ISA_EXT_X87:
        return (cr0 & (CR0_EM | CR0_TS)) != 0 ? VECTOR_NM : NONE;
    case ZYDIS_ISA_EXT_MMX:
        return (cr0 & CR0_EM) != 0 ? VECTOR_UD : (cr0 & CR0_TS) != 0 ? VECTOR_NM : NONE;
    case ZYDIS_ISA_EXT_SSE:
    case ZYDIS_ISA_EXT_SSE2:
    case ZYDIS_ISA_EXT_SSE3:
    case ZYDIS_ISA_EXT_SSSE3:
    case ZYDIS_ISA_EXT_SSE4:
    case ZYDIS_ISA_EXT_SSE4A:
    case ZYDIS_ISA_EXT_AES:
    case ZYDIS_ISA_EXT_PCLMULQDQ:
    case ZYDIS_ISA_EXT_SHA:
        if (in->meta.category == ZYDIS_CATEGORY_PREFETCH) {
            return NONE;
        }
        return (cr0 & CR0_EM) != 0 || (cr4 & CR4_OSFXSR) == 0 ? VECTOR_UD
               : (cr0 & CR0_TS) != 0                          ? VECTOR_NM
                                                              : NONE;
    case ZYDIS_ISA_EXT_XSAVE:
    case ZYDIS_ISA_EXT_XSAVEC:
    case ZYDIS_ISA_EXT_XSAVEOPT:
    case ZYDIS_ISA_EXT_XSAVES:
        return (cr4 & CR4_OSXSAVE) == 0 ? VECTOR_UD : NONE;
    default:
        return NONE;
    }
}

int32_t cbit_instruction_fault(const ZydisDecodedInstruction *in, uint64_t cr0, uint64_t cr4)
{
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
        if (absent[i] == in->meta.isa_ext) {
            return VECTOR_UD;
        }
    }
    if (in->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX ||
        in->encoding == ZYDIS_INSTRUCTION_ENCODING_MVEX) {
        return VECTOR_UD;
    }
    bool vex_vector = in->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX &&
                      in->meta.isa_ext != ZYDIS_ISA_EXT_BMI1 &&
                      in->meta.isa_ext != ZYDIS_ISA_EXT_BMI2;
    if (vex_vector && (cr4 & CR4_OSXSAVE) == 0) {
        return VECTOR_UD;
    }
    return vector_fault(in, cr0, cr4);
}

int32_t cbit_instruction_condition(ZydisMnemonic mnemonic)
{
    static const ZydisMnemonic jumps[16] = {M(JO),  M(JNO),  M(JB),  M(JNB), M(JZ), M(JNZ),
                                            M(JBE), M(JNBE), M(JS),  M(JNS), M(JP), M(JNP),
                                            M(JL),  M(JNL),  M(JLE), M(JNLE)};
    for (int32_t i = 0; i < 16; i++) {
        if (jumps[i] == mnemonic) {
            return i;
        }
    }
    return NONE;
}

bool cbit_condition_holds(uint32_t condition, uint64_t rflags)
{
    bool cf = (rflags & 1) != 0, pf = (rflags >> 2 & 1) != 0, zf = (rflags >> 6 & 1) != 0;
    bool sf = (rflags >> 7 & 1) != 0, of = (rflags >> 11 & 1) != 0;
    const bool plain[8] = {of, cf, zf, cf || zf, sf, pf, sf != of, zf || sf != of};
    return plain[condition >> 1] != ((condition & 1) != 0);
}

int32_t cbit_instruction_stack_move(const ZydisDecodedInstruction *in,
                                    const ZydisDecodedOperand *operands)
{
    int32_t bytes = in->stack_width / 8;
    switch (in->meta.category) {
    case ZYDIS_CATEGORY_PUSH:
    case ZYDIS_CATEGORY_POP:
        bytes = in->operand_width == 16 ? 2 : bytes;
        if (in->mnemonic == M(PUSHA) || in->mnemonic == M(PUSHAD) || in->mnemonic == M(POPA) ||
            in->mnemonic == M(POPAD)) {
            bytes *= 8;
        }
        return in->meta.category == ZYDIS_CATEGORY_PUSH ? -bytes : bytes;
    case ZYDIS_CATEGORY_CALL:
        return -bytes;
    case ZYDIS_CATEGORY_RET:
        return bytes + (operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE
                            ? (int32_t)operands[0].imm.value.u
                            : 0);
    default:
        return 0;
    }
}
