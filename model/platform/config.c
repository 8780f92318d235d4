#include "cbit/platform/config.h"

#include <inttypes.h>

#include "cbit/umc/umc.h"

static const cbit_row_t host_rows[] = {
    {CBIT_FIELD(BOOL, cbit_host_config_t, sme),
     .source = "design choice: SME is off unless a host turns it on (Linux: mem_encrypt=on)",
     .help = "Host software sets the C-bit on its own pages, VMCBs and nested tables"},
    {CBIT_FIELD(BOOL, cbit_host_config_t, tsme),
     .source = "AMD Memory Encryption white paper: transparent SME, a BIOS option; off by default",
     .help = "Transparent SME: accesses of host, devices, Secure Processor and guests that no "
             "C-bit encrypts use the host's key; nothing bypasses the engine"},
    {CBIT_FIELD(U32, cbit_host_config_t, cores), .min = 1, .max = CBIT_PLATFORM_MAX_CORES,
     .fallback = 2,
     .source = "assumed: as many as the shipped scenarios use; real parts have up to 64",
     .help = "Modelled cores"},
    {.key = NULL},
};

static const char *const tweak_names[] = {"per_boot", "first_generation", "zero", NULL};

static const cbit_row_t sev_rows[] = {
    {CBIT_FIELD(STRING, cbit_sev_config_t, generation), .max = CBIT_PLATFORM_NAME_BYTES - 1,
     .fallback_text = "rome", .source = "name of the preset",
     .help = "Processor generation that the values stand for"},
    {CBIT_FIELD(U32, cbit_sev_config_t, c_bit), .min = 47, .max = 51, .fallback = 47,
     .source = "CPUID Fn8000_001F EBX[5:0] on EPYC 7001 and 7002: 47; later: 51",
     .help = "Position of the C-bit in page-table entries and addresses"},
    {CBIT_FIELD(U32, cbit_sev_config_t, asids), .min = 1, .max = CBIT_KEY_ASID_MAX - 1,
     .fallback = 509,
     .source = "CPUID Fn8000_001F ECX: 15 on Naples, 509 on Rome and Milan, 1006 on Genoa",
     .help = "Highest ASID of an encrypted guest"},
    {CBIT_FIELD(U32, cbit_sev_config_t, min_sev_asid), .min = 1, .max = CBIT_KEY_ASID_MAX,
     .fallback = 1, .source = "CPUID Fn8000_001F EDX, a BIOS setting; 1: no ASIDs for SEV-ES",
     .help = "Lowest ASID of a guest without SEV-ES"},
    {CBIT_FIELD(U32, cbit_sev_config_t, host_key_slot), .max = 1023, .fallback = 0,
     .source = "assumed: 0 on early parts; 1023 on Genoa (published key-slot map)",
     .help = "Key slot of the host's SME key"},
    {CBIT_FIELD(ENUM, cbit_sev_config_t, tweak), .names = tweak_names,
     .fallback = CBIT_TWEAK_PER_BOOT,
     .source = "AMD statement on later parts: new at each boot; first EPYC: fixed (Buhren et al.)",
     .help = "How the constants of the address tweak are chosen"},
    {CBIT_FIELD(BOOL, cbit_sev_config_t, per_channel_keys),
     .source = "Genoa loads one key per channel, derived from the guest's seed; assumed off before",
     .help = "Each memory channel gets a key of its own, derived from the guest's"},
    {CBIT_FIELD(BOOL, cbit_sev_config_t, coherent_domains),
     .source = "CPUID Fn8000_001F EAX[10]; assumed set from Milan on",
     .help = "Hardware keeps the key ids of one address coherent"},
    {CBIT_FIELD(BOOL, cbit_sev_config_t, page_flush_msr), .fallback = true,
     .source = "CPUID Fn8000_001F EAX[2]: set on EPYC 7001 to 7003 (published dumps)",
     .help =
         "The hypervisor can flush one page of one ASID (MSR C001_011E), instead of all caches"},
    {CBIT_FIELD(BOOL, cbit_sev_config_t, invd_writes_back),
     .source = "CVE-2023-20592: clear on the first three generations of EPYC",
     .help = "INVD writes dirty lines back, as WBINVD does, and no privilege turns that off"},
    {CBIT_FIELD(BOOL, cbit_sev_config_t, aes256_stand_in),
     .source = "256-bit key slots on Genoa and later",
     .help = "The silicon uses AES-256; AES-128 in XEX form stands in for it here"},
    {.key = NULL},
};

static const cbit_row_t memory_rows[] = {
    {CBIT_FIELD(SIZE, cbit_memory_config_t, size_bytes), .unit = "bytes", .min = UINT64_C(16) << 20,
     .max = UINT64_C(1) << 43, .fallback = UINT64_C(8) << 30,
     .source = "assumed: room for the shipped scenarios' guests",
     .help = "System memory of the machine, over all channels"},
    {.key = NULL},
};

#define SECTION(field, section_rows, sentence)                                                     \
    {                                                                                              \
        CBIT_FIELD(OBJECT, cbit_platform_config_t, field), .rows = (section_rows),                 \
                                                           .help = (sentence)                      \
    }

const cbit_row_t cbit_platform_rows[] = {
    SECTION(host, host_rows, "Host software and its cores"),
    SECTION(sev, sev_rows, "Memory encryption as the processor generation has it"),
    SECTION(memory, memory_rows, "System memory"),
    SECTION(vcpu, cbit_vcpu_rows, "Cores and their translation"),
    SECTION(cache, cbit_cache_rows, "The cache between cores and fabric"),
    SECTION(fabric, cbit_fabric_rows, "The data fabric and its channels"),
    SECTION(iommu, cbit_iommu_rows, "What translates devices' addresses"),
    SECTION(umc, cbit_umc_rows, "Memory controllers and DRAM"),
    SECTION(engine, cbit_aes_engine_rows, "The AES engine of each memory channel"),
    SECTION(sp, cbit_sp_config_rows, "The Secure Processor"),
    {.key = NULL},
};

static void check_slots(const cbit_platform_config_t *config, cbit_diag_t *diag)
{
    uint32_t slots = config->engine.key_slots;
    if (config->sev.asids >= slots) {
        cbit_diag_add(diag, CBIT_ERR_CONFLICT, "/sev/asids",
                      "%" PRIu32 " ASIDs do not fit the engine's %" PRIu32 " key slots",
                      config->sev.asids, slots);
        cbit_diag_hint(diag, "raise /engine/key_slots above /sev/asids");
    }
    if (config->sev.host_key_slot >= slots) {
        cbit_diag_add(diag, CBIT_ERR_CONFLICT, "/sev/host_key_slot",
                      "slot %" PRIu32 " is beyond the engine's %" PRIu32 " key slots",
                      config->sev.host_key_slot, slots);
    }
    if (config->sev.host_key_slot >= 1 && config->sev.host_key_slot <= config->sev.asids) {
        cbit_diag_add(diag, CBIT_ERR_CONFLICT, "/sev/host_key_slot",
                      "slot %" PRIu32 " is that of an ASID (1..%" PRIu32 ")",
                      config->sev.host_key_slot, config->sev.asids);
    }
}

/* The channels' devices must hold their share of the memory. */
static void check_capacity(const cbit_platform_config_t *config, cbit_diag_t *diag)
{
    cbit_dram_device_t device;
    if (cbit_umc_check(&config->umc, "/umc", &device, diag) != CBIT_ERR_OK) {
        return;
    }
    uint64_t granules = config->memory.size_bytes / config->fabric.interleave_bytes;
    uint64_t share_bytes = (granules + config->fabric.channels - 1) / config->fabric.channels *
                           config->fabric.interleave_bytes;
    if (share_bytes > device.capacity_bytes) {
        cbit_diag_add(diag, CBIT_ERR_RANGE, "/memory/size_bytes",
                      "%" PRIu64 " bytes are more than %" PRIu32 " channels of %" PRIu64
                      " bytes hold",
                      config->memory.size_bytes, config->fabric.channels, device.capacity_bytes);
        cbit_diag_hint(diag, "more ranks or larger devices: /umc/dram");
    }
}

cbit_err_t cbit_platform_check(const cbit_platform_config_t *config, cbit_diag_t *diag)
{
    size_t before = cbit_diag_count(diag);
    check_slots(config, diag);
    (void)cbit_fabric_check(&config->fabric, "/fabric", diag);
    (void)cbit_cache_check(&config->cache, config->host.cores, "/cache", diag);
    cbit_vcpu_config_t vcpu = config->vcpu;
    vcpu.c_bit = config->sev.c_bit;
    (void)cbit_vcpu_check_config(&vcpu, "/vcpu", diag);
    check_capacity(config, diag);
    if (config->sev.min_sev_asid > config->sev.asids + 1) {
        cbit_diag_add(diag, CBIT_ERR_CONFLICT, "/sev/min_sev_asid",
                      "%" PRIu32 " is above the highest ASID, %" PRIu32, config->sev.min_sev_asid,
                      config->sev.asids);
    }
    if (config->memory.size_bytes % CBIT_PAGE_BYTES != 0) {
        cbit_diag_add(diag, CBIT_ERR_RANGE, "/memory/size_bytes",
                      "%" PRIu64 " bytes are not a multiple of 4 KiB", config->memory.size_bytes);
    }
    return cbit_diag_count(diag) == before ? CBIT_ERR_OK : CBIT_ERR_CONFLICT;
}
