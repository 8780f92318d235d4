/* Shortens a failing case: an attempt is kept when the device still differs from the model. */
#include <stdlib.h>
#include <string.h>

#include "cosim/campaign.h"

enum { MAX_RUNS = 3000 };

typedef struct shrink {
    const cbit_campaign_config_t *config;
    const cbit_device_maker_t *maker;
    cbit_case_t *best;
    cbit_campaign_result_t *scratch;
    uint32_t runs;
} shrink_t;

/* Takes the attempt for the best if it differs; frees whichever is not needed any more. */
static bool keep_if_it_fails(shrink_t *shrink, cbit_case_t *attempt)
{
    memset(shrink->scratch, 0, sizeof *shrink->scratch);
    cbit_coverage_init(&shrink->scratch->coverage, &shrink->config->pins);
    shrink->runs++;
    cbit_err_t err =
        cbit_campaign_run_case(shrink->config, shrink->maker, attempt, shrink->scratch);
    bool fails = err == CBIT_ERR_MISMATCH;
    if (fails) {
        cbit_case_free(shrink->best);
        *shrink->best = *attempt;
    } else {
        cbit_case_free(attempt);
    }
    return fails;
}

/* The lists that a case consists of: each lane's lines, then the events. */
enum { LISTS = CBIT_AES_LANES + 1 };

static uint32_t *list_count(cbit_case_t *what, uint32_t list)
{
    return list < CBIT_AES_LANES ? &what->line_count[list] : &what->event_count;
}

static void remove_items(cbit_case_t *what, uint32_t list, uint32_t first, uint32_t count)
{
    uint32_t *total = list_count(what, list);
    char *base = list < CBIT_AES_LANES ? (char *)what->lines[list] : (char *)what->events;
    size_t size = list < CBIT_AES_LANES ? sizeof what->lines[0][0] : sizeof what->events[0];
    memmove(base + first * size, base + (first + count) * size, (*total - first - count) * size);
    *total -= count;
}

/* Leaves out ever smaller stretches of a list. */
static bool shorten_list(shrink_t *shrink, uint32_t list)
{
    bool any = false;
    for (uint32_t chunk = *list_count(shrink->best, list); chunk > 0; chunk /= 2) {
        uint32_t at = 0;
        while (at < *list_count(shrink->best, list) && shrink->runs < MAX_RUNS) {
            cbit_case_t attempt;
            uint32_t left = *list_count(shrink->best, list) - at;
            if (cbit_case_copy(shrink->best, &attempt) != CBIT_ERR_OK) {
                return any;
            }
            remove_items(&attempt, list, at, chunk < left ? chunk : left);
            if (keep_if_it_fails(shrink, &attempt)) {
                any = true;
            } else {
                at += chunk;
            }
        }
    }
    return any;
}

/* ---- simpler things in place of random ones; each tried for the whole case at once ---- */

static void no_gaps(cbit_case_t *what)
{
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        for (uint32_t i = 0; i < what->line_count[lane]; i++) {
            memset(what->lines[lane][i].gap, 0, sizeof what->lines[lane][i].gap);
        }
    }
}

static void zero_data(cbit_case_t *what)
{
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        for (uint32_t i = 0; i < what->line_count[lane]; i++) {
            memset(what->lines[lane][i].data, 0, sizeof what->lines[lane][i].data);
        }
    }
}

static void zero_addresses(cbit_case_t *what)
{
    for (uint32_t lane = 0; lane < CBIT_AES_LANES; lane++) {
        for (uint32_t i = 0; i < what->line_count[lane]; i++) {
            what->lines[lane][i].spa = 0;
            what->lines[lane][i].first_block = 0;
        }
    }
}

static void no_stalls(cbit_case_t *what)
{
    what->stall_percent[0] = 0;
    what->stall_percent[1] = 0;
}

static void no_tweak(cbit_case_t *what)
{
    memset(&what->tweak, 0, sizeof what->tweak);
    what->xe = false;
}

static void early_events(cbit_case_t *what)
{
    for (uint32_t i = 0; i < what->event_count; i++) {
        what->events[i].at_clock = 0;
    }
}

static void (*const simpler[])(cbit_case_t *what) = {
    no_stalls, no_gaps, early_events, zero_data, zero_addresses, no_tweak,
};

static void simplify(shrink_t *shrink)
{
    for (uint32_t i = 0; i < sizeof simpler / sizeof simpler[0]; i++) {
        cbit_case_t attempt;
        if (shrink->runs >= MAX_RUNS || cbit_case_copy(shrink->best, &attempt) != CBIT_ERR_OK) {
            return;
        }
        simpler[i](&attempt);
        keep_if_it_fails(shrink, &attempt);
    }
}

cbit_err_t cbit_campaign_shrink(const cbit_campaign_config_t *config,
                                const cbit_device_maker_t *maker, cbit_case_t *what, uint32_t *runs)
{
    shrink_t shrink = {.config = config, .maker = maker, .best = what};
    shrink.scratch = malloc(sizeof *shrink.scratch);
    if (shrink.scratch == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    bool any = true;
    while (any && shrink.runs < MAX_RUNS) {
        any = false;
        for (uint32_t list = 0; list < LISTS; list++) {
            any = shorten_list(&shrink, list) || any;
        }
        simplify(&shrink);
    }
    free(shrink.scratch);
    *runs = shrink.runs;
    return CBIT_ERR_OK;
}
