/* Any bytes as an adapter of a core: rules that hold together, or findings. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/workloads/bind.h"
#include "cosim/core_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "%s\n", what);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cbit_arena_t *arena = cbit_arena_create();
    cbit_diag_t *diag = cbit_diag_create();
    cbit_core_rules_t rules;
    memset(&rules, 0, sizeof rules);
    cbit_json_t *tree = cbit_json_parse(arena, (const char *)data, size, 0, diag);
    cbit_err_t err = tree == NULL ? CBIT_ERR_FORMAT
                                  : cbit_bind(arena, tree, "fuzz", cbit_core_rows, &rules, diag);
    require((err == CBIT_ERR_OK) == (cbit_diag_count(diag) == 0), "an error has a finding");
    if (err == CBIT_ERR_OK && cbit_core_rules_check(&rules, diag) == CBIT_ERR_OK) {
        require(strcmp(rules.format, CBIT_CORE_FORMAT) == 0, "rules of another format");
        require(rules.input.data[0] != '\0' && rules.input.key[0] != '\0', "rules without ports");
    }
    cbit_diag_destroy(diag);
    cbit_arena_destroy(arena);
    return 0;
}
