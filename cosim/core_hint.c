#include "cosim/core_hint.h"

#include <stdio.h>
#include <string.h>

#include "cosim/core_check.h"

/* True when the core answers the stream rightly under these rules. */
static bool answers(const cbit_core_bench_t *bench, const cbit_core_rules_t *rules,
                    const cbit_core_stream_t *stream)
{
    cbit_core_bench_t other = *bench;
    cbit_core_counts_t counts = {0};
    cbit_core_mismatch_t mismatch = {.any = false};
    other.rules = rules;
    cbit_core_maker_t maker = cbit_core_bench_maker(&other);
    if (rules->output.handshake == CBIT_CORE_LATENCY && rules->output.latency_clocks == 0) {
        other.latency_clocks = cbit_core_find_latency(&maker, stream->max_cycles);
    }
    return cbit_core_stream_run(&maker, stream, &counts, &mismatch) == CBIT_ERR_OK;
}

/* "!x" for "x" and the other way round; false where there is no such port or no room. */
static bool turn(cbit_core_name_t name)
{
    size_t length = strlen(name);
    if (name[0] == '!') {
        memmove(name, name + 1, length);
        return true;
    }
    if (length == 0 || length == CBIT_CORE_NAME_MAX) {
        return false;
    }
    memmove(name + 1, name, length + 1);
    name[0] = '!';
    return true;
}

static bool find_polarity(const cbit_core_bench_t *bench, const cbit_core_stream_t *failing,
                          char *text, size_t len_bytes)
{
    cbit_core_rules_t rules = *bench->rules;
    const struct {
        const char *where;
        char *name;
    } ports[] = {
        {"/reset", rules.reset},
        {"/input/valid", rules.input.valid},
        {"/input/ready", rules.input.ready},
        {"/output/valid", rules.output.valid},
        {"/output/ready", rules.output.ready},
        {"/key_load/start", rules.key_load.start},
        {"/key_load/done", rules.key_load.done},
        {"/decrypt", rules.decrypt},
    };
    for (uint32_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        if (!turn(ports[i].name)) {
            continue;
        }
        if (answers(bench, &rules, failing)) {
            (void)snprintf(text, len_bytes,
                           "the other polarity: with %s \"%s\" in the adapter the answer is right",
                           ports[i].where, ports[i].name);
            return true;
        }
        (void)turn(ports[i].name);
    }
    return false;
}

static uint32_t other_order(uint32_t order)
{
    return order == CBIT_CORE_FIRST_HIGH ? CBIT_CORE_FIRST_LOW : CBIT_CORE_FIRST_HIGH;
}

/* The byte order, then the half of the key port. */
static bool find_order(const cbit_core_bench_t *bench, const cbit_core_stream_t *failing,
                       char *text, size_t len_bytes)
{
    static const struct {
        const char *what, *where, *high, *low;
    } words[2] = {
        {"bytes are the other way round", "/byte_order", "first_byte_high", "first_byte_low"},
        {"the key is in the other bits of its port", "/key_bits", "high", "low"},
    };
    for (uint32_t i = 0; i < 2; i++) {
        cbit_core_rules_t rules = *bench->rules;
        uint32_t *order = i == 0 ? &rules.byte_order : &rules.key_bits;
        *order = other_order(*order);
        if (answers(bench, &rules, failing)) {
            (void)snprintf(text, len_bytes, "%s: with %s \"%s\" in the adapter the answer is right",
                           words[i].what, words[i].where,
                           *order == CBIT_CORE_FIRST_LOW ? words[i].low : words[i].high);
            return true;
        }
    }
    return false;
}

bool cbit_core_hint_find(const cbit_core_bench_t *bench, const cbit_core_stream_t *failing,
                         char *text, size_t len_bytes)
{
    return find_polarity(bench, failing, text, len_bytes) ||
           find_order(bench, failing, text, len_bytes);
}
