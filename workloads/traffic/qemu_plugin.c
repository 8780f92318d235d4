/*
 * A plugin of QEMU's user mode (interface 1, QEMU 4.2 and newer) that writes what lackey would:
 * every instruction, load and store of one process, in order, to file descriptor 9. Debian ships no
 * header of the interface; what is used of it is declared here.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* ---- the interface ---- */

typedef uint64_t plugin_id_t;
typedef uint32_t meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;

enum { CB_NO_REGS = 0, MEM_READ_WRITE = 3, INTERFACE = 1 };

typedef void (*tb_cb_t)(plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*insn_cb_t)(unsigned vcpu, void *data);
typedef void (*mem_cb_t)(unsigned vcpu, meminfo_t info, uint64_t gva, void *data);
typedef void (*exit_cb_t)(plugin_id_t id, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id_t id, tb_cb_t cb);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, insn_cb_t cb, int flags,
                                            void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, mem_cb_t cb, int flags, int rw,
                                      void *data);
void qemu_plugin_register_atexit_cb(plugin_id_t id, exit_cb_t cb, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
unsigned qemu_plugin_mem_size_shift(meminfo_t info);
bool qemu_plugin_mem_is_store(meminfo_t info);

extern __attribute__((visibility("default"))) int qemu_plugin_version;
int qemu_plugin_version = INTERFACE;
__attribute__((visibility("default"))) int
qemu_plugin_install(plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv);

/* ---- lines ---- */

enum {
    GIVEN_FD = 9, /* workloads/traffic/recorder.c */
    KEPT_FD = 500,
    BUFFER_BYTES = 1 << 16,
    LINE_BYTES = 64,
    SIZE_SHIFT = 56, /* an instruction's size above its address, in one callback pointer */
};

/* The interface carries no state of a plugin to its callbacks: this is the process's. */
static struct {
    pthread_mutex_t lock; /* threads write whole lines */
    int fd;
    bool silent; /* a child of fork: not recorded */
    size_t used;
    char buffer[BUFFER_BYTES];
} out = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static void flush(void)
{
    for (size_t done = 0; done < out.used;) {
        ssize_t wrote = write(out.fd, out.buffer + done, out.used - done);
        if (wrote < 0) {
            break; /* the reader has what it wanted and is about to end us */
        }
        done += (size_t)wrote;
    }
    out.used = 0;
}

static void line(const char *kind, uint64_t gva, unsigned size_bytes)
{
    if (out.silent) {
        return; /* before the lock, which another thread may have held while this process forked */
    }
    (void)pthread_mutex_lock(&out.lock);
    int len = snprintf(out.buffer + out.used, LINE_BYTES, "%s %llx,%u\n", kind,
                       (unsigned long long)gva, size_bytes);
    out.used += (size_t)len;
    if (out.used > BUFFER_BYTES - LINE_BYTES) {
        flush();
    }
    (void)pthread_mutex_unlock(&out.lock);
}

static void see_instruction(unsigned vcpu, void *data)
{
    const uint64_t packed = (uint64_t)(uintptr_t)data;
    (void)vcpu;
    line("I ", packed & ((UINT64_C(1) << SIZE_SHIFT) - 1), (unsigned)(packed >> SIZE_SHIFT));
}

static void see_data(unsigned vcpu, meminfo_t info, uint64_t gva, void *data)
{
    (void)vcpu;
    (void)data;
    line(qemu_plugin_mem_is_store(info) ? " S" : " L", gva, 1U << qemu_plugin_mem_size_shift(info));
}

static void see_translation(plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const uint64_t packed = qemu_plugin_insn_vaddr(insn) | (uint64_t)qemu_plugin_insn_size(insn)
                                                                   << SIZE_SHIFT;
        qemu_plugin_register_vcpu_insn_exec_cb(insn, see_instruction, CB_NO_REGS,
                                               (void *)(uintptr_t)packed);
        qemu_plugin_register_vcpu_mem_cb(insn, see_data, CB_NO_REGS, MEM_READ_WRITE, NULL);
    }
}

static void fall_silent(void)
{
    out.silent = true;
}

static void at_exit(plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    if (!out.silent) {
        (void)pthread_mutex_lock(&out.lock);
        flush();
        (void)pthread_mutex_unlock(&out.lock);
    }
}

int qemu_plugin_install(plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    (void)argc;
    (void)argv;
    out.fd = fcntl(GIVEN_FD, F_DUPFD_CLOEXEC, KEPT_FD); /* out of the program's way */
    if (out.fd < 0 || pthread_atfork(NULL, NULL, fall_silent) != 0) {
        return -1;
    }
    (void)close(GIVEN_FD);
    qemu_plugin_register_vcpu_tb_trans_cb(id, see_translation);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
