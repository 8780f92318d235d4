/* Diagnostics on stderr. */
#ifndef CBIT_CLI_TELL_H
#define CBIT_CLI_TELL_H

#include "cbit/base/diag.h"

/* Prints every finding and the closing count ("3 errors, nothing was run"); returns the exit status
   of the gravest one. done says what did not happen: "nothing was run". */
int cbit_tell(const cbit_diag_t *diag, const char *done);

#endif
