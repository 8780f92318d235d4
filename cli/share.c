#define _XOPEN_SOURCE 700

#include "cli/share.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void cbit_share_path(const char *name, char *path, size_t path_bytes)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length > 0) {
        self[length] = '\0';
        *strrchr(self, '/') = '\0';
        (void)snprintf(path, path_bytes, "%s/../share/cbit/%s", self, name);
        if (access(path, R_OK) == 0) {
            return;
        }
    }
    (void)snprintf(path, path_bytes, "%s/%s", CBIT_SOURCE_SHARE, name);
}
