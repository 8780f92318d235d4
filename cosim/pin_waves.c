#include "cosim/pin_waves.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gtkwave/fstapi.h"

enum { PATH_BYTES = 4096, NAME_BYTES = 32, BITS = 128 };

/* A pin: which lane's (or none), its name, its bits from `low` on. */
typedef struct rule {
    const char *name;
    uint8_t bits, low;
    bool input;
} rule_t;

enum { VALID_I, READY_O, DATA_I, ADDR_I, SLOT_I, BYPASS_I, LAST_I, TAG_I };
enum { VALID_O = TAG_I + 1, READY_I, DATA_O, LAST_O, TAG_O, ERROR_O, LANE_PINS };
static const rule_t lane_rules[LANE_PINS] = {
    [VALID_I] = {"valid_i", 1, 0, true},  [READY_O] = {"ready_o", 1, 0, false},
    [DATA_I] = {"data_i", 128, 0, true},  [ADDR_I] = {"addr_i", 48, 4, true},
    [SLOT_I] = {"slot_i", 10, 0, true},   [BYPASS_I] = {"bypass_i", 1, 0, true},
    [LAST_I] = {"last_i", 1, 0, true},    [TAG_I] = {"tag_i", 8, 0, true},
    [VALID_O] = {"valid_o", 1, 0, false}, [READY_I] = {"ready_i", 1, 0, true},
    [DATA_O] = {"data_o", 128, 0, false}, [LAST_O] = {"last_o", 1, 0, false},
    [TAG_O] = {"tag_o", 8, 0, false},     [ERROR_O] = {"error_o", 2, 0, false},
};

enum { CLK, KEY_VALID, KEY_READY, KEY_SLOT, KEY_CLEAR, TWEAK_VALID, TWEAK_INDEX, XE, FAULT };
enum { DIFFERS = FAULT + 1, ENGINE_PINS };
static const rule_t engine_rules[ENGINE_PINS] = {
    [CLK] = {"clk_i", 1, 0, true},
    [KEY_VALID] = {"key_valid_i", 1, 0, true},
    [KEY_READY] = {"key_ready_o", 1, 0, false},
    [KEY_SLOT] = {"key_slot_i", 10, 0, true},
    [KEY_CLEAR] = {"key_clear_i", 1, 0, true},
    [TWEAK_VALID] = {"tweak_valid_i", 1, 0, true},
    [TWEAK_INDEX] = {"tweak_index_i", 6, 0, true},
    [XE] = {"cfg_xe_i", 1, 0, true},
    [FAULT] = {"fault_o", 1, 0, false},
    [DIFFERS] = {"lockstep_differs", 1, 0, false},
};

static const char *const lane_prefix[CBIT_AES_LANES] = {"enc_", "dec_"};

typedef struct signal {
    fstHandle handle;
    char name[NAME_BYTES]; /* as waves have it: enc_addr_i[51:4] */
} signal_t;

struct cbit_pin_waves {
    cbit_pin_waves_config_t config;
    char path[PATH_BYTES], beside[PATH_BYTES];
    void *fst; /* NULL: closed */
    signal_t engine[ENGINE_PINS], lane[CBIT_AES_LANES][LANE_PINS];
    bool any, finished;
    cbit_ps_t last_ps; /* the last edge */
    uint64_t edges;
};

/* ---- values ---------------------------------------------------------------------------------- */

static void put(cbit_pin_waves_t *waves, const signal_t *signal, uint64_t value, uint32_t bits)
{
    char text[BITS + 1];
    for (uint32_t i = 0; i < bits; i++) {
        text[i] = (value >> (bits - 1 - i) & 1) != 0 ? '1' : '0';
    }
    fstWriterEmitValueChange(waves->fst, signal->handle, text);
}

/* AES byte 0 is the top byte of the vector. */
static void put_block(cbit_pin_waves_t *waves, const signal_t *signal, const uint8_t *bytes)
{
    char text[BITS + 1];
    for (uint32_t i = 0; i < BITS; i++) {
        text[i] = (bytes[i / 8] >> (7 - i % 8) & 1) != 0 ? '1' : '0';
    }
    fstWriterEmitValueChange(waves->fst, signal->handle, text);
}

/* What a pin does not mean (data without valid) keeps its last value, as a held bus does. */
static void put_lane(cbit_pin_waves_t *waves, uint32_t which, const cbit_aes_lane_in_t *in,
                     const cbit_aes_lane_out_t *out)
{
    const signal_t *pin = waves->lane[which];
    put(waves, &pin[VALID_I], in->valid, 1);
    put(waves, &pin[READY_O], out->ready, 1);
    put(waves, &pin[READY_I], in->out_ready, 1);
    put(waves, &pin[VALID_O], out->valid, 1);
    if (in->valid) {
        put_block(waves, &pin[DATA_I], in->data);
        put(waves, &pin[ADDR_I], in->spa >> 4, 48);
        put(waves, &pin[SLOT_I], in->slot, 10);
        put(waves, &pin[BYPASS_I], in->bypass, 1);
        put(waves, &pin[LAST_I], in->last, 1);
        put(waves, &pin[TAG_I], in->tag, 8);
    }
    if (out->valid) {
        put_block(waves, &pin[DATA_O], out->data);
        put(waves, &pin[LAST_O], out->last, 1);
        put(waves, &pin[TAG_O], out->tag, 8);
        put(waves, &pin[ERROR_O], out->error, 2);
    }
}

static void put_pins(cbit_pin_waves_t *waves, const cbit_aes_pins_in_t *in,
                     const cbit_aes_pins_out_t *out, bool differs)
{
    const signal_t *pin = waves->engine;
    put(waves, &pin[KEY_VALID], in->key_valid, 1);
    put(waves, &pin[KEY_READY], out->key_ready, 1);
    put(waves, &pin[KEY_CLEAR], in->key_clear, 1);
    put(waves, &pin[TWEAK_VALID], in->tweak_valid, 1);
    put(waves, &pin[XE], in->xe, 1);
    put(waves, &pin[FAULT], out->fault, 1);
    put(waves, &pin[DIFFERS], differs, 1);
    if (in->key_valid) {
        put(waves, &pin[KEY_SLOT], in->key_slot, 10);
    }
    if (in->tweak_valid) {
        put(waves, &pin[TWEAK_INDEX], in->tweak_index, 6);
    }
    for (uint32_t which = 0; which < CBIT_AES_LANES; which++) {
        put_lane(waves, which, &in->lane[which], &out->lane[which]);
    }
}

/* Behind an edge that no other follows: nothing is offered and nothing comes. */
static void put_quiet(cbit_pin_waves_t *waves)
{
    for (uint32_t which = 0; which < CBIT_AES_LANES; which++) {
        put(waves, &waves->lane[which][VALID_I], 0, 1);
        put(waves, &waves->lane[which][VALID_O], 0, 1);
    }
    put(waves, &waves->engine[KEY_VALID], 0, 1);
    put(waves, &waves->engine[TWEAK_VALID], 0, 1);
}

uint32_t cbit_pin_waves_channel(const cbit_pin_waves_t *waves)
{
    return waves->config.channel;
}

void cbit_pin_waves_edge(cbit_pin_waves_t *waves, uint64_t eclk, const cbit_aes_pins_in_t *in,
                         const cbit_aes_pins_out_t *out, bool differs)
{
    const cbit_clock_t *clock = &waves->config.clock;
    const cbit_ps_t at_ps = cbit_clock_edge_ps(clock, eclk);
    const cbit_ps_t before_ps = eclk == 0 ? 0 : cbit_clock_edge_ps(clock, eclk - 1);
    if (at_ps < waves->config.from_ps || at_ps > waves->config.to_ps ||
        (waves->any && at_ps <= waves->last_ps)) {
        return; /* the tweak's constants are written in no time: their edge is there once */
    }
    if (waves->any && before_ps > waves->last_ps) {
        fstWriterEmitTimeChange(waves->fst, waves->last_ps + (at_ps - before_ps) / 2);
        put_quiet(waves);
        put(waves, &waves->engine[CLK], 0, 1);
    }
    fstWriterEmitTimeChange(waves->fst, before_ps);
    put_pins(waves, in, out, differs);
    fstWriterEmitTimeChange(waves->fst, before_ps + (at_ps - before_ps) / 2);
    put(waves, &waves->engine[CLK], 0, 1);
    fstWriterEmitTimeChange(waves->fst, at_ps);
    put(waves, &waves->engine[CLK], 1, 1);
    waves->any = true;
    waves->last_ps = at_ps;
    waves->edges++;
}

/* ---- files ----------------------------------------------------------------------------------- */

static void declare(cbit_pin_waves_t *waves, const char *prefix, const rule_t *rule, signal_t *to)
{
    if (rule->bits == 1) {
        (void)snprintf(to->name, sizeof to->name, "%s%s", prefix, rule->name);
    } else {
        (void)snprintf(to->name, sizeof to->name, "%s%s[%u:%u]", prefix, rule->name,
                       rule->low + rule->bits - 1U, (unsigned)rule->low);
    }
    to->handle =
        fstWriterCreateVar(waves->fst, FST_VT_VCD_WIRE, rule->input ? FST_VD_INPUT : FST_VD_OUTPUT,
                           rule->bits, to->name, 0);
}

static void declare_all(cbit_pin_waves_t *waves)
{
    fstWriterSetTimescale(waves->fst, -12);
    fstWriterSetDate(waves->fst, "simulated"); /* the same run gives the same bytes */
    fstWriterSetVersion(waves->fst, "cbit");
    fstWriterSetScope(waves->fst, FST_ST_VCD_MODULE, "aes_engine", NULL);
    for (uint32_t i = 0; i < ENGINE_PINS; i++) {
        declare(waves, "", &engine_rules[i], &waves->engine[i]);
    }
    for (uint32_t which = 0; which < CBIT_AES_LANES; which++) {
        for (uint32_t i = 0; i < LANE_PINS; i++) {
            declare(waves, lane_prefix[which], &lane_rules[i], &waves->lane[which][i]);
        }
    }
    fstWriterSetUpscope(waves->fst);
}

cbit_err_t cbit_pin_waves_create(const cbit_pin_waves_config_t *config, cbit_pin_waves_t **out,
                                 cbit_diag_t *diag)
{
    cbit_pin_waves_t *waves = calloc(1, sizeof *waves);
    if (waves == NULL || strlen(config->path) > PATH_BYTES - 16) {
        free(waves);
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "no memory for %s", config->path);
    }
    waves->config = *config;
    (void)snprintf(waves->path, sizeof waves->path, "%s", config->path);
    (void)snprintf(waves->beside, sizeof waves->beside, "%.*s.new", PATH_BYTES - 16, waves->path);
    waves->config.path = waves->path;
    waves->fst = fstWriterCreate(waves->beside, 1);
    if (waves->fst == NULL) {
        free(waves);
        return cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "%s cannot be written", config->path);
    }
    declare_all(waves);
    *out = waves;
    return CBIT_ERR_OK;
}

/* Flags of GTKWave: 28 one bit, 22 hexadecimal, 200 a line of text. */
static void view_pins(FILE *view, const char *title, const signal_t *signals, uint32_t count)
{
    (void)fprintf(view, "@200\n-%s\n", title);
    for (uint32_t i = 0; i < count; i++) {
        (void)fprintf(view, "@%s\naes_engine.%s\n",
                      strchr(signals[i].name, '[') == NULL ? "28" : "22", signals[i].name);
    }
}

static bool write_view(const cbit_pin_waves_t *waves)
{
    char path[PATH_BYTES + 8];
    const char *slash = strrchr(waves->path, '/');
    (void)snprintf(path, sizeof path, "%.*s.gtkw", (int)strlen(waves->path) - 4, waves->path);
    FILE *view = fopen(path, "w");
    if (view == NULL) {
        return false;
    }
    /* The dump beside the view, wherever both are moved to. */
    (void)fprintf(view,
                  "[*] cbit: pins of the AES engine of channel %" PRIu32 "\n[dumpfile] \"%s\"\n",
                  waves->config.channel, slash == NULL ? waves->path : slash + 1);
    view_pins(view, "engine", waves->engine, ENGINE_PINS);
    view_pins(view, "writes: encrypt", waves->lane[CBIT_AES_ENCRYPT], LANE_PINS);
    view_pins(view, "reads: decrypt", waves->lane[CBIT_AES_DECRYPT], LANE_PINS);
    return fclose(view) == 0;
}

cbit_err_t cbit_pin_waves_finish(cbit_pin_waves_t *waves, uint64_t *edges, cbit_diag_t *diag)
{
    if (waves->any) { /* the last edge is seen to fall */
        const cbit_clock_t *clock = &waves->config.clock;
        fstWriterEmitTimeChange(waves->fst, waves->last_ps + cbit_clock_span_ps(clock, 1) / 2);
        put_quiet(waves);
        put(waves, &waves->engine[CLK], 0, 1);
    }
    const bool whole = fstWriterGetFseekFailed(waves->fst) == 0;
    fstWriterClose(waves->fst);
    waves->fst = NULL;
    if (!whole || rename(waves->beside, waves->path) != 0 || !write_view(waves)) {
        return cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "%s cannot be written", waves->path);
    }
    waves->finished = true;
    *edges = waves->edges;
    return CBIT_ERR_OK;
}

void cbit_pin_waves_destroy(cbit_pin_waves_t *waves)
{
    if (waves == NULL) {
        return;
    }
    if (waves->fst != NULL) {
        fstWriterClose(waves->fst);
    }
    if (!waves->finished) {
        (void)remove(waves->beside);
    }
    free(waves);
}
