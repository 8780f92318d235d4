/*
 * The controller clock by clock, by the rule table: slow, simple, and the oracle of the quick one
 * (core.h), whose functions and meanings it shares. Also the one that can explain.
 */
#ifndef CBIT_MODEL_UMC_PLAIN_H
#define CBIT_MODEL_UMC_PLAIN_H

#include "model/umc/core.h"

typedef struct umc_plain umc_plain_t; /* opaque */

cbit_err_t umc_plain_create(const umc_core_config_t *config, umc_plain_t **out);
void umc_plain_destroy(umc_plain_t *plain); /* NULL is allowed */
bool umc_plain_room(const umc_plain_t *plain, bool write, uint32_t ahead);
umc_take_t umc_plain_accept(umc_plain_t *plain, bool write, const cbit_dram_place_t *place,
                            uint64_t line, bool held, uint32_t *user, uint64_t at_nck);
umc_take_t umc_plain_meets(const umc_plain_t *plain, bool write, uint64_t line);
bool umc_plain_step(umc_plain_t *plain, uint64_t until_nck, umc_event_t *event);
void umc_plain_credit(umc_plain_t *plain);
const umc_core_stats_t *umc_plain_stats(const umc_plain_t *plain);

#endif
