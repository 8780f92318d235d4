/*
 * libcbit_sev: gives a program a /dev/sev that is not there.
 *
 * cbit sp -- PROGRAM preloads this library and names a socket in CBIT_SEV_SOCKET. An open of
 * /dev/sev becomes a connection to it, so every descriptor is a real and distinct one; an ioctl on
 * such a descriptor, recognised by its peer (it may have come through fork, dup or exec), becomes a
 * message of cbit/workloads/sev_uapi.h on a connection of its own. look.c answers who looks for the
 * device first. Everything else goes its usual way. Linked with nothing of cbit.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "cbit/workloads/sev_uapi.h"
#include "workloads/spdriver/preload/preload.h"

#define SEV_ISSUE_CMD 0xC0105300ul

static const char device[] = "/dev/sev";
static const char read_only_suffix[] = ".ro"; /* the socket of descriptors open for reading only */

CBIT_SEV_EXPORT int open(const char *path, int flags, ...);
CBIT_SEV_EXPORT int open64(const char *path, int flags, ...);
CBIT_SEV_EXPORT int openat(int directory, const char *path, int flags, ...);
CBIT_SEV_EXPORT int openat64(int directory, const char *path, int flags, ...);
CBIT_SEV_EXPORT int __open_2(const char *path, int flags);
CBIT_SEV_EXPORT int __open64_2(const char *path, int flags);
CBIT_SEV_EXPORT int ioctl(int fd, unsigned long request, ...);

/* The C library's own function; the copy is how ISO C lets a data pointer become a function's. */
void cbit_sev_find_next(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, sizeof found);
}

/* ---- the socket ---- */

static int connect_to(const struct sockaddr_un *address, int extra)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | extra, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
        int why = errno;
        (void)close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static int open_device(int flags)
{
    const char *socket_path = getenv("CBIT_SEV_SOCKET");
    bool reading = (flags & O_ACCMODE) == O_RDONLY;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (socket_path == NULL ||
        strlen(socket_path) + sizeof read_only_suffix > sizeof address.sun_path) {
        errno = ENOENT;
        return -1;
    }
    strcpy(address.sun_path, socket_path);
    if (reading) {
        strcat(address.sun_path, read_only_suffix);
    }
    return connect_to(&address, (flags & O_CLOEXEC) != 0 ? SOCK_CLOEXEC : 0);
}

/* Whether fd is one of ours; then *peer is where it leads, *writable how it was opened. */
static bool is_device(int fd, struct sockaddr_un *peer, bool *writable)
{
    socklen_t length = sizeof *peer;
    const char *socket_path = getenv("CBIT_SEV_SOCKET");
    memset(peer, 0, sizeof *peer);
    int kept = errno;
    bool ours = socket_path != NULL && getpeername(fd, (struct sockaddr *)peer, &length) == 0 &&
                peer->sun_family == AF_UNIX &&
                strncmp(peer->sun_path, socket_path, strlen(socket_path)) == 0;
    errno = kept;
    if (!ours) {
        return false;
    }
    const char *suffix = peer->sun_path + strlen(socket_path);
    *writable = suffix[0] == '\0';
    return *writable || strcmp(suffix, read_only_suffix) == 0;
}

bool cbit_sev_is_open(int fd)
{
    struct sockaddr_un peer;
    bool writable;
    return is_device(fd, &peer, &writable);
}

static bool send_all(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        at += sent;
        length -= (size_t)sent;
    }
    return true;
}

static bool receive_all(int fd, void *bytes, size_t length)
{
    char *at = bytes;
    while (length > 0) {
        ssize_t got = recv(fd, at, length, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        at += got;
        length -= (size_t)got;
    }
    return true;
}

/* ---- the user's memory: bad pointers give EFAULT, as in the kernel ---- */

static bool copy_user(bool in, uint64_t address, void *bytes, size_t length)
{
    struct iovec local = {.iov_base = bytes, .iov_len = length};
    struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = length};
    ssize_t copied = in ? process_vm_readv(getpid(), &local, 1, &remote, 1, 0)
                        : process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
    if (copied < 0 && (errno == ENOSYS || errno == EPERM)) { /* forbidden here: trust the pointer */
        memcpy(in ? bytes : remote.iov_base, in ? remote.iov_base : bytes, length);
        return true;
    }
    return copied == (ssize_t)length;
}

/* Where a command's structure has its buffers: offsets of address and length; all packed. */
typedef struct shape {
    uint8_t bytes;    /* of the structure; 0: none */
    uint8_t returned; /* bytes of it that the driver fills in */
    uint8_t blobs;
    uint8_t address[2], length[2];
    bool outputs;
} shape_t;

static const shape_t shapes[CBIT_SEV_COMMANDS] = {
    [CBIT_SEV_PLATFORM_STATUS] = {.bytes = 12, .returned = 12},
    [CBIT_SEV_PEK_CSR] = {.bytes = 12, .blobs = 1, .length = {8}, .outputs = true},
    [CBIT_SEV_PDH_CERT_EXPORT] =
        {.bytes = 24, .blobs = 2, .address = {0, 12}, .length = {8, 20}, .outputs = true},
    [CBIT_SEV_PEK_CERT_IMPORT] = {.bytes = 24, .blobs = 2, .address = {0, 12}, .length = {8, 20}},
    [CBIT_SEV_GET_ID] = {.bytes = 128, .returned = 128},
    [CBIT_SEV_GET_ID2] = {.bytes = 12, .blobs = 1, .length = {8}, .outputs = true},
};

typedef struct call {
    const shape_t *shape;
    uint64_t data;      /* the user's structure */
    uint8_t bytes[128]; /* a copy of it */
    cbit_sev_request_t request;
    cbit_sev_response_t response;
} call_t;

static uint64_t blob_address(const call_t *call, uint32_t i)
{
    uint64_t address;
    memcpy(&address, call->bytes + call->shape->address[i], sizeof address);
    return address;
}

static bool gather(call_t *call)
{
    const shape_t *shape = call->shape;
    if (shape->bytes > 0 && !copy_user(true, call->data, call->bytes, shape->bytes)) {
        return false;
    }
    for (uint32_t i = 0; i < shape->blobs; i++) {
        cbit_sev_blob_t *blob = &call->request.blobs[i];
        memcpy(&blob->length, call->bytes + shape->length[i], sizeof blob->length);
        blob->present = blob_address(call, i) != 0 ? 1 : 0;
        if (!shape->outputs && blob->present != 0 && blob->length <= CBIT_SEV_BLOB_BYTES &&
            !copy_user(true, blob_address(call, i), blob->bytes, blob->length)) {
            return false;
        }
    }
    return true;
}

static bool scatter(call_t *call)
{
    const shape_t *shape = call->shape;
    bool good = true;
    if (shape->returned > 0 && call->response.errno_value == 0) {
        good = copy_user(false, call->data, call->response.data, shape->returned);
    }
    for (uint32_t i = 0; i < shape->blobs && shape->outputs; i++) {
        const cbit_sev_blob_t *blob = &call->response.blobs[i];
        uint32_t bytes = call->response.write_back[i];
        good = copy_user(false, call->data + shape->length[i], (void *)(uintptr_t)&blob->length,
                         sizeof blob->length) &&
               good;
        if (bytes > 0 && bytes <= CBIT_SEV_BLOB_BYTES) {
            good = copy_user(false, blob_address(call, i), (void *)(uintptr_t)blob->bytes, bytes) &&
                   good;
        }
    }
    return good;
}

/* One ioctl; returns the errno. */
static int issue(const struct sockaddr_un *peer, bool writable, uint32_t command, uint64_t data,
                 uint32_t *error)
{
    static const shape_t none = {0};
    call_t *call = calloc(1, sizeof *call);
    int fd = -1, why = EIO;
    *error = (uint32_t)CBIT_SEV_NEVER_CALLED;
    if (call == NULL) {
        return ENOMEM;
    }
    call->shape = command < CBIT_SEV_COMMANDS ? &shapes[command] : &none;
    call->data = data;
    call->request.command = command;
    call->request.writable = writable ? 1 : 0;
    if (!gather(call)) {
        why = EFAULT;
    } else {
        fd = connect_to(peer, SOCK_CLOEXEC);
        if (fd >= 0 && send_all(fd, &call->request, sizeof call->request) &&
            receive_all(fd, &call->response, sizeof call->response)) {
            *error = call->response.error;
            why = scatter(call) ? call->response.errno_value : EFAULT;
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    free(call);
    return why;
}

static int issue_cmd(const struct sockaddr_un *peer, bool writable, uint64_t arg)
{
    uint8_t bytes[16]; /* u32 cmd, u64 data, u32 error */
    uint32_t command, error;
    uint64_t data;
    if (!copy_user(true, arg, bytes, sizeof bytes)) {
        errno = EFAULT;
        return -1;
    }
    memcpy(&command, bytes, 4);
    memcpy(&data, bytes + 4, 8);
    int why = issue(peer, writable, command, data, &error);
    if (!copy_user(false, arg + 12, &error, sizeof error)) {
        why = EFAULT;
    }
    errno = why != 0 ? why : errno;
    return why != 0 ? -1 : 0;
}

/* ---- what is interposed ---- */

bool cbit_sev_wanted(const char *path)
{
    return path != NULL && strcmp(path, device) == 0;
}

#define MODE_OF(flags)                                                                             \
    mode_t mode = 0;                                                                               \
    if (((flags) & (O_CREAT | __O_TMPFILE)) != 0) {                                                \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode = (mode_t)va_arg(args, unsigned);                                                     \
        va_end(args);                                                                              \
    }

int open(const char *path, int flags, ...)
{
    static int (*next)(const char *, int, ...);
    MODE_OF(flags)
    if (cbit_sev_wanted(path)) {
        return open_device(flags);
    }
    cbit_sev_find_next("open", &next);
    return next(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    static int (*next)(const char *, int, ...);
    MODE_OF(flags)
    if (cbit_sev_wanted(path)) {
        return open_device(flags);
    }
    cbit_sev_find_next("open64", &next);
    return next(path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...)
{
    static int (*next)(int, const char *, int, ...);
    MODE_OF(flags)
    if (cbit_sev_wanted(path)) {
        return open_device(flags);
    }
    cbit_sev_find_next("openat", &next);
    return next(directory, path, flags, mode);
}

int openat64(int directory, const char *path, int flags, ...)
{
    static int (*next)(int, const char *, int, ...);
    MODE_OF(flags)
    if (cbit_sev_wanted(path)) {
        return open_device(flags);
    }
    cbit_sev_find_next("openat64", &next);
    return next(directory, path, flags, mode);
}

int __open_2(const char *path, int flags)
{
    static int (*next)(const char *, int);
    if (cbit_sev_wanted(path)) {
        return open_device(flags);
    }
    cbit_sev_find_next("__open_2", &next);
    return next(path, flags);
}

int __open64_2(const char *path, int flags)
{
    static int (*next)(const char *, int);
    if (cbit_sev_wanted(path)) {
        return open_device(flags);
    }
    cbit_sev_find_next("__open64_2", &next);
    return next(path, flags);
}

int ioctl(int fd, unsigned long request, ...)
{
    static int (*next)(int, unsigned long, ...);
    struct sockaddr_un peer;
    bool writable = false;
    va_list args;
    va_start(args, request);
    void *arg = va_arg(args, void *);
    va_end(args);
    if (request == SEV_ISSUE_CMD && is_device(fd, &peer, &writable)) {
        return issue_cmd(&peer, writable, (uint64_t)(uintptr_t)arg);
    }
    cbit_sev_find_next("ioctl", &next);
    return next(fd, request, arg);
}
