#define _POSIX_C_SOURCE 200809L

#include "cli/new_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A name of this process, which nobody else writes to; what stands there is left of a dead one, or
   a link that somebody has laid: either goes. */
static FILE *open_beside(const char *beside, cbit_new_file_kind_t kind)
{
    (void)unlink(beside);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                  kind == CBIT_NEW_FILE_SECRET ? 0600 : 0666);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");
    if (fd >= 0 && file == NULL) {
        (void)close(fd);
        (void)unlink(beside);
    }
    return file;
}

/* Devices and pipes are written as they are: a file in their place would be another thing. */
static bool is_special(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

bool cbit_new_file_begin(cbit_new_file_t *file, const char *path, cbit_new_file_kind_t kind)
{
    enum { SUFFIX_BYTES = 32 };
    size_t room = strlen(path) + SUFFIX_BYTES;
    *file = (cbit_new_file_t){.path = path};
    if (is_special(path)) {
        file->file = fopen(path, "wb");
        return file->file != NULL;
    }
    file->beside = malloc(room);
    if (file->beside != NULL) {
        (void)snprintf(file->beside, room, "%s.part%ld", path, (long)getpid());
        file->file = open_beside(file->beside, kind);
    }
    if (file->file == NULL) {
        free(file->beside);
        file->beside = NULL;
    }
    return file->file != NULL;
}

bool cbit_new_file_end(cbit_new_file_t *file, bool good)
{
    if (file->file == NULL) {
        return false;
    }
    good = ferror(file->file) == 0 && good;
    good = fclose(file->file) == 0 && good;
    if (file->beside != NULL) {
        good = good && rename(file->beside, file->path) == 0;
        if (!good) {
            (void)remove(file->beside);
        }
    }
    free(file->beside);
    *file = (cbit_new_file_t){.path = file->path};
    return good;
}
