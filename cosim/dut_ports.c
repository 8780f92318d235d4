/* The ports of a design as Verilator declared them: known before anything is compiled. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cosim/dut_library.h"

enum { PATH_BYTES = CBIT_DUT_FOLDER_BYTES + 64, LINE_BYTES = CBIT_DUT_LINT_BYTES };

/* "VL_IN8(&name,7,0);" */
static bool port_of_line(const char *line, char name[LINE_BYTES], uint32_t *width, bool *input)
{
    int msb = 0, lsb = 0;
    while (*line == ' ') {
        line++;
    }
    *input = strncmp(line, "VL_IN", 5) == 0;
    if (!*input && strncmp(line, "VL_OUT", 6) != 0) {
        return false;
    }
    const char *at = strchr(line, '&');
    size_t len = at == NULL ? 0 : strcspn(at + 1, ",");
    if (len == 0 || sscanf(at + 1 + len, ",%d,%d", &msb, &lsb) != 2) {
        return false;
    }
    memcpy(name, at + 1, len);
    name[len] = '\0';
    *width = (uint32_t)(msb > lsb ? msb - lsb : lsb - msb) + 1;
    return true;
}

static bool add_port(cbit_dut_t *ports, const char *name, uint32_t width, bool input)
{
    size_t len = strlen(name) + 1;
    char *copy = ports->ports < CBIT_DUT_MAX_PORTS ? malloc(len) : NULL;
    if (copy == NULL) {
        return ports->ports == CBIT_DUT_MAX_PORTS; /* as many as an instance has */
    }
    memcpy(copy, name, len);
    ports->port[ports->ports++] =
        (cbit_dut_port_t){.name = copy, .width = width, .input = input, .data = NULL};
    return true;
}

/* Reads obj/Vdut.h into *ports, and writes the wrapper's list: DUT_PORT(name, 8, 1). */
static bool copy_ports(FILE *from, FILE *to, cbit_dut_t *ports)
{
    char line[LINE_BYTES], name[LINE_BYTES];
    uint32_t width;
    bool input, good = true;
    while (good && fgets(line, sizeof line, from) != NULL) {
        if (port_of_line(line, name, &width, &input)) {
            (void)fprintf(to, "DUT_PORT(%s, %u, %d)\n", name, width, input ? 1 : 0);
            good = add_port(ports, name, width, input);
        }
    }
    return good && ferror(to) == 0;
}

cbit_err_t cbit_dut_ports_read(const cbit_dut_library_t *library, cbit_dut_t **out)
{
    char path[PATH_BYTES];
    cbit_dut_t *ports = calloc(1, sizeof *ports);
    (void)snprintf(path, sizeof path, "%s/obj/Vdut.h", library->folder);
    FILE *from = fopen(path, "r");
    (void)snprintf(path, sizeof path, "%s/ports.inc", library->folder);
    FILE *to = fopen(path, "w");
    bool good = ports != NULL && from != NULL && to != NULL && copy_ports(from, to, ports);
    if (from != NULL) {
        (void)fclose(from);
    }
    if (to != NULL && fclose(to) != 0) {
        good = false;
    }
    *out = ports;
    return good ? CBIT_ERR_OK : CBIT_ERR_WRITE;
}

void cbit_dut_ports_free(cbit_dut_t *ports)
{
    for (uint32_t i = 0; ports != NULL && i < ports->ports; i++) {
        const char *name = ports->port[i].name;
        void *copy = NULL; /* ours, whatever the type says */
        memcpy(&copy, &name, sizeof copy);
        free(copy);
    }
    free(ports);
}
