/* The files of rtl/ and dut_wrapper.cpp inside the tool: made by cosim/embed.cmake. */
#ifndef COSIM_EMBEDDED_H
#define COSIM_EMBEDDED_H

#include <stddef.h>

typedef struct cbit_embedded {
    const char *name; /* without folder; NULL ends the table */
    const unsigned char *bytes;
    size_t len_bytes;
} cbit_embedded_t;

extern const cbit_embedded_t cbit_embedded_files[];

#endif
