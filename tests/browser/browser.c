#define _XOPEN_SOURCE 700

#include "tests/browser/browser.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000, MAX_MESSAGE = 64 << 20 };

struct browser {
    pid_t pid;
    int to, from;
    char *bytes; /* read and not yet taken; messages end with NUL */
    size_t len, capacity;
    int id;
    char *session;
    uint32_t errors, foreign_requests;
    bool loaded;
    char last_error[512], *text;
};

const char *browser_find(void)
{
    static const char *const names[] = {"chromium", "chromium-browser", "google-chrome", NULL};
    static char command[64];
    for (int i = 0; names[i] != NULL; i++) {
        (void)snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", names[i]);
        if (system(command) == 0) {
            return names[i];
        }
    }
    return NULL;
}

/* ---- the pipe ---- */

/* The browser reads from 3 and writes to 4. */
static void become_browser(const char *program, const char *profile, int in, int out)
{
    char data[4096];
    (void)snprintf(data, sizeof data, "--user-data-dir=%s", profile);
    in = fcntl(in, F_DUPFD, 10); /* out of the way of 3 and 4 */
    out = fcntl(out, F_DUPFD, 10);
    int null = open("/dev/null", O_RDWR);
    if (dup2(in, 3) == 3 && dup2(out, 4) == 4 && null >= 0 && dup2(null, 2) == 2) {
        (void)close(in);
        (void)close(out);
        /* No sandbox: test machines run as root in containers, and the page is ours. */
        (void)execlp(program, program, "--headless=new", "--remote-debugging-pipe", "--no-sandbox",
                     "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions",
                     "--no-first-run", "--hide-scrollbars", "--window-size=1280,900", data,
                     "about:blank", (char *)NULL);
    }
    _exit(127);
}

static void put(browser_t *browser, const char *text)
{
    size_t len = strlen(text) + 1; /* with its NUL */
    while (len > 0) {
        ssize_t wrote = write(browser->to, text, len);
        ck_assert_msg(wrote > 0, "the browser does not listen: %s", strerror(errno));
        text += wrote;
        len -= (size_t)wrote;
    }
}

static void read_more(browser_t *browser)
{
    struct pollfd wait = {.fd = browser->from, .events = POLLIN};
    int ready = poll(&wait, 1, PATIENCE_MS);
    ck_assert_msg(ready == 1, "the browser has not answered for %d s", PATIENCE_MS / 1000);
    if (browser->capacity - browser->len < 65536) {
        browser->capacity += 1 << 20;
        ck_assert_msg(browser->capacity <= MAX_MESSAGE, "a message without an end");
        browser->bytes = realloc(browser->bytes, browser->capacity);
        ck_assert_ptr_nonnull(browser->bytes);
    }
    ssize_t got =
        read(browser->from, browser->bytes + browser->len, browser->capacity - browser->len);
    ck_assert_msg(got > 0, "the browser has gone");
    browser->len += (size_t)got;
}

/* The next message; the caller's. */
static cJSON *next_message(browser_t *browser)
{
    size_t done = 0;
    for (;;) {
        char *end =
            browser->len > done ? memchr(browser->bytes + done, '\0', browser->len - done) : NULL;
        if (end != NULL) {
            cJSON *message = cJSON_Parse(browser->bytes);
            size_t used = (size_t)(end - browser->bytes) + 1;
            memmove(browser->bytes, end + 1, browser->len - used);
            browser->len -= used;
            ck_assert_msg(message != NULL, "the browser does not speak JSON");
            return message;
        }
        done = browser->len;
        read_more(browser);
    }
}

static const cJSON *in(const cJSON *json, const char *a, const char *b, const char *c)
{
    json = cJSON_GetObjectItemCaseSensitive(json, a);
    json = b == NULL ? json : cJSON_GetObjectItemCaseSensitive(json, b);
    return c == NULL ? json : cJSON_GetObjectItemCaseSensitive(json, c);
}

static void complain(browser_t *browser, const cJSON *text)
{
    browser->errors++;
    (void)snprintf(browser->last_error, sizeof browser->last_error, "%s",
                   cJSON_IsString(text) ? text->valuestring : "(no text)");
}

static void take_event(browser_t *browser, const char *method, const cJSON *message)
{
    const cJSON *value;
    if (strcmp(method, "Page.loadEventFired") == 0) {
        browser->loaded = true;
    } else if (strcmp(method, "Runtime.exceptionThrown") == 0) {
        const cJSON *details = in(message, "params", "exceptionDetails", NULL);
        value = in(details, "exception", "description", NULL);
        complain(browser, value != NULL ? value : in(details, "text", NULL, NULL));
    } else if (strcmp(method, "Log.entryAdded") == 0) {
        value = in(message, "params", "entry", "level");
        if (cJSON_IsString(value) && strcmp(value->valuestring, "error") == 0) {
            complain(browser, in(message, "params", "entry", "text"));
        }
    } else if (strcmp(method, "Runtime.consoleAPICalled") == 0) {
        value = in(message, "params", "type", NULL);
        if (cJSON_IsString(value) && strcmp(value->valuestring, "error") == 0) {
            complain(browser, value);
        }
    } else if (strcmp(method, "Network.requestWillBeSent") == 0) {
        value = in(message, "params", "request", "url");
        const char *url = cJSON_IsString(value) ? value->valuestring : "";
        bool own = strncmp(url, "file:", 5) == 0 || strncmp(url, "data:", 5) == 0 ||
                   strncmp(url, "blob:", 5) == 0;
        browser->foreign_requests += !own;
    }
}

cJSON *browser_call(browser_t *browser, const char *method, cJSON *params)
{
    cJSON *call = cJSON_CreateObject();
    int id = ++browser->id;
    (void)cJSON_AddNumberToObject(call, "id", id);
    (void)cJSON_AddStringToObject(call, "method", method);
    (void)cJSON_AddItemToObject(call, "params", params != NULL ? params : cJSON_CreateObject());
    if (browser->session != NULL) {
        (void)cJSON_AddStringToObject(call, "sessionId", browser->session);
    }
    char *text = cJSON_PrintUnformatted(call);
    cJSON_Delete(call);
    put(browser, text);
    free(text);
    for (;;) {
        cJSON *message = next_message(browser);
        const cJSON *about = in(message, "method", NULL, NULL);
        if (cJSON_IsString(about)) {
            take_event(browser, about->valuestring, message);
        } else if (in(message, "id", NULL, NULL)->valueint == id) {
            const cJSON *error = in(message, "error", "message", NULL);
            ck_assert_msg(error == NULL, "%s: %s", method, error ? error->valuestring : "");
            cJSON *result = cJSON_DetachItemFromObjectCaseSensitive(message, "result");
            cJSON_Delete(message);
            return result;
        }
        cJSON_Delete(message);
    }
}

/* Calls and forgets the answer. */
static void tell(browser_t *browser, const char *method, cJSON *params)
{
    cJSON_Delete(browser_call(browser, method, params));
}

static cJSON *object(const char *key, const char *value)
{
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(json, key, value);
    return json;
}

/* ---- its life ---- */

static void open_session(browser_t *browser)
{
    static const char *const domains[] = {"Page.enable", "Runtime.enable", "Log.enable",
                                          "Network.enable", NULL};
    cJSON *target = browser_call(browser, "Target.createTarget", object("url", "about:blank"));
    cJSON *params = object("targetId", in(target, "targetId", NULL, NULL)->valuestring);
    (void)cJSON_AddBoolToObject(params, "flatten", true);
    cJSON *session = browser_call(browser, "Target.attachToTarget", params);
    browser->session = strdup(in(session, "sessionId", NULL, NULL)->valuestring);
    cJSON_Delete(target);
    cJSON_Delete(session);
    for (int i = 0; domains[i] != NULL; i++) {
        tell(browser, domains[i], NULL);
    }
}

browser_t *browser_start(const char *program, const char *profile)
{
    int to[2], from[2];
    browser_t *browser = calloc(1, sizeof *browser);
    ck_assert(browser != NULL && pipe(to) == 0 && pipe(from) == 0);
    (void)signal(SIGPIPE, SIG_IGN);
    browser->pid = fork();
    ck_assert(browser->pid >= 0);
    if (browser->pid == 0) {
        (void)close(to[1]);
        (void)close(from[0]);
        become_browser(program, profile, to[0], from[1]);
    }
    (void)close(to[0]);
    (void)close(from[1]);
    browser->to = to[1];
    browser->from = from[0];
    open_session(browser);
    return browser;
}

void browser_stop(browser_t *browser)
{
    if (browser == NULL) {
        return;
    }
    (void)close(browser->to); /* it leaves when nobody can talk to it */
    (void)close(browser->from);
    for (int i = 0; i < 100 && waitpid(browser->pid, NULL, WNOHANG) == 0; i++) {
        (void)poll(NULL, 0, 50);
    }
    if (kill(browser->pid, SIGKILL) == 0) {
        (void)waitpid(browser->pid, NULL, 0);
    }
    free(browser->bytes);
    free(browser->session);
    free(browser->text);
    free(browser);
}

uint32_t browser_errors(const browser_t *browser)
{
    return browser->errors;
}

uint32_t browser_foreign_requests(const browser_t *browser)
{
    return browser->foreign_requests;
}

const char *browser_last_error(const browser_t *browser)
{
    return browser->last_error;
}

void browser_open(browser_t *browser, const char *url)
{
    browser->errors = browser->foreign_requests = 0;
    browser->loaded = false;
    browser->last_error[0] = '\0';
    tell(browser, "Page.navigate", object("url", url));
    while (!browser->loaded) {
        cJSON *message = next_message(browser);
        const cJSON *about = in(message, "method", NULL, NULL);
        if (cJSON_IsString(about)) {
            take_event(browser, about->valuestring, message);
        }
        cJSON_Delete(message);
    }
}

/* ---- looking ---- */

cJSON *browser_value(browser_t *browser, const char *expression)
{
    cJSON *params = object("expression", expression);
    (void)cJSON_AddBoolToObject(params, "returnByValue", true);
    (void)cJSON_AddBoolToObject(params, "awaitPromise", true);
    cJSON *answer = browser_call(browser, "Runtime.evaluate", params);
    const cJSON *thrown = in(answer, "exceptionDetails", "exception", "description");
    ck_assert_msg(thrown == NULL, "%s: %s", expression, thrown ? thrown->valuestring : "");
    cJSON *result = cJSON_DetachItemFromObjectCaseSensitive(answer, "result");
    cJSON *value = cJSON_DetachItemFromObjectCaseSensitive(result, "value");
    cJSON_Delete(result);
    cJSON_Delete(answer);
    return value != NULL ? value : cJSON_CreateNull();
}

double browser_number(browser_t *browser, const char *expression)
{
    cJSON *value = browser_value(browser, expression);
    ck_assert_msg(cJSON_IsNumber(value), "%s is not a number", expression);
    double number = value->valuedouble;
    cJSON_Delete(value);
    return number;
}

bool browser_is(browser_t *browser, const char *expression)
{
    cJSON *value = browser_value(browser, expression);
    ck_assert_msg(cJSON_IsBool(value), "%s is neither true nor false", expression);
    bool is = cJSON_IsTrue(value);
    cJSON_Delete(value);
    return is;
}

const char *browser_text(browser_t *browser, const char *expression)
{
    cJSON *value = browser_value(browser, expression);
    ck_assert_msg(cJSON_IsString(value), "%s is not a text", expression);
    free(browser->text);
    browser->text = strdup(value->valuestring);
    cJSON_Delete(value);
    return browser->text;
}

/* ---- acting ---- */

static void mouse(browser_t *browser, const char *type, double x, double y)
{
    cJSON *params = object("type", type);
    (void)cJSON_AddNumberToObject(params, "x", x);
    (void)cJSON_AddNumberToObject(params, "y", y);
    (void)cJSON_AddStringToObject(params, "button", "left");
    (void)cJSON_AddNumberToObject(params, "clickCount", 1);
    tell(browser, "Input.dispatchMouseEvent", params);
}

void browser_click(browser_t *browser, const char *selector)
{
    char expression[512];
    (void)snprintf(expression, sizeof expression,
                   "(() => { const node = document.querySelector('%s');"
                   " node.scrollIntoView({block: 'center', behavior: 'instant'});"
                   " const box = node.getBoundingClientRect();"
                   " return [box.x + box.width / 2, box.y + box.height / 2, box.width]; })()",
                   selector);
    cJSON *at = browser_value(browser, expression);
    double x = cJSON_GetArrayItem(at, 0)->valuedouble, y = cJSON_GetArrayItem(at, 1)->valuedouble;
    ck_assert_msg(cJSON_GetArrayItem(at, 2)->valuedouble > 0, "%s cannot be seen", selector);
    cJSON_Delete(at);
    mouse(browser, "mousePressed", x, y);
    mouse(browser, "mouseReleased", x, y);
}

void browser_type(browser_t *browser, const char *text)
{
    tell(browser, "Input.insertText", object("text", text));
}

void browser_press(browser_t *browser, const char *key, int code)
{
    static const char *const types[] = {"rawKeyDown", "keyUp"};
    for (int i = 0; i < 2; i++) {
        cJSON *params = object("type", types[i]);
        (void)cJSON_AddStringToObject(params, "key", key);
        (void)cJSON_AddStringToObject(params, "code", key);
        (void)cJSON_AddNumberToObject(params, "windowsVirtualKeyCode", code);
        tell(browser, "Input.dispatchKeyEvent", params);
    }
}

void browser_screenshot(browser_t *browser, const char *path)
{
    cJSON *params = object("format", "png");
    cJSON *layout = browser_call(browser, "Page.getLayoutMetrics", NULL);
    cJSON *clip = cJSON_Duplicate(in(layout, "cssContentSize", NULL, NULL), true);
    (void)cJSON_AddNumberToObject(clip, "scale", 1);
    (void)cJSON_AddItemToObject(params, "clip", clip);
    (void)cJSON_AddBoolToObject(params, "captureBeyondViewport", true);
    cJSON_Delete(layout);
    cJSON *answer = browser_call(browser, "Page.captureScreenshot", params);
    const char *text = in(answer, "data", NULL, NULL)->valuestring;
    size_t len = strlen(text);
    unsigned char *png = malloc(len);
    int bytes = EVP_DecodeBlock(png, (const unsigned char *)text, (int)len);
    ck_assert_msg(bytes > 8 && memcmp(png, "\x89PNG", 4) == 0, "the screenshot is no PNG");
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(png, 1, (size_t)bytes, file), (size_t)bytes);
    ck_assert_int_eq(fclose(file), 0);
    free(png);
    cJSON_Delete(answer);
}
