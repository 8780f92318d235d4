/**
 * @file
 * Memory of the host for large tables that are met at random.
 */
#ifndef CBIT_BASE_HOST_MEMORY_H
#define CBIT_BASE_HOST_MEMORY_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * `bytes` of memory that is not set to anything, for free(); NULL when memory is out. It begins at
 * a line of the host; 2 MiB and more lie in the host's large pages where it has them, so that a
 * table met at random does not cost a walk of the host's page tables each time.
 */
void *cbit_host_allocate(size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
