#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE   700
#include "cosim/process.h"

#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { LOG_MODE = 0600, OPEN_FOLDERS = 16, SIGNAL_BASE = 128 };

cbit_err_t cbit_process_run(char *const argv[], const char *log_path, int *status)
{
    posix_spawn_file_actions_t actions;
    pid_t child = 0;
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return CBIT_ERR_NO_MEMORY;
    }
    int failed = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    failed |= posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log_path,
                                               O_WRONLY | O_CREAT | O_TRUNC, LOG_MODE);
    failed |= posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    failed |= posix_spawnp(&child, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    int raw = 0;
    if (failed != 0 || waitpid(child, &raw, 0) != child) {
        return CBIT_ERR_TOOL;
    }
    *status = WIFEXITED(raw) ? WEXITSTATUS(raw) : SIGNAL_BASE + WTERMSIG(raw);
    return CBIT_ERR_OK;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

void cbit_process_remove_tree(const char *path)
{
    (void)nftw(path, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
}

/* ---- words ----------------------------------------------------------------------------------- */

void cbit_words_add(cbit_words_t *list, const char *prefix, const char *text)
{
    size_t len = strlen(prefix) + strlen(text) + 1;
    char *word = list->count < CBIT_WORDS_MAX ? malloc(len) : NULL;
    if (word != NULL) {
        (void)snprintf(word, len, "%s%s", prefix, text);
        list->words[list->count++] = word;
    }
} /* NOLINT(clang-analyzer-unix.Malloc): the word is the list's */

void cbit_words_add_all(cbit_words_t *list, const char *const *words, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        cbit_words_add(list, "", words[i]);
    }
}

static void free_words(cbit_words_t *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        free(list->words[i]);
    }
}

cbit_err_t cbit_words_run(cbit_words_t *list, const char *log, int *status)
{
    cbit_err_t err =
        list->count == CBIT_WORDS_MAX ? CBIT_ERR_RANGE : cbit_process_run(list->words, log, status);
    free_words(list);
    return err;
}
