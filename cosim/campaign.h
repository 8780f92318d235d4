/* Many cases, one after another, until enough beats have been compared or one case differs. */
#ifndef COSIM_CAMPAIGN_H
#define COSIM_CAMPAIGN_H

#include "cosim/run.h"

/* Where devices under test come from: a fresh one for each case, so that a case repeats alone. */
typedef struct cbit_device_maker {
    void *self;
    cbit_err_t (*make)(void *self, uint64_t seed, cbit_device_t *out);
} cbit_device_maker_t;

typedef struct cbit_campaign_config {
    cbit_aes_pins_config_t pins;
    uint64_t seed;
    uint64_t first_case;
    uint64_t cases;      /* at most so many; 0: no limit */
    uint64_t beats;      /* stops after the case that reaches it */
    uint64_t max_cycles; /* of one case; 0: no limit */
    bool full_rate;      /* both lanes full, nothing else: to measure speed */
    bool any_timing;     /* the device's clocks are its own: cosim/follow.h */
    bool bare;           /* compares nothing: to measure the device alone */
} cbit_campaign_config_t;

typedef struct cbit_campaign_result {
    cbit_run_counts_t counts;
    cbit_coverage_t coverage;
    cbit_run_mismatch_t mismatch;
    uint64_t cases;
    uint64_t failing_case; /* when mismatch.any */
} cbit_campaign_result_t;

/* MISMATCH when a case differs; whatever the maker says when it cannot make a device. */
cbit_err_t cbit_campaign_run(const cbit_campaign_config_t *config, const cbit_device_maker_t *maker,
                             cbit_campaign_result_t *result);

/* Adds counts and coverage of another one with the same parameters. */
void cbit_campaign_merge(cbit_campaign_result_t *into, const cbit_campaign_result_t *from);

/* The knobs with which the campaign draws its cases. */
cbit_case_knobs_t cbit_campaign_knobs(const cbit_campaign_config_t *config);

/* One case on a fresh device beside a fresh golden model. */
cbit_err_t cbit_campaign_run_case(const cbit_campaign_config_t *config,
                                  const cbit_device_maker_t *maker, const cbit_case_t *what,
                                  cbit_campaign_result_t *result);

/*
 * Makes a failing case as small as it gets by leaving things out: lines, events, gaps, stalls, then
 * bits. *runs counts the attempts. The case still differs afterwards, maybe at another pin.
 */
cbit_err_t cbit_campaign_shrink(const cbit_campaign_config_t *config,
                                const cbit_device_maker_t *maker, cbit_case_t *what,
                                uint32_t *runs);

#endif
