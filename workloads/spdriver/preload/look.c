/*
 * What a program finds that looks for /dev/sev before it opens it, or at what it has opened: the
 * character device of the Linux driver, which belongs to who runs the program.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <unistd.h>

#include "workloads/spdriver/preload/preload.h"

enum { MAJOR = 10, MINOR = 124, MODE = S_IFCHR | 0600, BLOCK_BYTES = 4096 }; /* a misc device */

/* On 64-bit Linux one structure under two names. */
_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "one layout");

static int describe(void *info)
{
    const struct stat seen = {.st_mode = MODE,
                              .st_nlink = 1,
                              .st_uid = geteuid(),
                              .st_gid = getegid(),
                              .st_rdev = makedev(MAJOR, MINOR),
                              .st_blksize = BLOCK_BYTES};
    memcpy(info, &seen, sizeof seen);
    return 0;
}

static int look_at(const char *name, const char *path, void *info)
{
    int (*next)(const char *, void *);
    if (cbit_sev_wanted(path)) {
        return describe(info);
    }
    cbit_sev_find_next(name, &next);
    return next(path, info);
}

static int look_from(const char *name, int directory, const char *path, void *info, int flags)
{
    int (*next)(int, const char *, void *, int);
    if (cbit_sev_wanted(path)) {
        return describe(info);
    }
    cbit_sev_find_next(name, &next);
    return next(directory, path, info, flags);
}

static int look_into(const char *name, int fd, void *info)
{
    int (*next)(int, void *);
    if (cbit_sev_is_open(fd)) {
        return describe(info);
    }
    cbit_sev_find_next(name, &next);
    return next(fd, info);
}

CBIT_SEV_EXPORT int stat(const char *path, struct stat *info)
{
    return look_at("stat", path, info);
}

CBIT_SEV_EXPORT int stat64(const char *path, struct stat64 *info)
{
    return look_at("stat64", path, info);
}

CBIT_SEV_EXPORT int lstat(const char *path, struct stat *info)
{
    return look_at("lstat", path, info);
}

CBIT_SEV_EXPORT int lstat64(const char *path, struct stat64 *info)
{
    return look_at("lstat64", path, info);
}

CBIT_SEV_EXPORT int fstat(int fd, struct stat *info)
{
    return look_into("fstat", fd, info);
}

CBIT_SEV_EXPORT int fstat64(int fd, struct stat64 *info)
{
    return look_into("fstat64", fd, info);
}

CBIT_SEV_EXPORT int fstatat(int directory, const char *path, struct stat *info, int flags)
{
    return look_from("fstatat", directory, path, info, flags);
}

CBIT_SEV_EXPORT int fstatat64(int directory, const char *path, struct stat64 *info, int flags)
{
    return look_from("fstatat64", directory, path, info, flags);
}

CBIT_SEV_EXPORT int statx(int directory, const char *path, int flags, unsigned mask,
                          struct statx *info)
{
    int (*next)(int, const char *, int, unsigned, struct statx *);
    if (cbit_sev_wanted(path)) {
        memset(info, 0, sizeof *info);
        info->stx_mask = STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_UID | STATX_GID;
        info->stx_mode = MODE;
        info->stx_nlink = 1;
        info->stx_uid = geteuid();
        info->stx_gid = getegid();
        info->stx_rdev_major = MAJOR;
        info->stx_rdev_minor = MINOR;
        info->stx_blksize = BLOCK_BYTES;
        return 0;
    }
    cbit_sev_find_next("statx", &next);
    return next(directory, path, flags, mask, info);
}

/* Everything but running it. */
static int may(const char *name, const char *path, int mode)
{
    int (*next)(const char *, int);
    if (!cbit_sev_wanted(path)) {
        cbit_sev_find_next(name, &next);
        return next(path, mode);
    }
    errno = (mode & X_OK) == 0 ? errno : EACCES;
    return (mode & X_OK) == 0 ? 0 : -1;
}

CBIT_SEV_EXPORT int access(const char *path, int mode)
{
    return may("access", path, mode);
}

CBIT_SEV_EXPORT int euidaccess(const char *path, int mode)
{
    return may("euidaccess", path, mode);
}

CBIT_SEV_EXPORT int eaccess(const char *path, int mode)
{
    return may("eaccess", path, mode);
}

CBIT_SEV_EXPORT int faccessat(int directory, const char *path, int mode, int flags)
{
    int (*next)(int, const char *, int, int);
    if (cbit_sev_wanted(path)) {
        return may("access", path, mode);
    }
    cbit_sev_find_next("faccessat", &next);
    return next(directory, path, mode, flags);
}
