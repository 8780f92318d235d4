#include "perf/benchmarks/path_machine.h"

#include <stdio.h>
#include <stdlib.h>

#include "perf/measure/flat_guest.h"

enum {
    ASID = 1,
    BASE = 0x40000000,
    GUEST_BYTES = 0x40000000,
};

static void on_exit_of(void *self, cbit_vcpu_t *vcpu, const cbit_exit_t *exit)
{
    (void)vcpu;
    path_machine_t *machine = self;
    if (exit->reason != CBIT_EXIT_HLT) {
        fprintf(stderr, "path: exit %s\n", cbit_exit_word(exit->reason));
        abort();
    }
    cbit_kernel_stop(machine->kernel);
}

static void check(cbit_err_t err)
{
    if (err != CBIT_ERR_OK) {
        fprintf(stderr, "path: %s\n", cbit_err_text(err));
        abort();
    }
}

static void nothing(void *self)
{
    (void)self;
}

static void build_channel(path_machine_t *machine, const cbit_platform_config_t *config,
                          uint32_t channel, path_bytes_t bytes)
{
    cbit_umc_parts_t parts = {.kernel = machine->kernel,
                              .store = machine->store,
                              .channel = channel,
                              .timing_only = bytes == PATH_TIMING_ONLY};
    if (bytes != PATH_PLAIN) {
        const cbit_aes_engine_config_t aes = config->engine;
        cbit_tweak_t tweak;
        cbit_tweak_init(&tweak, CBIT_TWEAK_PER_BOOT, 1);
        check(cbit_cipher_create(aes.key_slots, &tweak, aes.xe, &machine->ciphers[channel]));
        parts.cipher = machine->ciphers[channel];
        const cbit_aes_engine_factory_t *factory =
            bytes == PATH_TIMING_ONLY ? &cbit_aes_timing_factory : &cbit_aes_model_factory;
        check(factory->create(factory->self, channel, &aes, &parts.engine));
        for (uint32_t i = CBIT_TWEAK_FIRST_BIT; i <= CBIT_TWEAK_LAST_BIT; i++) {
            parts.engine.ops->tweak_write(parts.engine.self, i, tweak.t[i]);
        }
    }
    check(cbit_umc_create(&config->umc, &parts, &machine->umcs[channel], NULL));
    cbit_fabric_bind(machine->fabric, channel, cbit_umc_port(machine->umcs[channel]));
    if (bytes != PATH_PLAIN) {
        uint8_t key[16] = {(uint8_t)channel, 1, 2, 3};
        cbit_umc_write_key(machine->umcs[channel], ASID, key, nothing, NULL);
        cbit_kernel_run(machine->kernel, cbit_kernel_now_ps(machine->kernel) + 10000000);
    }
}

path_machine_t *path_machine_create(const cbit_platform_config_t *config, path_bytes_t bytes)
{
    path_machine_t *machine = calloc(1, sizeof *machine);
    const uint64_t memory_bytes = UINT64_C(8) << 30;
    machine->kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    machine->channels = config->fabric.channels;
    check(cbit_store_create(memory_bytes, &machine->store));
    check(
        cbit_fabric_create(&config->fabric, machine->kernel, memory_bytes, &machine->fabric, NULL));
    for (uint32_t i = 0; i < machine->channels; i++) {
        build_channel(machine, config, i, bytes);
    }
    cbit_vcpu_config_t vcpu = config->vcpu;
    vcpu.c_bit = config->sev.c_bit;
    const cbit_clock_t cclk = {.period_num_ps = UINT64_C(1000000000), .period_den = vcpu.clock_khz};
    check(cbit_cache_create(&config->cache, 1, config->sev.coherent_domains, &cclk, machine->kernel,
                            cbit_fabric_port(machine->fabric), &machine->cache, NULL));
    if (bytes == PATH_TIMING_ONLY) {
        cbit_cache_set_timing_only(machine->cache);
    }
    const cbit_vcpu_parts_t parts = {.kernel = machine->kernel,
                                     .timing_only = bytes == PATH_TIMING_ONLY,
                                     .memory = cbit_cache_port(machine->cache, 0),
                                     .fetch = cbit_cache_fetch_port(machine->cache, 0),
                                     .host_key = CBIT_KEY_PLAIN,
                                     .exit_self = machine,
                                     .on_exit = on_exit_of};
    check(cbit_vcpu_create(&vcpu, &parts, &machine->vcpu, NULL));
    const cbit_flat_guest_t guest = {
        .asid = ASID, .c_bit = vcpu.c_bit, .base = BASE, .bytes = GUEST_BYTES};
    check(cbit_flat_guest_write(&guest, &parts.memory));
    cbit_vcpu_set_asid_valid(machine->vcpu, ASID, true);
    return machine;
}

void path_machine_destroy(path_machine_t *machine)
{
    cbit_vcpu_destroy(machine->vcpu);
    cbit_cache_destroy(machine->cache);
    for (uint32_t i = 0; i < machine->channels; i++) {
        cbit_umc_destroy(machine->umcs[i]);
        cbit_cipher_destroy(machine->ciphers[i]);
    }
    cbit_fabric_destroy(machine->fabric);
    cbit_store_destroy(machine->store);
    cbit_kernel_destroy(machine->kernel);
    free(machine);
}

cbit_ps_t path_machine_run(path_machine_t *machine, const cbit_program_t *program, uint64_t *events)
{
    const cbit_ps_t begun_ps = cbit_kernel_now_ps(machine->kernel);
    cbit_vcpu_bind(machine->vcpu, program, 0);
    cbit_vcpu_run(machine->vcpu, CBIT_FLAT_VMCB);
    *events = cbit_kernel_run(machine->kernel, CBIT_PS_NEVER);
    return cbit_kernel_now_ps(machine->kernel) - begun_ps;
}
