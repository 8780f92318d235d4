/* What the parts of libcbit_sev share; nothing here is visible outside. */
#ifndef CBIT_WORKLOADS_SPDRIVER_PRELOAD_H
#define CBIT_WORKLOADS_SPDRIVER_PRELOAD_H

#include <stdbool.h>

#define CBIT_SEV_EXPORT __attribute__((visibility("default")))

/* Whether a path is the device's. */
bool cbit_sev_wanted(const char *path);
/* Whether a descriptor is one of it. */
bool cbit_sev_is_open(int fd);
/* The C library's own function of that name, into the pointer at `function`. */
void cbit_sev_find_next(const char *name, void *function);

#endif
