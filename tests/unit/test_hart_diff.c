/* Random programs on the hart and on qemu-system-riscv32: registers, traps and memory agree. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cbit/base/rng.h"
#include "cbit_test.h"
#include "model/sp/hart.h"
#include "tests/unit/hart_asm.h"

#define BASE 0x80000000u

enum {
    SIZE = 0x20000,
    STREAM = 0x1000,
    REGISTERS = 0x8000,
    DATA = 0x10000,
    EPILOGUE = 0x400,
    INSTRUCTIONS = 4000,
    TRAPS_MAX = 100,
    OUTPUT_BYTES = 16384,
    PROGRAMS = 8,
};

static uint8_t image[SIZE], memory[SIZE], rom[16];
static char ours[OUTPUT_BYTES], theirs[OUTPUT_BYTES];
static size_t ours_used;
static bool finished;

/* ---- writing a program ---- */

typedef struct writer {
    cbit_rng_t rng;
    uint32_t at; /* offset of the next instruction */
    uint32_t traps;
    uint32_t branches[INSTRUCTIONS]; /* instructions whose target is still open */
} writer_t;

static uint32_t pick(writer_t *w, uint32_t bound)
{
    return (uint32_t)cbit_rng_below(&w->rng, bound);
}

/* Any register but x30, which points to the data. */
static uint32_t target(writer_t *w)
{
    uint32_t rd = pick(w, 31);
    return rd == 30 ? 31 : rd;
}

static void put(writer_t *w, uint32_t word)
{
    memcpy(image + w->at, &word, 4);
    w->at += 4;
}

static void put_half(writer_t *w, uint32_t half)
{
    image[w->at] = (uint8_t)half;
    image[w->at + 1] = (uint8_t)(half >> 8);
    w->at += 2;
}

static void put_alu(writer_t *w)
{
    static const uint32_t odd[] = {0, 5};
    uint32_t f3 = pick(w, 8), kind = pick(w, 4);
    uint32_t rd = target(w), rs1 = pick(w, 32), rs2 = pick(w, 32);
    if (kind == 0) {
        put(w, asm_r(0x33, f3, 1, rd, rs1, rs2)); /* M */
    } else if (kind == 1) {
        bool alternate = (f3 == odd[0] || f3 == odd[1]) && pick(w, 2) != 0;
        put(w, asm_r(0x33, f3, alternate ? 0x20 : 0, rd, rs1, rs2));
    } else if (f3 == 1 || f3 == 5) {
        put(w, asm_r(0x13, f3, f3 == 5 && pick(w, 2) != 0 ? 0x20 : 0, rd, rs1, pick(w, 32)));
    } else {
        put(w, asm_i(0x13, f3, rd, rs1, (int32_t)pick(w, 4096) - 2048));
    }
}

/* Values where division and comparison turn: 0, 1, -1, INT_MIN, INT_MAX. */
static void put_corner(writer_t *w)
{
    uint32_t rd = target(w);
    switch (pick(w, 4)) {
    case 0:
        put(w, ASM_ADDI(rd, 0, (int32_t)pick(w, 3) - 1));
        break;
    case 1:
        put(w, ASM_LUI(rd, 0x80000));
        break;
    case 2:
        put(w, ASM_LUI(rd, pick(w, 1 << 20)));
        break;
    default:
        put(w, 0x17 | rd << 7 | pick(w, 1 << 20) << 12); /* auipc */
        break;
    }
}

static void put_memory(writer_t *w)
{
    static const struct {
        uint32_t f3, size;
    } loads[] = {{0, 1}, {1, 2}, {2, 4}, {4, 1}, {5, 2}};
    bool store = pick(w, 2) != 0;
    uint32_t i = pick(w, store ? 3 : 5);
    int32_t imm = ((int32_t)pick(w, 1024) - 512) / (int32_t)loads[i].size * (int32_t)loads[i].size;
    put(w, store ? asm_s(loads[i].f3, 30, pick(w, 32), imm)
                 : asm_i(0x03, loads[i].f3, target(w), 30, imm));
}

/* Compressed: C.ADDI, C.LI, C.LUI, shifts, C.ANDI, SUB XOR OR AND, C.MV, C.ADD, C.SLLI. */
static void put_compressed(writer_t *w)
{
    uint32_t rd = pick(w, 30), imm5 = pick(w, 32), high = pick(w, 2), small = pick(w, 8);
    switch (pick(w, 7)) {
    case 0:
        put_half(w, 0x0001 | high << 12 | rd << 7 | imm5 << 2);
        break;
    case 1:
        put_half(w, 0x4001 | high << 12 | rd << 7 | imm5 << 2);
        break;
    case 2: /* also C.ADDI16SP when rd is 2; an immediate of 0 is reserved */
        put_half(w,
                 0x6001 | high << 12 | rd << 7 | (imm5 | (high == 0 && imm5 == 0 ? 1u : 0)) << 2);
        break;
    case 3: /* shifts without bit 5, C.ANDI with it */
    {
        uint32_t f2 = pick(w, 3);
        put_half(w, 0x8001 | (f2 == 2 ? high << 12 : 0) | f2 << 10 | small % 6 << 7 | imm5 << 2);
        break;
    }
    case 4:
        put_half(w, 0x8c01 | small % 6 << 7 | pick(w, 4) << 5 | pick(w, 8) << 2);
        break;
    case 5:
        put_half(w, 0x8002 | high << 12 | rd << 7 | (1 + pick(w, 31)) << 2);
        break;
    default:
        put_half(w, 0x0002 | rd << 7 | imm5 << 2);
        break;
    }
}

static void put_trap(writer_t *w)
{
    static const uint32_t words[] = {ASM_ECALL,   ASM_EBREAK, 0xffffffffu, 0x7c0020f3u /* no CSR */,
                                     0x0000705bu, 0x2000705bu};
    if (w->traps++ >= TRAPS_MAX) {
        return;
    }
    if (pick(w, 4) == 0) {
        put_half(w, 0); /* the all-zero instruction is illegal */
    } else {
        put(w, words[pick(w, sizeof words / sizeof words[0])]);
    }
}

/* Branches and jumps go forward, over what follows up to eight instructions: so programs end. */
static void write_program(writer_t *w)
{
    uint32_t open = 0, open_at[INSTRUCTIONS] = {0}, due[INSTRUCTIONS] = {0};
    for (uint32_t n = 0; n < INSTRUCTIONS && w->at < REGISTERS - 64; n++) {
        for (uint32_t i = 0; i < open; i++) {
            if (due[i] == n) {
                uint32_t word, distance = w->at - open_at[i];
                memcpy(&word, image + open_at[i], 4);
                bool jump = (word & 0x7f) == 0x6f;
                word |= jump ? asm_jal(0, (int32_t)distance) & ~0x7fu
                             : asm_b(0, 0, 0, (int32_t)distance) & ~0x7fu;
                memcpy(image + open_at[i], &word, 4);
                open_at[i] = open_at[--open];
                due[i] = due[open];
                i--;
            }
        }
        uint32_t kind = pick(w, 100);
        if (kind < 45) {
            put_alu(w);
        } else if (kind < 55) {
            put_corner(w);
        } else if (kind < 70) {
            put_memory(w);
        } else if (kind < 88) {
            put_compressed(w);
        } else if (kind < 98) {
            open_at[open] = w->at;
            due[open++] = n + 1 + pick(w, 8);
            static const uint32_t f3[] = {0, 1, 4, 5, 6, 7};
            put(w, pick(w, 8) == 0
                       ? 0x6f | target(w) << 7
                       : 0x63 | f3[pick(w, 6)] << 12 | pick(w, 32) << 15 | pick(w, 32) << 20);
        } else {
            put_trap(w);
        }
    }
    /* What is still open, and everything else, ends at the epilogue. */
    for (uint32_t i = 0; i < open; i++) {
        uint32_t word, distance = w->at - open_at[i];
        memcpy(&word, image + open_at[i], 4);
        word |= ((word & 0x7f) == 0x6f ? asm_jal(0, (int32_t)distance)
                                       : asm_b(0, 0, 0, (int32_t)distance)) &
                ~0x7fu;
        memcpy(image + open_at[i], &word, 4);
    }
    put(w, asm_jal(0, (int32_t)EPILOGUE - (int32_t)w->at));
}

static void put_csr(writer_t *w, uint32_t csr, uint32_t value)
{
    put(w, ASM_LUI(5, (value + 0x800) >> 12));
    put(w, ASM_ADDI(5, 5, (int32_t)(value << 20) >> 20));
    put(w, ASM_CSRRW(0, (int32_t)csr, 5));
}

/* Locks five words of the data against stores: TOR, NA4 and NAPOT; each of their traps is logged.
 */
static void put_protection(writer_t *w)
{
    uint32_t data = (BASE + DATA) >> 2;
    uint32_t tor = data + pick(w, 240), na4 = data + pick(w, 256), napot = data + 2 * pick(w, 128);
    put_csr(w, 0x3b0, tor);
    put_csr(w, 0x3b1, tor + 2);
    put_csr(w, 0x3b2, na4);
    put_csr(w, 0x3b3, napot); /* ends in 0: 8 bytes */
    put_csr(w, 0x3a0, 0x99918980);
    put_csr(w, 0x3a0, 0); /* locked: stays */
    put_csr(w, 0x3b0, 0); /* base of a locked TOR: stays */
}

static void make_image(uint64_t seed)
{
    FILE *file = fopen(CBIT_HART_DIFF_BIN, "rb");
    ck_assert_ptr_nonnull(file);
    memset(image, 0, SIZE);
    ck_assert_uint_gt(fread(image, 1, STREAM, file), EPILOGUE);
    fclose(file);
    writer_t *w = calloc(1, sizeof *w);
    cbit_rng_init(&w->rng, seed, 0);
    w->at = STREAM;
    put_protection(w);
    write_program(w);
    cbit_rng_bytes(&w->rng, image + REGISTERS, 128);
    cbit_rng_bytes(&w->rng, image + DATA, 1024);
    free(w);
}

/* ---- running it ---- */

static bool bus_read(void *self, uint32_t address, uint32_t *value)
{
    (void)self;
    (void)address;
    (void)value;
    return false;
}

static bool bus_write(void *self, uint32_t address, uint32_t value)
{
    (void)self;
    if (address == 0x10000000 && ours_used + 1 < OUTPUT_BYTES) {
        ours[ours_used++] = (char)value;
        return true;
    }
    finished = address == 0x100000;
    return finished;
}

static void run_ours(void)
{
    const hart_region_t regions[HART_REGIONS] = {
        {.base = 0x1000, .size_bytes = sizeof rom, .bytes = rom},
        {.base = BASE, .size_bytes = SIZE, .bytes = memory, .writable = true},
    };
    const hart_bus_t bus = {.read = bus_read, .write = bus_write};
    cbit_sp_config_t config;
    hart_t hart;
    cbit_sp_config_default(&config);
    memcpy(memory, image, SIZE);
    ours_used = 0;
    finished = false;
    ck_assert(hart_init(&hart, regions, &bus, &config.hart, BASE));
    uint32_t budget = 10000000;
    while (!finished && budget > 0) {
        hart_run(&hart, UINT64_MAX, &budget, true);
    }
    ck_assert_msg(finished, "the program did not end: pc %08x", hart.pc);
    ours[ours_used] = '\0';
    hart_free(&hart);
}

static void run_theirs(void)
{
    char path[] = "/tmp/cbit_hart_diff_XXXXXX", command[512];
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, image, SIZE), SIZE);
    close(fd);
    snprintf(command, sizeof command,
             "qemu-system-riscv32 -M virt -m 64M -bios none -display none -serial stdio -monitor "
             "none -device loader,file=%s,addr=0x80000000,force-raw=on </dev/null",
             path);
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    size_t used = fread(theirs, 1, OUTPUT_BYTES - 1, pipe);
    theirs[used] = '\0';
    pclose(pipe);
    unlink(path);
}

START_TEST(random_programs_end_as_they_do_on_qemu)
{
    if (system("qemu-system-riscv32 --version >/dev/null 2>&1") != 0) {
        printf("skipped: qemu-system-riscv32 (package qemu-system-misc) is not there\n");
        return;
    }
    for (uint32_t i = 0; i < PROGRAMS; i++) {
        uint64_t seed = cbit_test_seed() + i;
        make_image(seed);
        run_ours();
        run_theirs();
        /* 32 registers, 256 words of the log, 256 of data, 9 characters each. */
        ck_assert_uint_eq(ours_used, (32 + 256 + 256) * 9);
        ck_assert_msg(strcmp(ours, theirs) == 0, "program of seed %" PRIu64 " differs at byte %zu",
                      seed, strspn(ours, theirs));
    }
    printf("%d programs of %d instructions agree\n", PROGRAMS, INSTRUCTIONS);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("hart_diff");
    TCase *tcase = tcase_create("qemu");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, random_programs_end_as_they_do_on_qemu);
    suite_add_tcase(suite, tcase);
    return suite;
}
