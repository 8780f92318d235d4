/* The ABI's names. */
#include <stddef.h>

#include "cbit/workloads/spdriver.h"
#include "sev/abi.h"

typedef struct name {
    uint32_t number;
    const char *name, *text;
} name_t;

static const name_t commands[] = {
#define ROW(name, id, buffer_bytes) {(id), #name, NULL},
    SEV_COMMAND_MAP(ROW)
#undef ROW
};

static const name_t statuses[] = {
#define ROW(name, code, text) {(code), #name, text},
    SEV_STATUS_MAP(ROW)
#undef ROW
        {CBIT_SPDRIVER_NO_ANSWER, "NO_ANSWER", "the Secure Processor did not answer"},
};

static const name_t *find(const name_t *names, size_t count, uint32_t number)
{
    static const name_t unknown = {0, "?", "unknown"};
    for (size_t i = 0; i < count; i++) {
        if (names[i].number == number) {
            return &names[i];
        }
    }
    return &unknown;
}

const char *cbit_spdriver_command_name(uint32_t command)
{
    return find(commands, sizeof commands / sizeof commands[0], command)->name;
}

const char *cbit_spdriver_status_name(uint32_t status)
{
    return find(statuses, sizeof statuses / sizeof statuses[0], status)->name;
}

const char *cbit_spdriver_status_text(uint32_t status)
{
    return find(statuses, sizeof statuses / sizeof statuses[0], status)->text;
}
