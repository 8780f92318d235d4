#include "cli/new_file.h"

#include <stdlib.h>
#include <string.h>

bool cbit_new_file_begin(cbit_new_file_t *file, const char *path)
{
    static const char suffix[] = ".part";
    *file = (cbit_new_file_t){.path = path, .beside = malloc(strlen(path) + sizeof suffix)};
    if (file->beside != NULL) {
        (void)sprintf(file->beside, "%s%s", path, suffix);
        file->file = fopen(file->beside, "wb");
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
    good = good && rename(file->beside, file->path) == 0;
    if (!good) {
        (void)remove(file->beside);
    }
    free(file->beside);
    *file = (cbit_new_file_t){.path = file->path};
    return good;
}
