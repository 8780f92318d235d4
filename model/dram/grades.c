#include "model/dram/grades.h"

#include <stddef.h>

#define SAME3(ps)                                                                                  \
    {                                                                                              \
        (ps), (ps), (ps)                                                                           \
    }
#define DDR5(text, num, den, cl, rcd, cwl, faw)                                                    \
    {                                                                                              \
        text, 5, num, den, cl, rcd, cwl, 32000, 5000, SAME3(0), SAME3(5000), SAME3(faw)            \
    }

/* JESD79-4 and JESD79-5 speed bins; DDR4-3200AA is the calibrated one. */
const dram_grade_t dram_grades[CBIT_DRAM_SPEEDS] = {
    {"ddr4_2133p",
     4,
     1875,
     2,
     15,
     15,
     11,
     33000,
     5355,
     {3700, 3700, 5300},
     {5300, 5300, 6400},
     {15000, 21000, 30000}},
    {"ddr4_2400r",
     4,
     2500,
     3,
     16,
     16,
     12,
     32000,
     5000,
     {3300, 3300, 5300},
     {4900, 4900, 6400},
     {13000, 21000, 30000}},
    {"ddr4_2666v",
     4,
     750,
     1,
     19,
     19,
     14,
     32000,
     5000,
     {3000, 3000, 5300},
     {4900, 4900, 6400},
     {12000, 21000, 30000}},
    {"ddr4_2933y",
     4,
     682,
     1,
     21,
     21,
     16,
     32000,
     5000,
     {2700, 2700, 5300},
     {4900, 4900, 6400},
     {10875, 21000, 30000}},
    {"ddr4_3200aa",
     4,
     625,
     1,
     22,
     22,
     16,
     32000,
     5000,
     {2500, 2500, 5300},
     {4900, 4900, 6400},
     {10000, 21000, 30000}},
    DDR5("ddr5_4800a", 1250, 3, 34, 34, 32, 13333),
    DDR5("ddr5_4800b", 1250, 3, 40, 39, 38, 13333),
    DDR5("ddr5_5200a", 5000, 13, 38, 38, 36, 12307),
    DDR5("ddr5_5200b", 5000, 13, 42, 42, 40, 12307),
    DDR5("ddr5_5600a", 2500, 7, 40, 40, 38, 11428),
    DDR5("ddr5_5600b", 2500, 7, 46, 45, 44, 11428),
    DDR5("ddr5_6000a", 1000, 3, 42, 42, 40, 10666),
    DDR5("ddr5_6000b", 1000, 3, 48, 48, 46, 10666),
    DDR5("ddr5_6400a", 625, 2, 46, 46, 44, 10000),
    DDR5("ddr5_6400b", 625, 2, 52, 52, 50, 10000),
};

const char *const cbit_dram_speed_names[] = {
    "ddr4_2133p", "ddr4_2400r", "ddr4_2666v", "ddr4_2933y", "ddr4_3200aa", "ddr5_4800a",
    "ddr5_4800b", "ddr5_5200a", "ddr5_5200b", "ddr5_5600a", "ddr5_5600b",  "ddr5_6000a",
    "ddr5_6000b", "ddr5_6400a", "ddr5_6400b", NULL,
};

const dram_refresh_row_t *dram_refresh_row(uint32_t generation, uint32_t density_gbit)
{
    static const dram_refresh_row_t TABLE[] = {
        {4, 2, 160, 110, 90, 0},   {4, 4, 260, 160, 110, 0},  {4, 8, 350, 260, 160, 0},
        {4, 16, 550, 350, 260, 0}, {4, 32, 550, 350, 260, 0}, {5, 8, 195, 130, 0, 115},
        {5, 16, 295, 160, 0, 130}, {5, 24, 410, 220, 0, 190}, {5, 32, 410, 220, 0, 190},
    };
    for (size_t i = 0; i < sizeof TABLE / sizeof TABLE[0]; i++) {
        if (TABLE[i].generation == generation && TABLE[i].density_gbit == density_gbit) {
            return &TABLE[i];
        }
    }
    return NULL;
}
