#define _GNU_SOURCE
#include "perf/benchmarks/where.h"

#include <elf.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>

enum { SAMPLES = 1 << 16, PERIOD_US = 1000, PREFIXES = 8 };

/* The last two take what no prefix is of: functions of this program, and of libraries. */
static const struct {
    const char *name;
    const char *prefixes[PREFIXES];
} LAYERS[WHERE_LAYERS] = {
    {"core, TLB, walk",
     {"cbit_vcpu", "cbit_order", "cbit_tlb", "cbit_walk", "cbit_nested", "cbit_exit",
      "cbit_instruction", "cbit_vmsa"}},
    {"caches",
     {"cbit_cache", "cbit_line", "cbit_level", "cbit_mshr", "cbit_answers", "cbit_third",
      "cbit_prefetch"}},
    {"fabric", {"cbit_fabric", "cbit_interleave", "cbit_link", "cbit_path"}},
    {"controller", {"umc_", "cbit_umc"}},
    {"engine", {"cbit_aes", "cbit_cipher", "cbit_tweak"}},
    {"DRAM store, map", {"cbit_dram", "cbit_store"}},
    {"event kernel",
     {"cbit_kernel", "cbit_event", "cbit_timed", "cbit_heap", "cbit_waitlist", "cbit_txn"}},
    {"key of access", {"cbit_key"}},
    {"benchmark", {NULL}},
    {"libraries", {NULL}},
};
enum { BENCHMARK = WHERE_LAYERS - 2, LIBRARIES = WHERE_LAYERS - 1 };

typedef struct function {
    uint64_t begin, end;
    const char *name;
    bool local;
} function_t;

static struct {
    uintptr_t at[SAMPLES];
    volatile uint32_t count;
    char *image;
    function_t *functions;
    uint32_t function_count;
    uint64_t base; /* of the running program over the addresses of its file */
} sampler;

const char *where_layer(uint32_t layer)
{
    return LAYERS[layer].name;
}

static void on_tick(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    const ucontext_t *at = context;
    uintptr_t pc = 0;
#if defined(__x86_64__)
    pc = (uintptr_t)at->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    pc = (uintptr_t)at->uc_mcontext.pc;
#else
    (void)at;
#endif
    if (sampler.count < SAMPLES) {
        sampler.at[sampler.count++] = pc;
    }
}

static char *read_program(void)
{
    FILE *file = fopen("/proc/self/exe", "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        return NULL;
    }
    const long size = ftell(file);
    char *image = size > 0 ? malloc((size_t)size) : NULL;
    rewind(file);
    if (image != NULL && fread(image, 1, (size_t)size, file) != (size_t)size) {
        free(image);
        image = NULL;
    }
    (void)fclose(file);
    return image;
}

static int by_address(const void *a, const void *b)
{
    const function_t *x = a, *y = b;
    return x->begin != y->begin ? (x->begin < y->begin ? -1 : 1) : x->local - y->local;
}

static void take_symbols(const Elf64_Ehdr *elf, const Elf64_Shdr *section)
{
    const Elf64_Shdr *strings =
        (const Elf64_Shdr *)(const void *)(sampler.image + elf->e_shoff) + section->sh_link;
    const Elf64_Sym *symbols =
        (const Elf64_Sym *)(const void *)(sampler.image + section->sh_offset);
    const uint64_t count = section->sh_size / sizeof *symbols;
    sampler.functions = calloc(count, sizeof sampler.functions[0]);
    for (uint64_t i = 0; sampler.functions != NULL && i < count; i++) {
        const char *name = sampler.image + strings->sh_offset + symbols[i].st_name;
        if (ELF64_ST_TYPE(symbols[i].st_info) != STT_FUNC || symbols[i].st_value == 0) {
            continue;
        }
        sampler.functions[sampler.function_count++] =
            (function_t){.begin = symbols[i].st_value,
                         .end = symbols[i].st_value + symbols[i].st_size,
                         .name = name,
                         .local = ELF64_ST_BIND(symbols[i].st_info) == STB_LOCAL};
        if (strcmp(name, "where_begin") == 0) {
            sampler.base = (uintptr_t)where_begin - symbols[i].st_value;
        }
    }
    qsort(sampler.functions, sampler.function_count, sizeof sampler.functions[0], by_address);
}

static void load_symbols(void)
{
    sampler.image = read_program();
    if (sampler.image == NULL) {
        return;
    }
    const Elf64_Ehdr *elf = (const Elf64_Ehdr *)(const void *)sampler.image;
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(const void *)(sampler.image + elf->e_shoff);
    for (uint32_t i = 0; i < elf->e_shnum; i++) {
        if (sections[i].sh_type == SHT_SYMTAB) {
            take_symbols(elf, &sections[i]);
        }
    }
}

static uint32_t layer_of_name(const char *name)
{
    for (uint32_t layer = 0; layer < BENCHMARK; layer++) {
        for (uint32_t i = 0; i < PREFIXES && LAYERS[layer].prefixes[i] != NULL; i++) {
            if (strncmp(name, LAYERS[layer].prefixes[i], strlen(LAYERS[layer].prefixes[i])) == 0) {
                return layer;
            }
        }
    }
    return BENCHMARK;
}

static uint32_t layer_of(uint64_t address)
{
    uint32_t low = 0, high = sampler.function_count;
    while (low < high) { /* the first function that ends behind the address */
        const uint32_t middle = (low + high) / 2;
        if (sampler.functions[middle].end <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == sampler.function_count || sampler.functions[low].begin > address) {
        return LIBRARIES;
    }
    while (low + 1 < sampler.function_count && sampler.functions[low].local) {
        low++;
    }
    return layer_of_name(sampler.functions[low].name);
}

static void set_timer(long period_us)
{
    const struct itimerval every = {{0, period_us}, {0, period_us}};
    (void)setitimer(ITIMER_PROF, &every, NULL);
}

void where_begin(void)
{
    if (sampler.functions == NULL) {
        load_symbols();
    }
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_tick;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    (void)sigaction(SIGPROF, &action, NULL);
    sampler.count = 0;
    set_timer(PERIOD_US);
}

void where_end(where_t *to)
{
    set_timer(0);
    for (uint32_t i = 0; i < sampler.count; i++) {
        to->samples[layer_of(sampler.at[i] - sampler.base)]++;
        to->all++;
    }
}
