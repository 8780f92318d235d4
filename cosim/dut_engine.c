#include "cosim/dut_engine.h"

#include <stdlib.h>
#include <string.h>

/* Everything that an engine has, once per lane or once. */
typedef enum pin {
    VALID_I,
    READY_O,
    DATA_I,
    ADDR_I,
    SLOT_I,
    BYPASS_I,
    LAST_I,
    TAG_I,
    VALID_O,
    READY_I,
    DATA_O,
    LAST_O,
    TAG_O,
    ERROR_O,
    LANE_PINS,
} pin_t;

typedef enum engine_pin {
    CLK,
    RST_N,
    KEY_VALID,
    KEY_READY,
    KEY_SLOT,
    KEY_CLEAR,
    KEY,
    TWEAK_VALID,
    TWEAK_INDEX,
    TWEAK_DATA,
    XE,
    ZEROISE,
    ZEROISE_BUSY,
    FAULT,
    ENGINE_PINS,
} engine_pin_t;

typedef struct pin_rule {
    const char *name;
    uint32_t width;
    bool input;
} pin_rule_t;

static const pin_rule_t lane_rules[LANE_PINS] = {
    [VALID_I] = {"valid_i", 1, true},  [READY_O] = {"ready_o", 1, false},
    [DATA_I] = {"data_i", 128, true},  [ADDR_I] = {"addr_i", 48, true},
    [SLOT_I] = {"slot_i", 10, true},   [BYPASS_I] = {"bypass_i", 1, true},
    [LAST_I] = {"last_i", 1, true},    [TAG_I] = {"tag_i", 8, true},
    [VALID_O] = {"valid_o", 1, false}, [READY_I] = {"ready_i", 1, true},
    [DATA_O] = {"data_o", 128, false}, [LAST_O] = {"last_o", 1, false},
    [TAG_O] = {"tag_o", 8, false},     [ERROR_O] = {"error_o", 2, false},
};

static const pin_rule_t engine_rules[ENGINE_PINS] = {
    [CLK] = {"clk_i", 1, true},
    [RST_N] = {"rst_ni", 1, true},
    [KEY_VALID] = {"key_valid_i", 1, true},
    [KEY_READY] = {"key_ready_o", 1, false},
    [KEY_SLOT] = {"key_slot_i", 10, true},
    [KEY_CLEAR] = {"key_clear_i", 1, true},
    [KEY] = {"key_i", 128, true},
    [TWEAK_VALID] = {"tweak_valid_i", 1, true},
    [TWEAK_INDEX] = {"tweak_index_i", 6, true},
    [TWEAK_DATA] = {"tweak_data_i", 128, true},
    [XE] = {"cfg_xe_i", 1, true},
    [ZEROISE] = {"zeroise_i", 1, true},
    [ZEROISE_BUSY] = {"zeroise_busy_o", 1, false},
    [FAULT] = {"fault_o", 1, false},
};

static const char *const lane_prefix[CBIT_AES_LANES] = {"enc_", "dec_"};

enum { NAME_BYTES = 32 };

typedef struct engine {
    cbit_dut_t *dut;
    void *lane[CBIT_AES_LANES][LANE_PINS];
    void *pin[ENGINE_PINS];
    uint64_t clocks;
    const char *waves_path; /* NULL: none */
    uint64_t waves_from;
    bool waves_failed;
    void (*watch)(void *self); /* NULL: nobody */
    void *watcher;
} engine_t;

/* ---- names ----------------------------------------------------------------------------------- */

static void check_pin(const cbit_dut_t *dut, const char *prefix, const pin_rule_t *rule,
                      cbit_diag_t *diag)
{
    char name[NAME_BYTES] = "";
    strncat(name, prefix, sizeof name - 1);
    strncat(name, rule->name, sizeof name - strlen(name) - 1);
    const cbit_dut_port_t *port = cbit_dut_find(dut, name);
    if (port == NULL) {
        const char *near = cbit_dut_nearest(dut, name);
        (void)cbit_diag_add(diag, CBIT_ERR_FORMAT, name, "the top module has no such port");
        if (near != NULL) {
            cbit_diag_hint(diag, "it has %s", near);
        }
    } else if (port->input != rule->input) {
        (void)cbit_diag_add(diag, CBIT_ERR_FORMAT, name, "is an %s; an %s is expected",
                            port->input ? "input" : "output", rule->input ? "input" : "output");
    } else if (port->width != rule->width) {
        (void)cbit_diag_add(diag, CBIT_ERR_FORMAT, name, "is %u bits wide; %u are expected",
                            port->width, rule->width);
    }
}

cbit_err_t cbit_dut_engine_check(const cbit_dut_t *dut, cbit_diag_t *diag)
{
    size_t before = cbit_diag_count(diag);
    for (uint32_t i = 0; i < ENGINE_PINS; i++) {
        check_pin(dut, "", &engine_rules[i], diag);
    }
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        for (uint32_t i = 0; i < LANE_PINS; i++) {
            check_pin(dut, lane_prefix[lane], &lane_rules[i], diag);
        }
    }
    if (cbit_diag_count(diag) == before + ENGINE_PINS + CBIT_AES_LANES * LANE_PINS) {
        cbit_diag_hint(diag, "a bare AES core is spoken to through --adapter NAME or FILE.json");
    }
    return cbit_diag_count(diag) == before ? CBIT_ERR_OK : CBIT_ERR_FORMAT;
}

/* ---- values ---------------------------------------------------------------------------------- */

static void put_bit(void *pin, bool value)
{
    *(uint8_t *)pin = value ? 1 : 0;
}

static bool get_bit(const void *pin)
{
    return (*(const uint8_t *)pin & 1) != 0;
}

static void put_u16(void *pin, uint16_t value)
{
    memcpy(pin, &value, sizeof value);
}

/* AES byte 0 is the top byte of the vector. */
static void put_block(void *pin, const uint8_t *bytes)
{
    uint8_t *to = pin;
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        to[i] = bytes[CBIT_BLOCK_BYTES - 1 - i];
    }
}

static void get_block(uint8_t *bytes, const void *pin)
{
    const uint8_t *from = pin;
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        bytes[i] = from[CBIT_BLOCK_BYTES - 1 - i];
    }
}

/* What means nothing changes on every clock: a design that looks at it is found. */
static void put_noise(void *pin, uint32_t width)
{
    uint8_t *bytes = pin;
    for (uint32_t i = 0; i < width / 8; i++) {
        bytes[i] = (uint8_t)~bytes[i];
    }
    if (width % 8 != 0) {
        bytes[width / 8] ^= (uint8_t)((1u << width % 8) - 1);
    }
}

static void drive_lane(void *const pin[LANE_PINS], const cbit_aes_lane_in_t *in)
{
    put_bit(pin[VALID_I], in->valid);
    put_bit(pin[READY_I], in->out_ready);
    if (!in->valid) {
        for (uint32_t i = DATA_I; i <= TAG_I; i++) {
            put_noise(pin[i], lane_rules[i].width);
        }
        return;
    }
    uint64_t address = in->spa >> 4 & 0xFFFFFFFFFFFF;
    put_block(pin[DATA_I], in->data);
    memcpy(pin[ADDR_I], &address, sizeof address);
    put_u16(pin[SLOT_I], in->slot & 0x3FF);
    put_bit(pin[BYPASS_I], in->bypass);
    put_bit(pin[LAST_I], in->last);
    memcpy(pin[TAG_I], &in->tag, 1);
}

static void sample_lane(void *const pin[LANE_PINS], cbit_aes_lane_out_t *out)
{
    out->ready = get_bit(pin[READY_O]);
    out->valid = get_bit(pin[VALID_O]);
    out->last = get_bit(pin[LAST_O]);
    memcpy(&out->tag, pin[TAG_O], 1);
    memcpy(&out->error, pin[ERROR_O], 1);
    if (out->valid) {
        get_block(out->data, pin[DATA_O]);
    }
}

static void drive(engine_t *engine, const cbit_aes_pins_in_t *in)
{
    put_bit(engine->pin[RST_N], !in->reset);
    put_bit(engine->pin[ZEROISE], in->zeroise);
    put_bit(engine->pin[XE], in->xe);
    put_bit(engine->pin[KEY_VALID], in->key_valid);
    put_bit(engine->pin[KEY_CLEAR], in->key_clear); /* key_ready_o looks at it */
    put_bit(engine->pin[TWEAK_VALID], in->tweak_valid);
    if (in->key_valid) {
        put_u16(engine->pin[KEY_SLOT], in->key_slot & 0x3FF);
        put_block(engine->pin[KEY], in->key);
    } else {
        put_noise(engine->pin[KEY_SLOT], engine_rules[KEY_SLOT].width);
        put_noise(engine->pin[KEY], engine_rules[KEY].width);
    }
    if (in->tweak_valid) {
        *(uint8_t *)engine->pin[TWEAK_INDEX] = in->tweak_index & 0x3F;
        put_block(engine->pin[TWEAK_DATA], in->tweak_data);
    } else {
        put_noise(engine->pin[TWEAK_INDEX], engine_rules[TWEAK_INDEX].width);
        put_noise(engine->pin[TWEAK_DATA], engine_rules[TWEAK_DATA].width);
    }
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        drive_lane(engine->lane[lane], &in->lane[lane]);
    }
}

static void engine_clock(void *self, const cbit_aes_pins_in_t *in, cbit_aes_pins_out_t *out)
{
    engine_t *engine = self;
    if (engine->waves_path != NULL && engine->clocks == engine->waves_from) {
        engine->waves_failed = !cbit_dut_waves(engine->dut, engine->waves_path);
    }
    engine->clocks++;
    drive(engine, in);
    put_bit(engine->pin[CLK], false);
    cbit_dut_eval(engine->dut);
    out->key_ready = get_bit(engine->pin[KEY_READY]);
    out->zeroise_busy = get_bit(engine->pin[ZEROISE_BUSY]);
    out->fault = get_bit(engine->pin[FAULT]);
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        sample_lane(engine->lane[lane], &out->lane[lane]);
    }
    if (engine->watch != NULL) {
        engine->watch(engine->watcher);
    }
    put_bit(engine->pin[CLK], true);
    cbit_dut_eval(engine->dut);
}

static void engine_destroy(void *self)
{
    engine_t *engine = self;
    cbit_dut_destroy(engine->dut);
    free(engine);
}

static void *data_of(const cbit_dut_t *dut, const char *prefix, const char *suffix)
{
    char name[NAME_BYTES] = "";
    strncat(name, prefix, sizeof name - 1);
    strncat(name, suffix, sizeof name - strlen(name) - 1);
    return cbit_dut_find(dut, name)->data;
}

cbit_err_t cbit_dut_engine_device(cbit_dut_t *dut, cbit_device_t *out)
{
    engine_t *engine = calloc(1, sizeof *engine);
    if (engine == NULL) {
        cbit_dut_destroy(dut);
        return CBIT_ERR_NO_MEMORY;
    }
    engine->dut = dut;
    for (uint32_t i = 0; i < ENGINE_PINS; i++) {
        engine->pin[i] = data_of(dut, "", engine_rules[i].name);
    }
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        for (uint32_t i = 0; i < LANE_PINS; i++) {
            engine->lane[lane][i] = data_of(dut, lane_prefix[lane], lane_rules[i].name);
        }
    }
    *out = (cbit_device_t){.self = engine, .clock = engine_clock, .destroy = engine_destroy};
    return CBIT_ERR_OK;
}

void cbit_dut_engine_waves(const cbit_device_t *device, const char *path, uint64_t from_clock)
{
    engine_t *engine = device->self;
    engine->waves_path = path;
    engine->waves_from = from_clock;
}

void cbit_dut_engine_watch(const cbit_device_t *device, void (*watch)(void *self), void *self)
{
    engine_t *engine = device->self;
    engine->watch = watch;
    engine->watcher = self;
}

const char *cbit_dut_engine_failure(const cbit_device_t *device)
{
    if (device->destroy != engine_destroy) {
        return NULL;
    }
    const engine_t *engine = device->self;
    return engine->waves_failed ? "the waves cannot be written" : cbit_dut_failure(engine->dut);
}
