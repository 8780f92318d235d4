/* Where the files are that come with the tool: presets and what else users read and copy. */
#ifndef CBIT_CLI_SHARE_H
#define CBIT_CLI_SHARE_H

#include <stddef.h>

/* The path of a shipped file ("presets/rome.json"): beside an installed tool in share/cbit, else in
   the sources that the tool was built from. Whether it can be read shows when it is opened. */
void cbit_share_path(const char *name, char *path, size_t path_bytes);

#endif
