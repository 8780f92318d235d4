#include "cbit/umc/config.h"

const char *const cbit_umc_page_names[] = {"open", "closed", "adaptive", NULL};

const cbit_row_t cbit_umc_rows[] = {
    {CBIT_FIELD(OBJECT, cbit_umc_config_t, dram), .rows = cbit_dram_config_rows,
     .help = "The DRAM devices of a channel"},
    {CBIT_FIELD(ENUM, cbit_umc_config_t, policy), .names = cbit_umc_policy_names,
     .source = "assumed: the silicon's scheduler is not published",
     .help = "Scheduling policy: cbit's own, or that of a public simulator"},
    {CBIT_FIELD(ENUM, cbit_umc_config_t, page_policy), .names = cbit_umc_page_names,
     .source = "assumed: open pages", .help = "When a row is closed after a column command"},
    {CBIT_FIELD(U32, cbit_umc_config_t, row_hit_cap), .min = 0, .max = 1000000,
     .source = "the policy's own when 0",
     .help = "Column commands of an open row before its hits lose their advantage"},
    {CBIT_FIELD(U32, cbit_umc_config_t, starvation_nck), .unit = "nck", .min = 0, .max = 100000000,
     .source = "the policy's own when 0",
     .help = "A request that has waited longer than this goes first"},
    {CBIT_FIELD(STRING, cbit_umc_config_t, mapping), .max = CBIT_DRAM_MAP_TEXT,
     .fallback_text = "ro-ra-ba-bg-co", .source = "assumed: consecutive lines share a row",
     .help = "Address map from the most significant bit: fields ro, ra, ba, bg, co joined by '-'; "
             "a bit count splits a field"},
    {CBIT_FIELD(ARRAY, cbit_umc_config_t, group_hash), .element = CBIT_ROW_ADDR,
     .element_bytes = sizeof(uint64_t), .max = CBIT_DRAM_HASH_BITS,
     .count_offset = offsetof(cbit_umc_config_t, group_hash_count),
     .source = "assumed: off; the silicon's hash is not published",
     .help = "For each bank-group bit, channel address bits whose parity is XORed into it"},
    {CBIT_FIELD(ARRAY, cbit_umc_config_t, bank_hash), .element = CBIT_ROW_ADDR,
     .element_bytes = sizeof(uint64_t), .max = CBIT_DRAM_HASH_BITS,
     .count_offset = offsetof(cbit_umc_config_t, bank_hash_count),
     .source = "assumed: off; the silicon's hash is not published",
     .help = "For each bank bit, channel address bits whose parity is XORed into it"},
    {CBIT_FIELD(U32, cbit_umc_config_t, read_queue_entries), .min = 0, .max = 256, .fallback = 0,
     .source = "assumed: 32 to 64 are usual", .help = "Reads that wait in a controller"},
    {CBIT_FIELD(U32, cbit_umc_config_t, write_queue_entries), .min = 0, .max = 256, .fallback = 0,
     .source = "assumed: 32 to 64 are usual", .help = "Writes that wait in a controller"},
    {CBIT_FIELD(RATIO, cbit_umc_config_t, write_high), .max = 1000000, .fallback = 0,
     .source = "assumed: typical high watermark",
     .help = "Writes drain when more than this share of their queue is taken"},
    {CBIT_FIELD(RATIO, cbit_umc_config_t, write_low), .max = 1000000, .fallback = 0,
     .source = "assumed: typical low watermark",
     .help = "Draining ends when less than this share is taken and a read waits"},
    {CBIT_FIELD(U32, cbit_umc_config_t, return_buffer_entries), .unit = "lines", .min = 1,
     .max = 128, .fallback = 64,
     .source = "assumed: covers read latency and engine depth at bus rate",
     .help = "Lines between their RD and their last plaintext beat; a read needs one to issue"},
    {CBIT_FIELD(U32, cbit_umc_config_t, engine_clock_divider), .min = 1, .max = 2, .fallback = 1,
     .source = "assumed: one 16-byte block a DRAM clock is exactly the bus rate",
     .help = "The engine's clock is the DRAM clock divided by this"},
    {CBIT_FIELD(BOOL, cbit_umc_config_t, check_commands), .source = "assumed: off, it costs time",
     .help = "Replay every DRAM command through an independent checker of the JEDEC rules"},
    {.key = NULL},
};

#define COUNTER(name, text)                                                                        \
    {                                                                                              \
        CBIT_FIELD(U64, cbit_umc_stats_t, name), .help = text                                      \
    }

const cbit_row_t cbit_umc_stat_rows[] = {
    COUNTER(reads, "Read requests taken"),
    COUNTER(writes, "Write requests taken"),
    COUNTER(forwarded, "Reads served from a queued write of the same key id"),
    COUNTER(coalesced, "Writes merged into a queued write of the same key id"),
    COUNTER(partial_writes, "Writes of less than a line that read it first"),
    COUNTER(not_loaded, "Requests that named a key slot without a key"),
    COUNTER(refused, "Sends that found their queue full"),
    COUNTER(column_reads, "RD commands"),
    COUNTER(column_writes, "WR commands"),
    COUNTER(row_hits, "RD and WR commands that needed no ACT of their own"),
    COUNTER(activates, "ACT commands"),
    COUNTER(precharges, "PRE commands"),
    COUNTER(refreshes, "REF commands"),
    COUNTER(aes_waited_eclk, "Engine clocks that beats waited beyond the pipeline's depth"),
    COUNTER(commands_checked, "DRAM commands that the independent checker has seen"),
    COUNTER(violations, "DRAM commands that broke a JEDEC rule: always 0, or cbit has a bug"),
    {.key = NULL},
};
