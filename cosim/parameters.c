#include "cosim/parameters.h"

#include <stddef.h>

const cbit_parameters_t cbit_parameter_sets[] = {
    {"platform",
     {.key_slots = 1024, .stages_per_round = 1},
     .help = "what scenarios run on: 1024 slots, two lanes, plain beats overtake"},
    {"small", {.key_slots = 16, .stages_per_round = 1}, .help = "the same with 16 slots"},
    {"shared",
     {.key_slots = 16, .stages_per_round = 1, .shared_lane = true},
     .help = "one pipeline for both directions"},
    {"in_order",
     {.key_slots = 16, .stages_per_round = 1, .bypass_in_order = true},
     .help = "plain beats go through the pipeline"},
    {"deep",
     {.key_slots = 16, .stages_per_round = 2},
     .help = "two stages a round: 21 clocks, half the logic between registers"},
    /* With tables as the others: of S-boxes in composite fields Verilator 5.006 makes 60 MB of C++,
       a quarter of an hour for a compiler, and they hold no state that parity could guard. That
       both codings are equal is proved (lemma_composite_sboxes). */
    {"safe",
     {.key_slots = 16, .stages_per_round = 1, .parity = true},
     .help = "parity over every register"},
    {.name = NULL},
};
