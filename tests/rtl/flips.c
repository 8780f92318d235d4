/* Every register bit flipped, on many clocks: with PARITY each is seen before or with the first
   wrong pin, or has no effect. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cosim/compare.h"
#include "cosim/dut_engine.h"

enum { MAX_STATE = 8192, DEFAULT_HORIZON = 160, WARM_UP = 120, STICKY_CLOCKS = 40 };

typedef struct flipper {
    cbit_dut_t *dut;
    cbit_device_t device;
    const uint8_t *fault; /* pin */
    const bench_trace_t *trace;
    uint32_t horizon;
    uint32_t states;
    cbit_dut_state_t state[MAX_STATE];
    size_t bytes;
    uint8_t *saved;
    bench_flips_t *out;
} flipper_t;

uint32_t bench_word_bytes(uint32_t bits)
{
    return bits <= 8 ? 1 : bits <= 16 ? 2 : bits <= 32 ? 4 : bits <= 64 ? 8 : (bits + 31) / 32 * 4;
}

static size_t state_bytes(const cbit_dut_state_t *state)
{
    return (size_t)bench_word_bytes(state->width) * state->words;
}

static void save(flipper_t *flipper)
{
    uint8_t *to = flipper->saved;
    for (uint32_t i = 0; i < flipper->states; i++) {
        memcpy(to, flipper->state[i].data, state_bytes(&flipper->state[i]));
        to += state_bytes(&flipper->state[i]);
    }
}

static void restore(flipper_t *flipper)
{
    const uint8_t *from = flipper->saved;
    for (uint32_t i = 0; i < flipper->states; i++) {
        memcpy(flipper->state[i].data, from, state_bytes(&flipper->state[i]));
        from += state_bytes(&flipper->state[i]);
    }
}

bool bench_is_register(const char *name)
{
    size_t len = strlen(name);
    return len > 2 && strcmp(name + len - 2, "_q") == 0;
}

bool bench_choose(const cbit_dut_t *dut, uint32_t mutant)
{
    const cbit_dut_port_t *select = cbit_dut_find(dut, "mutsel");
    if (select == NULL || select->width > 16) {
        return false;
    }
    memcpy(select->data, &mutant, select->width <= 8 ? 1 : 2);
    return true;
}

static void open_device(flipper_t *flipper, cbit_dut_library_t *library, uint32_t mutant)
{
    cbit_dut_state_t state;
    if (cbit_dut_create(library, 1, &flipper->dut) != CBIT_ERR_OK) {
        bench_fail("no memory", NULL);
    }
    if (mutant != 0 && !bench_choose(flipper->dut, mutant)) {
        bench_fail("the netlist has no input mutsel of at most 16 bits", NULL);
    }
    flipper->fault = cbit_dut_find(flipper->dut, "fault_o")->data;
    for (uint32_t i = 0; cbit_dut_state(flipper->dut, i, &state); i++) {
        if (bench_is_register(state.name)) {
            if (flipper->states == MAX_STATE) {
                bench_fail("more registers than expected", NULL);
            }
            flipper->state[flipper->states++] = state;
            flipper->bytes += state_bytes(&state);
        }
    }
    flipper->saved = malloc(flipper->bytes + 1);
    if (flipper->states == 0 || flipper->saved == NULL ||
        cbit_dut_engine_device(flipper->dut, &flipper->device) != CBIT_ERR_OK) {
        bench_fail("no registers can be reached", NULL);
    }
}

/* Goes on from `clock`: true when something is wrong before fault_o is high. */
static bool escapes(flipper_t *flipper, uint32_t clock, bool *seen, char *text, size_t len)
{
    const bench_trace_t *trace = flipper->trace;
    uint32_t end =
        clock + flipper->horizon < trace->clocks ? clock + flipper->horizon : trace->clocks;
    for (uint32_t t = clock; t < end; t++) {
        cbit_aes_pins_out_t out;
        flipper->device.clock(flipper->device.self, &trace->in[t], &out);
        if (out.fault) {
            *seen = true;
            return false;
        }
        if (!cbit_pins_equal(&trace->out[t], &out)) {
            cbit_pins_describe(&trace->out[t], &out, text, len);
            return true;
        }
    }
    return false;
}

static void flip_bit(flipper_t *flipper, const cbit_dut_state_t *state, uint32_t word, uint32_t bit,
                     uint32_t clock)
{
    bench_flips_t *counts = flipper->out;
    uint8_t *byte = state->data + (size_t)word * bench_word_bytes(state->width) + bit / 8;
    char text[160] = "";
    bool seen = false;
    counts->flips++;
    *byte ^= (uint8_t)(1u << bit % 8);
    cbit_dut_eval(flipper->dut);
    if (*flipper->fault != 0) {
        counts->seen_at_once++;
        *byte ^= (uint8_t)(1u << bit % 8);
        return;
    }
    if (escapes(flipper, clock, &seen, text, sizeof text)) {
        if (counts->escaped++ == 0) {
            snprintf(counts->first_escape, sizeof counts->first_escape,
                     "%.60s word %u bit %u at clock %u: %.120s", state->name, (unsigned)word,
                     (unsigned)bit, (unsigned)clock, text);
        }
    } else {
        counts->seen_later += seen ? 1 : 0;
        counts->no_effect += seen ? 0 : 1;
    }
    restore(flipper);
}

static void flip_phase(flipper_t *flipper, uint32_t clock)
{
    save(flipper);
    for (uint32_t i = 0; i < flipper->states; i++) {
        const cbit_dut_state_t *state = &flipper->state[i];
        for (uint32_t word = 0; word < state->words; word++) {
            for (uint32_t bit = 0; bit < state->width; bit++) {
                flip_bit(flipper, state, word, bit, clock);
            }
        }
    }
    cbit_dut_eval(flipper->dut);
}

/* Runs the trace, with all flips on random clocks of it; false when it differs by itself. */
static bool run_trace(flipper_t *flipper, uint32_t phases, cbit_rng_t *rng)
{
    const bench_trace_t *trace = flipper->trace;
    uint32_t stretch = (trace->clocks - WARM_UP) / (phases + 1), phase = 0;
    uint32_t next = WARM_UP + (uint32_t)cbit_rng_below(rng, stretch);
    for (uint32_t t = 0; t < trace->clocks && phase < phases; t++) {
        cbit_aes_pins_out_t actual;
        if (t == next) {
            flip_phase(flipper, t);
            phase++;
            next = WARM_UP + phase * stretch + (uint32_t)cbit_rng_below(rng, stretch);
        }
        flipper->device.clock(flipper->device.self, &trace->in[t], &actual);
        /* Before the first edge in reset nothing is defined. */
        if (t > 0 && !cbit_pins_equal(&trace->out[t], &actual)) {
            cbit_pins_describe(&trace->out[t], &actual, flipper->out->first_escape,
                               sizeof flipper->out->first_escape);
            fprintf(stderr, "clock %u: %s\n", (unsigned)t, flipper->out->first_escape);
            return false;
        }
    }
    return true;
}

/* A bit of the pipeline is wrong for as long as it is there; fault_o stays high after that too,
   until reset. Anything else counts as an escape. */
static void check_sticky(flipper_t *flipper)
{
    bench_flips_t *counts = flipper->out;
    cbit_aes_pins_in_t in = {.lane = {{.out_ready = true}, {.out_ready = true}}};
    cbit_aes_pins_out_t out = {0};
    uint32_t i = 0, high = 0;
    while (i < flipper->states && strstr(flipper->state[i].name, "u_state") == NULL) {
        i++;
    }
    if (i == flipper->states) {
        bench_fail("no register of the pipeline is found", NULL);
        return; /* not reached */
    }
    flipper->state[i].data[0] ^= 1;
    for (uint32_t t = 0; t < STICKY_CLOCKS; t++) {
        flipper->device.clock(flipper->device.self, &in, &out);
        high += out.fault ? 1 : 0;
    }
    in.reset = true;
    for (uint32_t t = 0; t < 3; t++) {
        flipper->device.clock(flipper->device.self, &in, &out);
    }
    counts->flips++;
    if (high == STICKY_CLOCKS && !out.fault) {
        counts->seen_at_once++;
    } else if (counts->escaped++ == 0) {
        snprintf(counts->first_escape, sizeof counts->first_escape,
                 "fault_o is high on %u of %u clocks after a flip, and %s after reset",
                 (unsigned)high, (unsigned)STICKY_CLOCKS, out.fault ? "high" : "low");
    }
}

bool bench_flip_all(cbit_dut_library_t *library, const bench_trace_t *trace, uint32_t mutant,
                    uint32_t phases, uint32_t horizon, uint64_t seed, bench_flips_t *out)
{
    flipper_t *flipper = calloc(1, sizeof *flipper);
    cbit_rng_t rng;
    if (flipper == NULL || trace->clocks < WARM_UP + 2 * phases) {
        bench_fail("the trace is too short", NULL);
        return false; /* not reached */
    }
    *flipper = (flipper_t){.trace = trace, .horizon = horizon, .out = out};
    open_device(flipper, library, mutant);
    cbit_rng_init(&rng, seed, 0);
    bool equal = run_trace(flipper, phases, &rng);
    if (equal) {
        check_sticky(flipper);
    }
    flipper->device.destroy(flipper->device.self);
    free(flipper->saved);
    free(flipper);
    return equal;
}

int bench_flips(int argc, char **argv)
{
    if (argc < 2) {
        return 2;
    }
    const cbit_parameters_t *set = bench_set(argv[0]);
    uint32_t phases = (uint32_t)strtoul(argv[1], NULL, 0);
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    bench_trace_t trace;
    bench_flips_t counts = {0};
    bench_trace_make(set, seed, 1, 400, &trace);
    cbit_dut_library_t *library =
        bench_build_rtl(set, &(bench_rtl_t){.root = CBIT_SOURCE_DIR, .registers = true});
    if (!bench_flip_all(library, &trace, 0, phases, DEFAULT_HORIZON, seed, &counts)) {
        bench_fail("the engine differs from its model without any flip", NULL);
    }
    cbit_dut_library_destroy(library);
    printf("%s: %llu flips (%llu bits on %u clocks of %u, seed %llu): %llu seen in the same clock, "
           "%llu before or with a wrong pin, %llu without effect, %llu escaped\n",
           set->name, (unsigned long long)counts.flips,
           (unsigned long long)(phases == 0 ? 0 : counts.flips / phases), (unsigned)phases,
           (unsigned)trace.clocks, (unsigned long long)seed,
           (unsigned long long)counts.seen_at_once, (unsigned long long)counts.seen_later,
           (unsigned long long)counts.no_effect, (unsigned long long)counts.escaped);
    bench_trace_free(&trace);
    if (counts.escaped > 0) {
        printf("first: %s\n", counts.first_escape);
    }
    printf("100%%: Checks: 1, Failures: %d, Errors: 0\n", counts.escaped > 0);
    return counts.escaped > 0 || counts.flips == 0;
}
