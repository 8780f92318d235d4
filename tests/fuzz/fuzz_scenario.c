/*
 * The loader on any bytes as a scenario, and as a result that is to be run again; what follows a
 * zero byte is a --set. A file or findings, no crash, and what was loaded describes itself as JSON.
 */
#define _XOPEN_SOURCE 700

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cbit/workloads/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SET_BYTES = 1024 };

static void require(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "%s\n", what);
        abort();
    }
}

static char folder[] = "/tmp/cbit-fuzz-XXXXXX";

static void remove_folder(void)
{
    (void)rmdir(folder);
}

/* The one file that all inputs are written to. */
static const char *scenario_path(void)
{
    static char path[64];
    if (path[0] == '\0') {
        require(mkdtemp(folder) != NULL && atexit(remove_folder) == 0, "no temporary folder");
        (void)snprintf(path, sizeof path, "%s/s.json", folder);
    }
    return path;
}

static void describe(const cbit_scenario_file_t *file)
{
    cbit_arena_t *arena = cbit_arena_create();
    char *text = cbit_json_text(cbit_scenario_config(file, arena), false, NULL);
    require(text != NULL && text[0] == '{', "a loaded scenario has no configuration");
    free(text);
    cbit_arena_destroy(arena);
}

/* One way in: an error and findings, or a file. set may be NULL. */
static void check_way(const char *path, bool replay, const cbit_scenario_set_t *set)
{
    const cbit_scenario_options_t options = {
        .preset = true, .sets = set, .sets_count = set == NULL ? 0 : 1};
    cbit_engine_mode_t mode = CBIT_ENGINE_MODEL;
    cbit_diag_t *diag = cbit_diag_create();
    cbit_scenario_file_t *file = NULL;
    cbit_err_t err = replay ? cbit_scenario_replay(path, &options, &mode, &file, diag)
                            : cbit_scenario_load(path, &options, &file, diag);
    require((err == CBIT_ERR_OK) == (file != NULL), "an error and a file, or neither");
    require((err == CBIT_ERR_OK) == (cbit_diag_count(diag) == 0), "a finding without an error");
    require(cbit_diag_first(diag) != CBIT_ERR_INTERNAL, "bad input is not our bug");
    require(mode < CBIT_ENGINE_MODES, "an engine that does not exist");
    for (size_t i = 0; cbit_diag_at(diag, i) != NULL; i++) {
        require(cbit_diag_at(diag, i)->text[0] != '\0', "a finding without words");
    }
    if (file != NULL) {
        describe(file);
    }
    cbit_scenario_file_destroy(file);
    cbit_diag_destroy(diag);
}

/* "/pointer=value" behind the first zero byte, as cbit run cuts it up; false: there is none. */
static bool find_set(const uint8_t *data, size_t size, char text[SET_BYTES],
                     cbit_scenario_set_t *set)
{
    const uint8_t *zero = memchr(data, 0, size);
    const size_t len = zero == NULL ? 0 : (size_t)(data + size - zero) - 1;
    if (zero == NULL || len >= SET_BYTES) {
        return false;
    }
    memcpy(text, zero + 1, len);
    text[len] = '\0';
    char *value = strchr(text, '=');
    if (value == NULL) {
        return false;
    }
    *value = '\0';
    *set = (cbit_scenario_set_t){.pointer = text, .value = value + 1};
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[SET_BYTES];
    cbit_scenario_set_t set;
    const char *path = scenario_path();
    const bool has_set = size > 0 && find_set(data, size, text, &set);
    const size_t len = has_set ? strlen((const char *)data) : size;
    FILE *stream = fopen(path, "wb");
    require(stream != NULL, "the input cannot be written");
    bool written = fwrite(data, 1, len, stream) == len;
    require(fclose(stream) == 0 && written, "the input cannot be written");
    check_way(path, false, has_set ? &set : NULL);
    check_way(path, true, NULL);
    (void)remove(path);
    return 0;
}
