#include "cli/tell.h"

#include <stdio.h>

/* Our own bugs come first, then the environment: they make the rest doubtful. */
static int graver(int a, int b)
{
    static const int order[] = {0, 1, 3, 2, 4, 70};
    for (size_t i = sizeof order / sizeof order[0]; i-- > 0;) {
        if (a == order[i] || b == order[i]) {
            return order[i];
        }
    }
    return 70;
}

int cbit_tell(const cbit_diag_t *diag, const char *done)
{
    int status = 0;
    size_t count = cbit_diag_count(diag), kept = 0;
    const cbit_diag_entry_t *entry;
    for (; (entry = cbit_diag_at(diag, kept)) != NULL; kept++) {
        (void)fprintf(stderr, "error: %s%s%s%s%s\n", entry->file,
                      entry->file[0] != '\0' ? ": " : "", entry->where,
                      entry->where[0] != '\0' ? ": " : "", entry->text);
        if (entry->hint[0] != '\0') {
            (void)fprintf(stderr, "  hint: %s\n", entry->hint);
        }
        status = graver(status, cbit_err_exit_status(entry->err));
    }
    if (count > kept) {
        (void)fprintf(stderr, "error: and %zu more\n", count - kept);
    }
    if (count > 0) {
        (void)fprintf(stderr, "%zu error%s, %s\n", count, count == 1 ? "" : "s", done);
    }
    return status;
}
