/* The engine at its pins. Named after the modules of rtl/: port, pipe, fifo, key store. */
#include "cbit/aes/pins.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/aes/cipher.h"

enum {
    MAX_DEPTH = 21,
    EXPANDED = 10, /* the key expansion has made round key 10 */
};

typedef struct beat {
    bool valid;
    bool plain;
    bool decrypt;
    bool last;
    uint8_t tag;
    uint8_t error;
    bool pending; /* data are still as they came: the line is computed in one piece */
    bool xe;
    uint16_t slot;
    cbit_spa_t spa;
    uint8_t data[CBIT_BLOCK_BYTES]; /* as they will leave */
} beat_t;

/* Entry register to exit register; stage s is at ring[(entry + s) mod depth]. */
typedef struct pipe {
    beat_t ring[MAX_DEPTH];
    uint32_t entry;
} pipe_t;

typedef struct port {
    bool first; /* the next beat begins a line */
    bool line_plain;
    bool held; /* a plain beat was offered and not taken */
    uint8_t line_error;
    uint16_t line_slot; /* of the cipher: the line's own key after its slot was rewritten */
    beat_t fifo[MAX_DEPTH];
    uint32_t head, count;
    beat_t *pending[CBIT_LINE_BEATS]; /* of the line that is entering */
    uint32_t pending_count;
} port_t;

/* What a lane does on this clock: the combinational part of aes_port. */
typedef struct moves {
    bool accept, take, pop, room;
    bool waits; /* a plain beat is offered and not taken */
} moves_t;

struct cbit_aes_pins {
    cbit_aes_pins_config_t config;
    uint32_t depth;
    cbit_cipher_t *cipher[2]; /* [xe]; slots beyond key_slots: one for each lane's open line */
    uint8_t (*key)[CBIT_KEY_BYTES];
    uint32_t expand; /* round key that the expansion stands at */
    bool busy;
    uint32_t wipe_slot;
    bool last_decrypt;
    pipe_t pipe[CBIT_AES_LANES]; /* [0] serves both when shared */
    port_t port[CBIT_AES_LANES];
};

static beat_t *stage(const cbit_aes_pins_t *pins, pipe_t *pipe, uint32_t index)
{
    uint32_t at = pipe->entry + index;
    return &pipe->ring[at < pins->depth ? at : at - pins->depth];
}

static pipe_t *pipe_of(cbit_aes_pins_t *pins, uint32_t lane)
{
    return &pins->pipe[pins->config.shared_lane ? 0 : lane];
}

/* ---- data ---------------------------------------------------------------------------------- */

static void crypt(cbit_aes_pins_t *pins, const beat_t *like, cbit_spa_t spa, const uint8_t *in,
                  uint8_t *out, uint32_t len_bytes)
{
    cbit_cipher_t *cipher = pins->cipher[like->xe];
    cbit_err_t (*by)(cbit_cipher_t *, uint32_t, cbit_spa_t, const uint8_t *, uint8_t *, uint32_t) =
        like->decrypt ? cbit_cipher_decrypt : cbit_cipher_encrypt;
    (void)by(cipher, like->slot, spa, in, out, len_bytes); /* a slot that is loaded */
}

/* Four beats that are the four blocks of one line, in whatever order. */
static bool is_whole_line(const port_t *port)
{
    const beat_t *first = port->pending[0];
    uint32_t blocks = 0;
    for (uint32_t i = 0; i < port->pending_count; i++) {
        const beat_t *beat = port->pending[i];
        if (beat->xe != first->xe || beat->spa / CBIT_LINE_BYTES != first->spa / CBIT_LINE_BYTES) {
            return false;
        }
        blocks |= 1u << beat->spa % CBIT_LINE_BYTES / CBIT_BLOCK_BYTES;
    }
    return blocks == (1u << CBIT_LINE_BEATS) - 1;
}

/* One call of OpenSSL a line instead of one a beat: the call costs more than the cipher. */
static void compute_line(cbit_aes_pins_t *pins, const port_t *port)
{
    uint8_t in[CBIT_LINE_BYTES], out[CBIT_LINE_BYTES];
    const beat_t *first = port->pending[0];
    for (uint32_t i = 0; i < CBIT_LINE_BEATS; i++) {
        memcpy(in + port->pending[i]->spa % CBIT_LINE_BYTES, port->pending[i]->data,
               CBIT_BLOCK_BYTES);
    }
    crypt(pins, first, first->spa - first->spa % CBIT_LINE_BYTES, in, out, sizeof out);
    for (uint32_t i = 0; i < CBIT_LINE_BEATS; i++) {
        memcpy(port->pending[i]->data, out + port->pending[i]->spa % CBIT_LINE_BYTES,
               CBIT_BLOCK_BYTES);
    }
}

/* Before keys, constants or a wipe change what the line's beats would be, and before one leaves. */
static void compute(cbit_aes_pins_t *pins, port_t *port)
{
    if (port->pending_count == 0) {
        return;
    }
    bool whole = is_whole_line(port);
    if (whole) {
        compute_line(pins, port);
    }
    for (uint32_t i = 0; i < port->pending_count; i++) {
        beat_t *beat = port->pending[i];
        if (!whole) {
            crypt(pins, beat, beat->spa, beat->data, beat->data, sizeof beat->data);
        }
        beat->pending = false;
    }
    port->pending_count = 0;
}

static void compute_all(cbit_aes_pins_t *pins)
{
    compute(pins, &pins->port[CBIT_AES_ENCRYPT]);
    compute(pins, &pins->port[CBIT_AES_DECRYPT]);
}

/* ---- keys and constants -------------------------------------------------------------------- */

static void set_key(cbit_aes_pins_t *pins, uint32_t slot, const uint8_t *key)
{
    for (uint32_t xe = 0; xe < 2; xe++) {
        if (cbit_cipher_set_key(pins->cipher[xe], slot, key) != CBIT_ERR_OK) {
            abort(); /* out of memory: there is nothing to compare with any more */
        }
    }
}

static void clear_all_keys(cbit_aes_pins_t *pins)
{
    for (uint32_t slot = 0; slot < pins->config.key_slots; slot++) {
        if (cbit_cipher_loaded(pins->cipher[0], slot)) {
            set_key(pins, slot, NULL);
        }
    }
    OPENSSL_cleanse(pins->key, pins->config.key_slots * sizeof pins->key[0]);
}

static void write_tweak(cbit_aes_pins_t *pins, uint32_t index, const uint8_t *t)
{
    cbit_cipher_set_tweak(pins->cipher[0], index, t);
    cbit_cipher_set_tweak(pins->cipher[1], index, t);
}

static void reset(cbit_aes_pins_t *pins)
{
    static const uint8_t zero[CBIT_BLOCK_BYTES];
    memset(pins->pipe, 0, sizeof pins->pipe);
    memset(pins->port, 0, sizeof pins->port);
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        pins->port[lane].first = true;
    }
    for (uint32_t i = CBIT_TWEAK_FIRST_BIT; pins->config.parity && i <= CBIT_TWEAK_LAST_BIT; i++) {
        write_tweak(pins, i, zero);
    }
    clear_all_keys(pins);
    pins->expand = 0;
    pins->busy = false;
    pins->wipe_slot = 0;
    pins->last_decrypt = false;
}

cbit_err_t cbit_aes_pins_create(const cbit_aes_pins_config_t *config, cbit_aes_pins_t **out)
{
    if (config->key_slots < 1 || config->key_slots > 1024 || config->stages_per_round < 1 ||
        config->stages_per_round > 2) {
        return CBIT_ERR_RANGE;
    }
    cbit_aes_pins_t *pins = calloc(1, sizeof *pins);
    if (pins == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    pins->config = *config;
    pins->depth = 10 * config->stages_per_round + 1;
    pins->key = calloc(config->key_slots, sizeof pins->key[0]);
    cbit_tweak_t tweak;
    cbit_tweak_init(&tweak, CBIT_TWEAK_ZERO, 0);
    cbit_err_t err = pins->key == NULL ? CBIT_ERR_NO_MEMORY : CBIT_ERR_OK;
    for (uint32_t xe = 0; xe < 2 && err == CBIT_ERR_OK; xe++) {
        err = cbit_cipher_create(config->key_slots + CBIT_AES_LANES, &tweak, xe != 0,
                                 &pins->cipher[xe]);
    }
    if (err != CBIT_ERR_OK) {
        cbit_aes_pins_destroy(pins);
        return err;
    }
    reset(pins);
    *out = pins;
    return CBIT_ERR_OK;
}

void cbit_aes_pins_destroy(cbit_aes_pins_t *pins)
{
    if (pins == NULL) {
        return;
    }
    cbit_cipher_destroy(pins->cipher[0]);
    cbit_cipher_destroy(pins->cipher[1]);
    if (pins->key != NULL) {
        OPENSSL_cleanse(pins->key, pins->config.key_slots * sizeof pins->key[0]);
    }
    free(pins->key);
    OPENSSL_cleanse(pins, sizeof *pins);
    free(pins);
}

/* ---- combinational ------------------------------------------------------------------------- */

static void show(cbit_aes_lane_out_t *out, const beat_t *beat)
{
    out->valid = true;
    out->last = beat->last;
    out->tag = beat->tag;
    out->error = beat->error;
    memcpy(out->data, beat->data, sizeof out->data);
}

/* The output side: who has it, and whether it is taken. */
static void eval_output(cbit_aes_pins_t *pins, uint32_t lane, bool out_ready, moves_t *moves,
                        cbit_aes_lane_out_t *out)
{
    port_t *port = &pins->port[lane];
    const beat_t *done = stage(pins, pipe_of(pins, lane), pins->depth - 1);
    if (done->valid && done->pending) {
        compute(pins, &pins->port[done->decrypt ? CBIT_AES_DECRYPT : CBIT_AES_ENCRYPT]);
    }
    bool mine =
        done->valid && (!pins->config.shared_lane || done->decrypt == (lane == CBIT_AES_DECRYPT));
    bool from_pipe = mine && !port->held;
    bool from_fifo = port->count > 0 && !from_pipe;
    out->valid = false;
    if (from_pipe) {
        show(out, done);
    } else if (from_fifo) {
        show(out, &port->fifo[port->head]);
    }
    moves->take = from_pipe && out_ready;
    moves->pop = from_fifo && out_ready;
    moves->waits = from_fifo && !out_ready;
    moves->room = port->count < pins->depth || moves->pop;
}

/* The input side; a shared pipeline is granted to one lane, ties alternate. */
static void eval_inputs(cbit_aes_pins_t *pins, const cbit_aes_pins_in_t *in,
                        moves_t moves[CBIT_AES_LANES], cbit_aes_pins_out_t *out)
{
    bool shared = pins->config.shared_lane;
    bool wants[CBIT_AES_LANES], any_take = moves[0].take || moves[1].take;
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        wants[lane] = in->lane[lane].valid && moves[lane].room;
    }
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        bool full = stage(pins, pipe_of(pins, lane), pins->depth - 1)->valid;
        bool enable = !full || (shared ? any_take : moves[lane].take);
        bool is_decrypt = lane == CBIT_AES_DECRYPT;
        bool granted = !shared || !(wants[1 - lane] && pins->last_decrypt == is_decrypt);
        out->lane[lane].ready = enable && moves[lane].room && granted;
        moves[lane].accept = out->lane[lane].ready && in->lane[lane].valid;
    }
}

/* ---- the edge ------------------------------------------------------------------------------ */

/* Everything that has not reached the exit loses its key. */
static void wipe_pipe(cbit_aes_pins_t *pins, pipe_t *pipe)
{
    for (uint32_t s = 0; s + 1 < pins->depth; s++) {
        beat_t *beat = stage(pins, pipe, s);
        if (beat->valid && !beat->plain && beat->error == CBIT_AES_OK) {
            beat->error = CBIT_AES_FAULT;
            memset(beat->data, 0, sizeof beat->data);
        }
    }
}

/* The first beat samples loaded, bypass and key for the line. */
static void begin_line(cbit_aes_pins_t *pins, uint32_t lane, const cbit_aes_pins_in_t *in)
{
    port_t *port = &pins->port[lane];
    const cbit_aes_lane_in_t *beat = &in->lane[lane];
    bool loaded = beat->slot < pins->config.key_slots &&
                  cbit_cipher_loaded(pins->cipher[0], beat->slot) && !in->zeroise;
    port->line_plain = beat->bypass;
    port->line_slot = beat->slot;
    port->line_error = beat->bypass || loaded ? CBIT_AES_OK : CBIT_AES_NOT_LOADED;
}

static void enter(cbit_aes_pins_t *pins, uint32_t lane, const cbit_aes_pins_in_t *in)
{
    port_t *port = &pins->port[lane];
    const cbit_aes_lane_in_t *from = &in->lane[lane];
    if (port->first) {
        begin_line(pins, lane, in);
    } else if (in->zeroise && !port->line_plain && port->line_error == CBIT_AES_OK) {
        port->line_error = CBIT_AES_FAULT;
    }
    bool around = port->line_plain && !pins->config.bypass_in_order;
    beat_t *beat = around ? &port->fifo[(port->head + port->count) % pins->depth]
                          : stage(pins, pipe_of(pins, lane), 0);
    beat->valid = true;
    beat->plain = port->line_plain;
    beat->decrypt = lane == CBIT_AES_DECRYPT;
    beat->last = from->last;
    beat->tag = from->tag;
    beat->error = port->line_error;
    beat->pending = !port->line_plain && beat->error == CBIT_AES_OK;
    memcpy(beat->data, from->data, sizeof beat->data);
    if (!port->line_plain && beat->error != CBIT_AES_OK) {
        memset(beat->data, 0, sizeof beat->data);
    }
    if (beat->pending) {
        beat->xe = in->xe;
        beat->slot = port->line_slot;
        beat->spa = from->spa & ~UINT64_C(15);
        port->pending[port->pending_count++] = beat;
    }
    if (from->last || port->pending_count == CBIT_LINE_BEATS) {
        compute(pins, port);
    }
    port->count += around ? 1 : 0;
    port->first = from->last;
}

/* The pipe moves one stage; what stood at the exit has left. */
static void shift(cbit_aes_pins_t *pins, pipe_t *pipe)
{
    pipe->entry = pipe->entry == 0 ? pins->depth - 1 : pipe->entry - 1;
    stage(pins, pipe, 0)->valid = false;
}

static void step_lanes(cbit_aes_pins_t *pins, const cbit_aes_pins_in_t *in,
                       const moves_t moves[CBIT_AES_LANES])
{
    bool any_take = moves[0].take || moves[1].take;
    if (in->zeroise) {
        compute_all(pins);
    }
    uint32_t pipes = pins->config.shared_lane ? 1 : CBIT_AES_LANES;
    for (uint32_t p = 0; p < pipes; p++) {
        pipe_t *pipe = &pins->pipe[p];
        bool enable =
            !stage(pins, pipe, pins->depth - 1)->valid || (pipes == 1 ? any_take : moves[p].take);
        if (in->zeroise) {
            wipe_pipe(pins, pipe);
        }
        if (enable) {
            shift(pins, pipe);
        }
    }
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        port_t *port = &pins->port[lane];
        port->held = moves[lane].waits;
        if (moves[lane].pop) {
            port->head = (port->head + 1) % pins->depth;
            port->count--;
        }
        if (moves[lane].accept) {
            enter(pins, lane, in);
            pins->last_decrypt = lane == CBIT_AES_DECRYPT;
        } else if (in->zeroise && !port->first && !port->line_plain &&
                   port->line_error == CBIT_AES_OK) {
            port->line_error = CBIT_AES_FAULT;
        }
    }
}

/* Lines under way keep the key that they began with. */
static void keep_key_of_open_lines(cbit_aes_pins_t *pins, uint32_t slot)
{
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        port_t *port = &pins->port[lane];
        if (!port->first && !port->line_plain && port->line_error == CBIT_AES_OK &&
            port->line_slot == slot) {
            port->line_slot = (uint16_t)(pins->config.key_slots + lane);
            set_key(pins, port->line_slot, pins->key[slot]);
        }
    }
}

static void step_keys(cbit_aes_pins_t *pins, const cbit_aes_pins_in_t *in, bool key_ready)
{
    bool transfer = in->key_valid && key_ready;
    bool run =
        in->key_valid && !in->key_clear && !in->zeroise && !pins->busy && pins->expand != EXPANDED;
    pins->expand = run ? pins->expand + 1 : 0;
    if (transfer && in->key_slot < pins->config.key_slots) {
        compute_all(pins);
        keep_key_of_open_lines(pins, in->key_slot);
        set_key(pins, in->key_slot, in->key_clear ? NULL : in->key);
        memcpy(pins->key[in->key_slot], in->key, sizeof in->key);
    }
    bool last = pins->wipe_slot == pins->config.key_slots - 1;
    pins->wipe_slot = pins->busy && !in->zeroise ? pins->wipe_slot + 1 : 0;
    pins->busy = in->zeroise || (pins->busy && !last);
    if (in->zeroise) {
        clear_all_keys(pins);
    }
}

void cbit_aes_pins_clock(cbit_aes_pins_t *pins, const cbit_aes_pins_in_t *in,
                         cbit_aes_pins_out_t *out)
{
    moves_t moves[CBIT_AES_LANES];
    if (in->reset) {
        reset(pins);
    }
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        eval_output(pins, lane, in->lane[lane].out_ready, &moves[lane], &out->lane[lane]);
    }
    eval_inputs(pins, in, moves, out);
    out->key_ready = (in->key_clear || pins->expand == EXPANDED) && !in->zeroise && !pins->busy;
    out->zeroise_busy = pins->busy;
    out->fault = false;
    if (in->reset) {
        return;
    }
    step_lanes(pins, in, moves);
    step_keys(pins, in, out->key_ready);
    if (in->tweak_valid) {
        compute_all(pins);
        write_tweak(pins, in->tweak_index, in->tweak_data);
    }
}

uint32_t cbit_aes_pins_inside(const cbit_aes_pins_t *pins, cbit_aes_lane_t lane)
{
    uint32_t inside = pins->port[lane].count;
    const pipe_t *pipe = &pins->pipe[pins->config.shared_lane ? 0 : lane];
    for (uint32_t s = 0; s < pins->depth; s++) {
        const beat_t *beat = &pipe->ring[s];
        inside += beat->valid && beat->decrypt == (lane == CBIT_AES_DECRYPT) ? 1 : 0;
    }
    return inside;
}
