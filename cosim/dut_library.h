/* A compiled design as its two halves see it: dut.c makes it, dut_instance.c uses it. */
#ifndef COSIM_DUT_LIBRARY_H
#define COSIM_DUT_LIBRARY_H

#include "cosim/dut.h"

enum { CBIT_DUT_FOLDER_BYTES = 448, CBIT_DUT_LINT_BYTES = 1024 };

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

#endif
