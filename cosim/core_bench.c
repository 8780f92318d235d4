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

static cbit_err_t check_ports(const void *self, const cbit_dut_t *ports, cbit_diag_t *diag)
{
    return cbit_core_ports_check(self, ports, diag);
}

cbit_err_t cbit_core_bench_open(const cbit_dut_source_t *files, const cbit_core_rules_t *rules,
                                uint64_t max_cycles, cbit_core_bench_t *bench, cbit_diag_t *diag)
{
    *bench = (cbit_core_bench_t){.rules = rules, .latency_clocks = rules->output.latency_clocks};
    cbit_dut_source_t source = *files;
    source.check = check_ports;
    source.check_self = rules;
    cbit_err_t err = cbit_dut_build(&source, &bench->library, &bench->warnings, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    bench->lint = cbit_dut_lint(bench->library);
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
