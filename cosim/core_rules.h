/* How a bare AES core is spoken to: what an adapter file says. docs/cosim.md explains each key. */
#ifndef COSIM_CORE_RULES_H
#define COSIM_CORE_RULES_H

#include "cbit/base/diag.h"
#include "cbit/base/rows.h"
#include "cosim/dut.h"

enum { CBIT_CORE_NAME_MAX = 63, CBIT_CORE_TITLE_MAX = 127 };

/* A port's name; a '!' in front says that it is active low (a clock: falls where others rise). */
typedef char cbit_core_name_t[CBIT_CORE_NAME_MAX + 1];

typedef enum cbit_core_input_kind {
    CBIT_CORE_START,     /* a pulse of one clock; one block at a time */
    CBIT_CORE_VALID,     /* every clock with valid (and ready, if there is one) takes a block */
    CBIT_CORE_EACH_CLOCK /* every clock takes what is there */
} cbit_core_input_kind_t;

typedef enum cbit_core_output_kind {
    CBIT_CORE_PULSE,   /* every clock with valid (and ready, if there is one) is an answer */
    CBIT_CORE_LEVEL,   /* valid stays until the next start; it is low one clock after a start */
    CBIT_CORE_LATENCY, /* always so many clocks behind the input */
} cbit_core_output_kind_t;

typedef enum cbit_core_directions {
    CBIT_CORE_ENCRYPTS,
    CBIT_CORE_DECRYPTS,
    CBIT_CORE_BOTH
} cbit_core_directions_t;

typedef enum cbit_core_order { CBIT_CORE_FIRST_HIGH, CBIT_CORE_FIRST_LOW } cbit_core_order_t;

typedef struct cbit_core_input {
    uint32_t handshake; /* cbit_core_input_kind_t */
    cbit_core_name_t data, key, valid, ready;
    bool hold;        /* data and key stay until the answer */
    bool with_answer; /* START: the next may go in on the clock that shows the answer */
} cbit_core_input_t;

typedef struct cbit_core_output {
    uint32_t handshake; /* cbit_core_output_kind_t */
    cbit_core_name_t data, valid, ready;
    uint32_t latency_clocks; /* LATENCY: 0 measures it */
} cbit_core_output_t;

typedef struct cbit_core_key_load {
    cbit_core_name_t start, done; /* start "": the key goes in with each block */
    uint32_t clocks;              /* without done: so many clocks after start */
    bool each_direction;          /* once more when the direction changes */
} cbit_core_key_load_t;

typedef struct cbit_core_constant {
    cbit_core_name_t port;
    uint64_t value;
} cbit_core_constant_t;

typedef struct cbit_core_rules {
    char format[CBIT_CORE_NAME_MAX + 1];
    char title[CBIT_CORE_TITLE_MAX + 1];
    cbit_core_name_t top, clock, reset, decrypt;
    cbit_core_constant_t *clocks; /* more of them, all together with clock; value is not used */
    uint32_t clock_count;
    uint32_t directions; /* cbit_core_directions_t */
    uint32_t byte_order; /* cbit_core_order_t, of data and key */
    uint32_t key_bits;   /* cbit_core_order_t: where in a wider key port the 128 bits are */
    cbit_core_input_t input;
    cbit_core_output_t output;
    cbit_core_key_load_t key_load;
    cbit_core_constant_t *constants;
    uint32_t constant_count;
} cbit_core_rules_t;

extern const cbit_row_t cbit_core_rows[];

#define CBIT_CORE_FORMAT "cbit-adapter/1"

/* Rules across fields; CONFLICT or MISSING with every finding in *diag. */
cbit_err_t cbit_core_rules_check(const cbit_core_rules_t *rules, cbit_diag_t *diag);

/* The design has the ports, in the right direction and width: FORMAT with every finding. */
cbit_err_t cbit_core_ports_check(const cbit_core_rules_t *rules, const cbit_dut_t *dut,
                                 cbit_diag_t *diag);

/* The port behind a name that may begin with '!'; NULL for "" and for one that is not there. */
const cbit_dut_port_t *cbit_core_port(const cbit_dut_t *dut, const char *name);

#endif
