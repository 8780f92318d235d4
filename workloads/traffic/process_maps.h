/* What is mapped in a running process, and the bytes of its read-only pages. */
#ifndef CBIT_TRAFFIC_PROCESS_MAPS_H
#define CBIT_TRAFFIC_PROCESS_MAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cbit/workloads/trace.h"

typedef struct cbit_mapping {
    uint64_t start, end, file_offset;
    bool readable, writable, executable;
    char *path; /* NULL: no file */
} cbit_mapping_t;

typedef struct cbit_process_maps {
    cbit_mapping_t *items; /* ascending */
    uint32_t count;
} cbit_process_maps_t;

/* Replaces what is in *maps (all zero at first) by /proc/PID/maps; false and unchanged when that
   cannot be read any more. */
bool cbit_process_maps_load(cbit_process_maps_t *maps, pid_t pid);
void cbit_process_maps_free(cbit_process_maps_t *maps);

/* The mapping that holds the address, or NULL. */
const cbit_mapping_t *cbit_process_maps_find(const cbit_process_maps_t *maps, uint64_t gva);

/* One page as the process sees it: from its memory, or from the mapped file once it has ended.
   False when neither can be read. */
bool cbit_process_page(pid_t pid, const cbit_mapping_t *mapping, uint64_t gva,
                       uint8_t bytes[CBIT_TRACE_PAGE_BYTES]);

#endif
