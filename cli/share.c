#define _XOPEN_SOURCE 700

#include "cli/share.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The folder of the running tool; false where /proc does not tell. */
static bool own_folder(char self[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", self, PATH_MAX - 1);
    if (length <= 0) {
        return false;
    }
    self[length] = '\0';
    *strrchr(self, '/') = '\0';
    return true;
}

void cbit_share_path(const char *name, char *path, size_t path_bytes)
{
    char self[PATH_MAX];
    if (own_folder(self)) {
        (void)snprintf(path, path_bytes, "%s/../share/cbit/%s", self, name);
        if (access(path, R_OK) == 0) {
            return;
        }
    }
    (void)snprintf(path, path_bytes, "%s/%s", CBIT_SOURCE_SHARE, name);
}

bool cbit_share_library(const char *name, char *path, size_t path_bytes)
{
    static const char *const places[] = {"", "/../lib/cbit", "/../lib/x86_64-linux-gnu/cbit",
                                         "/../lib64/cbit"};
    char self[PATH_MAX];
    for (size_t i = 0; i < sizeof places / sizeof places[0] && own_folder(self); i++) {
        (void)snprintf(path, path_bytes, "%s%s/%s", self, places[i], name);
        if (access(path, R_OK) == 0) {
            return true;
        }
    }
    (void)snprintf(path, path_bytes, "%s", name);
    return false;
}
