/* What the walks of guest and nested tables share. Private to model/vcpu. */
#ifndef CBIT_MODEL_VCPU_WALK_H
#define CBIT_MODEL_VCPU_WALK_H

#include "model/vcpu/core.h"

enum { TOP_LEVEL = 3 };

static inline uint32_t cbit_level_shift(int level)
{
    return 12 + 9 * (uint32_t)level;
}

/* Of the entry of an address in a table of that level. */
static inline uint64_t cbit_entry_offset(uint64_t address, int level)
{
    return (address >> cbit_level_shift(level) & 0x1ff) * 8;
}

static inline uint64_t cbit_low_mask(uint32_t shift)
{
    return (UINT64_C(1) << shift) - 1;
}

static inline uint64_t cbit_c_mask(const cbit_vcpu_t *vcpu)
{
    return UINT64_C(1) << vcpu->config.c_bit;
}

/* Ends the walk with a fault. */
cbit_step_t cbit_walk_fault(cbit_vcpu_t *vcpu, uint32_t vector, uint64_t error, uint64_t address);

/* Reads a table's entry under the key id of that access; the same again while it is marked. */
cbit_step_t cbit_walk_read(cbit_vcpu_t *vcpu, cbit_spa_t spa, const cbit_access_t *access,
                           uint64_t *entry);
/*
 * Sets accessed and dirty bits in an entry that has been read and permits the access, as a locked
 * instruction would: only if it is still what was read. Nothing to do if they are set. *changed:
 * somebody else wrote it, read it again.
 */
cbit_step_t cbit_walk_mark(cbit_vcpu_t *vcpu, cbit_spa_t spa, const cbit_access_t *access,
                           uint64_t bits, uint64_t *entry, bool *changed);

/* Translates walk->gpa to walk->nested.spa through the nested tables. */
cbit_step_t cbit_nested_walk(cbit_vcpu_t *vcpu);
/* TLB flags of what it found. */
uint8_t cbit_nested_flags(const cbit_walk_t *walk);

#endif
