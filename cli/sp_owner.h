/* cbit sp session, launch, attest: a guest's owner and the host's part of a launch, in files. */
#ifndef CBIT_CLI_SP_OWNER_H
#define CBIT_CLI_SP_OWNER_H

#include "cli/sp_host.h"

/* Whether the word is one of these. */
bool sp_owner_verb(const char *word);

/* Looks at the words without a chip. *done: they asked for help, which was printed. Returns an exit
 * status after telling stderr what is wrong. */
int sp_owner_check(int argc, char **argv, bool *done);

/* Does what the words say; they have passed sp_owner_check. Returns an exit status. */
int sp_owner_run(sp_host_t *host, int argc, char **argv);

/* Their lines of --help. */
void sp_owner_help(void);

#endif
