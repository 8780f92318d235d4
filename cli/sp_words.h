/*
 * The commands of the SEV API as words: "launch-start --policy 1". One row per command, its fields
 * with their place in the command buffer.
 */
#ifndef CBIT_CLI_SP_WORDS_H
#define CBIT_CLI_SP_WORDS_H

#include "cli/sp_host.h"

/* Runs the words of a command line, each with its options. Returns the exit status: 1 when the
   firmware refused one (the rest is not tried). */
int sp_words_run(sp_host_t *host, int argc, char **argv);

/* What is wrong with the words, before anything is powered up: 0, or the exit status. */
int sp_words_check(int argc, char **argv);

/* One line per command for --help. */
void sp_words_help(void);

#endif
