/* The interpreter's loop. */
#include "model/sp/hart.h"

#include <stdlib.h>
#include <string.h>

#include "model/sp/ops.h"

bool hart_init(hart_t *hart, const hart_region_t regions[HART_REGIONS], const hart_bus_t *bus,
               const cbit_sp_hart_costs_t *costs, uint32_t reset_pc)
{
    *hart = (hart_t){.pc = reset_pc, .bus = *bus, .costs = *costs};
    for (uint32_t i = 0; i < HART_REGIONS; i++) {
        hart_region_t *region = &hart->regions[i];
        *region = regions[i];
        region->code = calloc(region->size_bytes / 2 + 1, sizeof *region->code);
        if (region->code == NULL) {
            hart_free(hart);
            return false;
        }
        region->code[region->size_bytes / 2] = (hart_insn_t){.op = HART_OP_END, .halves = 1};
        region->decoded_first = region->size_bytes / 2;
        region->decoded_end = 0;
    }
    hart_set_windows(hart);
    return true;
}

void hart_reset(hart_t *hart, uint32_t reset_pc)
{
    memset(hart->x, 0, sizeof hart->x);
    hart->pc = reset_pc;
    hart->asleep = hart->locked = false;
    hart->mstatus = hart->mie = hart->mip = hart->mtvec = 0;
    hart->mscratch = hart->mepc = hart->mcause = hart->mtval = 0;
    hart->hardware_error = false;
    hart_pmp_reset(hart);
}

void hart_watch_memory(hart_t *hart, bool on)
{
    hart->ecc_on = on;
    hart_set_windows(hart);
}

void hart_raise_hardware_error(hart_t *hart, uint32_t address)
{
    hart->hardware_error = true;
    hart->hardware_error_address = address;
}

void hart_free(hart_t *hart)
{
    for (uint32_t i = 0; i < HART_REGIONS; i++) {
        free(hart->regions[i].code);
        hart->regions[i].code = NULL;
    }
}

void hart_memory_written(hart_t *hart, uint32_t address, uint32_t len_bytes)
{
    const hart_region_t *region = &hart->regions[1];
    uint32_t offset = address - region->base;
    if (len_bytes == 0 || offset >= region->size_bytes) {
        return;
    }
    /* From the wide instruction that may start a halfword before. */
    uint32_t first = offset / 2 - (offset >= 2 ? 1 : 0), last = (offset + len_bytes - 1) / 2;
    for (uint32_t i = first; i <= last && i < region->size_bytes / 2; i++) {
        region->code[i].op = HART_OP_UNDECODED;
    }
}

/* The region that an address is in, or NULL. */
static hart_region_t *region_of(hart_t *hart, uint32_t pc)
{
    for (uint32_t i = 0; i < HART_REGIONS; i++) {
        if (pc - hart->regions[i].base < hart->regions[i].size_bytes) {
            return &hart->regions[i];
        }
    }
    return NULL;
}

/* How a load or store outside the fast path ended. */
typedef enum access {
    ACCESS_DONE,   /* memory */
    ACCESS_DEVICE, /* a device register: costs mmio_spclk */
    ACCESS_SYNC,   /* simulated time must catch up first */
    ACCESS_MISALIGNED,
    ACCESS_FAULT,
    ACCESS_LOST,
} access_t;

static bool watched(const hart_t *hart, const hart_region_t *region)
{
    return hart->ecc_on && region == &hart->regions[1];
}

static access_t load_slow(hart_t *hart, uint32_t address, uint32_t size, bool synced,
                          uint32_t *value)
{
    if ((address & (size - 1)) != 0) {
        return ACCESS_MISALIGNED;
    }
    if (!hart_pmp_allows(hart, address, size, HART_PMP_READ)) {
        return ACCESS_FAULT;
    }
    const hart_region_t *region = region_of(hart, address);
    if (region != NULL) {
        if (watched(hart, region) && !hart->ecc.load(hart->ecc.self, address, size)) {
            return ACCESS_LOST;
        }
        *value = 0;
        memcpy(value, region->bytes + (address - region->base), size);
        return ACCESS_DONE;
    }
    if (size != 4) {
        return ACCESS_FAULT;
    }
    if (!synced) {
        return ACCESS_SYNC;
    }
    return hart->bus.read(hart->bus.self, address, value) ? ACCESS_DEVICE : ACCESS_FAULT;
}

static access_t store_slow(hart_t *hart, uint32_t address, uint32_t size, bool synced,
                           uint32_t value)
{
    if ((address & (size - 1)) != 0) {
        return ACCESS_MISALIGNED;
    }
    const hart_region_t *region = region_of(hart, address);
    if (!hart_pmp_allows(hart, address, size, HART_PMP_WRITE) ||
        (region != NULL && !region->writable)) {
        return ACCESS_FAULT;
    }
    if (region != NULL) {
        if (watched(hart, region) && !hart->ecc.store(hart->ecc.self, address, size)) {
            return ACCESS_LOST;
        }
        memcpy(region->bytes + (address - region->base), &value, size);
        hart_memory_written(hart, address, size);
        return ACCESS_DONE;
    }
    if (size != 4) {
        return ACCESS_FAULT;
    }
    if (!synced) {
        return ACCESS_SYNC;
    }
    return hart->bus.write(hart->bus.self, address, value) ? ACCESS_DEVICE : ACCESS_FAULT;
}

/* CSRRW and its five relatives. False: illegal instruction. */
static bool csr_access(hart_t *hart, const hart_insn_t *insn)
{
    uint32_t csr = (uint32_t)insn->imm, old = 0;
    bool immediate = insn->op >= HART_OP_CSRRWI;
    uint32_t source = immediate ? insn->rs1 : hart->x[insn->rs1];
    bool swap = insn->op == HART_OP_CSRRW || insn->op == HART_OP_CSRRWI;
    bool clear = insn->op == HART_OP_CSRRC || insn->op == HART_OP_CSRRCI;
    if (!hart_csr_read(hart, csr, &old)) {
        return false;
    }
    if (swap || insn->rs1 != 0) {
        uint32_t value = swap ? source : clear ? old & ~source : old | source;
        if (csr >> 10 == 3 || !hart_csr_write(hart, csr, value)) {
            return false;
        }
    }
    hart->x[insn->rd] = old;
    return true;
}

/* Interrupts are looked at where runs begin: nothing can raise one inside a run (see sp.c). */
static void take_interrupt(hart_t *hart)
{
    uint32_t pending = hart->mip & hart->mie;
    static const uint8_t order[] = {HART_IRQ_EXTERNAL, HART_IRQ_SOFTWARE, HART_IRQ_TIMER};
    for (uint32_t i = 0; i < sizeof order; i++) {
        if ((pending >> order[i] & 1u) != 0) {
            hart_trap(hart, 0x80000000u | order[i], 0, hart->pc);
            return;
        }
    }
}

/* Leaves the loop with the state written back; pc is that of the entry `at`. */
#define LEAVE(at, why)                                                                             \
    do {                                                                                           \
        hart->pc = base + 2 * (uint32_t)((at)-code);                                               \
        hart->cycle = cycle;                                                                       \
        hart->retired += run - left;                                                               \
        *budget = left;                                                                            \
        return (why);                                                                              \
    } while (0)

/* Ends the current instruction in a trap: it does not retire. */
#define TRAP(cause, tval)                                                                          \
    do {                                                                                           \
        hart->cycle = cycle;                                                                       \
        hart->retired += run - left;                                                               \
        hart_trap(hart, (cause), (tval), base + 2 * (uint32_t)(e - code));                         \
        *budget = left - 1; /* a trap uses the budget too: no endless loop of traps */             \
        return HART_STOP_YIELD;                                                                    \
    } while (0)

/* Goes on at an address that may be in another region. */
#define JUMP(target, why)                                                                          \
    do {                                                                                           \
        hart->pc = (target);                                                                       \
        hart->cycle = cycle;                                                                       \
        hart->retired += run - left + 1;                                                           \
        *budget = left - 1;                                                                        \
        return (why);                                                                              \
    } while (0)

#define A hart->x[e->rs1]
#define B hart->x[e->rs2]
#define I ((uint32_t)e->imm)

/* The next instruction is `halves` on: a number of the code, not one that has to be loaded first.
 */
#define STEP(halves)                                                                               \
    {                                                                                              \
        cycle += e->cost;                                                                          \
        e += (halves);                                                                             \
        goto next;                                                                                 \
    }

/* The cases of an operation's two lengths. */
#define CASE_ALU(name, value)                                                                      \
    case HART_OP_##name:                                                                           \
        hart->x[e->rd] = (value);                                                                  \
        STEP(1)                                                                                    \
    case HART_OP_##name | HART_OP_WIDE:                                                            \
        hart->x[e->rd] = (value);                                                                  \
        STEP(2)

#define CASE_BRANCH(name, condition)                                                               \
    case HART_OP_##name:                                                                           \
        if (condition) {                                                                           \
            goto taken;                                                                            \
        }                                                                                          \
        STEP(1)                                                                                    \
    case HART_OP_##name | HART_OP_WIDE:                                                            \
        if (condition) {                                                                           \
            goto taken;                                                                            \
        }                                                                                          \
        STEP(2)

#define CASE_FAR_BRANCH(name, condition)                                                           \
    case HART_OP_FAR_##name:                                                                       \
        if (condition) {                                                                           \
            cycle += (uint64_t)e->cost + e->taken;                                                 \
            JUMP(base + 2 * (uint32_t)(e - code) + I, HART_STOP_JUMP);                             \
        }                                                                                          \
        break;

#define LOAD(halves, memory_t, widen_t)                                                            \
    {                                                                                              \
        uint32_t address = A + I;                                                                  \
        uint32_t value;                                                                            \
        if (address - loads.base < loads.bytes && (address & (sizeof(memory_t) - 1)) == 0) {       \
            memory_t raw;                                                                          \
            memcpy(&raw, load_bytes + (address - loads.base), sizeof raw);                         \
            hart->x[e->rd] = (uint32_t)(widen_t)raw;                                               \
            STEP(halves)                                                                           \
        }                                                                                          \
        hart->cycle = cycle;                                                                       \
        outcome = load_slow(hart, address, sizeof(memory_t), synced && left == run, &value);       \
        if (outcome >= ACCESS_SYNC) {                                                              \
            fault_address = address;                                                               \
            fault_cause = HART_CAUSE_LOAD_MISALIGNED;                                              \
            goto bad_access;                                                                       \
        }                                                                                          \
        hart->x[e->rd] = (uint32_t)(widen_t)value;                                                 \
        if (outcome == ACCESS_DEVICE) {                                                            \
            goto device;                                                                           \
        }                                                                                          \
        STEP(halves)                                                                               \
    }

#define CASE_LOAD(name, memory_t, widen_t)                                                         \
    case HART_OP_##name:                                                                           \
        LOAD(1, memory_t, widen_t)                                                                 \
    case HART_OP_##name | HART_OP_WIDE:                                                            \
        LOAD(2, memory_t, widen_t)

/* A store undoes the decoding of all instructions that can overlap it. */
#define STORE(halves, memory_t)                                                                    \
    {                                                                                              \
        uint32_t address = A + I, offset = address - stores.base;                                  \
        if (offset < stores.bytes && (address & (sizeof(memory_t) - 1)) == 0) {                    \
            memory_t raw = (memory_t)B;                                                            \
            memcpy(store_bytes + offset, &raw, sizeof raw);                                        \
            hart_insn_t *touched = &store_code[offset / 2];                                        \
            touched[0].op = HART_OP_UNDECODED;                                                     \
            if (sizeof(memory_t) == 4) {                                                           \
                touched[1].op = HART_OP_UNDECODED;                                                 \
            }                                                                                      \
            touched[touched > ram_code ? -1 : 0].op = HART_OP_UNDECODED;                           \
            STEP(halves)                                                                           \
        }                                                                                          \
        hart->cycle = cycle;                                                                       \
        outcome = store_slow(hart, address, sizeof(memory_t), synced && left == run, B);           \
        if (outcome >= ACCESS_SYNC) {                                                              \
            fault_address = address;                                                               \
            fault_cause = HART_CAUSE_STORE_MISALIGNED;                                             \
            goto bad_access;                                                                       \
        }                                                                                          \
        if (outcome == ACCESS_DEVICE) {                                                            \
            goto device;                                                                           \
        }                                                                                          \
        STEP(halves)                                                                               \
    }

#define CASE_STORE(name, memory_t)                                                                 \
    case HART_OP_##name:                                                                           \
        STORE(1, memory_t)                                                                         \
    case HART_OP_##name | HART_OP_WIDE:                                                            \
        STORE(2, memory_t)

/*
 * Runs inside one region. Long because it is one switch; its rows are in ops.h. `code` may be a
 * table without const: decoding fills it in.
 */
static hart_stop_t run_region(hart_t *hart, hart_region_t *region, uint64_t cycle_limit,
                              uint32_t *budget, bool synced)
{
    hart_insn_t *const code = region->code;
    const uint32_t base = region->base, ram_base = hart->regions[1].base;
    const hart_window_t loads = hart->loads, stores = hart->stores;
    const uint8_t *const load_bytes = hart->regions[1].bytes + (loads.base - ram_base);
    uint8_t *const store_bytes = hart->regions[1].bytes + (stores.base - ram_base);
    hart_insn_t *const ram_code = hart->regions[1].code;
    hart_insn_t *const store_code = ram_code + (stores.base - ram_base) / 2;
    const hart_insn_t *e = code + (hart->pc - base) / 2;
    uint64_t cycle = hart->cycle;
    uint32_t run = *budget, left = run, fault_address = 0, fault_cause = 0;
    access_t outcome;
    for (;;) {
        switch (e->op) {
            HART_ALU_MAP(CASE_ALU)
            HART_BRANCH_MAP(CASE_BRANCH)
            HART_BRANCH_MAP(CASE_FAR_BRANCH)
            HART_LOAD_MAP(CASE_LOAD)
            HART_STORE_MAP(CASE_STORE)
        case HART_OP_UNDECODED:
            hart_decode(hart, region, 2 * (uint32_t)(e - code));
            continue;
        case HART_OP_JAL:
            hart->x[e->rd] = base + 2 * (uint32_t)(e - code) + 2u * e->halves;
            cycle += e->cost;
            e += e->imm / 2;
            goto next;
        case HART_OP_FAR_JAL: {
            uint32_t pc = base + 2 * (uint32_t)(e - code);
            hart->x[e->rd] = pc + 2u * e->halves;
            cycle += e->cost;
            JUMP(pc + I, HART_STOP_JUMP);
        }
        case HART_OP_JALR: {
            uint32_t target = (A + I) & ~1u;
            hart->x[e->rd] = base + 2 * (uint32_t)(e - code) + 2u * e->halves;
            cycle += e->cost;
            if (target - base < region->size_bytes) {
                e = code + (target - base) / 2;
                goto next;
            }
            JUMP(target, HART_STOP_JUMP);
        }
        case HART_OP_NOP:
            break;
        case HART_OP_CSRRW:
        case HART_OP_CSRRS:
        case HART_OP_CSRRC:
        case HART_OP_CSRRWI:
        case HART_OP_CSRRSI:
        case HART_OP_CSRRCI:
            if (I == 0x344 && !(synced && left == run)) {
                LEAVE(e, HART_STOP_SYNC); /* mip is seen as it is at this time */
            }
            hart->cycle = cycle;
            hart->retired += run - left;
            run = left;
            if (!csr_access(hart, e)) {
                TRAP(HART_CAUSE_ILLEGAL, 0);
            }
            cycle += e->cost;
            left--;
            LEAVE(e + e->halves, HART_STOP_YIELD);
        case HART_OP_ECALL:
            TRAP(HART_CAUSE_ECALL, 0);
        case HART_OP_EBREAK:
            TRAP(HART_CAUSE_BREAKPOINT, base + 2 * (uint32_t)(e - code));
        case HART_OP_MRET:
            cycle += e->cost;
            hart->mstatus = (hart->mstatus & ~8u) | (hart->mstatus >> 4 & 8u) | 0x80u;
            JUMP(hart->mepc, HART_STOP_YIELD);
        case HART_OP_WFI:
            if (!(synced && left == run)) {
                LEAVE(e, HART_STOP_SYNC);
            }
            cycle += e->cost;
            left--;
            hart->asleep = !hart_irq_pending(hart);
            LEAVE(e + e->halves, hart->asleep ? HART_STOP_WFI : HART_STOP_YIELD);
        case HART_OP_LOST:
        case HART_OP_END:
            if (base + 2 * (uint32_t)(e - code) == (hart->mtvec & ~3u)) {
                hart->locked = true; /* the handler itself: it would trap for ever */
                LEAVE(e, HART_STOP_LOCKED);
            }
            if (e->op == HART_OP_LOST) {
                TRAP(HART_CAUSE_HARDWARE, base + 2 * (uint32_t)(e - code));
            }
            TRAP(HART_CAUSE_FETCH_FAULT, base + 2 * (uint32_t)(e - code));
        case HART_OP_ILLEGAL:
        default:
            TRAP(HART_CAUSE_ILLEGAL, I);
        }
        STEP(e->halves)
    taken:
        cycle += (uint64_t)e->cost + e->taken;
        e += e->imm / 2;
    next:
        if (--left == 0 || cycle >= cycle_limit) {
            LEAVE(e, HART_STOP_BUDGET);
        }
        continue;
    device:
        cycle += hart->costs.mmio_spclk;
        left--;
        LEAVE(e + e->halves, HART_STOP_YIELD);
    bad_access:
        if (outcome == ACCESS_SYNC) {
            LEAVE(e, HART_STOP_SYNC);
        }
        TRAP(outcome == ACCESS_LOST ? (uint32_t)HART_CAUSE_HARDWARE
                                    : fault_cause + (outcome == ACCESS_FAULT ? 1u : 0u),
             fault_address);
    }
}

hart_stop_t hart_run(hart_t *hart, uint64_t cycle_limit, uint32_t *budget, bool synced)
{
    if (hart->locked) {
        return HART_STOP_LOCKED;
    }
    if (hart->hardware_error) {
        hart->hardware_error = false;
        hart_trap(hart, HART_CAUSE_HARDWARE, hart->hardware_error_address, hart->pc);
        *budget -= 1;
        return HART_STOP_YIELD;
    }
    if (hart->asleep && !hart_irq_pending(hart)) {
        return HART_STOP_WFI;
    }
    hart->asleep = false;
    if (hart_interruptible(hart) && hart_irq_pending(hart)) {
        take_interrupt(hart);
        *budget -= 1;
        return HART_STOP_YIELD;
    }
    while (*budget > 0 && hart->cycle < cycle_limit) {
        hart_region_t *region = region_of(hart, hart->pc);
        if (region == NULL) {
            if ((hart->mtvec & ~3u) == hart->pc) {
                hart->locked = true;
                return HART_STOP_LOCKED;
            }
            hart_trap(hart, HART_CAUSE_FETCH_FAULT, hart->pc, hart->pc);
            *budget -= 1;
            return HART_STOP_YIELD;
        }
        hart_stop_t stop = run_region(hart, region, cycle_limit, budget, synced);
        if (stop != HART_STOP_JUMP) {
            return stop;
        }
        synced = false;
    }
    return HART_STOP_BUDGET;
}
