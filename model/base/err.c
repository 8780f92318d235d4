#include "cbit/base/err.h"

#include <stddef.h>

static const struct {
    cbit_err_t err;
    int exit_status;
    const char *text;
} table[] = {
#define ROW(name, number, exit_status, text) {CBIT_ERR_##name, exit_status, text},
    CBIT_ERR_MAP(ROW)
#undef ROW
};

const char *cbit_err_text(cbit_err_t err)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].err == err) {
            return table[i].text;
        }
    }
    return "unknown error";
}

int cbit_err_exit_status(cbit_err_t err)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].err == err) {
            return table[i].exit_status;
        }
    }
    return 70;
}
