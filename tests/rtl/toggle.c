/* Toggles of every variable that a .vlt file makes public. Verilator's own --coverage-toggle puts a
   branch for each bit into the model, which for the whole engine does not compile in useful time;
   here two masks beside each variable do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cosim/dut_engine.h"

typedef struct variable {
    cbit_dut_state_t state;
    size_t bytes;
    uint8_t *before, *risen, *fallen;
} variable_t;

struct bench_toggles {
    bool begun;
    uint32_t count, room;
    variable_t *variables;
};

/* The top module's ports stand among the variables as its own and as a wrapper's. */
static bool is_wanted(const char *name)
{
    return strstr(name, ".aes_engine.") != NULL;
}

static void add(bench_toggles_t *toggles, const cbit_dut_state_t *state)
{
    if (toggles->count == toggles->room) {
        toggles->room = toggles->room == 0 ? 1024 : 2 * toggles->room;
        toggles->variables = realloc(toggles->variables, toggles->room * sizeof(variable_t));
        if (toggles->variables == NULL) {
            bench_fail("no memory", NULL);
        }
    }
    variable_t *variable = &toggles->variables[toggles->count++];
    size_t bytes = (size_t)bench_word_bytes(state->width) * state->words;
    *variable = (variable_t){.state = *state, .bytes = bytes, .before = calloc(3, bytes)};
    if (variable->before == NULL) {
        bench_fail("no memory", NULL);
        return; /* not reached */
    }
    variable->risen = variable->before + bytes;
    variable->fallen = variable->risen + bytes;
}

static void watch(void *self)
{
    bench_toggles_t *toggles = self;
    for (uint32_t i = 0; i < toggles->count; i++) {
        variable_t *variable = &toggles->variables[i];
        const uint8_t *now = variable->state.data;
        uint8_t *before = variable->before;
        if (memcmp(now, before, variable->bytes) == 0) {
            continue;
        }
        for (size_t k = 0; toggles->begun && k < variable->bytes; k++) {
            variable->risen[k] |= (uint8_t)(now[k] & ~before[k]);
            variable->fallen[k] |= (uint8_t)(~now[k] & before[k]);
        }
        memcpy(before, now, variable->bytes);
    }
    toggles->begun = true;
}

bench_toggles_t *bench_toggles_watch(const cbit_dut_t *dut, const cbit_device_t *device)
{
    bench_toggles_t *toggles = calloc(1, sizeof *toggles);
    cbit_dut_state_t state;
    if (toggles == NULL) {
        bench_fail("no memory", NULL);
        return NULL; /* not reached */
    }
    for (uint32_t i = 0; cbit_dut_state(dut, i, &state); i++) {
        if (is_wanted(state.name)) {
            add(toggles, &state);
        }
    }
    cbit_dut_engine_watch(device, watch, toggles);
    return toggles;
}

static bool has_toggled(const variable_t *variable, uint32_t word, uint32_t bit)
{
    size_t at = (size_t)word * bench_word_bytes(variable->state.width) + bit / 8;
    return ((variable->risen[at] & variable->fallen[at]) >> bit % 8 & 1) != 0;
}

static void write_variable(FILE *file, const char *set, const variable_t *variable)
{
    const cbit_dut_state_t *state = &variable->state;
    uint32_t done = 0;
    for (uint32_t word = 0; word < state->words; word++) {
        for (uint32_t bit = 0; bit < state->width; bit++) {
            done += has_toggled(variable, word, bit) ? 1 : 0;
        }
    }
    fprintf(file, "%s|%s|%u|%u|", set, state->name, (unsigned)(state->width * state->words),
            (unsigned)done);
    for (uint32_t word = 0; word < state->words; word++) {
        for (uint32_t bit = 0; bit < state->width; bit++) {
            if (!has_toggled(variable, word, bit)) {
                if (state->words > 1) {
                    fprintf(file, "[%u]", (unsigned)word);
                }
                fprintf(file, "[%u] ", (unsigned)bit);
            }
        }
    }
    fprintf(file, "\n");
}

bool bench_toggles_write(const bench_toggles_t *toggles, const char *set, const char *path)
{
    FILE *file = fopen(path, "w");
    for (uint32_t i = 0; file != NULL && i < toggles->count; i++) {
        write_variable(file, set, &toggles->variables[i]);
    }
    return file != NULL && fclose(file) == 0;
}

void bench_toggles_free(bench_toggles_t *toggles)
{
    for (uint32_t i = 0; i < toggles->count; i++) {
        free(toggles->variables[i].before);
    }
    free(toggles->variables);
    free(toggles);
}
