#include "random_streams.h"

#include <string.h>

void random_stream(cbit_rng_t *rng, cbit_stream_request_t *requests, uint32_t count,
                   uint64_t capacity)
{
    uint64_t now = 0, last = 0;
    uint32_t write_share = (uint32_t)cbit_rng_below(rng, 100);
    uint32_t hit_share = (uint32_t)cbit_rng_below(rng, 100);
    uint32_t gap = (uint32_t)cbit_rng_below(rng, 30);
    uint64_t rows = 1 + cbit_rng_below(rng, 64);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t roll = cbit_rng_below(rng, 100);
        if (roll < hit_share) {
            last += 64 * cbit_rng_below(rng, 3);
        } else if (roll < 95) {
            last = cbit_rng_below(rng, rows) << 17 | cbit_rng_below(rng, 2048) << 6;
        } else {
            last = cbit_rng_below(rng, capacity / 64) * 64;
        }
        last %= capacity;
        now += cbit_rng_below(rng, gap + 1);
        now += cbit_rng_below(rng, 200) == 0 ? cbit_rng_below(rng, 20000) : 0;
        requests[i].address = last;
        requests[i].arrival_nck = now;
        if (cbit_rng_below(rng, 100) < write_share) {
            requests[i].arrival_nck |= CBIT_STREAM_WRITE;
        }
    }
}

static const struct part {
    uint32_t speed, width, density, ranks;
} PARTS[] = {
    {CBIT_DDR4_3200AA, 8, 8, 1}, {CBIT_DDR4_3200AA, 8, 8, 2}, {CBIT_DDR4_2400R, 16, 8, 4},
    {CBIT_DDR5_4800B, 8, 16, 1}, {CBIT_DDR5_5600B, 4, 16, 2}, {CBIT_DDR5_6400A, 16, 32, 1},
};
static const char *const MAPS[] = {"ro-ra-ba-bg-co", "ro-ra-ba-co-bg", "ro-co3-ba-ra-bg-co"};

void random_config(cbit_rng_t *rng, cbit_umc_config_t *config, uint32_t policy)
{
    cbit_rows_defaults(cbit_umc_rows, config);
    const struct part *part = &PARTS[cbit_rng_below(rng, sizeof PARTS / sizeof PARTS[0])];
    config->dram.speed = part->speed;
    config->dram.width_bits = part->width;
    config->dram.density_gbit = part->density;
    config->dram.ranks = part->ranks;
    config->policy = policy;
    config->page_policy = (uint32_t)cbit_rng_below(rng, 3);
    (void)strcpy(config->mapping, MAPS[cbit_rng_below(rng, 3)]);
    config->starvation_nck = cbit_rng_below(rng, 3) == 0 ? 300 : 0;
    config->row_hit_cap = cbit_rng_below(rng, 3) == 0 ? 3 : 0;
    if (cbit_rng_below(rng, 2) == 0) {
        config->read_queue_entries = 4 + (uint32_t)cbit_rng_below(rng, 60);
        config->write_queue_entries = 4 + (uint32_t)cbit_rng_below(rng, 60);
    }
}

void random_rest(cbit_rng_t *rng, cbit_umc_config_t *config)
{
    static const uint32_t IDLE[] = {0, 1, 20, 200, 3000, 30000};
    bool ddr5 = config->dram.speed >= CBIT_DDR5_4800A;
    uint32_t most = ddr5 ? 5 : 9;
    config->refresh_mode = ddr5 && cbit_rng_below(rng, 2) == 0;
    config->dram.refresh_granularity = 1u << cbit_rng_below(rng, ddr5 ? 2 : 3);
    config->refresh_postpone = (uint32_t)cbit_rng_below(rng, most);
    config->refresh_pull_in = cbit_rng_below(rng, 2) == 0 ? (uint32_t)cbit_rng_below(rng, most) : 0;
    config->refresh_idle_nck = IDLE[cbit_rng_below(rng, 6)];
    config->power_down_idle_nck = IDLE[cbit_rng_below(rng, 6)];
    config->self_refresh_idle_nck = cbit_rng_below(rng, 2) == 0 ? IDLE[cbit_rng_below(rng, 6)] : 0;
    if (cbit_rng_below(rng, 2) == 0) {
        /* Refreshes so often that a short stream sees many. */
        config->dram.timing.trefi_nck = 3000;
        config->dram.timing.trefisb_nck = ddr5 ? 900 : 0;
    }
}
