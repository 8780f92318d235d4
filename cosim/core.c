#include "cosim/core.h"

#include <stdlib.h>
#include <string.h>

/* A port with its polarity; data NULL: the core has none. */
typedef struct pin {
    uint8_t *data;
    uint32_t width;
    bool inverted;
} pin_t;

struct cbit_core {
    cbit_dut_t *dut;
    const cbit_core_rules_t *rules;
    pin_t clock, reset, decrypt, in_data, in_key, in_valid, in_ready;
    pin_t out_data, out_valid, out_ready, key_start, key_done;
    uint64_t cycle;
    bool waiting;        /* LEVEL: for the answer to the block that was taken */
    uint32_t key_clocks; /* since the key's pulse */
    bool key_loading;
    uint32_t latency_clocks;
    bool inside[CBIT_CORE_MAX_LATENCY + 1]; /* LATENCY: ring of blocks that were taken */
    const char *waves_path;
    uint64_t waves_from;
    bool waves_failed;
    uint8_t shown[CBIT_CORE_LOOK][CBIT_BLOCK_BYTES];   /* ring of what the data port showed */
    uint8_t offered[CBIT_CORE_LOOK][CBIT_BLOCK_BYTES]; /* and of what went to the other one */
};

static pin_t find(const cbit_dut_t *dut, const char *name)
{
    const cbit_dut_port_t *port = cbit_core_port(dut, name);
    return port == NULL ? (pin_t){NULL, 0, false}
                        : (pin_t){port->data, port->width, name[0] == '!'};
}

static void put(const pin_t *pin, bool value)
{
    if (pin->data != NULL) {
        pin->data[0] = value != pin->inverted ? 1 : 0;
    }
}

static bool get(const pin_t *pin, bool fallback)
{
    return pin->data == NULL ? fallback : ((pin->data[0] & 1) != 0) != pin->inverted;
}

/* Verilator keeps the lowest byte first. */
static void put_block(const pin_t *pin, const uint8_t *bytes, uint32_t order, uint32_t first_byte)
{
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        uint32_t from = order == CBIT_CORE_FIRST_HIGH ? CBIT_BLOCK_BYTES - 1 - i : i;
        pin->data[first_byte + i] = bytes[from];
    }
}

static void get_block(const pin_t *pin, uint8_t *bytes, uint32_t order)
{
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        bytes[i] = pin->data[order == CBIT_CORE_FIRST_HIGH ? CBIT_BLOCK_BYTES - 1 - i : i];
    }
}

static void put_constants(cbit_core_t *core)
{
    for (uint32_t i = 0; i < core->rules->constant_count; i++) {
        const cbit_core_constant_t *constant = &core->rules->constants[i];
        pin_t pin = find(core->dut, constant->port);
        uint64_t mask = pin.width >= 64 ? UINT64_MAX : (UINT64_C(1) << pin.width) - 1;
        uint64_t value = constant->value & mask;
        uint32_t bytes = pin.width <= 8 ? 1 : pin.width <= 16 ? 2 : pin.width <= 32 ? 4 : 8;
        if (pin.data != NULL) { /* the rules name ports that exist */
            memcpy(pin.data, &value, bytes);
        }
    }
}

cbit_err_t cbit_core_create(cbit_dut_t *dut, const cbit_core_rules_t *rules,
                            uint32_t latency_clocks, cbit_core_t **out)
{
    cbit_core_t *core = calloc(1, sizeof *core);
    if (core == NULL) {
        cbit_dut_destroy(dut);
        return CBIT_ERR_NO_MEMORY;
    }
    core->dut = dut;
    core->rules = rules;
    core->latency_clocks = latency_clocks;
    const struct {
        pin_t *pin;
        const char *name;
    } pins[] = {
        {&core->clock, rules->clock},
        {&core->reset, rules->reset},
        {&core->decrypt, rules->decrypt},
        {&core->in_data, rules->input.data},
        {&core->in_key, rules->input.key},
        {&core->in_valid, rules->input.valid},
        {&core->in_ready, rules->input.ready},
        {&core->out_data, rules->output.data},
        {&core->out_valid, rules->output.valid},
        {&core->out_ready, rules->output.ready},
        {&core->key_start, rules->key_load.start},
        {&core->key_done, rules->key_load.done},
    };
    for (uint32_t i = 0; i < sizeof pins / sizeof pins[0]; i++) {
        *pins[i].pin = find(dut, pins[i].name);
    }
    put_constants(core);
    *out = core;
    return CBIT_ERR_OK;
}

void cbit_core_destroy(cbit_core_t *core)
{
    if (core != NULL) {
        cbit_dut_destroy(core->dut);
        free(core);
    }
}

static void put_clocks(const cbit_core_t *core, bool value)
{
    put(&core->clock, value);
    for (uint32_t i = 0; i < core->rules->clock_count; i++) {
        pin_t pin = find(core->dut, core->rules->clocks[i].port);
        put(&pin, value);
    }
}

static void drive(cbit_core_t *core, const cbit_core_in_t *in)
{
    const cbit_core_rules_t *rules = core->rules;
    uint32_t spare = core->in_key.width / 8 - CBIT_KEY_BYTES;
    put(&core->reset, in->reset);
    put(&core->decrypt, in->decrypt);
    put(&core->in_valid, in->offer);
    put(&core->out_ready, in->out_ready);
    put(&core->key_start, in->load_key);
    put_block(&core->in_data, in->data, rules->byte_order, 0);
    put_block(&core->in_key, in->key, rules->byte_order,
              rules->key_bits == CBIT_CORE_FIRST_HIGH ? spare : 0);
}

/* Whether the output port shows an answer, by the adapter's rule. */
static bool answers(cbit_core_t *core)
{
    bool valid = get(&core->out_valid, false);
    switch (core->rules->output.handshake) {
    case CBIT_CORE_PULSE:
        return valid;
    case CBIT_CORE_LEVEL:
        return core->waiting && valid;
    default:
        return core->cycle >= core->latency_clocks &&
               core->inside[(core->cycle - core->latency_clocks) % (CBIT_CORE_MAX_LATENCY + 1)];
    }
}

static bool key_is_done(cbit_core_t *core, const cbit_core_in_t *in)
{
    bool done = core->key_loading && core->key_clocks > 0 &&
                (core->key_done.data != NULL ? get(&core->key_done, false)
                                             : core->key_clocks >= core->rules->key_load.clocks);
    core->key_clocks = in->load_key ? 1 : core->key_clocks + 1;
    core->key_loading = in->load_key || (core->key_loading && !done);
    return done && !in->load_key;
}

static void note_reset(cbit_core_t *core)
{
    core->waiting = false;
    core->key_loading = false;
    memset(core->inside, 0, sizeof core->inside);
}

void cbit_core_clock(cbit_core_t *core, const cbit_core_in_t *in, cbit_core_out_t *out)
{
    if (core->waves_path != NULL && core->cycle == core->waves_from) {
        core->waves_failed = !cbit_dut_waves(core->dut, core->waves_path);
    }
    drive(core, in);
    put_clocks(core, false);
    cbit_dut_eval(core->dut);
    out->ready = get(&core->in_ready, true);
    out->taken = in->offer && out->ready && !in->reset;
    out->answer = answers(core) && !in->reset;
    out->key_done = key_is_done(core, in);
    get_block(&core->out_data, out->data, core->rules->byte_order);
    memcpy(core->shown[core->cycle % CBIT_CORE_LOOK], out->data, CBIT_BLOCK_BYTES);
    memcpy(core->offered[core->cycle % CBIT_CORE_LOOK], in->data, CBIT_BLOCK_BYTES);
    core->waiting = (core->waiting && !out->answer) || out->taken;
    core->inside[core->cycle % (CBIT_CORE_MAX_LATENCY + 1)] = out->taken;
    if (in->reset) {
        note_reset(core);
    }
    put_clocks(core, true);
    cbit_dut_eval(core->dut);
    core->cycle++;
}

bool cbit_core_shows_answer(cbit_core_t *core)
{
    return answers(core);
}

bool cbit_core_shows_ready(const cbit_core_t *core)
{
    return get(&core->in_ready, true);
}

int cbit_core_when(cbit_core_t *core, const cbit_core_in_t *in,
                   const uint8_t block[CBIT_BLOCK_BYTES])
{
    cbit_core_in_t idle = *in;
    cbit_core_out_t out;
    for (uint32_t i = 0; i < CBIT_CORE_LOOK; i++) {
        if (memcmp(core->offered[i], block, CBIT_BLOCK_BYTES) == 0) {
            return 0; /* what shows may be a block on its way in */
        }
    }
    for (int back = 1; back < CBIT_CORE_LOOK && (uint64_t)back < core->cycle; back++) {
        const uint8_t *before = core->shown[(core->cycle - 1 - (uint64_t)back) % CBIT_CORE_LOOK];
        if (memcmp(before, block, CBIT_BLOCK_BYTES) == 0) {
            return -back;
        }
    }
    idle.offer = idle.load_key = false;
    for (int later = 1; later < CBIT_CORE_LOOK && core->waves_path == NULL; later++) {
        cbit_core_clock(core, &idle, &out);
        if (memcmp(out.data, block, CBIT_BLOCK_BYTES) == 0) {
            return later;
        }
    }
    return 0;
}

uint64_t cbit_core_cycle(const cbit_core_t *core)
{
    return core->cycle;
}

const char *cbit_core_failure(const cbit_core_t *core)
{
    return cbit_dut_failure(core->dut);
}

void cbit_core_waves(cbit_core_t *core, const char *path, uint64_t from_cycle)
{
    core->waves_path = path;
    core->waves_from = from_cycle;
}

bool cbit_core_waves_failed(const cbit_core_t *core)
{
    return core->waves_failed;
}
