/*
 * The golden model for an engine whose clocks are its own: it sees what goes in and what comes out,
 * and says what each beat that leaves has to be. Data come from OpenSSL.
 */
#ifndef COSIM_FOLLOW_H
#define COSIM_FOLLOW_H

#include "cosim/device.h"

enum {
    CBIT_FOLLOW_PATIENCE = 10000, /* clocks that something may stand still without a reason */
    CBIT_FOLLOW_DRAIN = 256,      /* clocks behind the last beat in which nothing may come */
};

/*
 * A device that follows: its clock finds in *out what the engine shows, and leaves there what it
 * should show. When ready, valid, key_ready_o and zeroise_busy_o are high is the engine's choice
 * but for these: an offer stays as it is, only what went in comes out, private beats among
 * themselves and plain ones among themselves (in order: all) leave as they came, no key is taken
 * during a wipe, and nothing stands still for more than CBIT_FOLLOW_PATIENCE clocks. A private beat
 * that is inside when zeroise comes leaves with its data if it is on the output, with error 2 if it
 * has been inside for less than half of the shortest latency so far, and otherwise as the engine
 * likes. Outputs during reset are not looked at. stages_per_round means nothing. NO_MEMORY leaves
 * *out untouched.
 */
cbit_err_t cbit_device_follow(const cbit_aes_pins_config_t *config, cbit_device_t *out);

#endif
