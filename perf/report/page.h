/* The files of the page as bytes, each with a zero byte behind it: embed.cmake writes the arrays.
   Private to perf/report. */
#ifndef CBIT_PERF_REPORT_PAGE_H
#define CBIT_PERF_REPORT_PAGE_H

#include <stddef.h>

extern const unsigned char cbit_page_html[], cbit_page_css[], cbit_page_js[], cbit_page_chart[];
extern const size_t cbit_page_html_len, cbit_page_css_len, cbit_page_js_len, cbit_page_chart_len;

#endif
