/* A headless Chromium, driven over its own pipe (the DevTools protocol): no driver, no port. */
#ifndef CBIT_TESTS_BROWSER_H
#define CBIT_TESTS_BROWSER_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct browser browser_t;

/* The program's name; NULL: there is none on this machine. */
const char *browser_find(void);

/* profile: a folder of its own, which may be there. Everything here fails the test on any error and
 * on 60 s without an answer. */
browser_t *browser_start(const char *program, const char *profile);
void browser_stop(browser_t *browser); /* NULL is allowed */

/* What the pages complained of since the last browser_open: exceptions, console errors, refused
 * loads; and how often they asked for something that is neither a file nor inside the page. */
uint32_t browser_errors(const browser_t *browser);
uint32_t browser_foreign_requests(const browser_t *browser);
const char *browser_last_error(const browser_t *browser);

/* Returns when the page has loaded. */
void browser_open(browser_t *browser, const char *url);

/* One call of the protocol; params is taken over, the answer is the caller's. */
cJSON *browser_call(browser_t *browser, const char *method, cJSON *params);
/* What an expression of the page is worth, as JSON; the caller's. */
cJSON *browser_value(browser_t *browser, const char *expression);
double browser_number(browser_t *browser, const char *expression);
bool browser_is(browser_t *browser, const char *expression);
/* Valid until the next browser_text. */
const char *browser_text(browser_t *browser, const char *expression);

/* As a person would: scrolled into view, then pressed and released at its middle. */
void browser_click(browser_t *browser, const char *selector);
void browser_type(browser_t *browser, const char *text);
void browser_press(browser_t *browser, const char *key, int code);

/* A PNG of the whole page. */
void browser_screenshot(browser_t *browser, const char *path);

#endif
