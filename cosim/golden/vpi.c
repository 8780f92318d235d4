/* The golden model as system functions of Icarus: vvp -M DIR -m cbit_golden. */
#include <string.h>
#include <vpi_user.h>

#include "cbit/cosim/golden.h"

enum { MAX_GOLDENS = 64, MAX_ARGUMENTS = 5, WORDS = 4, UNDEFINED = 3 };

typedef struct call {
    vpiHandle argument[MAX_ARGUMENTS];
    void *golden; /* of the first argument, where there is one */
} call_t;

typedef struct rule {
    const char *name;
    unsigned arguments;
    int (*run)(const call_t *call);
} rule_t;

/* Simulators keep no pointers: a bench has numbers. VPI has no state but what a module keeps. */
static void *goldens[MAX_GOLDENS];

static int get_int(vpiHandle argument)
{
    s_vpi_value value = {.format = vpiIntVal};
    vpi_get_value(argument, &value);
    return value.value.integer;
}

/* Up to 128 bits; false when one of them is x or z. */
static int get_words(vpiHandle argument, uint32_t words[WORDS])
{
    s_vpi_value value = {.format = vpiVectorVal};
    int count = (vpi_get(vpiSize, argument) + 31) / 32, known = 1;
    vpi_get_value(argument, &value);
    memset(words, 0, WORDS * sizeof words[0]);
    for (int i = 0; i < count && i < WORDS; i++) {
        words[i] = (uint32_t)value.value.vector[i].aval;
        known = known && value.value.vector[i].bval == 0;
    }
    return known;
}

static void put_words(vpiHandle argument, const uint32_t words[WORDS])
{
    s_vpi_vecval vector[WORDS];
    s_vpi_value value = {.format = vpiVectorVal};
    for (int i = 0; i < WORDS; i++) {
        vector[i].aval = (PLI_INT32)words[i];
        vector[i].bval = 0;
    }
    value.value.vector = vector;
    vpi_put_value(argument, &value, NULL, vpiNoDelay);
}

static int run_new(const call_t *call)
{
    for (int i = 1; i < MAX_GOLDENS; i++) {
        if (goldens[i] == NULL) {
            goldens[i] = cbit_golden_new(get_int(call->argument[0]), get_int(call->argument[1]));
            return goldens[i] == NULL ? 0 : i;
        }
    }
    return 0;
}

static int run_free(const call_t *call)
{
    int number = get_int(call->argument[0]);
    cbit_golden_free(call->golden);
    goldens[number] = NULL;
    return CBIT_GOLDEN_OK;
}

static int run_key(const call_t *call)
{
    uint32_t key[WORDS];
    return get_words(call->argument[2], key)
               ? cbit_golden_key(call->golden, get_int(call->argument[1]), key)
               : UNDEFINED;
}

static int run_key_clear(const call_t *call)
{
    return cbit_golden_key_clear(call->golden, get_int(call->argument[1]));
}

static int run_tweak(const call_t *call)
{
    uint32_t constant[WORDS];
    return get_words(call->argument[2], constant)
               ? cbit_golden_tweak(call->golden, get_int(call->argument[1]), constant)
               : UNDEFINED;
}

static int run_crypt(const call_t *call,
                     int32_t (*by)(void *, int32_t, uint64_t, const uint32_t *, uint32_t *))
{
    uint32_t address[WORDS], in[WORDS], out[WORDS];
    if (!get_words(call->argument[2], address) || !get_words(call->argument[3], in)) {
        return UNDEFINED;
    }
    int err = by(call->golden, get_int(call->argument[1]), (uint64_t)address[1] << 32 | address[0],
                 in, out);
    put_words(call->argument[4], out);
    return err;
}

static int run_encrypt(const call_t *call)
{
    return run_crypt(call, cbit_golden_encrypt);
}

static int run_decrypt(const call_t *call)
{
    return run_crypt(call, cbit_golden_decrypt);
}

static const rule_t rules[] = {
    {"$cbit_golden_new", 2, run_new},         {"$cbit_golden_free", 1, run_free},
    {"$cbit_golden_key", 3, run_key},         {"$cbit_golden_key_clear", 2, run_key_clear},
    {"$cbit_golden_tweak", 3, run_tweak},     {"$cbit_golden_encrypt", 5, run_encrypt},
    {"$cbit_golden_decrypt", 5, run_decrypt},
};

/* Collects the arguments; false when there are not so many. */
static int collect(vpiHandle here, unsigned wanted, call_t *call)
{
    unsigned count = 0;
    vpiHandle list = vpi_iterate(vpiArgument, here);
    vpiHandle argument;
    while (list != NULL && (argument = vpi_scan(list)) != NULL) {
        if (count < MAX_ARGUMENTS) {
            call->argument[count] = argument;
        }
        count++;
    }
    return count == wanted;
}

static PLI_INT32 check(PLI_BYTE8 *data)
{
    const rule_t *rule = (const rule_t *)(const void *)data;
    call_t call = {.golden = NULL};
    if (!collect(vpi_handle(vpiSysTfCall, NULL), rule->arguments, &call)) {
        vpi_printf("error: %s takes %u arguments\n", rule->name, rule->arguments);
        vpi_control(vpiFinish, 1);
    }
    return 0;
}

static PLI_INT32 run(PLI_BYTE8 *data)
{
    const rule_t *rule = (const rule_t *)(const void *)data;
    call_t call = {.golden = NULL};
    vpiHandle here = vpi_handle(vpiSysTfCall, NULL);
    s_vpi_value value = {.format = vpiIntVal};
    value.value.integer = CBIT_GOLDEN_RANGE;
    if (collect(here, rule->arguments, &call)) {
        int number = rule->run == run_new ? 0 : get_int(call.argument[0]);
        call.golden = number > 0 && number < MAX_GOLDENS ? goldens[number] : NULL;
        if (rule->run == run_new || call.golden != NULL) {
            value.value.integer = rule->run(&call);
        }
    }
    vpi_put_value(here, &value, NULL, vpiNoDelay);
    return 0;
}

static void enter(void)
{
    for (unsigned i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        union {
            const rule_t *rule;
            PLI_BYTE8 *data;
        } user = {.rule = &rules[i]};
        s_vpi_systf_data task = {.type = vpiSysFunc,
                                 .sysfunctype = vpiIntFunc,
                                 .calltf = run,
                                 .compiletf = check,
                                 .user_data = user.data};
        char name[32];
        strncpy(name, rules[i].name, sizeof name - 1);
        name[sizeof name - 1] = '\0';
        task.tfname = name; /* copied by the simulator */
        vpi_register_systf(&task);
    }
}

void (*vlog_startup_routines[])(void) = {enter, NULL};
