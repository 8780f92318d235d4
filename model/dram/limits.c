/* Devices and timings that cannot be. */
#include <inttypes.h>
#include <stddef.h>

#include "model/dram/timing.h"

cbit_err_t dram_check_config(const cbit_dram_config_t *config, const char *where, cbit_diag_t *diag)
{
    cbit_err_t err = CBIT_ERR_OK;
    uint32_t width = config->width_bits;
    if (config->speed >= CBIT_DRAM_SPEEDS) {
        return cbit_diag_add_below(diag, CBIT_ERR_RANGE, where, "speed", "no such speed grade");
    }
    if (width != 4 && width != 8 && width != 16) {
        err = cbit_diag_add_below(diag, CBIT_ERR_RANGE, where, "width_bits",
                                  "%" PRIu32 " is no device width; 4, 8 or 16", width);
    }
    uint32_t generation = dram_grades[config->speed].generation;
    if (dram_refresh_row(generation, config->density_gbit) == NULL) {
        err = cbit_diag_add_below(diag, CBIT_ERR_RANGE, where, "density_gbit",
                                  "no DDR%" PRIu32 " device has %" PRIu32 " Gbit; %s", generation,
                                  config->density_gbit,
                                  generation == 4 ? "2, 4, 8, 16 or 32" : "8, 16, 24 or 32");
    }
    uint32_t parts = config->refresh_granularity;
    if (parts > 4 || parts == 3 || (generation == 5 && parts == 4)) {
        err = cbit_diag_add_below(diag, CBIT_ERR_RANGE, where, "refresh_granularity",
                                  "DDR%" PRIu32 " has no %" PRIu32 "x mode; %s", generation, parts,
                                  generation == 4 ? "1, 2 or 4" : "1 or 2");
    }
    if (config->ranks == 0 || config->ranks > CBIT_DRAM_MAX_RANKS) {
        err = cbit_diag_add_below(diag, CBIT_ERR_RANGE, where, "ranks", "%" PRIu32 "; 1 to %d",
                                  config->ranks, CBIT_DRAM_MAX_RANKS);
    }
    return err;
}

cbit_err_t dram_check_timing(const cbit_dram_timing_t *t, const char *where, cbit_diag_t *diag)
{
    cbit_err_t err = CBIT_ERR_OK;
    const struct {
        bool broken;
        const char *field, *rule;
        uint32_t value, other;
    } RULES[] = {
        {t->tras_nck < t->trcd_nck + t->trtp_nck, "timing/tras_nck",
         "at least tRCD + tRTP = ", t->tras_nck, t->trcd_nck + t->trtp_nck},
        {t->trc_nck < t->tras_nck + t->trp_nck, "timing/trc_nck",
         "at least tRAS + tRP = ", t->trc_nck, t->tras_nck + t->trp_nck},
        {t->tccd_s_nck < t->burst_nck, "timing/tccd_s_nck",
         "at least a burst (BL/2) = ", t->tccd_s_nck, t->burst_nck},
        {t->tccd_l_nck < t->tccd_s_nck, "timing/tccd_l_nck", "at least tCCD_S = ", t->tccd_l_nck,
         t->tccd_s_nck},
        {t->tccd_l_wr_nck < t->tccd_s_nck, "timing/tccd_l_wr_nck",
         "at least tCCD_S = ", t->tccd_l_wr_nck, t->tccd_s_nck},
        {t->trrd_l_nck < t->trrd_s_nck, "timing/trrd_l_nck", "at least tRRD_S = ", t->trrd_l_nck,
         t->trrd_s_nck},
        {t->tfaw_nck < t->trrd_s_nck, "timing/tfaw_nck", "at least tRRD_S = ", t->tfaw_nck,
         t->trrd_s_nck},
        {t->twtr_l_nck < t->twtr_s_nck, "timing/twtr_l_nck", "at least tWTR_S = ", t->twtr_l_nck,
         t->twtr_s_nck},
        {t->write_to_read_l_nck < t->cwl_nck + t->burst_nck, "timing/write_to_read_l_nck",
         "at least tCWL + BL/2 = ", t->write_to_read_l_nck, t->cwl_nck + t->burst_nck},
        {t->cwl_nck > t->cl_nck + 2, "timing/cwl_nck", "at most CL + 2 = ", t->cwl_nck,
         t->cl_nck + 2},
        {t->trefisb_nck != 0 && t->trefisb_nck <= t->trfcsb_nck, "timing/trefisb_nck",
         "more than tRFCsb = ", t->trefisb_nck, t->trfcsb_nck},
        {t->trefi_nck <= t->trfc_nck + t->trp_nck + t->trc_nck, "timing/trefi_nck",
         "more than tRFC + tRP + tRC (a rank that only refreshes does no work) = ", t->trefi_nck,
         t->trfc_nck + t->trp_nck + t->trc_nck},
    };
    for (size_t i = 0; i < sizeof RULES / sizeof RULES[0]; i++) {
        if (RULES[i].broken) {
            err = cbit_diag_add_below(diag, CBIT_ERR_CONFLICT, where, RULES[i].field,
                                      "%" PRIu32 " contradicts another timing; must be "
                                      "%s%" PRIu32 " nck",
                                      RULES[i].value, RULES[i].rule, RULES[i].other);
        }
    }
    return err;
}
