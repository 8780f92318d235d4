/*
 * The loader on any bytes as a scenario, and as a result that is to be run again: a file or
 * findings, no crash, and what was loaded describes itself as JSON.
 */
#define _XOPEN_SOURCE 700

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cbit/workloads/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

/* One way in: an error and findings, or a file. */
static void check_way(const char *path, bool replay)
{
    const cbit_scenario_options_t options = {.preset = true};
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = scenario_path();
    FILE *stream = fopen(path, "wb");
    require(stream != NULL, "the input cannot be written");
    bool written = fwrite(data, 1, size, stream) == size;
    require(fclose(stream) == 0 && written, "the input cannot be written");
    check_way(path, false);
    check_way(path, true);
    (void)remove(path);
    return 0;
}
