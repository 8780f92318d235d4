/* The JSON header of a `.cbt` file. */
#ifndef CBIT_TRAFFIC_TRACE_HEADER_H
#define CBIT_TRAFFIC_TRACE_HEADER_H

#include "cbit/workloads/trace.h"

/* Room that the writer keeps for the header, so that totals can be filled in at the end. */
enum { CBIT_CBT_HEADER_ROOM_BYTES = 2048 };

/* Reads the header; findings are reported at the file's byte `base`, where the text starts. */
cbit_err_t cbit_cbt_parse_header(const char *text, size_t len, uint64_t base,
                                 cbit_trace_info_t *info, cbit_diag_t *diag);

/* Writes the header, padded with spaces to exactly CBIT_CBT_HEADER_ROOM_BYTES. */
void cbit_cbt_format_header(char text[CBIT_CBT_HEADER_ROOM_BYTES], const cbit_trace_info_t *info);

#endif
