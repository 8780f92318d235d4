/* Small files in folders, with messages on stderr. */
#ifndef CBIT_CLI_SP_FILE_H
#define CBIT_CLI_SP_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/new_file.h"

/* Reads at most max bytes; a longer file is an error. directory may be NULL. 0 or an exit status.
 */
int sp_file_read(const char *directory, const char *name, void *bytes, size_t max, size_t *got);

/* The same for what comes raw or in base64 (as virt-qemu-sev-validate writes it). */
int sp_file_read_packet(const char *directory, const char *name, unsigned char *bytes, size_t max,
                        size_t *got);

/* Whole or not at all. Makes the folder when there is none; directory may be NULL. */
int sp_file_write(const char *directory, const char *name, const void *bytes, size_t length,
                  cbit_new_file_kind_t kind);

bool sp_file_exists(const char *directory, const char *name);

#endif
