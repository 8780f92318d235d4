/*
 * Physical memory protection (RISC-V Privileged Architecture, 3.7), granularity 4 bytes. There is
 * only machine mode, so an entry binds when it is locked, and then until reset.
 *
 * Loads and stores cost nothing for it: what they test anyway is a window, the longest run of the
 * writable region that they may use; whatever is outside comes here. Fetches are checked when an
 * instruction is decoded.
 */
#include "model/sp/hart.h"
#include "model/sp/ops.h"

enum {
    CFG_LOCKED = 0x80,
    CFG_MODE_SHIFT = 3,
    CFG_BITS = 0x9f,
    MODE_OFF = 0,
    MODE_TOR = 1,
    MODE_NA4 = 2,
    BOUNDS = 2 * HART_PMP_ENTRIES + 2,
};

typedef struct range {
    uint64_t first, end;
} range_t;

static uint32_t mode_of(const hart_t *hart, uint32_t entry)
{
    return hart->pmp_cfg[entry] >> CFG_MODE_SHIFT & 3u;
}

/* What an entry is about; empty when it is off. */
static range_t range_of(const hart_t *hart, uint32_t entry)
{
    uint64_t at = (uint64_t)hart->pmp_addr[entry] << 2;
    uint64_t ones = hart->pmp_addr[entry] ^ ((uint64_t)hart->pmp_addr[entry] + 1);
    switch (mode_of(hart, entry)) {
    case MODE_OFF:
        return (range_t){0, 0};
    case MODE_TOR:
        return (range_t){entry == 0 ? 0 : (uint64_t)hart->pmp_addr[entry - 1] << 2, at};
    case MODE_NA4:
        return (range_t){at, at + 4};
    default: /* NAPOT: trailing ones and the zero before them say how long it is */
        return (range_t){at & ~(ones << 2), (at & ~(ones << 2)) + ((ones + 1) << 2)};
    }
}

bool hart_pmp_allows(const hart_t *hart, uint32_t address, uint32_t len_bytes, uint32_t access)
{
    uint64_t first = address, end = first + len_bytes;
    for (uint32_t i = 0; i < HART_PMP_ENTRIES; i++) {
        range_t range = range_of(hart, i);
        if (first < range.end && range.first < end) {
            bool whole = range.first <= first && end <= range.end;
            bool binds = (hart->pmp_cfg[i] & CFG_LOCKED) != 0;
            return whole && (!binds || (hart->pmp_cfg[i] & access) == access);
        }
    }
    return true;
}

static void insert(uint64_t bounds[BOUNDS], uint32_t *count, uint64_t value, const range_t *within)
{
    if (value < within->first || value > within->end) {
        return;
    }
    uint32_t at = (*count)++;
    for (; at > 0 && bounds[at - 1] > value; at--) {
        bounds[at] = bounds[at - 1];
    }
    bounds[at] = value;
}

/* The longest run of the writable region where the access is allowed. */
static hart_window_t window_for(const hart_t *hart, uint32_t access)
{
    const hart_region_t *region = &hart->regions[1];
    const range_t all = {region->base, (uint64_t)region->base + region->size_bytes};
    uint64_t bounds[BOUNDS];
    uint32_t count = 0;
    insert(bounds, &count, all.first, &all);
    insert(bounds, &count, all.end, &all);
    for (uint32_t i = 0; i < HART_PMP_ENTRIES; i++) {
        range_t range = range_of(hart, i);
        insert(bounds, &count, range.first, &all);
        insert(bounds, &count, range.end, &all);
    }
    hart_window_t best = {region->base, 0};
    uint64_t run = all.first;
    for (uint32_t i = 0; i + 1 < count; i++) {
        if (bounds[i] == bounds[i + 1]) {
            continue;
        }
        if (!hart_pmp_allows(hart, (uint32_t)bounds[i], 4, access)) {
            run = bounds[i + 1];
        } else if (bounds[i + 1] - run > best.bytes) {
            best = (hart_window_t){(uint32_t)run, (uint32_t)(bounds[i + 1] - run)};
        }
    }
    return best;
}

void hart_set_windows(hart_t *hart)
{
    const hart_window_t none = {hart->regions[1].base, 0};
    hart->loads = hart->ecc_on ? none : window_for(hart, HART_PMP_READ);
    hart->stores = hart->ecc_on ? none : window_for(hart, HART_PMP_WRITE);
}

/* What was decoded may not be executable any more, or may be now. */
static void changed(hart_t *hart)
{
    for (uint32_t i = 0; i < HART_REGIONS; i++) {
        hart_region_t *region = &hart->regions[i];
        for (uint32_t at = region->decoded_first; at < region->decoded_end; at++) {
            region->code[at].op = HART_OP_UNDECODED;
        }
        region->decoded_first = region->size_bytes / 2;
        region->decoded_end = 0;
    }
    hart_set_windows(hart);
}

bool hart_pmp_read(const hart_t *hart, uint32_t csr, uint32_t *value)
{
    if (csr >= HART_CSR_PMPADDR0 && csr < HART_CSR_PMPADDR0 + HART_PMP_ENTRIES) {
        *value = hart->pmp_addr[csr - HART_CSR_PMPADDR0];
        return true;
    }
    if (csr < HART_CSR_PMPCFG0 || csr >= HART_CSR_PMPCFG0 + HART_PMP_ENTRIES / 4) {
        return false;
    }
    *value = 0;
    for (uint32_t i = 0; i < 4; i++) {
        *value |= (uint32_t)hart->pmp_cfg[4 * (csr - HART_CSR_PMPCFG0) + i] << (8 * i);
    }
    return true;
}

static bool locked(const hart_t *hart, uint32_t entry)
{
    return entry < HART_PMP_ENTRIES && (hart->pmp_cfg[entry] & CFG_LOCKED) != 0;
}

bool hart_pmp_write(hart_t *hart, uint32_t csr, uint32_t value)
{
    uint32_t entry = csr - HART_CSR_PMPADDR0, word = csr - HART_CSR_PMPCFG0;
    if (entry >= HART_PMP_ENTRIES && word >= HART_PMP_ENTRIES / 4) {
        return false;
    }
    if (entry < HART_PMP_ENTRIES) {
        bool base_of_locked = locked(hart, entry + 1) && mode_of(hart, entry + 1) == MODE_TOR;
        if (!locked(hart, entry) && !base_of_locked) {
            hart->pmp_addr[entry] = value;
        }
    } else {
        for (uint32_t i = 0; i < 4; i++) {
            entry = 4 * word + i;
            uint8_t cfg = (uint8_t)(value >> (8 * i) & CFG_BITS);
            bool reserved = (cfg & (HART_PMP_READ | HART_PMP_WRITE)) == HART_PMP_WRITE;
            if (!locked(hart, entry) && !reserved) {
                hart->pmp_cfg[entry] = cfg;
            }
        }
    }
    changed(hart);
    return true;
}

void hart_pmp_reset(hart_t *hart)
{
    for (uint32_t i = 0; i < HART_PMP_ENTRIES; i++) {
        hart->pmp_cfg[i] = 0;
        hart->pmp_addr[i] = 0;
    }
    changed(hart);
}
