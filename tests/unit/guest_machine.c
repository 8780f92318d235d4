#include "tests/unit/guest_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void open_machine(machine_t *machine, const char *trace, bool encrypted, uint64_t limit)
{
    char path[512];
    uint32_t count;
    *machine = (machine_t){.memory = calloc(1, MEMORY_BYTES), .encrypted = encrypted};
    (void)snprintf(path, sizeof path, "%s/workloads/traces/%s", CBIT_SOURCE_DIR, trace);
    ck_assert_int_eq(cbit_trace_reader_open(path, CBIT_ERR_OPEN, &machine->reader, NULL),
                     CBIT_ERR_OK);
    machine->source = cbit_trace_reader_source(machine->reader);
    const cbit_guest_config_t config = {.memory_bytes = MEMORY_BYTES,
                                        .c_bit = C_BIT,
                                        .encrypted = encrypted,
                                        .seed = cbit_test_seed(),
                                        .io_room_bytes = CBIT_GUEST_IO_MAX_BYTES,
                                        .max_instructions = limit};
    ck_assert_int_eq(cbit_guest_create(&config, &machine->source, &machine->guest, NULL),
                     CBIT_ERR_OK);
    const cbit_guest_piece_t *pieces = cbit_guest_pieces(machine->guest, &count);
    for (uint32_t i = 0; i < count; i++) {
        memcpy(machine->memory + pieces[i].gpa, pieces[i].bytes, pieces[i].len_bytes);
    }
    /* What no image covers holds noise, as memory of a machine that was used before does. */
    for (uint32_t gpa = 0; gpa < MEMORY_BYTES; gpa += 4096) {
        if (cbit_guest_area_at(machine->guest, gpa) == CBIT_GUEST_AREA_NONE) {
            memset(machine->memory + gpa, 0x5a, 4096);
        }
    }
}

void close_machine(machine_t *machine)
{
    cbit_guest_destroy(machine->guest);
    machine->source.destroy(machine->source.self);
    free(machine->memory);
}

static uint64_t read_u64(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* Through the tables in memory; *c_bit is that of the leaf. */
static uint64_t translate(const machine_t *machine, uint64_t gva, bool *c_bit, uint64_t *leaf)
{
    uint64_t entry = machine->cr3;
    for (int level = 3; level >= 0; level--) {
        uint64_t table = entry & UINT64_C(0x000ffffffffff000) & ~C_MASK;
        MUST(table < MEMORY_BYTES);
        entry = read_u64(machine->memory + table + (gva >> (12 + 9 * level) & 0x1ff) * 8);
        MUST((entry & 1) != 0); /* mapped */
    }
    *c_bit = (entry & C_MASK) != 0;
    *leaf = entry;
    return (entry & UINT64_C(0x000ffffffffff000) & ~C_MASK) | (gva & 0xfff);
}

static uint8_t *at_gva(machine_t *machine, const cbit_op_t *op)
{
    bool c_bit = true;
    uint64_t leaf = 0, gpa = op->gva;
    if (machine->cr3 != 0) {
        gpa = translate(machine, op->gva, &c_bit, &leaf);
        uint64_t known;
        MUST(cbit_guest_translate(machine->guest, op->gva, &known));
        MUST(known == gpa);
        bool is_private = cbit_guest_area_at(machine->guest, gpa) == CBIT_GUEST_AREA_PRIVATE;
        MUST(c_bit == (machine->encrypted && is_private));
        MUST(op->kind != CBIT_OP_FETCH || leaf >> 63 == 0); /* executable */
    }
    if (op->kind != CBIT_OP_FETCH) {
        machine->private_accesses += c_bit;
        machine->shared_accesses += !c_bit;
        machine->kernel_loads[c_bit] += op->kind == CBIT_OP_LOAD && op->gva >> 63 != 0;
    }
    return machine->memory + gpa;
}

bool step_machine(machine_t *machine, const cbit_program_t *program, cbit_op_t *op)
{
    MUST(program->next(program->self, op));
    switch (op->kind) {
    case CBIT_OP_FETCH:
        MUST(op->size_bytes >= 1 && op->size_bytes <= 64);
        MUST(memcmp(at_gva(machine, op), op->data, op->size_bytes) == 0);
        program->on_data(program->self, op, op->data);
        break;
    case CBIT_OP_LOAD: {
        uint8_t bytes[64];
        MUST(op->gva % 64 + op->size_bytes <= 64);
        memcpy(bytes, at_gva(machine, op), op->size_bytes);
        bytes[0] ^= machine->corrupt_next_load;
        machine->corrupt_next_load = false;
        program->on_data(program->self, op, bytes);
        break;
    }
    case CBIT_OP_STORE:
        MUST(op->gva % 64 + op->size_bytes <= 64);
        memcpy(at_gva(machine, op), op->data, op->size_bytes);
        break;
    case CBIT_OP_WRITE_CR3:
        machine->cr3 = op->value;
        break;
    case CBIT_OP_IO:
        machine->exits++;
        machine->kernel_loads[0] = machine->kernel_loads[1] = 0;
        break;
    case CBIT_OP_END:
        return false;
    default:
        break;
    }
    return true;
}

void run_to_end(machine_t *machine)
{
    cbit_op_t op;
    const cbit_program_t *program = cbit_guest_program(machine->guest, 0);
    while (step_machine(machine, program, &op)) {
    }
}
