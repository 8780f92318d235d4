/* A core's write of a whole line, for tests of caches. */
#ifndef CBIT_WRITE_LINE_H
#define CBIT_WRITE_LINE_H

#include "cbit/sim/kernel.h"
#include "cbit/sim/port.h"

/* Sends a line of that byte, which must not be refused, and runs for 10 ns. */
void write_line(cbit_kernel_t *kernel, cbit_port_t port, cbit_spa_t spa, cbit_key_t key,
                uint8_t byte);

#endif
