/* Where the files are that come with the tool: presets and what else users read and copy. */
#ifndef CBIT_CLI_SHARE_H
#define CBIT_CLI_SHARE_H

#include <stdbool.h>
#include <stddef.h>

/* The path of a shipped file ("presets/rome.json"): beside an installed tool in share/cbit, else in
   the sources that the tool was built from. Whether it can be read shows when it is opened. */
void cbit_share_path(const char *name, char *path, size_t path_bytes);

/* A library that other programs load ("libcbit_sev.so"): beside the tool in a build, in the library
   folder when installed. False when it is in neither; then path is its bare name. */
bool cbit_share_library(const char *name, char *path, size_t path_bytes);

#endif
