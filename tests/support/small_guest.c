#include "tests/support/small_guest.h"

#include <stdlib.h>
#include <string.h>

#include "cbit_test.h"

static bool next_op(void *self, cbit_op_t *op)
{
    small_guest_t *guest = self;
    guest->next_calls++;
    if (guest->op_next == guest->op_count) {
        return false;
    }
    *op = guest->ops[guest->op_next++];
    return true;
}

static void on_data(void *self, const cbit_op_t *op, const uint8_t *bytes)
{
    small_guest_t *guest = self;
    if (guest->data_calls < SMALL_OPS) {
        guest->data[guest->data_calls].op = *op;
        guest->data[guest->data_calls].at_ps = cbit_kernel_now_ps(guest->kernel);
        memcpy(guest->data[guest->data_calls].bytes, bytes, op->size_bytes);
    }
    guest->data_calls++;
}

static void on_exit(void *self, cbit_vcpu_t *vcpu, const cbit_exit_t *exit)
{
    small_guest_t *guest = self;
    guest->exits++;
    guest->exit = *exit;
    for (uint32_t i = 0; i < guest->cores; i++) {
        if (guest->vcpus[i] == vcpu) {
            guest->exit_of[i] = *exit;
        }
    }
}

static void put64(small_guest_t *guest, cbit_spa_t spa, cbit_key_t key, uint64_t value)
{
    guest->port.poke(guest->port.self, spa, key, &value, sizeof value);
}

void small_guest_put(small_guest_t *guest, uint64_t gpa, cbit_key_t key, const void *bytes,
                     uint32_t len)
{
    guest->port.poke(guest->port.self, SMALL_BASE + gpa, key, bytes, len);
}

void small_guest_get(small_guest_t *guest, uint64_t gpa, cbit_key_t key, void *bytes, uint32_t len)
{
    guest->port.peek(guest->port.self, SMALL_BASE + gpa, key, bytes, len);
}

void small_guest_vmcb(small_guest_t *guest, uint32_t offset, uint64_t value, uint32_t len)
{
    guest->port.poke(guest->port.self, SMALL_VMCB + offset, CBIT_KEY_HOST, &value, len);
}

uint64_t small_guest_vmcb_get(small_guest_t *guest, uint32_t offset, uint32_t len)
{
    uint64_t value = 0;
    guest->port.peek(guest->port.self, SMALL_VMCB + offset, CBIT_KEY_HOST, &value, len);
    return value;
}

void small_guest_set_entry(small_guest_t *guest, uint64_t gva, uint64_t entry)
{
    put64(guest, SMALL_BASE + SMALL_GUEST_CR3 + 0x3000 + (gva >> 12) * 8, SMALL_ASID, entry);
}

void small_guest_set_nested(small_guest_t *guest, uint64_t gpa, uint64_t entry)
{
    put64(guest, SMALL_NESTED_CR3 + 0x3000 + (gpa >> 12) * 8, CBIT_KEY_HOST, entry);
}

static void build_tables(small_guest_t *guest, uint64_t rights)
{
    for (uint64_t level = 0; level < 3; level++) {
        uint64_t next = (level + 1) * 0x1000;
        put64(guest, SMALL_NESTED_CR3 + level * 0x1000, CBIT_KEY_HOST,
              (SMALL_NESTED_CR3 + next) | SMALL_C | rights);
        put64(guest, SMALL_BASE + SMALL_GUEST_CR3 + level * 0x1000, SMALL_ASID,
              (SMALL_GUEST_CR3 + next) | SMALL_C | rights);
    }
    for (uint64_t page = 0; page < 0x200000; page += 0x1000) {
        small_guest_set_nested(guest, page, (SMALL_BASE + page) | SMALL_C | rights);
        small_guest_set_entry(guest, page, page | (page < SMALL_SHARED ? SMALL_C : 0) | rights);
    }
}

void small_guest_unmark(small_guest_t *guest)
{
    build_tables(guest, SMALL_RIGHTS);
}

static void build_vmcb(small_guest_t *guest)
{
    static const uint8_t zeros[CBIT_VMCB_BYTES];
    guest->port.poke(guest->port.self, SMALL_VMCB, CBIT_KEY_HOST, zeros, sizeof zeros);
    small_guest_vmcb(guest, CBIT_VMCB_INTERCEPT_3, CBIT_INTERCEPT_3_USUAL, 4);
    small_guest_vmcb(guest, CBIT_VMCB_INTERCEPT_4, CBIT_INTERCEPT_4_USUAL, 4);
    small_guest_vmcb(guest, CBIT_VMCB_ASID, SMALL_ASID, 4);
    small_guest_vmcb(guest, CBIT_VMCB_NESTED_CONTROL, CBIT_NESTED_PAGING | CBIT_NESTED_SEV, 8);
    small_guest_vmcb(guest, CBIT_VMCB_NESTED_CR3, SMALL_NESTED_CR3 | SMALL_C, 8);
    small_guest_vmcb(guest, CBIT_VMCB_EFER,
                     CBIT_EFER_SVME | CBIT_EFER_LME | CBIT_EFER_LMA | CBIT_EFER_NXE, 8);
    small_guest_vmcb(guest, CBIT_VMCB_CR0, CBIT_CR0_PE | CBIT_CR0_PG | CBIT_CR0_WP, 8);
    small_guest_vmcb(guest, CBIT_VMCB_CR4, CBIT_CR4_PAE, 8);
    small_guest_vmcb(guest, CBIT_VMCB_CR3, SMALL_GUEST_CR3 | SMALL_C, 8);
    small_guest_vmcb(guest, CBIT_VMCB_RFLAGS, 2, 8);
    small_guest_vmcb(guest, CBIT_VMCB_RIP, 0x1000, 8);
    small_guest_vmcb(guest, CBIT_VMCB_RSP, 0x8000, 8);
    small_guest_vmcb(guest, CBIT_VMCB_CS + CBIT_VMCB_SEGMENT_ATTRIBUTES, 0x29b, 2);
}

static const cbit_clock_t clock_1ghz = {.period_num_ps = 1000, .period_den = 1};

static small_guest_t *begin(void)
{
    small_guest_t *guest = calloc(1, sizeof *guest);
    guest->kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    guest->memory = fake_memory_create(guest->kernel, 50000, 8);
    guest->port = fake_memory_port(guest->memory);
    return guest;
}

static cbit_vcpu_config_t usual_core(uint32_t walk_cache_entries)
{
    cbit_vcpu_config_t config;
    cbit_rows_defaults(cbit_vcpu_rows, &config);
    config.clock_khz = 1000000;
    config.c_bit = SMALL_C_BIT;
    config.max_misses = 4;
    config.max_stores = 4;
    config.tlb_entries = 64;
    config.tlb_l1_entries = 8;
    config.walk_cache_entries = walk_cache_entries;
    config.vmrun_cclk = 100;
    config.vmexit_cclk = 200;
    return config;
}

static void add_core(small_guest_t *guest, cbit_port_t port, const cbit_vcpu_config_t *config)
{
    const cbit_vcpu_parts_t parts = {.kernel = guest->kernel,
                                     .memory = port,
                                     .core = guest->cores,
                                     .host_key = CBIT_KEY_HOST,
                                     .seed = 7,
                                     .exit_self = guest,
                                     .on_exit = on_exit};
    cbit_vcpu_t **vcpu = &guest->vcpus[guest->cores++];
    cbit_vcpu_create(config, &parts, vcpu, NULL);
    cbit_vcpu_set_asid_valid(*vcpu, SMALL_ASID, true);
}

static void give_program(small_guest_t *guest)
{
    guest->vcpu = guest->vcpus[0];
    guest->program = (cbit_program_t){.self = guest, .next = next_op, .on_data = on_data};
    cbit_vcpu_bind(guest->vcpu, &guest->program, 0);
}

small_guest_t *small_guest_create(uint32_t cache_ways)
{
    return small_guest_create_with(cache_ways, 0);
}

small_guest_t *small_guest_create_with(uint32_t cache_ways, uint32_t walk_cache_entries)
{
    small_guest_t *guest = begin();
    if (cache_ways != 0) {
        cbit_cache_config_t cache = {
            .l2 = {.size_bytes = (uint64_t)cache_ways * 4096, .ways = cache_ways, .hit_cclk = 3},
            .cores_per_complex = 1,
            .mshrs = 8,
            .transfer_cclk = 9,
            .transfer_remote_ns = 20000,
            .transfer_socket_ns = 2 * 20000};
        cbit_cache_create(&cache, 1, false, &clock_1ghz, guest->kernel, guest->port, &guest->cache,
                          NULL);
        guest->port = cbit_cache_port(guest->cache, 0);
    }
    build_tables(guest, SMALL_RIGHTS | CBIT_PTE_A | CBIT_PTE_D);
    build_vmcb(guest);
    const cbit_vcpu_config_t core = usual_core(walk_cache_entries);
    add_core(guest, guest->port, &core);
    give_program(guest);
    return guest;
}

small_guest_t *small_guest_create_smp(const small_smp_t *smp)
{
    small_guest_t *guest = begin();
    const cbit_cache_config_t cache = {
        .l1d = {.size_bytes = 1024, .ways = 2, .hit_cclk = 2},
        .l2 = {.size_bytes = 8192, .ways = 4, .hit_cclk = 5},
        .l3 = {.size_bytes = 32768, .ways = 8, .hit_cclk = 12},
        .cores_per_complex = smp->cores_per_complex,
        .mshrs = 8,
        .transfer_cclk = 20,
        .transfer_remote_ns = 40000,
        .transfer_socket_ns = 2 * 40000,
        .prefetch = {
            .enabled = smp->prefetch, .pages = 4, .repeats = 1, .degree = 2, .distance = 4}};
    const cbit_vcpu_config_t core = usual_core(4);
    cbit_cache_create(smp->cache == NULL ? &cache : smp->cache, smp->cores, smp->coherent,
                      &clock_1ghz, guest->kernel, guest->port, &guest->cache, NULL);
    guest->port = cbit_cache_port(guest->cache, 0);
    build_tables(guest, SMALL_RIGHTS | CBIT_PTE_A | CBIT_PTE_D);
    build_vmcb(guest);
    for (uint32_t i = 0; i < smp->cores; i++) {
        cbit_port_t port = cbit_cache_port(guest->cache, i);
        uint8_t vmcb[CBIT_VMCB_BYTES];
        guest->port.peek(guest->port.self, SMALL_VMCB, CBIT_KEY_HOST, vmcb, sizeof vmcb);
        guest->port.poke(guest->port.self, SMALL_VMCB + i * CBIT_VMCB_BYTES, CBIT_KEY_HOST, vmcb,
                         sizeof vmcb);
        add_core(guest, smp->wrap == NULL ? port : smp->wrap(smp->self, i, port),
                 smp->core == NULL ? &core : smp->core);
    }
    give_program(guest);
    return guest;
}

void small_guest_destroy(small_guest_t *guest)
{
    for (uint32_t i = 0; i < guest->cores; i++) {
        cbit_vcpu_destroy(guest->vcpus[i]);
    }
    cbit_cache_destroy(guest->cache);
    fake_memory_destroy(guest->memory);
    cbit_kernel_destroy(guest->kernel);
    free(guest);
}

void small_guest_begin(small_guest_t *guest, uint32_t core)
{
    cbit_vcpu_run(guest->vcpus[core], SMALL_VMCB + core * CBIT_VMCB_BYTES);
}

void small_guest_run(small_guest_t *guest)
{
    cbit_vcpu_run(guest->vcpu, SMALL_VMCB);
    cbit_kernel_run(guest->kernel, CBIT_PS_NEVER);
}

cbit_op_t *small_guest_add(small_guest_t *guest, cbit_op_kind_t kind, uint64_t gva, uint32_t size)
{
    cbit_op_t *op = &guest->ops[guest->op_count++];
    *op = (cbit_op_t){.kind = kind, .gva = gva, .size_bytes = size, .cookie = guest->op_count};
    return op;
}

void small_guest_code(small_guest_t *guest, uint64_t gva, const uint8_t *bytes, uint32_t len)
{
    small_guest_put(guest, gva, SMALL_ASID, bytes, len);
    cbit_op_t *op = small_guest_add(guest, CBIT_OP_FETCH, gva, len);
    op->instructions = 1;
    memcpy(op->data, bytes, len);
}

void small_guest_store(small_guest_t *guest, uint64_t gva, uint64_t value)
{
    cbit_op_t *op = small_guest_add(guest, CBIT_OP_STORE, gva, 8);
    memcpy(op->data, &value, 8);
}

uint64_t small_guest_get64(small_guest_t *guest, uint64_t gpa, cbit_key_t key)
{
    uint64_t value;
    small_guest_get(guest, gpa, key, &value, sizeof value);
    return value;
}

void small_guest_exited(small_guest_t *guest, int32_t reason)
{
    ck_assert_msg(guest->exit.reason == reason, "exit %s (%d), expected %s",
                  cbit_exit_word(guest->exit.reason), guest->exit.reason, cbit_exit_word(reason));
    ck_assert_uint_eq(small_guest_vmcb_get(guest, CBIT_VMCB_EXIT_CODE, 8),
                      (uint64_t)(int64_t)reason);
}

cbit_vcpu_stats_t small_guest_stats(small_guest_t *guest)
{
    cbit_vcpu_stats_t counted;
    cbit_vcpu_stats(guest->vcpu, 0, &counted);
    return counted;
}
