/* Parameters and statistics of the engine, declared once. */
#include "cbit/aes/engine.h"

const cbit_row_t cbit_aes_engine_rows[] = {
    {CBIT_FIELD(U32, cbit_aes_engine_config_t, key_slots), .min = 1, .max = 1024, .fallback = 512,
     .source = "AMD PPR, CPUID Fn8000_001F ECX: 509 encrypted guests on Rome, host key in slot 0",
     .help = "Key slots of each engine; an ASID's key is in the slot of its number"},
    {CBIT_FIELD(U32, cbit_aes_engine_config_t, depth_eclk), .unit = "eclk", .min = 1, .max = 64,
     .fallback = 11, .source = "rtl/aes_engine at one round per stage, measured by tests/cosim",
     .help = "Accept edge to earliest transfer edge of an encrypted or decrypted block"},
    {CBIT_FIELD(U32, cbit_aes_engine_config_t, blocks_per_clock), .unit = "blocks/eclk", .min = 1,
     .max = 4, .fallback = 1,
     .source = "assumed: one block a clock each way is exactly the rate of a DDR4 bus at its clock",
     .help = "16-byte blocks accepted per engine clock and lane: 1, 2 or 4"},
    {CBIT_FIELD(BOOL, cbit_aes_engine_config_t, shared_lane), .max = 1,
     .source = "assumed: a lane each way, so that reads never wait for writes inside the engine",
     .help = "One pipeline serves both directions"},
    {CBIT_FIELD(BOOL, cbit_aes_engine_config_t, bypass_in_order), .max = 1,
     .source = "assumed: plain beats overtake, since they need no key",
     .help = "Plain beats go through the pipeline instead of around it"},
    {CBIT_FIELD(BOOL, cbit_aes_engine_config_t, xe), .max = 1,
     .source = "Wilke et al., SEVurity, IEEE S&P 2020: XE on the first EPYC, XEX since",
     .help = "First-generation cipher: no XOR of the tweak on the ciphertext side"},
    {.key = NULL},
};

const cbit_row_t cbit_aes_engine_stat_rows[] = {
    {CBIT_FIELD(U64, cbit_aes_counters_t, lines_encrypted), .unit = "lines",
     .help = "Lines that left the encrypt lane under a key"},
    {CBIT_FIELD(U64, cbit_aes_counters_t, lines_decrypted), .unit = "lines",
     .help = "Lines that left the decrypt lane under a key"},
    {CBIT_FIELD(U64, cbit_aes_counters_t, lines_bypassed), .unit = "lines",
     .help = "Plain lines that left either lane"},
    {CBIT_FIELD(U64, cbit_aes_counters_t, stall_eclk), .unit = "eclk",
     .help = "Clocks that lines waited beyond the engine's depth (plain lines: beyond one clock)"},
    {CBIT_FIELD(U64, cbit_aes_counters_t, key_writes), .unit = "writes",
     .help = "Key slots loaded or cleared"},
    {.key = NULL},
};

cbit_err_t cbit_aes_engine_check(const cbit_aes_engine_config_t *config)
{
    bool power = config->blocks_per_clock == 1 || config->blocks_per_clock == 2 ||
                 config->blocks_per_clock == 4;
    bool slots = config->key_slots >= 1 && config->key_slots <= 1024;
    bool depth = config->depth_eclk >= 1 && config->depth_eclk <= 64;
    return power && slots && depth ? CBIT_ERR_OK : CBIT_ERR_RANGE;
}
