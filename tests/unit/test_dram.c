/* Store, devices and address maps. */
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit/dram/device.h"
#include "cbit/dram/energy.h"
#include "cbit/dram/map.h"
#include "cbit/dram/store.h"
#include "cbit_test.h"

START_TEST(untouched_memory_is_zero_and_costs_nothing)
{
    cbit_store_t *store;
    uint8_t byte = 1;
    ck_assert_int_eq(cbit_store_create(UINT64_C(1) << 40, &store), CBIT_ERR_OK);
    uint64_t empty = cbit_store_footprint_bytes(store);
    ck_assert_uint_lt(empty, 65536);
    ck_assert_int_eq(cbit_store_read(store, (UINT64_C(1) << 40) - 1, &byte, 1), CBIT_ERR_OK);
    ck_assert_uint_eq(byte, 0);
    ck_assert_uint_eq(cbit_store_footprint_bytes(store), empty);
    ck_assert_int_eq(cbit_store_read(store, (UINT64_C(1) << 40) - 1, &byte, 2), CBIT_ERR_ADDRESS);
    ck_assert_int_eq(cbit_store_write(store, UINT64_MAX, &byte, 2), CBIT_ERR_ADDRESS);
    cbit_store_destroy(store);
}
END_TEST

static cbit_spa_t first_64_kib(const void *self, cbit_spa_t spa)
{
    (void)self;
    return spa % (64 << 10);
}

START_TEST(two_addresses_of_one_place_are_one_place_until_the_line_is_back)
{
    cbit_store_t *store;
    uint8_t bytes[256], seen[256];
    memset(bytes, 7, sizeof bytes);
    ck_assert_int_eq(cbit_store_create(128 << 10, &store), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_store_write(store, (64 << 10) + 4000, bytes, 256), CBIT_ERR_OK);
    cbit_store_set_alias(store, first_64_kib, NULL);
    ck_assert_int_eq(cbit_store_read(store, (64 << 10) + 4000, seen, 256), CBIT_ERR_OK);
    ck_assert_uint_eq(seen[0], 0); /* the upper half is out of reach */
    memset(bytes, 9, sizeof bytes);
    ck_assert_int_eq(cbit_store_write(store, (64 << 10) + 4000, bytes, 256), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_store_read(store, 4000, seen, 256), CBIT_ERR_OK);
    ck_assert_mem_eq(seen, bytes, 256);
    ck_assert_int_eq(cbit_store_read(store, 128 << 10, seen, 1), CBIT_ERR_ADDRESS);
    cbit_store_set_alias(store, NULL, NULL);
    ck_assert_int_eq(cbit_store_read(store, (64 << 10) + 4000, seen, 256), CBIT_ERR_OK);
    ck_assert_uint_eq(seen[255], 7);
    cbit_store_destroy(store);
}
END_TEST

START_TEST(scattered_pages_cost_little_more_than_themselves)
{
    enum { PAGES = 16384 };
    cbit_store_t *store;
    cbit_rng_t rng;
    ck_assert_int_eq(cbit_store_create(UINT64_C(64) << 30, &store), CBIT_ERR_OK);
    cbit_rng_init(&rng, cbit_test_seed(), 1);
    uint64_t *pages = calloc(PAGES, sizeof *pages);
    for (uint32_t i = 0; i < PAGES; i++) {
        /* Bijective, so that all are different. */
        pages[i] = (i * UINT64_C(0x9e3779b1) + cbit_test_seed()) & ((UINT64_C(1) << 24) - 1);
        uint64_t text = pages[i] ^ 0x5555;
        ck_assert_int_eq(cbit_store_write(store, pages[i] * 4096 + 8, &text, 8), CBIT_ERR_OK);
    }
    for (uint32_t i = 0; i < PAGES; i++) {
        uint64_t text[3];
        ck_assert_int_eq(cbit_store_read(store, pages[i] * 4096, text, 24), CBIT_ERR_OK);
        ck_assert(text[0] == 0 && text[1] == (pages[i] ^ 0x5555) && text[2] == 0);
    }
    /* 1 GiB touched must stay below 1.15 GiB; so 16384 pages below 1.15 x 64 MiB. */
    ck_assert_uint_lt(cbit_store_footprint_bytes(store), UINT64_C(64) * 1048576 * 115 / 100);
    free(pages);
    cbit_store_destroy(store);
}
END_TEST

START_TEST(ranges_cross_pages)
{
    cbit_store_t *store;
    uint8_t in[10000], out[10000];
    cbit_rng_t rng;
    cbit_rng_init(&rng, cbit_test_seed(), 2);
    cbit_rng_bytes(&rng, in, sizeof in);
    ck_assert_int_eq(cbit_store_create(1048576, &store), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_store_write(store, 4090, in, sizeof in), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_store_read(store, 4090, out, sizeof out), CBIT_ERR_OK);
    ck_assert_mem_eq(in, out, sizeof in);
    cbit_store_destroy(store);
}
END_TEST

/* speed, CL, tRCD, tRAS, tCCD_L, tRRD_L, tFAW, tWR, tWTR_S, tWTR_L, tRTP, tCWL, tREFI, tRFC */
static const struct speed_row {
    uint32_t speed, density, want[13];
} SPEEDS[] = {
    {CBIT_DDR4_2133P, 8, {15, 15, 36, 6, 6, 23, 16, 3, 8, 8, 11, 8320, 374}},
    {CBIT_DDR4_2400R, 8, {16, 16, 39, 6, 6, 26, 18, 3, 9, 9, 12, 9360, 420}},
    {CBIT_DDR4_2666V, 8, {19, 19, 43, 7, 7, 28, 20, 4, 10, 10, 14, 10400, 467}},
    {CBIT_DDR4_2933Y, 8, {21, 21, 47, 8, 8, 31, 22, 4, 11, 11, 16, 11436, 514}},
    {CBIT_DDR4_3200AA, 8, {22, 22, 52, 8, 8, 34, 24, 4, 12, 12, 16, 12480, 560}},
    {CBIT_DDR5_4800B, 16, {40, 39, 77, 12, 12, 32, 72, 6, 24, 18, 38, 9360, 708}},
    {CBIT_DDR5_5600B, 16, {46, 45, 90, 14, 14, 32, 84, 7, 28, 21, 44, 10920, 826}},
};

START_TEST(speed_grades_give_the_clocks_of_the_standard)
{
    const struct speed_row *row = &SPEEDS[_i];
    cbit_dram_config_t config;
    cbit_dram_device_t device;
    cbit_rows_defaults(cbit_dram_config_rows, &config);
    config.speed = row->speed;
    config.density_gbit = row->density;
    ck_assert_int_eq(cbit_dram_resolve(&config, "/dram", &device, NULL), CBIT_ERR_OK);
    const cbit_dram_timing_t *t = &device.timing;
    const uint32_t got[13] = {t->cl_nck,     t->trcd_nck, t->tras_nck, t->tccd_l_nck,
                              t->trrd_l_nck, t->tfaw_nck, t->twr_nck,  t->twtr_s_nck,
                              t->twtr_l_nck, t->trtp_nck, t->cwl_nck,  t->trefi_nck,
                              t->trfc_nck};
    for (uint32_t i = 0; i < 13; i++) {
        ck_assert_msg(got[i] == row->want[i], "row %d, value %u: %u, not %u", _i, i, got[i],
                      row->want[i]);
    }
    cbit_dram_device_t unasked; /* the row's density is the generation's */
    config.density_gbit = 0;
    ck_assert_int_eq(cbit_dram_resolve(&config, "/dram", &unasked, NULL), CBIT_ERR_OK);
    ck_assert_uint_eq(unasked.timing.trfc_nck, row->want[12]);
    ck_assert_uint_eq(unasked.banks_per_group, 4);
    ck_assert_uint_eq(unasked.capacity_bytes, device.capacity_bytes);
}
END_TEST

START_TEST(impossible_timings_name_the_rule)
{
    cbit_dram_config_t config;
    cbit_dram_device_t device;
    cbit_diag_t *diag = cbit_diag_create();
    cbit_rows_defaults(cbit_dram_config_rows, &config);
    config.timing.tras_nck = 33; /* tRCD 22 + tRTP 12 = 34 */
    ck_assert_int_eq(cbit_dram_resolve(&config, "/umc/dram", &device, diag), CBIT_ERR_CONFLICT);
    ck_assert_uint_eq(cbit_diag_count(diag), 1);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->where, "/umc/dram/timing/tras_nck");
    ck_assert_ptr_nonnull(strstr(cbit_diag_at(diag, 0)->text, "tRCD + tRTP = 34"));
    config.timing.tras_nck = 34;
    ck_assert_int_eq(cbit_dram_resolve(&config, "/umc/dram", &device, diag), CBIT_ERR_OK);
    cbit_diag_destroy(diag);
}
END_TEST

START_TEST(energy_follows_the_worked_example)
{
    cbit_dram_config_t config;
    cbit_dram_device_t device;
    cbit_dram_energy_t energy;
    cbit_rows_defaults(cbit_dram_config_rows, &config);
    ck_assert_int_eq(cbit_dram_resolve(&config, "/dram", &device, NULL), CBIT_ERR_OK);
    /* 8 devices, 1.2 V. ACT: 1.2 (57 x 46.25 - 52 x 32.5 - 37 x 13.75) 8 = 4200 pJ; read
       1.2 (168 - 52) 2.5 x 8 = 2784; write 1.2 (150 - 52) 2.5 x 8 = 2352; refresh
       1.2 (250 - 52) 350 x 8 = 665280; 1600 clocks are 1 us: 499.2 mW open, 355.2 mW closed. */
    const cbit_dram_activity_t one = {.activates = 1,
                                      .reads = 1,
                                      .writes = 1,
                                      .refreshes = 1,
                                      .open_rank_nck = 1600,
                                      .total_rank_nck = 3200};
    cbit_dram_energy(&device, &one, &energy);
    ck_assert_uint_eq(energy.activate_pj, 4200);
    ck_assert_uint_eq(energy.read_pj, 2784);
    ck_assert_uint_eq(energy.write_pj, 2352);
    ck_assert_uint_eq(energy.refresh_pj, 665280);
    ck_assert_uint_eq(energy.open_pj, 499200);
    ck_assert_uint_eq(energy.closed_pj, 355200);
    ck_assert_uint_eq(cbit_dram_energy_total_pj(&energy),
                      4200 + 2784 + 2352 + 665280 + 499200 + 355200);
    /* Asleep for 1 us each: 1.2 x 8 x 43, 25 and 30 mA = 412.8, 240 and 288 mW; 1 us awake, open.
     */
    const cbit_dram_activity_t asleep = {.open_rank_nck = 3200,
                                         .total_rank_nck = 6400,
                                         .down_open_nck = 1600,
                                         .down_closed_nck = 1600,
                                         .self_refresh_nck = 1600};
    cbit_dram_energy(&device, &asleep, &energy);
    ck_assert_uint_eq(energy.open_pj, 499200);
    ck_assert_uint_eq(energy.closed_pj, 0);
    ck_assert_uint_eq(energy.down_open_pj, 412800);
    ck_assert_uint_eq(energy.down_closed_pj, 240000);
    ck_assert_uint_eq(energy.self_refresh_pj, 288000);
}
END_TEST

static cbit_err_t try_map(const char *text, const uint64_t *hash, uint32_t hashes,
                          cbit_dram_map_t *map, cbit_diag_t *diag)
{
    cbit_dram_config_t config;
    cbit_dram_device_t device;
    cbit_rows_defaults(cbit_dram_config_rows, &config);
    ck_assert_int_eq(cbit_dram_resolve(&config, "/dram", &device, NULL), CBIT_ERR_OK);
    return cbit_dram_map_init(map, &device, text, hash, hashes, NULL, 0, "/umc", diag);
}

/* x8: 9 devices for 8; x4: 18 for 16; x16: half of a fifth one is used, all of it is paid. DDR5, 32
   bits: x8 5 for 4. Nothing else of the device changes. */
/* Four x8 devices at 1.1 V, tCK 1250/3 ps. ACT: 1.1 (60 x 116 - 55 x 77 - 50 x 39) x 416.67 ps x 4
   = 1.1 x 775 x 416.67 x 4 = 1420.8 pJ; read and write 1.1 (145 - 55) 8 x 416.67 ps x 4 = 1320 pJ;
   refresh 1.1 (362 - 55) 708 x 416.67 ps x 4 = 398486 pJ; 2400 clocks are 1 us: 242 mW, 220 mW. */
START_TEST(ddr5_has_currents_of_its_own)
{
    cbit_dram_config_t config;
    cbit_dram_device_t device;
    cbit_dram_energy_t energy;
    cbit_rows_defaults(cbit_dram_config_rows, &config);
    config.speed = CBIT_DDR5_4800B;
    config.density_gbit = 16;
    ck_assert_int_eq(cbit_dram_resolve(&config, "/dram", &device, NULL), CBIT_ERR_OK);
    const cbit_dram_activity_t one = {.activates = 1,
                                      .reads = 1,
                                      .writes = 1,
                                      .refreshes = 1,
                                      .open_rank_nck = 2400,
                                      .total_rank_nck = 4800};
    cbit_dram_energy(&device, &one, &energy);
    ck_assert_uint_eq(energy.activate_pj, 1420);
    ck_assert_uint_eq(energy.read_pj, 1320);
    ck_assert_uint_eq(energy.write_pj, 1320);
    ck_assert_uint_eq(energy.refresh_pj, 398486);
    ck_assert_uint_eq(energy.open_pj, 242000);
    ck_assert_uint_eq(energy.closed_pj, 220000);
    config.power.idd4r_ma = 318; /* a scenario's own value stays */
    ck_assert_int_eq(cbit_dram_resolve(&config, "/dram", &device, NULL), CBIT_ERR_OK);
    cbit_dram_energy(&device, &one, &energy);
    ck_assert_uint_eq(energy.read_pj, 3857);
}
END_TEST

START_TEST(ecc_takes_the_energy_of_its_devices)
{
    static const struct {
        uint32_t speed, width, without, with;
    } ROWS[] = {{CBIT_DDR4_3200AA, 8, 8, 9},
                {CBIT_DDR4_3200AA, 4, 16, 18},
                {CBIT_DDR4_3200AA, 16, 4, 5},
                {CBIT_DDR5_4800B, 8, 4, 5},
                {CBIT_DDR5_4800B, 4, 8, 10}};
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        cbit_dram_config_t config;
        cbit_dram_device_t device[2];
        cbit_dram_energy_t energy[2];
        const cbit_dram_activity_t activity = {
            .activates = 7200, .reads = 7200, .refreshes = 720, .total_rank_nck = 720000};
        for (uint32_t ecc = 0; ecc < 2; ecc++) {
            cbit_rows_defaults(cbit_dram_config_rows, &config);
            config.speed = ROWS[i].speed;
            config.width_bits = ROWS[i].width;
            config.density_gbit = 16;
            config.ecc = ecc != 0;
            ck_assert_int_eq(cbit_dram_resolve(&config, "/dram", &device[ecc], NULL), CBIT_ERR_OK);
            cbit_dram_energy(&device[ecc], &activity, &energy[ecc]);
        }
        ck_assert_uint_eq(device[0].devices_per_rank, ROWS[i].without);
        ck_assert_uint_eq(device[1].devices_per_rank, ROWS[i].with);
        const double ratio = (double)cbit_dram_energy_total_pj(&energy[1]) /
                             (double)cbit_dram_energy_total_pj(&energy[0]);
        ck_assert_double_eq_tol(ratio, (double)ROWS[i].with / ROWS[i].without, 1e-6);
        device[1].devices_per_rank = device[0].devices_per_rank;
        ck_assert_mem_eq(&device[0], &device[1], sizeof device[0]);
    }
}
END_TEST

START_TEST(calibration_maps_put_their_bits_in_place)
{
    cbit_dram_map_t map;
    cbit_dram_place_t place;
    /* M0: bits 12:6 column, 14:13 group, 16:15 bank, 32:17 row. */
    ck_assert_int_eq(try_map("M0", NULL, 0, &map, NULL), CBIT_ERR_OK);
    ck_assert(
        cbit_dram_map_place(&map, UINT64_C(0x1fffe) << 16 | 3 << 15 | 1 << 13 | 5 << 6, &place));
    ck_assert_uint_eq(place.row, 65535);
    ck_assert_uint_eq(place.bank, 3);
    ck_assert_uint_eq(place.group, 1);
    ck_assert_uint_eq(place.column, 5);
    ck_assert(!cbit_dram_map_place(&map, UINT64_C(8) << 30, &place));
    /* M1: bits 7:6 group, 14:8 column. */
    ck_assert_int_eq(try_map("M1", NULL, 0, &map, NULL), CBIT_ERR_OK);
    ck_assert(cbit_dram_map_place(&map, 3 << 6 | 9 << 8, &place));
    ck_assert_uint_eq(place.group, 3);
    ck_assert_uint_eq(place.column, 9);
}
END_TEST

START_TEST(maps_that_lose_or_repeat_bits_are_refused)
{
    static const struct {
        const char *text, *complaint;
    } BAD[] = {
        {"ro-ba-bg", "co loses a bit"},         {"ro-ba-bg-co8", "co repeats a bit"},
        {"ro-ro-ba-bg-co", "ro repeats a bit"}, {"ro-ba-bg-co3-co3", "co loses a bit"},
        {"ro-xx-bg-co", "is no map"},           {"", "ro loses a bit"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        cbit_dram_map_t map;
        cbit_diag_t *diag = cbit_diag_create();
        ck_assert_int_ne(try_map(BAD[i].text, NULL, 0, &map, diag), CBIT_ERR_OK);
        bool found = false;
        for (size_t k = 0; k < cbit_diag_count(diag); k++) {
            found |= strstr(cbit_diag_at(diag, k)->text, BAD[i].complaint) != NULL;
        }
        ck_assert_msg(found, "\"%s\" did not say \"%s\"", BAD[i].text, BAD[i].complaint);
        cbit_diag_destroy(diag);
    }
    const uint64_t self_hash = 1 << 13; /* a group bit hashed by itself would be lost */
    cbit_dram_map_t map;
    ck_assert_int_eq(try_map("M0", &self_hash, 1, &map, NULL), CBIT_ERR_CONFLICT);
}
END_TEST

START_TEST(hashed_maps_stay_bijective)
{
    const uint64_t hash[2] = {1 << 17 | 1 << 20, 1 << 18 | 1 << 6};
    cbit_dram_map_t map;
    ck_assert_int_eq(try_map("ro-ba-co5-bg-co2", hash, 2, &map, NULL), CBIT_ERR_OK);
    enum { LINES = 1 << 16 };
    uint8_t *seen = calloc(1, LINES);
    for (uint32_t i = 0; i < LINES; i++) {
        cbit_dram_place_t place;
        ck_assert(cbit_dram_map_place(&map, (uint64_t)i * 64, &place));
        uint32_t at = (place.row * 16 + place.flat_bank) * 128 + place.column;
        ck_assert_uint_lt(at, LINES);
        ck_assert_msg(seen[at]++ == 0, "line %u falls on another one", i);
    }
    free(seen);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("dram");
    TCase *store = tcase_create("store");
    tcase_add_test(store, untouched_memory_is_zero_and_costs_nothing);
    tcase_add_test(store, two_addresses_of_one_place_are_one_place_until_the_line_is_back);
    tcase_add_test(store, scattered_pages_cost_little_more_than_themselves);
    tcase_add_test(store, ranges_cross_pages);
    suite_add_tcase(suite, store);
    TCase *device = tcase_create("device");
    tcase_add_loop_test(device, speed_grades_give_the_clocks_of_the_standard, 0,
                        sizeof SPEEDS / sizeof SPEEDS[0]);
    tcase_add_test(device, impossible_timings_name_the_rule);
    tcase_add_test(device, energy_follows_the_worked_example);
    tcase_add_test(device, ecc_takes_the_energy_of_its_devices);
    tcase_add_test(device, ddr5_has_currents_of_its_own);
    suite_add_tcase(suite, device);
    TCase *map = tcase_create("map");
    tcase_add_test(map, calibration_maps_put_their_bits_in_place);
    tcase_add_test(map, maps_that_lose_or_repeat_bits_are_refused);
    tcase_add_test(map, hashed_maps_stay_bijective);
    suite_add_tcase(suite, map);
    return suite;
}
