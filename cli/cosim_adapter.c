/* Adapters: how a bare core is spoken to, from the tool or from a file. */
#include <stdio.h>
#include <string.h>

#include "cbit/workloads/bind.h"
#include "cli/cosim.h"
#include "cosim/embedded.h"

enum { MAX_FILE_BYTES = 1 << 20, NAMES_BYTES = 512 };

static const cbit_embedded_t *built_in(const char *name)
{
    size_t len = strlen(name);
    const cbit_embedded_t *found = cbit_embedded_adapters;
    while (found->name != NULL &&
           (strncmp(found->name, name, len) != 0 || strcmp(found->name + len, ".json") != 0)) {
        found++;
    }
    return found->name == NULL ? NULL : found;
}

static cbit_err_t unknown(const char *name, cbit_diag_t *diag)
{
    char names[NAMES_BYTES] = "engine";
    for (const cbit_embedded_t *at = cbit_embedded_adapters; at->name != NULL; at++) {
        size_t len = strlen(names);
        (void)snprintf(names + len, sizeof names - len, ", %.*s", (int)(strlen(at->name) - 5),
                       at->name);
    }
    cbit_err_t err = cbit_diag_add(diag, CBIT_ERR_OPEN, NULL, "there is no adapter %s", name);
    cbit_diag_hint(diag, "%s, or a file whose name ends in .json", names);
    return err;
}

cbit_err_t cbit_cosim_load_adapter(const char *name, cbit_arena_t *arena, cbit_core_rules_t *rules,
                                   cbit_diag_t *diag)
{
    size_t len = strlen(name), before = cbit_diag_count(diag);
    bool file = strchr(name, '/') != NULL || (len > 5 && strcmp(name + len - 5, ".json") == 0);
    const cbit_embedded_t *known = file ? NULL : built_in(name);
    if (!file && known == NULL) {
        return unknown(name, diag);
    }
    cbit_diag_set_file(diag, name);
    cbit_json_t *tree =
        file ? cbit_json_load(arena, name, MAX_FILE_BYTES, 0, CBIT_ERR_OPEN, diag)
             : cbit_json_parse(arena, (const char *)known->bytes, known->len_bytes, 0, diag);
    if (tree != NULL && cbit_bind(arena, tree, name, cbit_core_rows, rules, diag) == CBIT_ERR_OK) {
        cbit_diag_set_file(diag, name);
        (void)cbit_core_rules_check(rules, diag);
    }
    cbit_diag_set_file(diag, NULL);
    return cbit_diag_count(diag) == before ? CBIT_ERR_OK : cbit_diag_first(diag);
}
