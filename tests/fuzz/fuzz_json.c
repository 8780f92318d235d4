/* Whatever the bytes: one tree or findings; and a tree that is written reads back as the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/workloads/json.h"

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
    const cbit_json_t *value = cbit_json_parse(arena, (const char *)data, size, 1, diag);
    require((value == NULL) == (cbit_diag_count(diag) > 0), "a value or a finding, never both");
    if (value != NULL) {
        size_t len = 0;
        char *text = cbit_json_text(value, size % 2 == 0, &len);
        const cbit_json_t *again = cbit_json_parse(arena, text, len, 1, diag);
        require(again != NULL, "what was written cannot be read");
        require(cbit_json_equal(value, again), "what was written reads as something else");
        free(text);
    }
    cbit_diag_destroy(diag);
    cbit_arena_destroy(arena);
    return 0;
}
