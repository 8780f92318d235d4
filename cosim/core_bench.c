#include "cosim/core_bench.h"

#include "cosim/core_check.h"

static cbit_err_t make(void *self, uint64_t seed, cbit_core_t **out)
{
    cbit_core_bench_t *bench = self;
    cbit_dut_t *dut = NULL;
    cbit_err_t err = cbit_dut_create(bench->library, seed, &dut);
    return err == CBIT_ERR_OK ? cbit_core_create(dut, bench->rules, bench->latency_clocks, out)
                              : err;
}

cbit_core_maker_t cbit_core_bench_maker(cbit_core_bench_t *bench)
{
    return (cbit_core_maker_t){.self = bench, .make = make, .rules = bench->rules};
}

static cbit_err_t check_ports(cbit_core_bench_t *bench, cbit_diag_t *diag)
{
    cbit_dut_t *dut = NULL;
    cbit_err_t err = cbit_dut_create(bench->library, 1, &dut);
    if (err == CBIT_ERR_OK) {
        err = cbit_core_ports_check(bench->rules, dut, diag);
    }
    cbit_dut_destroy(dut);
    return err;
}

cbit_err_t cbit_core_bench_open(const cbit_dut_source_t *files, const cbit_core_rules_t *rules,
                                uint64_t max_cycles, cbit_core_bench_t *bench, cbit_diag_t *diag)
{
    *bench = (cbit_core_bench_t){.rules = rules, .latency_clocks = rules->output.latency_clocks};
    cbit_err_t err = cbit_dut_build(files, &bench->library, &bench->warnings, diag);
    if (err == CBIT_ERR_OK) {
        bench->lint = cbit_dut_lint(bench->library);
        err = check_ports(bench, diag);
    }
    if (err != CBIT_ERR_OK) {
        cbit_core_bench_close(bench);
        return err;
    }
    if (rules->output.handshake == CBIT_CORE_LATENCY && bench->latency_clocks == 0) {
        cbit_core_maker_t maker = cbit_core_bench_maker(bench);
        uint32_t found = cbit_core_find_latency(&maker, max_cycles);
        bench->latency_clocks = found == 0 ? 1 : found; /* 1: the first check says what is wrong */
    }
    return CBIT_ERR_OK;
}

void cbit_core_bench_close(cbit_core_bench_t *bench)
{
    cbit_dut_library_destroy(bench->library);
    bench->library = NULL;
}
