#define _XOPEN_SOURCE 700

#include "cli/output.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static cbit_err_t tell(cbit_diag_t *diag, const char *path, const char *what)
{
    cbit_diag_set_file(diag, path);
    return cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "%s: %s", what, strerror(errno));
}

static bool join(char to[CBIT_OUTPUT_PATH_BYTES], const char *folder, const char *name)
{
    int len = snprintf(to, CBIT_OUTPUT_PATH_BYTES, "%s/%s", folder, name);
    return len > 0 && len < CBIT_OUTPUT_PATH_BYTES;
}

/* A directory of ours holds a result.json, or nothing at all. */
static bool is_ours(const char *path)
{
    char name[CBIT_OUTPUT_PATH_BYTES];
    struct stat info;
    if (join(name, path, "result.json") && stat(name, &info) == 0) {
        return true;
    }
    return rmdir(path) == 0 && mkdir(path, 0777) == 0; /* only an empty one can be removed */
}

/* The nearest folder above that exists is one where something can be made. */
static cbit_err_t check_parent(const char *path, cbit_diag_t *diag)
{
    char part[CBIT_OUTPUT_PATH_BYTES];
    struct stat info;
    size_t len = strlen(path);
    memcpy(part, path, len + 1);
    do {
        char *slash = strrchr(part, '/');
        if (slash == NULL) {
            (void)snprintf(part, sizeof part, ".");
        } else {
            slash[slash == part] = '\0'; /* "/" stays */
        }
    } while (stat(part, &info) != 0 && strcmp(part, ".") != 0 && strcmp(part, "/") != 0 &&
             errno == ENOENT);
    if (stat(part, &info) == 0 && S_ISDIR(info.st_mode) && access(part, W_OK | X_OK) == 0) {
        return CBIT_ERR_OK;
    }
    cbit_diag_set_file(diag, part);
    return cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "is no directory that can be written to");
}

cbit_err_t cbit_output_check(cbit_output_t *output, const char *path, bool force, cbit_diag_t *diag)
{
    struct stat info;
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    *output = (cbit_output_t){.force = force};
    cbit_diag_set_file(diag, path);
    if (len == 0 || len + 32 > sizeof output->final) {
        return cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "is no name for a directory");
    }
    memcpy(output->final, path, len);
    if (stat(output->final, &info) != 0) {
        return check_parent(output->final, diag);
    }
    if (!S_ISDIR(info.st_mode) || !is_ours(output->final)) {
        return cbit_diag_add(diag, CBIT_ERR_WRITE, NULL,
                             "exists and is not an output directory of cbit; it stays as it is");
    }
    char result[CBIT_OUTPUT_PATH_BYTES];
    if (!force && join(result, output->final, "result.json") && stat(result, &info) == 0) {
        (void)cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "holds a finished result");
        cbit_diag_hint(diag, "--force replaces it");
        return CBIT_ERR_WRITE;
    }
    return CBIT_ERR_OK;
}

cbit_err_t cbit_output_make_parents(const char *path, cbit_diag_t *diag)
{
    char part[CBIT_OUTPUT_PATH_BYTES];
    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        size_t len = (size_t)(slash - path);
        memcpy(part, path, len);
        part[len] = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST) {
            return tell(diag, part, "cannot be made");
        }
    }
    return CBIT_ERR_OK;
}

cbit_err_t cbit_output_begin(cbit_output_t *output, cbit_diag_t *diag)
{
    char beside[CBIT_OUTPUT_PATH_BYTES + 32];
    cbit_err_t err = cbit_output_make_parents(output->final, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    (void)snprintf(beside, sizeof beside, "%s.new%ld", output->final, (long)getpid());
    if (mkdir(beside, 0777) != 0) {
        return tell(diag, beside, "cannot be made");
    }
    memcpy(output->beside, beside, strlen(beside) + 1);
    return CBIT_ERR_OK;
}

cbit_err_t cbit_output_write(cbit_output_t *output, const char *name, const char *bytes, size_t len,
                             cbit_diag_t *diag)
{
    char path[CBIT_OUTPUT_PATH_BYTES];
    FILE *stream = join(path, output->beside, name) ? fopen(path, "wb") : NULL;
    if (stream == NULL) {
        return tell(diag, name, "cannot be written");
    }
    bool ok =
        fwrite(bytes, 1, len, stream) == len && fflush(stream) == 0 && fsync(fileno(stream)) == 0;
    if (fclose(stream) != 0 || !ok) {
        return tell(diag, path, "cannot be written");
    }
    return CBIT_ERR_OK;
}

/* Our directories are flat. */
void cbit_output_remove(const char *path)
{
    char name[CBIT_OUTPUT_PATH_BYTES];
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (join(name, path, entry->d_name)) {
            (void)unlink(name); /* does nothing to "." and ".." */
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    (void)rmdir(path);
}

cbit_err_t cbit_output_finish(cbit_output_t *output, cbit_diag_t *diag)
{
    char old[CBIT_OUTPUT_PATH_BYTES + 32];
    bool moved;
    (void)snprintf(old, sizeof old, "%s.old%ld", output->final, (long)getpid());
    moved = rename(output->final, old) == 0;
    if (rename(output->beside, output->final) != 0) {
        cbit_err_t err = tell(diag, output->final, "cannot be made");
        if (moved) {
            (void)rename(old, output->final);
        }
        return err;
    }
    output->beside[0] = '\0';
    if (moved) {
        cbit_output_remove(old);
    }
    return CBIT_ERR_OK;
}

void cbit_output_discard(cbit_output_t *output)
{
    if (output->beside[0] != '\0') {
        cbit_output_remove(output->beside);
        output->beside[0] = '\0';
    }
}

char *cbit_output_name(const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') {
        end--;
    }
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/') {
        begin--;
    }
    char *name = calloc(1, end - begin + 1);
    if (name != NULL) {
        memcpy(name, path + begin, end - begin);
    }
    return name;
}
