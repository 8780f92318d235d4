#include "cli/sp_profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/sp/debug.h"
#include "firmware/symbols.h"
#include "sev/sp_map.h"

/* Per halfword of ROM and code. */
typedef struct place {
    uint64_t clocks, asleep;
    uint32_t runs, taken, passed;
} place_t;

enum { ROM_HALVES = SP_ROM_BYTES / 2, HALVES = ROM_HALVES + SP_CODE_BYTES / 2 };

struct sp_profile {
    cbit_sp_t *sp;
    uint32_t last_pc; /* 0: none */
    uint16_t last_half;
    uint64_t last_cycle;
    place_t places[HALVES];
};

/* A function's sums. */
typedef struct row {
    const cbit_firmware_symbol_t *symbol;
    uint64_t calls, clocks, asleep;
    uint32_t branches, sides; /* conditional branches, and sides of them that were seen */
} row_t;

static place_t *place_of(sp_profile_t *profile, uint32_t pc)
{
    if (pc - SP_ROM_BASE < SP_ROM_BYTES) {
        return &profile->places[(pc - SP_ROM_BASE) / 2];
    }
    return pc - SP_CODE_BASE < SP_CODE_BYTES
               ? &profile->places[ROM_HALVES + (pc - SP_CODE_BASE) / 2]
               : NULL;
}

static uint16_t half_at(const sp_profile_t *profile, uint32_t pc)
{
    uint16_t half = 0;
    (void)cbit_sp_debug_read(profile->sp, pc, &half, sizeof half);
    return half;
}

/* BEQ and its relatives, C.BEQZ, C.BNEZ. */
static bool is_branch(uint16_t half)
{
    return (half & 0x7f) == 0x63 || ((half & 3) == 1 && half >> 14 == 3);
}

static uint32_t length_of(uint16_t half)
{
    return (half & 3) == 3 ? 4 : 2;
}

/* Charges the instruction before this one with the clocks since then. */
static void before(void *self, cbit_sp_t *sp)
{
    sp_profile_t *profile = self;
    uint32_t pc = cbit_sp_debug_register(sp, CBIT_SP_DEBUG_PC);
    uint64_t cycle = cbit_sp_debug_cycle(sp);
    place_t *last = place_of(profile, profile->last_pc);
    if (last != NULL) {
        uint64_t clocks = cycle - profile->last_cycle;
        bool wfi = profile->last_half == 0x0073 && half_at(profile, profile->last_pc + 2) == 0x1050;
        last->runs++;
        last->clocks += wfi ? 1 : clocks;
        last->asleep += wfi ? clocks - 1 : 0;
        if (is_branch(profile->last_half)) {
            bool passed = pc == profile->last_pc + length_of(profile->last_half);
            last->passed += passed ? 1 : 0;
            last->taken += passed ? 0 : 1;
        }
    }
    profile->last_pc = pc;
    profile->last_half = half_at(profile, pc);
    profile->last_cycle = cycle;
}

sp_profile_t *sp_profile_open(cbit_sp_t *sp)
{
    sp_profile_t *profile = calloc(1, sizeof *profile);
    if (profile != NULL) {
        profile->sp = sp;
        const cbit_sp_debug_t debug = {.self = profile, .before = before};
        cbit_sp_debug_attach(sp, &debug);
    }
    return profile;
}

void sp_profile_close(sp_profile_t *profile)
{
    free(profile);
}

static row_t sum(sp_profile_t *profile, const cbit_firmware_symbol_t *symbol)
{
    const place_t *first = place_of(profile, symbol->address);
    row_t row = {.symbol = symbol, .calls = first == NULL ? 0 : first->runs};
    for (uint32_t at = symbol->address; at < symbol->address + symbol->bytes;) {
        const place_t *place = place_of(profile, at);
        uint16_t half = half_at(profile, at);
        if (place == NULL) {
            break;
        }
        row.clocks += place->clocks;
        row.asleep += place->asleep;
        if (is_branch(half)) {
            row.branches++;
            row.sides += (place->taken > 0 ? 1u : 0u) + (place->passed > 0 ? 1u : 0u);
        }
        at += length_of(half);
    }
    return row;
}

static int by_clocks(const void *a, const void *b)
{
    const row_t *x = a, *y = b;
    if (x->clocks != y->clocks) {
        return x->clocks < y->clocks ? 1 : -1;
    }
    return x->symbol->address < y->symbol->address ? -1 : 1;
}

static void print_row(const row_t *row, uint64_t total, sp_table_format_t format, bool last)
{
    static const char *const forms[] = {
        [SP_TABLE_TEXT] = "%-32s %10llu %12llu %6.2f %12llu %5u of %u\n",
        [SP_TABLE_CSV] = "%s,%llu,%llu,%.4f,%llu,%u,%u\n",
        [SP_TABLE_JSON] = "    {\"function\": \"%s\", \"calls\": %llu, \"clocks\": %llu, "
                          "\"percent\": %.4f, \"asleep_clocks\": %llu, \"branch_sides_seen\": %u, "
                          "\"branch_sides\": %u}"};
    double percent = total == 0 ? 0 : 100.0 * (double)row->clocks / (double)total;
    (void)printf(forms[format], row->symbol->name, (unsigned long long)row->calls,
                 (unsigned long long)row->clocks, percent, (unsigned long long)row->asleep,
                 row->sides, 2 * row->branches);
    if (format == SP_TABLE_JSON) {
        (void)printf("%s\n", last ? "" : ",");
    }
}

static void print_rows(const row_t *rows, uint32_t count, sp_table_format_t format)
{
    static const cbit_firmware_symbol_t all_symbol = {0, 0, "all"};
    static const char *const heads[] = {
        [SP_TABLE_TEXT] = "function                              calls       clocks      %       "
                          "asleep branch sides\n",
        [SP_TABLE_CSV] = "function,calls,clocks,percent,asleep_clocks,branch_sides_seen,"
                         "branch_sides\n",
        [SP_TABLE_JSON] = "{\"functions\": [\n"};
    row_t all = {.symbol = &all_symbol};
    for (uint32_t i = 0; i < count; i++) {
        all.clocks += rows[i].clocks;
        all.asleep += rows[i].asleep;
        all.branches += rows[i].branches;
        all.sides += rows[i].sides;
    }
    (void)printf("%s", heads[format]);
    for (uint32_t i = 0; i < count; i++) {
        print_row(&rows[i], all.clocks, format, i + 1 == count);
    }
    if (format == SP_TABLE_JSON) {
        (void)printf("  ], \"total\":\n");
    }
    print_row(&all, all.clocks, format, true);
    if (format == SP_TABLE_JSON) {
        (void)printf("}\n");
    }
}

void sp_profile_print(sp_profile_t *profile, sp_table_format_t format)
{
    uint32_t count = 0;
    while (cbit_firmware_symbols[count].name != NULL) {
        count++;
    }
    row_t *rows = calloc(count + 1, sizeof *rows);
    if (rows == NULL) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = sum(profile, &cbit_firmware_symbols[i]);
    }
    qsort(rows, count, sizeof *rows, by_clocks);
    print_rows(rows, count, format);
    free(rows);
}
