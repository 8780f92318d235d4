/*
 * What sharing costs: a line that one core has written and another one reads, then writes; in one
 * complex, across two and across sockets; plain, under the host's key and under a guest's. A
 * transfer never meets the engine, so the key id must not show, and no engine may see a line.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cbit/platform/platform.h"
#include "cbit/workloads/scenario.h"
#include "cbit_test.h"
#include "firmware/image.h"

enum { ASID = 5, LINE = 0x4000000, TURNS = 100 };

static const char *const presets[] = {"naples", "rome", "milan", "genoa", "turin"};
static cbit_platform_t *platform;
static cbit_kernel_t *kernel;
static cbit_ps_t answered_ps;
static uint64_t value;

static void on_answer(void *self, cbit_txn_t *txn)
{
    (void)self;
    answered_ps = cbit_kernel_now_ps(kernel);
    ck_assert_int_eq(txn->status, CBIT_ERR_OK);
    ck_assert_uint_eq(cbit_txn_charged_ps(txn), answered_ps - txn->born_ps);
    memcpy(&value, txn->data, sizeof value);
}

/* How long one access takes. A quarter of a second is enough for all that is pending. */
static cbit_ps_t access_ps(uint32_t core, cbit_command_t command, cbit_key_t key, uint64_t given)
{
    const cbit_port_t port = cbit_platform_host_port(platform, core);
    static cbit_txn_t txn;
    cbit_ps_t from_ps = cbit_kernel_now_ps(kernel);
    cbit_txn_init(&txn, command, LINE + key * UINT64_C(64), 8, key, CBIT_SOURCE_HOST, from_ps);
    memcpy(txn.data, &given, sizeof given);
    cbit_txn_push_reply(&txn, on_answer, NULL);
    answered_ps = 0;
    ck_assert(port.try_send(port.self, &txn, NULL));
    cbit_kernel_run(kernel, from_ps + 1000000);
    ck_assert_uint_ne(answered_ps, 0);
    return answered_ps - from_ps;
}

static void create(const char *preset, cbit_platform_config_t *config)
{
    char path[512];
    snprintf(path, sizeof path, "%s/workloads/presets/%s.json", CBIT_SOURCE_DIR, preset);
    const cbit_scenario_options_t options = {.preset = true};
    cbit_scenario_file_t *file;
    cbit_diag_t *diag = cbit_diag_create();
    ck_assert_int_eq(cbit_scenario_load(path, &options, &file, diag), CBIT_ERR_OK);
    *config = *cbit_scenario_of(file)->machine;
    cbit_scenario_file_destroy(file);
    config->fabric.sockets = 2;
    config->fabric.channels *= 2;
    config->host.cores = 4 * config->cache.cores_per_complex + 1;
    config->cache.l3.size_bytes /= 4; /* that much less to allocate; no transfer depends on it */
    const cbit_platform_parts_t parts = {
        .engines = &cbit_aes_model_factory, .seed = 1, .firmware = &cbit_firmware};
    cbit_err_t err = cbit_platform_create(config, &parts, &platform, diag);
    ck_assert_msg(err == CBIT_ERR_OK, "%s",
                  cbit_diag_count(diag) == 0 ? "" : cbit_diag_at(diag, 0)->text);
    cbit_diag_destroy(diag);
    kernel = cbit_platform_kernel(platform);
}

static uint64_t engine_lines(void)
{
    static cbit_platform_stats_t stats;
    cbit_platform_stats(platform, &stats);
    return stats.engine.lines_encrypted + stats.engine.lines_decrypted +
           stats.engine.lines_bypassed;
}

typedef struct cost {
    cbit_ps_t read_ps, write_ps;
} cost_t;

/* Mean of many turns; all of them must be alike. */
static cost_t share(uint32_t other, cbit_key_t key)
{
    cost_t cost = {0, 0};
    (void)access_ps(0, CBIT_COMMAND_WRITE, key, 0);
    for (uint64_t turn = 1; turn <= TURNS; turn++) {
        (void)access_ps(0, CBIT_COMMAND_WRITE, key, turn);
        cost_t now;
        now.read_ps = access_ps(other, CBIT_COMMAND_READ, key, 0);
        ck_assert_uint_eq(value, turn);
        now.write_ps = access_ps(other, CBIT_COMMAND_WRITE, key, turn + 1000);
        if (turn == 1) {
            cost = now;
        }
        ck_assert_uint_eq(now.read_ps, cost.read_ps);
        ck_assert_uint_eq(now.write_ps, cost.write_ps);
    }
    return cost;
}

START_TEST(sharing_costs_the_same_whatever_the_key_and_meets_no_engine)
{
    cbit_platform_config_t config;
    create(presets[_i], &config);
    uint32_t per = config.cache.cores_per_complex;
    const struct {
        const char *where;
        uint32_t core;
        cbit_ps_t expected_ps;
    } rows[] = {
        {"same complex", 1,
         (cbit_ps_t)config.cache.transfer_cclk * UINT64_C(1000000000) / config.vcpu.clock_khz},
        {"other complex", per, config.cache.transfer_remote_ns},
        {"other socket", 4 * per, config.cache.transfer_socket_ns},
    };
    /* The lines come from memory once, each under its key; the guest's is written whole first. */
    static const cbit_key_t keys[] = {CBIT_KEY_PLAIN, ASID};
    const cbit_port_t port = cbit_platform_host_port(platform, 0);
    for (size_t k = 0; k < 2; k++) {
        static cbit_txn_t whole;
        cbit_txn_init(&whole, CBIT_COMMAND_WRITE, LINE + keys[k] * UINT64_C(64), 64, keys[k],
                      CBIT_SOURCE_HOST, cbit_kernel_now_ps(kernel));
        memset(whole.data, 0, sizeof whole.data);
        cbit_txn_push_reply(&whole, on_answer, NULL);
        ck_assert(port.try_send(port.self, &whole, NULL));
        cbit_kernel_run(kernel, cbit_kernel_now_ps(kernel) + 1000000);
    }
    uint64_t lines = engine_lines();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const cost_t plain = share(rows[i].core, CBIT_KEY_PLAIN);
        const cost_t sev = share(rows[i].core, ASID);
        printf("| %s | %s | %.3f | %.3f | %.3f | %.3f | %" PRIu64 " |\n", presets[_i],
               rows[i].where, (double)plain.read_ps / 1e3, (double)plain.write_ps / 1e3,
               (double)sev.read_ps / 1e3, (double)sev.write_ps / 1e3, engine_lines() - lines);
        ck_assert_uint_eq(plain.read_ps, sev.read_ps);
        ck_assert_uint_eq(plain.write_ps, sev.write_ps);
        ck_assert_uint_eq(plain.read_ps, rows[i].expected_ps);
        ck_assert_uint_eq(plain.write_ps, rows[i].expected_ps);
        ck_assert_uint_eq(engine_lines(), lines);
    }
    cbit_platform_destroy(platform);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("shape");
    TCase *tcase = tcase_create("sharing");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, sharing_costs_the_same_whatever_the_key_and_meets_no_engine, 0,
                        (int)(sizeof presets / sizeof presets[0]));
    suite_add_tcase(suite, tcase);
    return suite;
}
