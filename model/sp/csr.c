/* Control and status registers, and trap entry. */
#include "model/sp/hart.h"

enum {
    MSTATUS_MIE = 1 << 3,
    MSTATUS_MPIE = 1 << 7,
    MSTATUS_MPP = 3 << 11, /* machine mode only: reads as set */
    INTERRUPTS = 1 << HART_IRQ_SOFTWARE | 1 << HART_IRQ_TIMER | 1 << HART_IRQ_EXTERNAL,
    MISA = 1 << 30 | 1 << ('i' - 'a') | 1 << ('m' - 'a') | 1 << ('c' - 'a'),
};

void hart_trap(hart_t *hart, uint32_t cause, uint32_t tval, uint32_t epc)
{
    hart->mepc = epc;
    hart->mcause = cause;
    hart->mtval = tval;
    uint32_t mie = hart->mstatus & MSTATUS_MIE;
    hart->mstatus = (hart->mstatus & ~(uint32_t)(MSTATUS_MIE | MSTATUS_MPIE)) | mie << 4;
    hart->pc = hart->mtvec & ~3u;
    if ((cause >> 31) != 0 && (hart->mtvec & 3u) == 1) {
        hart->pc += 4 * (cause & 0xffu);
    }
    hart->cycle += hart->costs.trap_spclk;
    hart->asleep = false;
}

void hart_set_irq(hart_t *hart, uint32_t irq, bool level)
{
    hart->mip = level ? hart->mip | 1u << irq : hart->mip & ~(1u << irq);
}

bool hart_csr_read(const hart_t *hart, uint32_t csr, uint32_t *value)
{
    switch (csr) {
    case 0x300:
        *value = hart->mstatus | MSTATUS_MPP;
        return true;
    case 0x301:
        *value = MISA;
        return true;
    case 0x304:
        *value = hart->mie;
        return true;
    case 0x305:
        *value = hart->mtvec;
        return true;
    case 0x340:
        *value = hart->mscratch;
        return true;
    case 0x341:
        *value = hart->mepc;
        return true;
    case 0x342:
        *value = hart->mcause;
        return true;
    case 0x343:
        *value = hart->mtval;
        return true;
    case 0x344:
        *value = hart->mip;
        return true;
    case 0xb00:
    case 0xc00:
        *value = (uint32_t)hart->cycle;
        return true;
    case 0xb80:
    case 0xc80:
        *value = (uint32_t)(hart->cycle >> 32);
        return true;
    case 0xb02:
    case 0xc02:
        *value = (uint32_t)hart->retired;
        return true;
    case 0xb82:
    case 0xc82:
        *value = (uint32_t)(hart->retired >> 32);
        return true;
    case 0xf11: /* mvendorid, marchid, mimpid, mhartid */
    case 0xf12:
    case 0xf13:
    case 0xf14:
        *value = 0;
        return true;
    default:
        return hart_pmp_read(hart, csr, value);
    }
}

bool hart_csr_write(hart_t *hart, uint32_t csr, uint32_t value)
{
    switch (csr) {
    case 0x300:
        hart->mstatus = value & (MSTATUS_MIE | MSTATUS_MPIE);
        return true;
    case 0x304:
        hart->mie = value & INTERRUPTS;
        return true;
    case 0x305:
        hart->mtvec = value & ~2u;
        return true;
    case 0x340:
        hart->mscratch = value;
        return true;
    case 0x341:
        hart->mepc = value & ~1u;
        return true;
    case 0x342:
        hart->mcause = value;
        return true;
    case 0x343:
        hart->mtval = value;
        return true;
    case 0x301: /* misa and mip are fixed: writes are ignored */
    case 0x344:
        return true;
    default: /* not: read-only, absent, and the counters, which the clock alone drives */
        return hart_pmp_write(hart, csr, value);
    }
}
