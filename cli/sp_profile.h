/* cbit sp --profile: where the hart's clocks go, and which sides its branches took. */
#ifndef CBIT_CLI_SP_PROFILE_H
#define CBIT_CLI_SP_PROFILE_H

#include "cbit/sp/sp.h"
#include "cli/sp_host.h"

typedef struct sp_profile sp_profile_t; /* opaque */

/* Watches every instruction from now on; NULL: no memory. Not together with a debugger. */
sp_profile_t *sp_profile_open(cbit_sp_t *sp);
void sp_profile_close(sp_profile_t *profile); /* NULL is allowed */

/* One row a function, most clocks first, on standard output. */
void sp_profile_print(sp_profile_t *profile, sp_table_format_t format);

#endif
