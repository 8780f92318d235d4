/*
 * What a memory reference costs on its whole way: core, TLB, caches, fabric, controller, engine.
 * Three classes: resident in L1, mixed (0.55 of the references to 256 MiB at random), and all of
 * them there. CPU time of the host; one core, one in four references a store.
 */
#define _POSIX_C_SOURCE 200112L
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cbit/aes/engine.h"
#include "cbit/base/rng.h"
#include "cbit/cache/cache.h"
#include "cbit/fabric/fabric.h"
#include "cbit/umc/config.h"
#include "cbit/umc/umc.h"
#include "cbit/vcpu/vcpu.h"
#include "cbit/vcpu/vmcb.h"

enum {
    CHANNELS = 8,
    ASID = 1,
    C_BIT = 47,
    VMCB = 0x1000,
    NESTED = 0x10000, /* four tables: root, directory pointers, directory */
    BASE = 0x40000000,
    GUEST_TABLES = 0x10000,
    DATA = 0x10000000, /* guest address of what is referred to */
};
#define C_MASK      (UINT64_C(1) << C_BIT)
#define SMALL_BYTES UINT64_C(0x4000)
#define LARGE_BYTES (UINT64_C(256) << 20)

typedef struct machine {
    cbit_kernel_t *kernel;
    cbit_store_t *store;
    cbit_cipher_t *ciphers[CHANNELS];
    cbit_umc_t *umcs[CHANNELS];
    cbit_fabric_t *fabric;
    cbit_cache_t *cache;
    cbit_vcpu_t *vcpu;
    uint64_t state; /* of the program */
    uint64_t left, far_millionths;
} machine_t;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool next_op(void *self, cbit_op_t *op)
{
    machine_t *machine = self;
    if (machine->left == 0) {
        return false;
    }
    machine->left--;
    machine->state += UINT64_C(0x9e3779b97f4a7c15);
    const uint64_t random = cbit_splitmix64(machine->state);
    const bool far_away = random % 1000000 < machine->far_millionths;
    const uint64_t span = far_away ? LARGE_BYTES : SMALL_BYTES;
    op->kind = random >> 62 == 0 ? CBIT_OP_STORE : CBIT_OP_LOAD;
    op->gva = DATA + (random >> 20) % span / 8 * 8;
    op->size_bytes = 8;
    op->depends = false;
    op->instructions = 1;
    memcpy(op->data, &random, 8);
    return true;
}

static void on_exit_of(void *self, cbit_vcpu_t *vcpu, const cbit_exit_t *exit)
{
    (void)vcpu;
    machine_t *machine = self;
    if (exit->reason != CBIT_EXIT_HLT) {
        fprintf(stderr, "bench_path: exit %s\n", cbit_exit_word(exit->reason));
        abort();
    }
    cbit_kernel_stop(machine->kernel);
}

static void check(cbit_err_t err)
{
    if (err != CBIT_ERR_OK) {
        fprintf(stderr, "bench_path: %s\n", cbit_err_text(err));
        abort();
    }
}

static void nothing(void *self)
{
    (void)self;
}

static void build_channel(machine_t *machine, uint32_t channel, bool engine)
{
    cbit_umc_config_t config;
    cbit_rows_defaults(cbit_umc_rows, &config);
    cbit_umc_parts_t parts = {.kernel = machine->kernel,
                              .store = machine->store,
                              .channel = channel,
                              .channel_address = cbit_fabric_channel_address,
                              .channel_address_self = machine->fabric};
    if (engine) {
        cbit_aes_engine_config_t aes;
        cbit_rows_defaults(cbit_aes_engine_rows, &aes);
        cbit_tweak_t tweak;
        cbit_tweak_init(&tweak, CBIT_TWEAK_PER_BOOT, 1);
        check(cbit_cipher_create(aes.key_slots, &tweak, false, &machine->ciphers[channel]));
        parts.cipher = machine->ciphers[channel];
        check(cbit_aes_model_factory.create(cbit_aes_model_factory.self, channel, &aes,
                                            &parts.engine));
        for (uint32_t i = CBIT_TWEAK_FIRST_BIT; i <= CBIT_TWEAK_LAST_BIT; i++) {
            parts.engine.ops->tweak_write(parts.engine.self, i, tweak.t[i]);
        }
    }
    check(cbit_umc_create(&config, &parts, &machine->umcs[channel], NULL));
    cbit_fabric_bind(machine->fabric, channel, cbit_umc_port(machine->umcs[channel]));
    if (engine) {
        uint8_t key[16] = {(uint8_t)channel, 1, 2, 3};
        cbit_umc_write_key(machine->umcs[channel], ASID, key, nothing, NULL);
        cbit_kernel_run(machine->kernel, cbit_kernel_now_ps(machine->kernel) + 10000000);
    }
}

static void put64(machine_t *machine, cbit_spa_t spa, cbit_key_t key, uint64_t value)
{
    const cbit_port_t port = cbit_cache_port(machine->cache, 0);
    check(port.poke(port.self, spa, key, &value, sizeof value));
}

/* Both levels map 1 GiB in pages of 2 MiB. */
static void build_tables(machine_t *machine)
{
    const uint64_t rights = CBIT_PTE_P | CBIT_PTE_W | CBIT_PTE_U;
    for (uint64_t level = 0; level < 2; level++) {
        const uint64_t next = (level + 1) * 0x1000;
        put64(machine, NESTED + level * 0x1000, CBIT_KEY_PLAIN, (NESTED + next) | rights);
        put64(machine, BASE + GUEST_TABLES + level * 0x1000, ASID,
              (GUEST_TABLES + next) | C_MASK | rights);
    }
    for (uint64_t i = 0; i < 512; i++) {
        const uint64_t page = i << 21;
        put64(machine, NESTED + 0x2000 + i * 8, CBIT_KEY_PLAIN,
              (BASE + page) | CBIT_PTE_PS | rights);
        put64(machine, BASE + GUEST_TABLES + 0x2000 + i * 8, ASID,
              page | C_MASK | CBIT_PTE_PS | rights);
    }
}

static void put_vmcb(machine_t *machine)
{
    uint8_t vmcb[CBIT_VMCB_BYTES] = {0};
    const struct {
        uint32_t offset, len;
        uint64_t value;
    } fields[] = {
        {CBIT_VMCB_INTERCEPT_3, 4, CBIT_INTERCEPT_3_USUAL},
        {CBIT_VMCB_INTERCEPT_4, 4, CBIT_INTERCEPT_4_USUAL},
        {CBIT_VMCB_ASID, 4, ASID},
        {CBIT_VMCB_NESTED_CONTROL, 8, CBIT_NESTED_PAGING | CBIT_NESTED_SEV},
        {CBIT_VMCB_NESTED_CR3, 8, NESTED},
        {CBIT_VMCB_EFER, 8, CBIT_EFER_SVME | CBIT_EFER_LME | CBIT_EFER_LMA},
        {CBIT_VMCB_CR0, 8, CBIT_CR0_PE | CBIT_CR0_PG},
        {CBIT_VMCB_CR4, 8, CBIT_CR4_PAE},
        {CBIT_VMCB_CR3, 8, GUEST_TABLES | C_MASK},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        memcpy(vmcb + fields[i].offset, &fields[i].value, fields[i].len);
    }
    const cbit_port_t port = cbit_cache_port(machine->cache, 0);
    check(port.poke(port.self, VMCB, CBIT_KEY_PLAIN, vmcb, sizeof vmcb));
}

static machine_t *build(bool engine)
{
    machine_t *machine = calloc(1, sizeof *machine);
    machine->kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    check(cbit_store_create(UINT64_C(8) << 30, &machine->store));
    cbit_fabric_config_t fabric;
    cbit_rows_defaults(cbit_fabric_rows, &fabric);
    fabric.channels = CHANNELS;
    check(cbit_fabric_create(&fabric, machine->kernel, UINT64_C(8) << 30, &machine->fabric, NULL));
    for (uint32_t i = 0; i < CHANNELS; i++) {
        build_channel(machine, i, engine);
    }
    cbit_vcpu_config_t vcpu;
    cbit_rows_defaults(cbit_vcpu_rows, &vcpu);
    vcpu.c_bit = C_BIT;
    const cbit_clock_t cclk = {.period_num_ps = UINT64_C(1000000000), .period_den = vcpu.clock_khz};
    cbit_cache_config_t cache;
    cbit_rows_defaults(cbit_cache_rows, &cache);
    check(cbit_cache_create(&cache, 1, false, &cclk, machine->kernel,
                            cbit_fabric_port(machine->fabric), &machine->cache, NULL));
    const cbit_vcpu_parts_t parts = {.kernel = machine->kernel,
                                     .memory = cbit_cache_port(machine->cache, 0),
                                     .fetch = cbit_cache_fetch_port(machine->cache, 0),
                                     .host_key = CBIT_KEY_PLAIN,
                                     .exit_self = machine,
                                     .on_exit = on_exit_of};
    check(cbit_vcpu_create(&vcpu, &parts, &machine->vcpu, NULL));
    build_tables(machine);
    put_vmcb(machine);
    cbit_vcpu_set_asid_valid(machine->vcpu, ASID, true);
    return machine;
}

static void destroy(machine_t *machine)
{
    cbit_vcpu_destroy(machine->vcpu);
    cbit_cache_destroy(machine->cache);
    for (uint32_t i = 0; i < CHANNELS; i++) {
        cbit_umc_destroy(machine->umcs[i]);
        cbit_cipher_destroy(machine->ciphers[i]);
    }
    cbit_fabric_destroy(machine->fabric);
    cbit_store_destroy(machine->store);
    cbit_kernel_destroy(machine->kernel);
    free(machine);
}

static void measure(const char *name, bool engine, uint64_t far_millionths, uint64_t references)
{
    machine_t *machine = build(engine);
    machine->far_millionths = far_millionths;
    machine->left = references;
    const cbit_program_t program = {.self = machine, .next = next_op};
    cbit_vcpu_bind(machine->vcpu, &program, 0);
    const cbit_ps_t begun_ps = cbit_kernel_now_ps(machine->kernel);
    const double begin = now_s();
    cbit_vcpu_run(machine->vcpu, VMCB);
    cbit_kernel_run(machine->kernel, CBIT_PS_NEVER);
    const double span = now_s() - begin;
    cbit_cache_stats_t stats;
    cbit_cache_stats(machine->cache, &stats);
    const double simulated_ns = (double)(cbit_kernel_now_ps(machine->kernel) - begun_ps) * 1e-3;
    printf("  %-9s %-6s %7.2f M references/s  %6.1f ns each  (%.2f lines from memory, %.1f ns "
           "simulated)\n",
           name, engine ? "model" : "off", (double)references / span * 1e-6,
           span / (double)references * 1e9, (double)stats.misses / (double)references,
           simulated_ns / (double)references);
    destroy(machine);
}

int main(void)
{
    printf("references a second of CPU time, one core, page size 2 MiB\n");
    for (int engine = 0; engine < 2; engine++) {
        measure("resident", engine != 0, 0, 20000000);
        measure("mixed", engine != 0, 550000, 2000000);
        measure("missing", engine != 0, 1000000, 1000000);
    }
    return EXIT_SUCCESS;
}
