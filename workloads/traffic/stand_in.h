/* Code in place of pages that nobody recorded. */
#ifndef CBIT_TRAFFIC_STAND_IN_H
#define CBIT_TRAFFIC_STAND_IN_H

#include "cbit/workloads/trace.h"

/* Fills a page with valid x86-64 code; the same page for the same address. */
void cbit_stand_in_fill(uint8_t page[CBIT_TRACE_PAGE_BYTES], uint64_t gva);

#endif
