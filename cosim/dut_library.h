/* A compiled design as its parts see it: dut.c makes it, dut_instance.c uses it. */
#ifndef COSIM_DUT_LIBRARY_H
#define COSIM_DUT_LIBRARY_H

#include "cosim/dut.h"

enum { CBIT_DUT_FOLDER_BYTES = 448, CBIT_DUT_LINT_BYTES = 1024, CBIT_DUT_MAX_PORTS = 512 };

struct cbit_dut_library {
    char folder[CBIT_DUT_FOLDER_BYTES];
    void *handle;
    void *(*create)(unsigned seed);
    void (*destroy)(void *self);
    unsigned (*port)(void *self, unsigned index, const char **name, unsigned *width, int *input,
                     void **data);
    void (*eval)(void *self);
    const char *(*failure)(void *self);
    int (*waves)(void *self, const char *path);
    unsigned (*state)(void *self, unsigned index, const char **name, unsigned *width,
                      unsigned *words, void **data);
    int (*coverage)(void *self, const char *path);
    int (*scan)(const char *path, const char *const *patterns, unsigned count, unsigned char *seen);
    char lint[CBIT_DUT_LINT_BYTES]; /* the first warning */
};

struct cbit_dut {
    const cbit_dut_library_t *library;
    void *self;
    uint32_t ports;
    cbit_dut_port_t port[CBIT_DUT_MAX_PORTS];
};

/* The ports of what was Verilated into the library's folder, without anything behind them, and the
   list of them for the wrapper. */
cbit_err_t cbit_dut_ports_read(const cbit_dut_library_t *library, cbit_dut_t **out);
/* Verilator's runtime as an object file; false where the build has none for the Verilator whose
   files are under root. */
bool cbit_dut_runtime_write(const char *root, const char *path);
void cbit_dut_ports_free(cbit_dut_t *ports); /* NULL is allowed */

#endif
