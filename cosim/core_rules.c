#include "cosim/core_rules.h"

#include <string.h>

static const char *const input_words[] = {"start", "valid", "each_clock", NULL};
static const char *const output_words[] = {"pulse", "level", "latency", NULL};
static const char *const direction_words[] = {"encrypt", "decrypt", "both", NULL};
static const char *const order_words[] = {"first_byte_high", "first_byte_low", NULL};
static const char *const key_bits_words[] = {"high", "low", NULL};

enum { MAX_LATENCY = 4096, MAX_LIST = 64 };

static const cbit_row_t input_rows[] = {
    {CBIT_FIELD(ENUM, cbit_core_input_t, handshake), .names = input_words, .required = true,
     .help = "How a block goes in: a start pulse, valid with or without ready, or one each clock"},
    {CBIT_FIELD(STRING, cbit_core_input_t, data), .max = CBIT_CORE_NAME_MAX, .required = true,
     .help = "Port of the block"},
    {CBIT_FIELD(STRING, cbit_core_input_t, key), .max = CBIT_CORE_NAME_MAX, .required = true,
     .help = "Port of the key"},
    {CBIT_FIELD(STRING, cbit_core_input_t, valid), .max = CBIT_CORE_NAME_MAX,
     .help = "Port of start or valid"},
    {CBIT_FIELD(STRING, cbit_core_input_t, ready), .max = CBIT_CORE_NAME_MAX,
     .help = "Port that says that a block can go in; none: always"},
    {CBIT_FIELD(BOOL, cbit_core_input_t, hold),
     .help = "Block and key must stay until the answer; otherwise they change at once"},
    {CBIT_FIELD(BOOL, cbit_core_input_t, with_answer),
     .help = "After start: the next may go in on the clock that shows the answer, not only after"},
    {.key = NULL},
};

static const cbit_row_t output_rows[] = {
    {CBIT_FIELD(ENUM, cbit_core_output_t, handshake), .names = output_words, .required = true,
     .help = "How an answer shows: each clock with valid, valid until the next start, or by time"},
    {CBIT_FIELD(STRING, cbit_core_output_t, data), .max = CBIT_CORE_NAME_MAX, .required = true,
     .help = "Port of the answer"},
    {CBIT_FIELD(STRING, cbit_core_output_t, valid), .max = CBIT_CORE_NAME_MAX,
     .help = "Port of done or valid"},
    {CBIT_FIELD(STRING, cbit_core_output_t, ready), .max = CBIT_CORE_NAME_MAX,
     .help = "Port through which an answer is taken; none: it always is"},
    {CBIT_FIELD(U32, cbit_core_output_t, latency_clocks), .unit = "clocks", .max = MAX_LATENCY,
     .help = "Clocks from block to answer; 0 measures them"},
    {.key = NULL},
};

static const cbit_row_t key_load_rows[] = {
    {CBIT_FIELD(STRING, cbit_core_key_load_t, start), .max = CBIT_CORE_NAME_MAX,
     .help = "Port of the pulse that loads the key; none: the key goes in with each block"},
    {CBIT_FIELD(STRING, cbit_core_key_load_t, done), .max = CBIT_CORE_NAME_MAX,
     .help = "Port that says that the key is loaded; it is low one clock after the pulse"},
    {CBIT_FIELD(U32, cbit_core_key_load_t, clocks), .unit = "clocks", .max = MAX_LATENCY,
     .help = "Without such a port: clocks that loading takes"},
    {CBIT_FIELD(BOOL, cbit_core_key_load_t, each_direction),
     .help = "The key is loaded once more when the direction changes"},
    {.key = NULL},
};

static const cbit_row_t constant_rows[] = {
    {CBIT_FIELD(STRING, cbit_core_constant_t, port), .max = CBIT_CORE_NAME_MAX, .required = true,
     .help = "Port"},
    {CBIT_FIELD(U64, cbit_core_constant_t, value), .max = UINT64_MAX, .help = "Its value"},
    {.key = NULL},
};

const cbit_row_t cbit_core_rows[] = {
    {CBIT_FIELD(STRING, cbit_core_rules_t, format), .max = CBIT_CORE_NAME_MAX, .required = true,
     .help = "cbit-adapter/1"},
    {CBIT_FIELD(STRING, cbit_core_rules_t, title), .max = CBIT_CORE_TITLE_MAX,
     .help = "What the core is called"},
    {CBIT_FIELD(STRING, cbit_core_rules_t, top), .max = CBIT_CORE_NAME_MAX,
     .help = "Its top module, unless --top says another"},
    {CBIT_FIELD(STRING, cbit_core_rules_t, clock), .max = CBIT_CORE_NAME_MAX, .required = true,
     .help = "Clock"},
    {CBIT_FIELD(ARRAY, cbit_core_rules_t, clocks), .rows = constant_rows,
     .element_bytes = sizeof(cbit_core_constant_t),
     .count_offset = offsetof(cbit_core_rules_t, clock_count), .max = MAX_LIST,
     .help = "More clocks, edge by edge with the first"},
    {CBIT_FIELD(STRING, cbit_core_rules_t, reset), .max = CBIT_CORE_NAME_MAX,
     .help = "Reset; none: the core has none"},
    {CBIT_FIELD(STRING, cbit_core_rules_t, decrypt), .max = CBIT_CORE_NAME_MAX,
     .help = "Port that chooses decryption"},
    {CBIT_FIELD(ENUM, cbit_core_rules_t, directions), .names = direction_words,
     .help = "What the core can"},
    {CBIT_FIELD(ENUM, cbit_core_rules_t, byte_order), .names = order_words,
     .help = "Where byte 0 of block and key is"},
    {CBIT_FIELD(ENUM, cbit_core_rules_t, key_bits), .names = key_bits_words,
     .help = "Where the 128 bits are in a wider key port"},
    {CBIT_FIELD(OBJECT, cbit_core_rules_t, input), .rows = input_rows, .required = true,
     .help = "How a block goes in"},
    {CBIT_FIELD(OBJECT, cbit_core_rules_t, output), .rows = output_rows, .required = true,
     .help = "How its answer comes out"},
    {CBIT_FIELD(OBJECT, cbit_core_rules_t, key_load), .rows = key_load_rows,
     .help = "How a key is loaded by itself"},
    {CBIT_FIELD(ARRAY, cbit_core_rules_t, constants), .rows = constant_rows,
     .element_bytes = sizeof(cbit_core_constant_t),
     .count_offset = offsetof(cbit_core_rules_t, constant_count), .max = MAX_LIST,
     .help = "Inputs that keep one value"},
    {.key = NULL},
};

/* ---- rules across fields --------------------------------------------------------------------- */

static void conflict(bool broken, const char *where, const char *text, cbit_diag_t *diag)
{
    if (broken) {
        (void)cbit_diag_add(diag, CBIT_ERR_CONFLICT, where, "%s", text);
    }
}

cbit_err_t cbit_core_rules_check(const cbit_core_rules_t *rules, cbit_diag_t *diag)
{
    size_t before = cbit_diag_count(diag);
    const cbit_core_input_t *in = &rules->input;
    const cbit_core_output_t *out = &rules->output;
    bool loads = rules->key_load.start[0] != '\0';
    conflict(strcmp(rules->format, CBIT_CORE_FORMAT) != 0, "/format", "is not " CBIT_CORE_FORMAT,
             diag);
    conflict(in->handshake != CBIT_CORE_EACH_CLOCK && in->valid[0] == '\0', "/input/valid",
             "is missing; this handshake needs it", diag);
    conflict(in->handshake == CBIT_CORE_EACH_CLOCK &&
                 (in->valid[0] != '\0' || in->ready[0] != '\0'),
             "/input/handshake", "each_clock has neither valid nor ready", diag);
    conflict(out->handshake != CBIT_CORE_LATENCY && out->valid[0] == '\0', "/output/valid",
             "is missing; this handshake needs it", diag);
    conflict(out->handshake == CBIT_CORE_LATENCY && out->ready[0] != '\0', "/output/ready",
             "answers that come by time cannot wait", diag);
    conflict(out->handshake == CBIT_CORE_LEVEL && in->handshake != CBIT_CORE_START,
             "/output/handshake", "level goes with the input's start: one block at a time", diag);
    conflict(rules->directions == CBIT_CORE_BOTH && rules->decrypt[0] == '\0', "/decrypt",
             "is missing; both directions need it", diag);
    conflict(loads && rules->key_load.done[0] == '\0' && rules->key_load.clocks == 0, "/key_load",
             "needs done or clocks", diag);
    conflict(in->hold && in->handshake != CBIT_CORE_START, "/input/hold",
             "goes with start: one block at a time", diag);
    conflict(in->with_answer && (in->handshake != CBIT_CORE_START || out->ready[0] != '\0'),
             "/input/with_answer", "goes with start and an answer that does not wait", diag);
    return cbit_diag_count(diag) == before ? CBIT_ERR_OK : CBIT_ERR_CONFLICT;
}

/* ---- against the design ---------------------------------------------------------------------- */

static const char *bare(const char *name)
{
    return name[0] == '!' ? name + 1 : name;
}

const cbit_dut_port_t *cbit_core_port(const cbit_dut_t *dut, const char *name)
{
    return name[0] == '\0' ? NULL : cbit_dut_find(dut, bare(name));
}

/* min_width 0: any up to 64. */
static void check_port(const cbit_dut_t *dut, const char *where, const char *name, bool input,
                       uint32_t min_width, uint32_t max_width, cbit_diag_t *diag)
{
    const cbit_dut_port_t *port = cbit_core_port(dut, name);
    if (name[0] == '\0') {
        return;
    }
    if (port == NULL) {
        (void)cbit_diag_add(diag, CBIT_ERR_FORMAT, where, "the top module has no port %s",
                            bare(name));
        const char *near = cbit_dut_nearest(dut, bare(name));
        if (near != NULL) {
            cbit_diag_hint(diag, "it has %s", near);
        }
    } else if (port->input != input) {
        (void)cbit_diag_add(diag, CBIT_ERR_FORMAT, where, "%s is an %s; an %s is expected",
                            port->name, port->input ? "input" : "output",
                            input ? "input" : "output");
    } else if (port->width < min_width || port->width > max_width) {
        (void)cbit_diag_add(diag, CBIT_ERR_FORMAT, where, "%s is %u bits wide; %u%s are expected",
                            port->name, (unsigned)port->width, (unsigned)min_width,
                            min_width == max_width ? "" : " or more");
    }
}

/* An input that nobody drives stays zero: more often a forgotten line than meant. */
static void check_undriven(const cbit_core_rules_t *rules, const cbit_dut_t *dut, cbit_diag_t *diag)
{
    const char *driven[] = {rules->clock,        rules->reset,         rules->decrypt,
                            rules->input.data,   rules->input.key,     rules->input.valid,
                            rules->output.ready, rules->key_load.start};
    const cbit_dut_port_t *port;
    for (uint32_t i = 0; (port = cbit_dut_port(dut, i)) != NULL; i++) {
        bool found = !port->input;
        for (uint32_t k = 0; k < sizeof driven / sizeof driven[0]; k++) {
            found = found || strcmp(bare(driven[k]), port->name) == 0;
        }
        for (uint32_t k = 0; k < rules->clock_count; k++) {
            found = found || strcmp(bare(rules->clocks[k].port), port->name) == 0;
        }
        for (uint32_t k = 0; k < rules->constant_count; k++) {
            found = found || strcmp(rules->constants[k].port, port->name) == 0;
        }
        if (!found) {
            (void)cbit_diag_add(diag, CBIT_ERR_MISSING, "/constants",
                                "the input %s is driven by nothing", port->name);
            cbit_diag_hint(diag, "{\"port\": \"%s\", \"value\": 0} keeps it low", port->name);
        }
    }
}

cbit_err_t cbit_core_ports_check(const cbit_core_rules_t *rules, const cbit_dut_t *dut,
                                 cbit_diag_t *diag)
{
    size_t before = cbit_diag_count(diag);
    enum { BLOCK_BITS = 128, MAX_KEY_BITS = 512, MAX_CONSTANT_BITS = 64 };
    check_port(dut, "/clock", rules->clock, true, 1, 1, diag);
    check_port(dut, "/reset", rules->reset, true, 1, 1, diag);
    check_port(dut, "/decrypt", rules->decrypt, true, 1, 1, diag);
    check_port(dut, "/input/data", rules->input.data, true, BLOCK_BITS, BLOCK_BITS, diag);
    check_port(dut, "/input/key", rules->input.key, true, BLOCK_BITS, MAX_KEY_BITS, diag);
    check_port(dut, "/input/valid", rules->input.valid, true, 1, 1, diag);
    check_port(dut, "/input/ready", rules->input.ready, false, 1, 1, diag);
    check_port(dut, "/output/data", rules->output.data, false, BLOCK_BITS, BLOCK_BITS, diag);
    check_port(dut, "/output/valid", rules->output.valid, false, 1, 1, diag);
    check_port(dut, "/output/ready", rules->output.ready, true, 1, 1, diag);
    check_port(dut, "/key_load/start", rules->key_load.start, true, 1, 1, diag);
    check_port(dut, "/key_load/done", rules->key_load.done, false, 1, 1, diag);
    for (uint32_t i = 0; i < rules->clock_count; i++) {
        check_port(dut, "/clocks", rules->clocks[i].port, true, 1, 1, diag);
    }
    for (uint32_t i = 0; i < rules->constant_count; i++) {
        check_port(dut, "/constants", rules->constants[i].port, true, 1, MAX_CONSTANT_BITS, diag);
    }
    if (cbit_diag_count(diag) == before) {
        check_undriven(rules, dut, diag);
    }
    return cbit_diag_count(diag) == before ? CBIT_ERR_OK : CBIT_ERR_FORMAT;
}
