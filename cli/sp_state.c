#define _XOPEN_SOURCE 700

#include "cli/sp_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <openssl/sha.h>

/* The file: this, then the flash, then SHA-256 of both. Little-endian. */
typedef struct state_head {
    char magic[8];
    uint64_t seed, boot;
} state_head_t;

static const char magic[8] = {'C', 'B', 'I', 'T', 'S', 'P', 'S', '2'};

static state_head_t head_of(const sp_state_t *state)
{
    state_head_t head = {.seed = state->seed, .boot = state->boot};
    memcpy(head.magic, magic, sizeof magic);
    return head;
}

static void digest_of(const state_head_t *head, const uint8_t *flash,
                      uint8_t digest[SHA256_DIGEST_LENGTH])
{
    static uint8_t all[sizeof *head + CBIT_SP_FLASH_BYTES];
    memcpy(all, head, sizeof *head);
    memcpy(all + sizeof *head, flash, CBIT_SP_FLASH_BYTES);
    (void)SHA256(all, sizeof all, digest);
}

void sp_state_init(sp_state_t *state, uint64_t seed)
{
    state->path[0] = '\0';
    state->lock = -1;
    state->seed = seed;
    state->boot = 0;
    memset(state->flash, 0xff, sizeof state->flash);
}

/* ---- in ---- */

static cbit_err_t bad_state(const char *path, const char *what, cbit_diag_t *diag)
{
    cbit_diag_set_file(diag, path);
    (void)cbit_diag_add(diag, CBIT_ERR_FORMAT, NULL, "%s; expected a state file of cbit sp", what);
    cbit_diag_hint(diag, "remove it to begin with a new chip");
    return CBIT_ERR_FORMAT;
}

static cbit_err_t read_file(sp_state_t *state, FILE *file, cbit_diag_t *diag)
{
    uint8_t digest[SHA256_DIGEST_LENGTH], stored[SHA256_DIGEST_LENGTH];
    state_head_t head;
    bool whole = fread(&head, sizeof head, 1, file) == 1 &&
                 fread(state->flash, sizeof state->flash, 1, file) == 1 &&
                 fread(stored, sizeof stored, 1, file) == 1 && fgetc(file) == EOF;
    if (!whole) {
        return bad_state(state->path, "wrong length", diag);
    }
    if (memcmp(head.magic, magic, sizeof magic) != 0) {
        return bad_state(state->path, "wrong first bytes", diag);
    }
    digest_of(&head, state->flash, digest);
    if (memcmp(digest, stored, sizeof digest) != 0) {
        return bad_state(state->path, "wrong check sum", diag);
    }
    state->seed = head.seed;
    state->boot = head.boot;
    return CBIT_ERR_OK;
}

static cbit_err_t cannot(const char *path, cbit_err_t err, cbit_diag_t *diag)
{
    const int why = errno;
    cbit_diag_set_file(diag, path);
    return cbit_diag_add(diag, err, NULL, "%s", strerror(why));
}

/* What we hold is told to the programs that we run: who of them waits for it, waits for ever. */
static const char held[] = "CBIT_SP_STATE";

static cbit_err_t lock(sp_state_t *state, cbit_diag_t *diag)
{
    char path[SP_STATE_PATH_BYTES + 8];
    const char *above = getenv(held);
    if (above != NULL && strcmp(above, state->path) == 0) {
        cbit_diag_set_file(diag, state->path);
        return cbit_diag_add(diag, CBIT_ERR_OPEN, NULL,
                             "is in the hands of the cbit sp that runs this program");
    }
    (void)snprintf(path, sizeof path, "%s.lock", state->path);
    state->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (state->lock < 0 || flock(state->lock, LOCK_EX) != 0) {
        return cannot(path, CBIT_ERR_OPEN, diag);
    }
    (void)setenv(held, state->path, 1);
    return CBIT_ERR_OK;
}

cbit_err_t sp_state_open(sp_state_t *state, const char *path, bool *found, cbit_diag_t *diag)
{
    char *resolved = realpath(path, NULL); /* one chip, one lock, whatever links lead to it */
    const char *named = resolved == NULL ? path : resolved;
    if (strlen(named) >= sizeof state->path) {
        free(resolved);
        errno = ENAMETOOLONG;
        return cannot(path, CBIT_ERR_OPEN, diag);
    }
    (void)snprintf(state->path, sizeof state->path, "%s", named);
    free(resolved);
    *found = false;
    cbit_err_t err = lock(state, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    int fd = open(state->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* nobody writes into a pipe */
    if (fd < 0) {
        return errno == ENOENT ? CBIT_ERR_OK : cannot(state->path, CBIT_ERR_OPEN, diag);
    }
    FILE *file = fdopen(fd, "rb");
    if (file == NULL) {
        err = cannot(state->path, CBIT_ERR_OPEN, diag);
        (void)close(fd);
        return err;
    }
    *found = true;
    err = read_file(state, file, diag);
    (void)fclose(file);
    return err;
}

/* ---- out ---- */

/* Beside the file, and then renamed. */
cbit_err_t sp_state_save(sp_state_t *state, cbit_diag_t *diag)
{
    char beside[SP_STATE_PATH_BYTES + 8];
    uint8_t digest[SHA256_DIGEST_LENGTH];
    state->boot++;
    const state_head_t head = head_of(state);
    digest_of(&head, state->flash, digest);
    (void)snprintf(beside, sizeof beside, "%s.new", state->path);
    (void)unlink(beside); /* of one that was killed, or a link that leads elsewhere */
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); /* holds the chip */
    FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");
    bool good = file != NULL && fwrite(&head, sizeof head, 1, file) == 1 &&
                fwrite(state->flash, sizeof state->flash, 1, file) == 1 &&
                fwrite(digest, sizeof digest, 1, file) == 1 && fflush(file) == 0 && fsync(fd) == 0;
    if (file != NULL) {
        good = fclose(file) == 0 && good;
    }
    if (!good || rename(beside, state->path) != 0) {
        cbit_err_t err = cannot(state->path, CBIT_ERR_WRITE, diag);
        (void)remove(beside);
        return err;
    }
    return CBIT_ERR_OK;
}

void sp_state_close(sp_state_t *state)
{
    if (state->lock >= 0) {
        (void)close(state->lock);
        (void)unsetenv(held);
    }
    state->lock = -1;
}
