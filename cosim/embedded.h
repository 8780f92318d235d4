/* Files inside the tool: made by cosim/embed.cmake. */
#ifndef COSIM_EMBEDDED_H
#define COSIM_EMBEDDED_H

#include <stddef.h>

typedef struct cbit_embedded {
    const char *name; /* without folder; NULL ends the table */
    const unsigned char *bytes;
    size_t len_bytes;
} cbit_embedded_t;

/* What compiling a design needs: rtl/ and dut_wrapper.cpp. */
extern const cbit_embedded_t cbit_embedded_files[];
/* The adapters of cosim/adapters, "NAME.json". */
extern const cbit_embedded_t cbit_embedded_adapters[];

#endif
