#include "cosim/follow.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/aes/cipher.h"

enum {
    PRIVATE,
    PLAIN,
    CLASSES,
    ROOM = 1024, /* beats of a class in a lane that are followed at once */
};

typedef struct beat {
    cbit_aes_lane_out_t out; /* what has to leave; ready means nothing */
    uint64_t entered;        /* clock */
    bool plain;
    bool maybe_wiped; /* or error 2 instead */
} beat_t;

typedef struct queue {
    beat_t beat[ROOM];
    uint32_t head, count;
} queue_t;

typedef struct lane {
    queue_t queue[CLASSES];
    bool open, plain; /* the line that is entering */
    uint8_t line_error;
    bool held;              /* a beat stands on the output and was not taken, */
    uint32_t held_class;    /* of this class, */
    cbit_aes_lane_out_t as; /* and looks like this */
    uint32_t still;         /* clocks without a move that had no reason */
} lane_t;

typedef struct slot {
    bool loaded;
    uint8_t key[CBIT_KEY_BYTES];
} slot_t;

typedef struct follow {
    cbit_aes_pins_config_t config;
    cbit_cipher_t *cipher[2]; /* XEX and XE; slot: the key of that lane's line */
    slot_t *slot;
    uint32_t key_still, busy_still;
    uint64_t clock;
    /* Clocks from entry to output of a private beat, the least so far; 0: none. */
    uint64_t least[CBIT_AES_LANES];
    lane_t lane[CBIT_AES_LANES];
} follow_t;

static beat_t *head_of(lane_t *lane, uint32_t class)
{
    queue_t *queue = &lane->queue[class];
    return queue->count == 0 ? NULL : &queue->beat[queue->head];
}

static void pop(lane_t *lane, uint32_t class)
{
    queue_t *queue = &lane->queue[class];
    queue->head = (queue->head + 1) % ROOM;
    queue->count--;
}

static void show(cbit_aes_lane_out_t *out, const cbit_aes_lane_out_t *beat)
{
    bool ready = out->ready;
    *out = *beat;
    out->valid = true;
    out->ready = ready;
}

/* ---- what leaves ----------------------------------------------------------------------------- */

/* The class whose turn the beat on the output takes, by its tag; CLASSES: nothing is inside. */
static uint32_t class_of(lane_t *lane, const cbit_aes_lane_out_t *actual)
{
    const beat_t *private = head_of(lane, PRIVATE), *plain = head_of(lane, PLAIN);
    if (plain != NULL && (private == NULL || private->out.tag != actual->tag)) {
        return private == NULL || plain->out.tag == actual->tag ? PLAIN : PRIVATE;
    }
    return private != NULL ? PRIVATE : CLASSES;
}

static void note_latency(follow_t *follow, uint32_t which, const beat_t *beat)
{
    uint64_t clocks = follow->clock - beat->entered, *least = &follow->least[which];
    if (!beat->plain && beat->out.error == CBIT_AES_OK && (*least == 0 || clocks < *least)) {
        *least = clocks;
    }
}

/* *out: what the engine shows, then what it should show. */
static void follow_output(follow_t *follow, uint32_t which, bool out_ready,
                          cbit_aes_lane_out_t *out)
{
    lane_t *lane = &follow->lane[which];
    if (!lane->held) {
        lane->held_class = out->valid ? class_of(lane, out) : CLASSES;
        if (lane->held_class == CLASSES) {
            out->valid = false;
            return;
        }
        const beat_t *beat = head_of(lane, lane->held_class);
        lane->as = beat->out;
        note_latency(follow, which, beat);
        if (beat->maybe_wiped && out->error == CBIT_AES_FAULT) {
            lane->as.error = CBIT_AES_FAULT;
            memset(lane->as.data, 0, sizeof lane->as.data);
        }
    }
    show(out, &lane->as);
    lane->held = !out_ready;
    if (out_ready) {
        pop(lane, lane->held_class);
    }
}

/* Nothing may stand still for ever: what should have moved is shown as expected. */
static void follow_progress(lane_t *lane, const cbit_aes_lane_in_t *in, bool moved,
                            cbit_aes_lane_out_t *out)
{
    bool inside = lane->queue[PRIVATE].count + lane->queue[PLAIN].count > 0;
    bool waits = (inside || in->valid) && in->out_ready;
    lane->still = moved || !(inside || in->valid) ? 0 : lane->still + (waits ? 1 : 0);
    if (lane->still <= CBIT_FOLLOW_PATIENCE) {
        return;
    }
    if (inside) {
        show(out, &head_of(lane, lane->queue[PRIVATE].count > 0 ? PRIVATE : PLAIN)->out);
    } else {
        out->ready = true;
    }
}

/* ---- what goes in ---------------------------------------------------------------------------- */

static void set_key(follow_t *follow, uint32_t lane, const uint8_t *key)
{
    for (uint32_t xe = 0; xe < 2; xe++) {
        if (cbit_cipher_set_key(follow->cipher[xe], lane, key) != CBIT_ERR_OK) {
            abort(); /* out of memory: there is nothing to compare with any more */
        }
    }
}

/* The first beat samples loaded, bypass and key for the line. */
static void begin_line(follow_t *follow, uint32_t which, const cbit_aes_pins_in_t *in)
{
    lane_t *lane = &follow->lane[which];
    const cbit_aes_lane_in_t *beat = &in->lane[which];
    bool loaded =
        beat->slot < follow->config.key_slots && follow->slot[beat->slot].loaded && !in->zeroise;
    lane->plain = beat->bypass;
    lane->line_error = beat->bypass || loaded ? CBIT_AES_OK : CBIT_AES_NOT_LOADED;
    if (!lane->plain && loaded) {
        set_key(follow, which, follow->slot[beat->slot].key);
    }
}

static void compute(follow_t *follow, uint32_t which, const cbit_aes_pins_in_t *in, beat_t *beat)
{
    const lane_t *lane = &follow->lane[which];
    const cbit_aes_lane_in_t *from = &in->lane[which];
    cbit_cipher_t *cipher = follow->cipher[in->xe ? 1 : 0];
    if (lane->plain) {
        memcpy(beat->out.data, from->data, sizeof beat->out.data);
    } else if (lane->line_error == CBIT_AES_OK) {
        (void)(which == CBIT_AES_DECRYPT ? cbit_cipher_decrypt : cbit_cipher_encrypt)(
            cipher, which, from->spa & ~UINT64_C(15), from->data, beat->out.data, CBIT_BLOCK_BYTES);
    }
}

static void enter(follow_t *follow, uint32_t which, const cbit_aes_pins_in_t *in)
{
    lane_t *lane = &follow->lane[which];
    const cbit_aes_lane_in_t *from = &in->lane[which];
    if (!lane->open) {
        begin_line(follow, which, in);
    }
    queue_t *queue = &lane->queue[lane->plain && !follow->config.bypass_in_order ? PLAIN : PRIVATE];
    beat_t *beat = &queue->beat[(queue->head + queue->count++) % ROOM];
    *beat = (beat_t){.out = {.last = from->last, .tag = from->tag, .error = lane->line_error},
                     .entered = follow->clock,
                     .plain = lane->plain};
    compute(follow, which, in, beat);
    lane->open = !from->last;
}

/*
 * Beats inside lose their key unless they are finished. One on the output is; one that has been
 * inside for less than half of the shortest way is not; of the others the engine may say either.
 */
static void wipe_beat(const follow_t *follow, uint32_t which, beat_t *beat)
{
    if (beat->plain || beat->out.error != CBIT_AES_OK) {
        return;
    }
    beat->maybe_wiped = true;
    if (2 * (follow->clock - beat->entered) < follow->least[which]) {
        beat->out.error = CBIT_AES_FAULT;
        memset(beat->out.data, 0, sizeof beat->out.data);
    }
}

static void wipe_lane(follow_t *follow, uint32_t which)
{
    lane_t *lane = &follow->lane[which];
    queue_t *queue = &lane->queue[PRIVATE];
    bool shown = lane->held && lane->held_class == PRIVATE;
    for (uint32_t i = shown ? 1 : 0; i < queue->count; i++) {
        wipe_beat(follow, which, &queue->beat[(queue->head + i) % ROOM]);
    }
    if (lane->open && !lane->plain && lane->line_error == CBIT_AES_OK) {
        lane->line_error = CBIT_AES_FAULT;
    }
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* True when a key write transfers on this edge. */
static bool follow_key(follow_t *follow, const cbit_aes_pins_in_t *in, cbit_aes_pins_out_t *out)
{
    bool wiping = in->zeroise || out->zeroise_busy;
    follow->busy_still = out->zeroise_busy && !in->zeroise ? follow->busy_still + 1 : 0;
    if (follow->busy_still > CBIT_FOLLOW_PATIENCE) {
        out->zeroise_busy = false;
    }
    if (!in->key_valid) {
        return false;
    }
    out->key_ready = out->key_ready && !wiping;
    follow->key_still = out->key_ready || wiping ? 0 : follow->key_still + 1;
    if (follow->key_still > CBIT_FOLLOW_PATIENCE) {
        out->key_ready = true;
    }
    return out->key_ready;
}

static void write_key(follow_t *follow, const cbit_aes_pins_in_t *in)
{
    if (in->key_slot < follow->config.key_slots) {
        slot_t *slot = &follow->slot[in->key_slot];
        slot->loaded = !in->key_clear;
        memcpy(slot->key, in->key, sizeof slot->key);
    }
}

static void forget_keys(follow_t *follow)
{
    OPENSSL_cleanse(follow->slot, follow->config.key_slots * sizeof follow->slot[0]);
}

/* ---- the device ------------------------------------------------------------------------------ */

static void reset(follow_t *follow)
{
    memset(follow->lane, 0, sizeof follow->lane);
    follow->key_still = 0;
    follow->busy_still = 0;
    forget_keys(follow);
}

static void follow_clock(void *self, const cbit_aes_pins_in_t *in, cbit_aes_pins_out_t *out)
{
    follow_t *follow = self;
    follow->clock++;
    if (in->reset) {
        reset(follow);
        return;
    }
    out->fault = false;
    bool key = follow_key(follow, in, out);
    for (uint32_t which = 0; which < CBIT_AES_LANES; which++) {
        lane_t *lane = &follow->lane[which];
        const queue_t *queue = lane->queue;
        out->lane[which].ready =
            out->lane[which].ready && queue[PRIVATE].count < ROOM && queue[PLAIN].count < ROOM;
        bool takes = in->lane[which].valid && out->lane[which].ready;
        bool gives = out->lane[which].valid && in->lane[which].out_ready;
        follow_output(follow, which, in->lane[which].out_ready, &out->lane[which]);
        follow_progress(lane, &in->lane[which], takes || gives, &out->lane[which]);
        if (in->zeroise) {
            wipe_lane(follow, which);
        }
        if (takes) {
            enter(follow, which, in);
        }
    }
    if (key) {
        write_key(follow, in);
    }
    if (in->zeroise) {
        forget_keys(follow);
    }
    for (uint32_t xe = 0; in->tweak_valid && xe < 2; xe++) {
        cbit_cipher_set_tweak(follow->cipher[xe], in->tweak_index, in->tweak_data);
    }
}

static uint32_t follow_inside(const void *self, cbit_aes_lane_t which)
{
    const lane_t *lane = &((const follow_t *)self)->lane[which];
    return lane->queue[PRIVATE].count + lane->queue[PLAIN].count;
}

static void follow_destroy(void *self)
{
    follow_t *follow = self;
    cbit_cipher_destroy(follow->cipher[0]);
    cbit_cipher_destroy(follow->cipher[1]);
    if (follow->slot != NULL) {
        forget_keys(follow);
    }
    free(follow->slot);
    free(follow);
}

cbit_err_t cbit_device_follow(const cbit_aes_pins_config_t *config, cbit_device_t *out)
{
    cbit_tweak_t none;
    follow_t *follow = calloc(1, sizeof *follow);
    if (follow == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    follow->config = *config;
    follow->slot = calloc(config->key_slots, sizeof follow->slot[0]);
    cbit_err_t err = follow->slot == NULL ? CBIT_ERR_NO_MEMORY : CBIT_ERR_OK;
    cbit_tweak_init(&none, CBIT_TWEAK_ZERO, 0);
    for (uint32_t xe = 0; xe < 2 && err == CBIT_ERR_OK; xe++) {
        err = cbit_cipher_create(CBIT_AES_LANES, &none, xe != 0, &follow->cipher[xe]);
    }
    if (err != CBIT_ERR_OK) {
        follow_destroy(follow);
        return err;
    }
    *out = (cbit_device_t){.self = follow,
                           .clock = follow_clock,
                           .inside = follow_inside,
                           .destroy = follow_destroy,
                           .follows = true};
    return CBIT_ERR_OK;
}
