/*
 * Turns lines into beats on pins. An edge of the engine's clock is simulated only when something is
 * inside, offered or being written: the state of the engine does not change on others.
 */
#include "cosim/pin_engine.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cosim/compare.h"

enum {
    TAGS = 256,
    RESET_CLOCKS = 2,
    MAX_DEPTH_ECLK = 1000, /* a device that has not answered by then never will */
};

typedef enum state { FREE, WAITING, INSIDE, DONE } state_t;

typedef struct entry {
    cbit_aes_line_t line;
    cbit_aes_result_t result;
    uint32_t beats_out;
    state_t state;
} entry_t;

typedef struct lane {
    entry_t entry[TAGS];
    uint8_t order[TAGS]; /* tags of lines with beats still to be taken, oldest at head */
    uint32_t head, count;
    uint32_t beat; /* next beat of the oldest line */
} lane_t;

typedef struct key_write {
    uint64_t at_eclk;
    uint16_t slot;
    bool clear;
    uint8_t key[CBIT_KEY_BYTES];
} key_write_t;

typedef struct engine {
    cbit_aes_engine_config_t config;
    uint32_t channel;
    cbit_device_t device;
    cbit_device_t golden;     /* clock NULL: none */
    cbit_aes_engine_t shadow; /* arithmetic model; ops NULL: none */
    cbit_lockstep_report_t *report;
    cbit_pin_waves_t *waves; /* NULL: nobody looks */
    uint64_t now_eclk;
    uint32_t inside; /* beats taken and not yet out */
    cbit_aes_pins_in_t in;
    cbit_aes_counters_t counters;
    key_write_t *keys; /* ring of config.key_slots writes */
    uint32_t key_head, key_count;
    lane_t lane[CBIT_AES_LANES];
} engine_t;

/* ---- reports --------------------------------------------------------------------------------- */

static void mismatch(engine_t *engine, uint64_t eclk, const char *text)
{
    cbit_lockstep_report_t *report = engine->report;
    report->mismatches++;
    if (report->any) {
        return;
    }
    report->any = true;
    report->first_channel = engine->channel;
    report->first_eclk = eclk;
    snprintf(report->first_text, sizeof report->first_text, "%s", text);
}

static void compare_clock(engine_t *engine, uint64_t eclk, const cbit_aes_pins_out_t *actual)
{
    cbit_aes_pins_out_t expected;
    engine->golden.clock(engine->golden.self, &engine->in, &expected);
    engine->report->cycles++;
    for (uint32_t which = 0; which < CBIT_AES_LANES; which++) {
        engine->report->beats_compared += expected.lane[which].valid ? 1 : 0;
    }
    if (!cbit_pins_equal(&expected, actual)) {
        char text[200];
        cbit_pins_describe(&expected, actual, text, sizeof text);
        mismatch(engine, eclk, text);
    }
}

static void compare_line(engine_t *engine, cbit_aes_lane_t which, const entry_t *entry)
{
    char text[200];
    engine->report->lines_compared++;
    const cbit_aes_result_t *expected =
        engine->shadow.ops->take(engine->shadow.self, which, entry->line.tag);
    if (expected == NULL) {
        snprintf(text, sizeof text, "line %u left before the arithmetic model's", entry->line.tag);
        mismatch(engine, engine->now_eclk, text);
        return;
    }
    if (expected->error != entry->result.error ||
        expected->waited_eclk != entry->result.waited_eclk ||
        memcmp(expected->out_eclk, entry->result.out_eclk, sizeof expected->out_eclk) != 0 ||
        memcmp(expected->data, entry->result.data, sizeof expected->data) != 0) {
        snprintf(text, sizeof text, "line %u differs from the arithmetic model's", entry->line.tag);
        mismatch(engine, engine->now_eclk, text);
    }
}

/* ---- pins ------------------------------------------------------------------------------------ */

static void clock_both(engine_t *engine, uint64_t eclk, cbit_aes_pins_out_t *out)
{
    const uint64_t mismatches = engine->report == NULL ? 0 : engine->report->mismatches;
    engine->device.clock(engine->device.self, &engine->in, out);
    if (engine->golden.clock != NULL) {
        compare_clock(engine, eclk, out);
    }
    if (engine->waves != NULL) {
        const bool differs = engine->report != NULL && engine->report->mismatches != mismatches;
        cbit_pin_waves_edge(engine->waves, eclk, &engine->in, out, differs);
    }
}

static void drive_lane(engine_t *engine, uint32_t which, uint64_t eclk)
{
    const lane_t *lane = &engine->lane[which];
    cbit_aes_lane_in_t *in = &engine->in.lane[which];
    in->out_ready = true;
    in->valid = false;
    if (lane->count == 0) {
        return;
    }
    const cbit_aes_line_t *line = &lane->entry[lane->order[lane->head]].line;
    if (line->beat_eclk[lane->beat] > eclk) {
        return;
    }
    uint32_t block = (line->first_block + lane->beat) % CBIT_LINE_BEATS;
    in->valid = true;
    in->bypass = line->bypass;
    in->last = lane->beat == CBIT_LINE_BEATS - 1;
    in->tag = line->tag;
    in->slot = line->slot;
    in->spa = line->spa + block * CBIT_BLOCK_BYTES;
    memcpy(in->data, line->data + block * CBIT_BLOCK_BYTES, sizeof in->data);
}

static void beat_taken(engine_t *engine, uint32_t which)
{
    lane_t *lane = &engine->lane[which];
    engine->inside++;
    lane->entry[lane->order[lane->head]].state = INSIDE;
    if (++lane->beat == CBIT_LINE_BEATS) {
        lane->beat = 0;
        lane->head = (lane->head + 1) % TAGS;
        lane->count--;
    }
}

static void beat_left(engine_t *engine, uint32_t which, uint64_t eclk,
                      const cbit_aes_lane_out_t *out)
{
    entry_t *entry = &engine->lane[which].entry[out->tag];
    if (entry->state != INSIDE) {
        return; /* a broken engine's invention: lock-step has reported it */
    }
    const cbit_aes_line_t *line = &entry->line;
    uint32_t beat = entry->beats_out++;
    uint32_t block = (line->first_block + beat) % CBIT_LINE_BEATS;
    memcpy(entry->result.data + block * CBIT_BLOCK_BYTES, out->data, sizeof out->data);
    entry->result.out_eclk[beat] = eclk;
    if (out->error != 0) {
        entry->result.error = (cbit_aes_error_t)out->error;
    }
    engine->inside -= engine->inside > 0 ? 1 : 0;
    if (entry->beats_out == CBIT_LINE_BEATS) {
        bool around = line->bypass && !engine->config.bypass_in_order;
        entry->result.waited_eclk =
            eclk - line->beat_eclk[CBIT_LINE_BEATS - 1] - (around ? 1 : engine->config.depth_eclk);
        entry->state = DONE;
    }
    if (engine->report != NULL && line->bypass) {
        engine->report->bypassed++;
    }
}

static void drive_key(engine_t *engine, uint64_t eclk)
{
    const key_write_t *write = &engine->keys[engine->key_head];
    engine->in.key_valid = engine->key_count > 0 && write->at_eclk <= eclk;
    engine->in.key_clear = engine->in.key_valid && write->clear;
    if (engine->in.key_valid) {
        engine->in.key_slot = write->slot;
        memcpy(engine->in.key, write->key, sizeof engine->in.key);
    }
}

static void key_written(engine_t *engine)
{
    OPENSSL_cleanse(engine->in.key, sizeof engine->in.key);
    OPENSSL_cleanse(&engine->keys[engine->key_head], sizeof engine->keys[0]);
    engine->key_head = (engine->key_head + 1) % engine->config.key_slots;
    engine->key_count--;
}

static void clock_edge(engine_t *engine, uint64_t eclk)
{
    cbit_aes_pins_out_t out;
    for (uint32_t which = 0; which < CBIT_AES_LANES; which++) {
        drive_lane(engine, which, eclk);
    }
    drive_key(engine, eclk);
    clock_both(engine, eclk, &out);
    for (uint32_t which = 0; which < CBIT_AES_LANES; which++) {
        if (out.lane[which].valid) {
            beat_left(engine, which, eclk, &out.lane[which]);
        }
        if (out.lane[which].ready && engine->in.lane[which].valid) {
            beat_taken(engine, which);
        }
    }
    if (out.key_ready && engine->in.key_valid) {
        key_written(engine);
    }
}

/* ---- operations ------------------------------------------------------------------------------ */

static uint32_t engine_depth_eclk(const void *self)
{
    return ((const engine_t *)self)->config.depth_eclk;
}

/* Configuration comes before the first line and takes no edge of the engine's time. */
static void engine_tweak_write(void *self, uint32_t index, const uint8_t t[CBIT_BLOCK_BYTES])
{
    engine_t *engine = self;
    cbit_aes_pins_out_t out;
    engine->in.tweak_valid = true;
    engine->in.tweak_index = (uint8_t)index;
    memcpy(engine->in.tweak_data, t, sizeof engine->in.tweak_data);
    clock_both(engine, engine->now_eclk, &out);
    engine->in.tweak_valid = false;
    if (engine->shadow.ops != NULL) {
        engine->shadow.ops->tweak_write(engine->shadow.self, index, t);
    }
}

static uint64_t engine_key_write(void *self, uint64_t at_eclk, uint16_t slot, const uint8_t *key)
{
    engine_t *engine = self;
    if (slot >= engine->config.key_slots) {
        return 0; /* the device may have more slots than this engine is said to have */
    }
    engine->counters.key_writes++;
    if (engine->shadow.ops != NULL) {
        (void)engine->shadow.ops->key_write(engine->shadow.self, at_eclk, slot, key);
        engine->report->key_writes++;
    }
    if (engine->key_count == engine->config.key_slots) {
        abort(); /* the caller's bug: the contract bounds the writes under way */
    }
    uint32_t at = (engine->key_head + engine->key_count++) % engine->config.key_slots;
    key_write_t *write = &engine->keys[at];
    write->at_eclk = at_eclk > engine->now_eclk ? at_eclk : engine->now_eclk + 1;
    write->slot = slot;
    write->clear = key == NULL;
    if (key != NULL) {
        memcpy(write->key, key, sizeof write->key);
    }
    return 0; /* the device tells when it is ready */
}

static uint64_t engine_offer(void *self, cbit_aes_lane_t which, const cbit_aes_line_t *line)
{
    engine_t *engine = self;
    lane_t *lane = &engine->lane[which];
    entry_t *entry = &lane->entry[line->tag];
    if (entry->state != FREE) {
        abort(); /* the caller's bug: tags inside a lane are unique */
    }
    if (engine->shadow.ops != NULL) {
        (void)engine->shadow.ops->offer(engine->shadow.self, which, line);
    }
    memset(&entry->result, 0, sizeof entry->result);
    entry->line = *line;
    entry->beats_out = 0;
    entry->state = WAITING;
    lane->order[(lane->head + lane->count++) % TAGS] = line->tag;
    return 0; /* the device tells when they are out */
}

/* The next edge that has to be simulated; UINT64_MAX: none. */
static uint64_t next_edge(const engine_t *engine)
{
    uint64_t next_eclk = UINT64_MAX;
    if (engine->inside > 0 || engine->in.key_valid) {
        return engine->now_eclk + 1;
    }
    for (uint32_t which = 0; which < CBIT_AES_LANES; which++) {
        const lane_t *lane = &engine->lane[which];
        if (lane->count > 0) {
            const entry_t *entry = &lane->entry[lane->order[lane->head]];
            uint64_t at_eclk = entry->line.beat_eclk[lane->beat];
            next_eclk = at_eclk < next_eclk ? at_eclk : next_eclk;
        }
    }
    if (engine->key_count > 0 && engine->keys[engine->key_head].at_eclk < next_eclk) {
        next_eclk = engine->keys[engine->key_head].at_eclk;
    }
    return next_eclk > engine->now_eclk ? next_eclk : engine->now_eclk + 1;
}

static void engine_advance(void *self, uint64_t eclk)
{
    engine_t *engine = self;
    for (uint64_t next_eclk = next_edge(engine); next_eclk <= eclk; next_eclk = next_edge(engine)) {
        clock_edge(engine, next_eclk);
        engine->now_eclk = next_eclk;
    }
    engine->now_eclk = eclk > engine->now_eclk ? eclk : engine->now_eclk;
    if (engine->shadow.ops != NULL) {
        engine->shadow.ops->advance(engine->shadow.self, eclk);
    }
}

static const cbit_aes_result_t *engine_take(void *self, cbit_aes_lane_t which, uint8_t tag)
{
    engine_t *engine = self;
    entry_t *entry = &engine->lane[which].entry[tag];
    if (entry->state != DONE) {
        return NULL;
    }
    if (engine->shadow.ops != NULL) {
        compare_line(engine, which, entry);
    }
    entry->state = FREE;
    cbit_aes_count_line(&engine->counters, which, entry->line.bypass, entry->result.waited_eclk);
    return &entry->result;
}

static void engine_counters(const void *self, cbit_aes_counters_t *counters)
{
    *counters = ((const engine_t *)self)->counters;
}

static void engine_destroy(void *self)
{
    engine_t *engine = self;
    if (engine == NULL) {
        return;
    }
    engine->device.destroy(engine->device.self);
    if (engine->golden.destroy != NULL) {
        engine->golden.destroy(engine->golden.self);
    }
    if (engine->shadow.ops != NULL) {
        engine->shadow.ops->destroy(engine->shadow.self);
    }
    if (engine->keys != NULL) {
        OPENSSL_cleanse(engine->keys, engine->config.key_slots * sizeof engine->keys[0]);
    }
    free(engine->keys);
    OPENSSL_cleanse(&engine->in, sizeof engine->in);
    free(engine);
}

static const cbit_aes_engine_ops_t pin_ops = {
    .depth_eclk = engine_depth_eclk,
    .tweak_write = engine_tweak_write,
    .key_write = engine_key_write,
    .offer = engine_offer,
    .advance = engine_advance,
    .take = engine_take,
    .counters = engine_counters,
    .destroy = engine_destroy,
};

/* ---- making one ------------------------------------------------------------------------------ */

static void reset_device(const cbit_device_t *device)
{
    cbit_aes_pins_in_t in = {.reset = true};
    cbit_aes_pins_out_t out;
    for (uint32_t i = 0; i < RESET_CLOCKS; i++) {
        device->clock(device->self, &in, &out);
    }
}

uint32_t cbit_device_depth_eclk(const cbit_device_t *device)
{
    /* Slot 0 is not loaded: the beat is an error, which takes as long as any other. */
    cbit_aes_pins_in_t in = {.lane[CBIT_AES_DECRYPT] = {.valid = true, .last = true}};
    cbit_aes_pins_out_t out;
    reset_device(device);
    in.lane[CBIT_AES_DECRYPT].out_ready = true;
    device->clock(device->self, &in, &out);
    if (!out.lane[CBIT_AES_DECRYPT].ready) {
        return 0;
    }
    in.lane[CBIT_AES_DECRYPT].valid = false;
    for (uint32_t eclk = 1; eclk <= MAX_DEPTH_ECLK; eclk++) {
        device->clock(device->self, &in, &out);
        if (out.lane[CBIT_AES_DECRYPT].valid) {
            return eclk;
        }
    }
    return 0;
}

static bool supported(const cbit_aes_engine_config_t *config,
                      const cbit_aes_pins_config_t *device_config, uint32_t depth_eclk)
{
    return config->depth_eclk == depth_eclk && config->blocks_per_clock == 1 &&
           config->shared_lane == device_config->shared_lane &&
           config->bypass_in_order == device_config->bypass_in_order &&
           config->key_slots <= device_config->key_slots;
}

static cbit_err_t add_references(engine_t *engine, const cbit_aes_pins_config_t *device_config,
                                 cbit_lockstep_report_t *report)
{
    engine->report = report;
    cbit_err_t err = cbit_device_model(device_config, &engine->golden);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    reset_device(&engine->golden);
    return cbit_aes_model_factory.create(cbit_aes_model_factory.self, engine->channel,
                                         &engine->config, &engine->shadow);
}

static cbit_err_t fill_engine(engine_t *engine, const cbit_aes_pins_config_t *device_config,
                              cbit_lockstep_report_t *report)
{
    static const uint8_t zero[CBIT_BLOCK_BYTES];
    uint32_t depth_eclk = cbit_device_depth_eclk(&engine->device);
    if (!supported(&engine->config, device_config, depth_eclk)) {
        return CBIT_ERR_UNSUPPORTED;
    }
    reset_device(&engine->device);
    engine->keys = calloc(engine->config.key_slots, sizeof engine->keys[0]);
    cbit_err_t err = engine->keys == NULL ? CBIT_ERR_NO_MEMORY : CBIT_ERR_OK;
    if (err == CBIT_ERR_OK && report != NULL) {
        err = add_references(engine, device_config, report);
    }
    engine->in = (cbit_aes_pins_in_t){.xe = engine->config.xe};
    for (uint32_t i = CBIT_TWEAK_FIRST_BIT; err == CBIT_ERR_OK && i <= CBIT_TWEAK_LAST_BIT; i++) {
        engine_tweak_write(engine, i, zero);
    }
    return err;
}

void cbit_pin_engine_watch(const cbit_aes_engine_t *engine, cbit_pin_waves_t *waves)
{
    ((engine_t *)engine->self)->waves = waves;
}

cbit_err_t cbit_pin_engine_create(const cbit_aes_engine_config_t *config,
                                  const cbit_aes_pins_config_t *device_config, uint32_t channel,
                                  cbit_device_t device, cbit_lockstep_report_t *report,
                                  cbit_aes_engine_t *out)
{
    cbit_err_t err = cbit_aes_engine_check(config);
    engine_t *engine = err == CBIT_ERR_OK ? calloc(1, sizeof *engine) : NULL;
    if (engine == NULL) {
        device.destroy(device.self);
        return err == CBIT_ERR_OK ? CBIT_ERR_NO_MEMORY : err;
    }
    engine->config = *config;
    engine->channel = channel;
    engine->device = device;
    err = fill_engine(engine, device_config, report);
    if (err != CBIT_ERR_OK) {
        engine_destroy(engine);
        return err;
    }
    *out = (cbit_aes_engine_t){.self = engine, .ops = &pin_ops};
    return CBIT_ERR_OK;
}
