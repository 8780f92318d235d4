/* The recorder's plugin of QEMU, without QEMU: this file stands in for it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cbit_test.h"

enum { GIVEN_FD = 9, INSTRUCTION_GVA = 0x401000 };

typedef void (*insn_cb_t)(unsigned vcpu, void *data);

static struct {
    void (*translated)(uint64_t id, void *tb);
    insn_cb_t instruction;
    void *instruction_data;
    void (*exits)(uint64_t id, void *data);
} given;

/* ---- what QEMU offers ---- */

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*cb)(uint64_t id, void *tb));
void qemu_plugin_register_vcpu_insn_exec_cb(void *insn, insn_cb_t cb, int flags, void *data);
void qemu_plugin_register_vcpu_mem_cb(void *insn, void *cb, int flags, int rw, void *data);
void qemu_plugin_register_atexit_cb(uint64_t id, void (*cb)(uint64_t id, void *data), void *data);
size_t qemu_plugin_tb_n_insns(const void *tb);
void *qemu_plugin_tb_get_insn(void *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const void *insn);
size_t qemu_plugin_insn_size(const void *insn);
unsigned qemu_plugin_mem_size_shift(uint32_t info);
bool qemu_plugin_mem_is_store(uint32_t info);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*cb)(uint64_t id, void *tb))
{
    (void)id;
    given.translated = cb;
}

void qemu_plugin_register_vcpu_insn_exec_cb(void *insn, insn_cb_t cb, int flags, void *data)
{
    (void)insn;
    (void)flags;
    given.instruction = cb;
    given.instruction_data = data;
}

void qemu_plugin_register_vcpu_mem_cb(void *insn, void *cb, int flags, int rw, void *data)
{
    (void)insn;
    (void)cb;
    (void)flags;
    (void)rw;
    (void)data;
}

void qemu_plugin_register_atexit_cb(uint64_t id, void (*cb)(uint64_t id, void *data), void *data)
{
    (void)id;
    (void)data;
    given.exits = cb;
}

size_t qemu_plugin_tb_n_insns(const void *tb)
{
    (void)tb;
    return 1;
}

void *qemu_plugin_tb_get_insn(void *tb, size_t index)
{
    (void)index;
    return tb;
}

uint64_t qemu_plugin_insn_vaddr(const void *insn)
{
    (void)insn;
    return INSTRUCTION_GVA;
}

size_t qemu_plugin_insn_size(const void *insn)
{
    (void)insn;
    return 3;
}

unsigned qemu_plugin_mem_size_shift(uint32_t info)
{
    return info;
}

bool qemu_plugin_mem_is_store(uint32_t info)
{
    return info != 0;
}

/* ---- the plugin in a program ---- */

/* Installed on the writing end of a pipe; the other end is returned. */
static int install(void)
{
    int ends[2], block = 0;
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(dup2(ends[1], GIVEN_FD), GIVEN_FD);
    if (ends[1] != GIVEN_FD) {
        (void)close(ends[1]);
    }
    ck_assert_int_eq(qemu_plugin_install(1, NULL, 0, NULL), 0);
    given.translated(1, &block);
    return ends[0];
}

static void execute(void)
{
    given.instruction(0, given.instruction_data);
}

/* Fills the pipe, and then hangs in it with the plugin's lock. */
static void *execute_for_ever(void *self)
{
    (void)self;
    for (;;) {
        execute();
    }
    return NULL;
}

static size_t in_pipe(int fd)
{
    static char bytes[1 << 20];
    size_t held = 0;
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    for (ssize_t got; (got = read(fd, bytes, sizeof bytes)) > 0;) {
        held += (size_t)got;
    }
    return held;
}

START_TEST(a_line_says_what_lackey_would)
{
    const char expected[] = "I  401000,3\n";
    char line[sizeof expected] = "";
    int fd = install();
    execute();
    given.exits(1, NULL);
    ck_assert_int_eq(read(fd, line, sizeof line), (int)sizeof expected - 1);
    ck_assert_str_eq(line, expected);
}
END_TEST

/* The thread that has the lock does not exist in a child of fork; the child must not wait for it.
 */
START_TEST(a_child_runs_on_while_another_thread_had_the_lock)
{
    pthread_t thread;
    int status = 0;
    (void)install();
    ck_assert_int_eq(pthread_create(&thread, NULL, execute_for_ever, NULL), 0);
    (void)usleep(200000); /* only makes a wrong plugin fail more surely: 64 KiB fill at once */
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(10); /* ends a child that hangs */
        execute();
        given.exits(1, NULL);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

START_TEST(a_child_writes_nothing)
{
    int status = 0;
    int fd = install();
    execute();
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(10);
        execute();
        given.exits(1, NULL);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert_uint_eq(in_pipe(fd), 0); /* what the parent had buffered either */
    given.exits(1, NULL);
    ck_assert_uint_eq(in_pipe(fd), sizeof "I  401000,3\n" - 1);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("qemu_plugin");
    TCase *tests = tcase_create("fork");
    tcase_add_test(tests, a_line_says_what_lackey_would);
    tcase_add_test(tests, a_child_runs_on_while_another_thread_had_the_lock);
    tcase_add_test(tests, a_child_writes_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
