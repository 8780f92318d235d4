/* One instance of a compiled design. */
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rows.h"
#include "cosim/dut_library.h"

cbit_err_t cbit_dut_create(cbit_dut_library_t *library, uint64_t seed, cbit_dut_t **out)
{
    cbit_dut_t *dut = calloc(1, sizeof *dut);
    if (dut == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    dut->library = library;
    dut->self = library->create((unsigned)(seed ^ seed >> 32));
    while (dut->ports < CBIT_DUT_MAX_PORTS) {
        cbit_dut_port_t *port = &dut->port[dut->ports];
        int input = 0;
        unsigned width = 0;
        if (library->port(dut->self, dut->ports, &port->name, &width, &input, &port->data) == 0) {
            break;
        }
        port->width = width;
        port->input = input != 0;
        dut->ports++;
    }
    *out = dut;
    return CBIT_ERR_OK;
}

void cbit_dut_destroy(cbit_dut_t *dut)
{
    if (dut != NULL) {
        dut->library->destroy(dut->self);
        free(dut);
    }
}

const cbit_dut_port_t *cbit_dut_port(const cbit_dut_t *dut, uint32_t index)
{
    return index < dut->ports ? &dut->port[index] : NULL;
}

const cbit_dut_port_t *cbit_dut_find(const cbit_dut_t *dut, const char *name)
{
    for (uint32_t i = 0; i < dut->ports; i++) {
        if (strcmp(dut->port[i].name, name) == 0) {
            return &dut->port[i];
        }
    }
    return NULL;
}

const char *cbit_dut_nearest(const cbit_dut_t *dut, const char *name)
{
    cbit_row_t rows[CBIT_DUT_MAX_PORTS + 1] = {{.key = NULL}};
    const cbit_dut_port_t *port;
    for (uint32_t i = 0; i < CBIT_DUT_MAX_PORTS && (port = cbit_dut_port(dut, i)) != NULL; i++) {
        rows[i].key = port->name;
        rows[i + 1].key = NULL;
    }
    return cbit_rows_nearest(rows, name);
}

bool cbit_dut_state(const cbit_dut_t *dut, uint32_t index, cbit_dut_state_t *out)
{
    void *data = NULL;
    if (dut->library->state(dut->self, index, &out->name, &out->width, &out->words, &data) == 0) {
        return false;
    }
    out->data = data;
    return true;
}

bool cbit_dut_coverage(const cbit_dut_t *dut, const char *path)
{
    return dut->library->coverage(dut->self, path) != 0;
}

void cbit_dut_eval(cbit_dut_t *dut)
{
    dut->library->eval(dut->self);
}

const char *cbit_dut_failure(const cbit_dut_t *dut)
{
    return dut->library->failure(dut->self);
}

bool cbit_dut_waves(cbit_dut_t *dut, const char *path)
{
    return dut->library->waves(dut->self, path) != 0;
}
