/* The GDB remote protocol for the SP's hart. Simulated time stands still while gdb looks. */
#ifndef CBIT_CLI_SP_GDB_H
#define CBIT_CLI_SP_GDB_H

#include "cbit/base/diag.h"
#include "cbit/sp/debug.h"

typedef struct sp_gdb sp_gdb_t; /* opaque */

/* Listens on 127.0.0.1, says where on stderr, and waits for gdb; attaches to the hart. */
cbit_err_t sp_gdb_open(uint16_t port, cbit_sp_t *sp, sp_gdb_t **out, cbit_diag_t *diag);

/* The same for a socket that is connected already, which then is the stub's. */
cbit_err_t sp_gdb_attach(int fd, cbit_sp_t *sp, sp_gdb_t **out, cbit_diag_t *diag);

void sp_gdb_close(sp_gdb_t *gdb); /* NULL is allowed; tells gdb that the program has ended */

#endif
