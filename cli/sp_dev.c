#define _GNU_SOURCE

#include "cli/sp_dev.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cbit/base/err.h"
#include "cbit/workloads/spdriver.h"
#include "cli/share.h"

static int tell(cbit_err_t err, const char *subject, const char *what)
{
    (void)fprintf(stderr, "error: %s: %s\n", subject, what);
    return cbit_err_exit_status(err);
}

/* ---- can it be served? ---- */

static bool find_program(const char *program, char path[PATH_MAX])
{
    if (strchr(program, '/') != NULL) {
        (void)snprintf(path, PATH_MAX, "%s", program);
        return access(path, X_OK) == 0;
    }
    const char *search = getenv("PATH");
    while (search != NULL && *search != '\0') {
        size_t length = strcspn(search, ":");
        (void)snprintf(path, PATH_MAX, "%.*s/%s", (int)length, search, program);
        if (length > 0 && access(path, X_OK) == 0) {
            return true;
        }
        search += length + (search[length] == ':' ? 1 : 0);
    }
    return false;
}

/* An ELF program without an interpreter loads no libraries. Scripts are their interpreter's case.
 */
static bool statically_linked(FILE *file)
{
    Elf64_Ehdr head;
    if (fread(&head, sizeof head, 1, file) != 1 || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
        head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof(Elf64_Phdr)) {
        return false;
    }
    for (uint32_t i = 0; i < head.e_phnum; i++) {
        Elf64_Phdr segment;
        if (fseek(file, (long)(head.e_phoff + i * sizeof segment), SEEK_SET) != 0 ||
            fread(&segment, sizeof segment, 1, file) != 1) {
            return false;
        }
        if (segment.p_type == PT_INTERP) {
            return false;
        }
    }
    return true;
}

int sp_dev_check(const char *program)
{
    char path[PATH_MAX];
    if (!find_program(program, path)) {
        return tell(CBIT_ERR_OPEN, program, "no such program");
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return 0; /* executable and not readable: let exec decide */
    }
    bool is_static = statically_linked(file);
    (void)fclose(file);
    if (is_static) {
        int status = tell(CBIT_ERR_UNSUPPORTED, path,
                          "statically linked: it loads no library that could give it a /dev/sev");
        (void)fprintf(stderr, "  hint: link it dynamically\n");
        return status;
    }
    return 0;
}

/* ---- the server ---- */

enum { CONNECTIONS = 1000, LISTENERS = 2 };

typedef struct connection {
    int fd; /* -1: free */
    uint32_t got;
    cbit_sev_request_t *request; /* made when the first byte comes: most only mark a descriptor */
} connection_t;

typedef struct server {
    cbit_sev_platform_t platform;
    int listeners[LISTENERS];
    char directory[64], paths[LISTENERS][96];
    connection_t connections[CONNECTIONS];
} server_t;

static void drop(connection_t *connection)
{
    (void)close(connection->fd);
    free(connection->request);
    *connection = (connection_t){.fd = -1};
}

static bool make_listener(server_t *server, uint32_t i, const char *suffix)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(server->paths[i], sizeof server->paths[i], "%s/sev%s", server->directory,
                   suffix);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", server->paths[i]);
    server->listeners[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return server->listeners[i] >= 0 &&
           bind(server->listeners[i], (struct sockaddr *)&address, sizeof address) == 0 &&
           listen(server->listeners[i], 128) == 0;
}

static bool open_server(server_t *server, sp_host_t *host)
{
    server->platform = sp_host_platform(host);
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        server->connections[i].fd = -1;
    }
    (void)snprintf(server->directory, sizeof server->directory, "/tmp/cbit-sev-XXXXXX");
    return mkdtemp(server->directory) != NULL && make_listener(server, 0, "") &&
           make_listener(server, 1, ".ro");
}

static void close_server(server_t *server)
{
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        if (server->connections[i].fd >= 0) {
            drop(&server->connections[i]);
        }
    }
    for (uint32_t i = 0; i < LISTENERS; i++) {
        if (server->listeners[i] > 0) {
            (void)close(server->listeners[i]);
        }
        (void)unlink(server->paths[i]);
    }
    (void)rmdir(server->directory);
}

static void accept_one(server_t *server, uint32_t listener)
{
    int fd = accept4(server->listeners[listener], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    for (uint32_t i = 0; i < CONNECTIONS && fd >= 0; i++) {
        if (server->connections[i].fd < 0) {
            server->connections[i].fd = fd;
            return;
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

/* Answers are waited for by their client, so they are taken at once; one that does not is dropped.
 */
static void answer(server_t *server, connection_t *connection)
{
    static cbit_sev_response_t response;
    const struct timeval patience = {.tv_sec = 5};
    cbit_sev_call(&server->platform, connection->request, &response);
    int flags = fcntl(connection->fd, F_GETFL);
    (void)fcntl(connection->fd, F_SETFL, flags & ~O_NONBLOCK);
    (void)setsockopt(connection->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const char *at = (const char *)&response;
    size_t left = sizeof response;
    while (left > 0) {
        ssize_t sent = send(connection->fd, at, left, MSG_NOSIGNAL);
        if (sent <= 0) {
            break;
        }
        at += sent;
        left -= (size_t)sent;
    }
    drop(connection);
}

static void receive(server_t *server, connection_t *connection)
{
    if (connection->request == NULL) {
        connection->request = calloc(1, sizeof *connection->request);
        if (connection->request == NULL) {
            drop(connection);
            return;
        }
    }
    ssize_t got = recv(connection->fd, (char *)connection->request + connection->got,
                       sizeof *connection->request - connection->got, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        drop(connection);
        return;
    }
    connection->got += (uint32_t)got;
    if (connection->got == sizeof *connection->request) {
        answer(server, connection);
    }
}

/* Signals that end us are the program's first: we end when it has, and keep the state. */
static volatile sig_atomic_t passed_on;

static void on_signal(int signal)
{
    if (signal != SIGCHLD) { /* whose only work is to interrupt ppoll */
        passed_on = signal;
    }
}

/* Serves until the child has ended; our signals are blocked but for the wait itself. */
static int serve(server_t *server, pid_t child, const sigset_t *while_waiting)
{
    static struct pollfd polled[LISTENERS + CONNECTIONS];
    static uint32_t which[CONNECTIONS];
    int status = 0;
    while (waitpid(child, &status, WNOHANG) != child) {
        if (passed_on != 0) {
            (void)kill(child, passed_on);
            passed_on = 0;
        }
        nfds_t count = LISTENERS;
        for (uint32_t i = 0; i < LISTENERS; i++) {
            polled[i] = (struct pollfd){.fd = server->listeners[i], .events = POLLIN};
        }
        for (uint32_t i = 0; i < CONNECTIONS; i++) {
            if (server->connections[i].fd >= 0) {
                which[count - LISTENERS] = i;
                polled[count++] =
                    (struct pollfd){.fd = server->connections[i].fd, .events = POLLIN};
            }
        }
        if (ppoll(polled, count, NULL, while_waiting) < 0) {
            continue; /* a child ended, or somebody wants us to */
        }
        for (nfds_t i = LISTENERS; i < count; i++) {
            if (polled[i].revents != 0) {
                receive(server, &server->connections[which[i - LISTENERS]]);
            }
        }
        for (uint32_t i = 0; i < LISTENERS; i++) {
            if (polled[i].revents != 0) {
                accept_one(server, i);
            }
        }
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- the program ---- */

/* In the child: its surroundings, and then the program itself. */
static void become(const server_t *server, const char *library, char **argv, const sigset_t *mask)
{
    char preload[2 * PATH_MAX];
    const char *other = getenv("LD_PRELOAD");
    (void)snprintf(preload, sizeof preload, "%s%s%s", library, other == NULL ? "" : ":",
                   other == NULL ? "" : other);
    (void)setenv("LD_PRELOAD", preload, 1);
    (void)setenv("CBIT_SEV_SOCKET", server->paths[0], 1);
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    (void)execvp(argv[0], argv);
    (void)fprintf(stderr, "error: %s: %s\n", argv[0], strerror(errno));
    _exit(cbit_err_exit_status(CBIT_ERR_OPEN));
}

static int run(server_t *server, const char *library, char **argv)
{
    static const int ours[] = {SIGCHLD, SIGTERM, SIGHUP};
    sigset_t blocked, before;
    struct sigaction action = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN}, old;
    (void)sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        (void)sigaction(ours[i], NULL, &old);
        if (ours[i] == SIGCHLD || old.sa_handler != SIG_IGN) { /* nohup stays nohup */
            (void)sigaction(ours[i], &action, NULL);
        }
        (void)sigaddset(&blocked, ours[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &blocked, &before);
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        become(server, library, argv, &before);
    }
    /* Ctrl-C is the program's; we end when it does, and keep the state. */
    (void)sigaction(SIGINT, &ignore, &old);
    int status =
        child < 0 ? tell(CBIT_ERR_TOOL, argv[0], strerror(errno)) : serve(server, child, &before);
    (void)sigaction(SIGINT, &old, NULL);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return status;
}

int sp_dev_run(sp_host_t *host, char **argv)
{
    char library[PATH_MAX];
    if (!cbit_share_library("libcbit_sev.so", library, sizeof library)) {
        return tell(CBIT_ERR_TOOL, "libcbit_sev.so", "not found beside cbit or in its lib/cbit");
    }
    server_t *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return tell(CBIT_ERR_NO_MEMORY, argv[0], "out of memory");
    }
    int status = 0;
    cbit_sev_platform_t platform = sp_host_platform(host);
    uint32_t init = cbit_sev_init(&platform);
    if (init != 0) {
        status = tell(CBIT_ERR_MISMATCH, "INIT", cbit_spdriver_status_text(init));
    } else if (!open_server(server, host)) {
        status = tell(CBIT_ERR_WRITE, server->directory, strerror(errno));
    } else {
        status = run(server, library, argv);
    }
    close_server(server);
    free(server);
    return status;
}
