/* cbit sp session, launch, attest: a guest's owner and the host's part of a launch, in files. */
#ifndef CBIT_CLI_SP_OWNER_H
#define CBIT_CLI_SP_OWNER_H

#include "cli/sp_host.h"

/* Whether the word is one of these. */
bool sp_owner_verb(const char *word);

int sp_owner_run(sp_host_t *host, int argc, char **argv);

/* Their lines of --help. */
void sp_owner_help(void);

#endif
