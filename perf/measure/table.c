/* What was measured, for people and for other tools. */
#include <inttypes.h>
#include <stdio.h>

#include "cbit/perf/measure.h"
#include "cbit/workloads/buffer.h"
#include "perf/measure/costs.h"

static const char *const modes[] = {"plain", "sme", "sev"};
enum { MODES = sizeof modes / sizeof modes[0] };

static const char *text_at(const cbit_json_t *root, const char *mode, const char *below)
{
    char pointer[96];
    (void)snprintf(pointer, sizeof pointer, "/modes/%s/%s", mode, below);
    const cbit_json_t *value = cbit_json_at(root, pointer);
    return value == NULL || value->text == NULL ? "-" : value->text;
}

static void add_idle(cbit_text_t *text, const cbit_json_t *root)
{
    static const char *const rows[][2] = {
        {"core", "stages/core"},     {"fabric", "stages/fabric"},
        {"queue", "stages/queue"},   {"dram", "stages/dram"},
        {"aes", "stages/aes"},       {"return", "stages/return"},
        {"idle", "idle_latency_ns"}, {"+/- 95 %", "idle_latency_ci_ns"}};
    cbit_text_add(text, "idle latency, ns  %10s %10s %10s\n", modes[0], modes[1], modes[2]);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cbit_text_add(text, "  %-15s", rows[i][0]);
        for (size_t m = 0; m < MODES; m++) {
            cbit_text_add(text, " %10s", text_at(root, modes[m], rows[i][1]));
        }
        cbit_text_add(text, "\n");
    }
    const cbit_json_t *bypass = cbit_json_at(root, "/bypass/idle_latency_ns");
    cbit_text_add(text, "  PLAIN lines past the engine: %s\n", bypass == NULL ? "-" : bypass->text);
}

static void add_curve(cbit_text_t *text, const cbit_json_t *root, const char *mode)
{
    static const char *const keys[] = {"delay_ns", "gbs",    "mean_ns", "mean_ci_ns",
                                       "p50_ns",   "p99_ns", "p999_ns", "aes_ns"};
    char pointer[64];
    (void)snprintf(pointer, sizeof pointer, "/modes/%s/curve", mode);
    const cbit_json_t *curve = cbit_json_at(root, pointer);
    cbit_text_add(text, "\n%-6s", mode);
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        cbit_text_add(text, " %11s", keys[k]);
    }
    cbit_text_add(text, "\n");
    for (const cbit_json_t *p = curve == NULL ? NULL : curve->first; p != NULL; p = p->next) {
        cbit_text_add(text, "      ");
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
            cbit_text_add(text, " %11s", cbit_json_get(p, keys[k])->text);
        }
        cbit_text_add(text, "\n");
    }
}

static void add_mixes(cbit_text_t *text, const cbit_json_t *root)
{
    const cbit_json_t *list = cbit_json_at(root, "/peak_by_mix");
    cbit_text_add(text, "\npeak, GB/s         plain        sev\n");
    for (const cbit_json_t *mix = list == NULL ? NULL : list->first; mix != NULL; mix = mix->next) {
        cbit_text_add(text, "  reads %s %11s %10s\n", cbit_json_get(mix, "read_fraction")->text,
                      cbit_json_get(mix, "plain_gbs")->text, cbit_json_get(mix, "sev_gbs")->text);
    }
}

static const char *text_of(const cbit_json_t *root, const char *pointer)
{
    const cbit_json_t *value = cbit_json_at(root, pointer);
    return value == NULL || value->text == NULL ? "-" : value->text;
}

static const char *cost_of(const cbit_json_t *root, const char *mode, const char *key)
{
    char pointer[96];
    (void)snprintf(pointer, sizeof pointer, "/costs/%s/%s", mode, key);
    return text_of(root, pointer);
}

static void add_costs(cbit_text_t *text, const cbit_json_t *root)
{
    cbit_text_add(text, "\ncosts, ns                              %12s %12s\n", "plain", "sev");
    for (const cbit_cost_row_t *row = cbit_cost_rows; row->key != NULL; row++) {
        cbit_text_add(text, "  %-36s %12s %12s\n", row->text, cost_of(root, "plain", row->key),
                      cost_of(root, "sev", row->key));
    }
}

static void add_ciphers(cbit_text_t *text, const cbit_json_t *root)
{
    static const char *const keys[] = {"depth_eclk", "adder_ns", "overlaps_dram", "extra_accesses",
                                       "aes_pj"};
    const cbit_json_t *list = cbit_json_get(root, "ciphers");
    cbit_text_add(text, "\nciphers, a lone read  %5s %9s %9s %8s %8s  %s\n", "eclk", "adder_ns",
                  "overlaps", "accesses", "pJ/line", "source");
    for (const cbit_json_t *c = list == NULL ? NULL : list->first; c != NULL; c = c->next) {
        cbit_text_add(text, "  %-20s", cbit_json_get(c, "name")->text);
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
            static const int widths[] = {5, 9, 9, 8, 8};
            cbit_text_add(text, " %*s", widths[k], cbit_json_get(c, keys[k])->text);
        }
        cbit_text_add(text, "  %s\n", cbit_json_get(c, "source")->text);
    }
}

static void add_knee(cbit_text_t *text, const cbit_json_t *root)
{
    cbit_text_add(text,
                  "\nknee: the engines take %s GB/s, the peak is %s; below %s of the DRAM's clock "
                  "the engine is the limit (it has %s; at 0.5 the peak is %s)\n",
                  text_of(root, "/knee/engine_gbs"), text_of(root, "/knee/gbs"),
                  text_of(root, "/knee/clock_ratio_at_knee"), text_of(root, "/knee/clock_ratio"),
                  text_of(root, "/knee/half_clock_gbs"));
    cbit_text_add(text, "a key lookup of up to %s ns is hidden behind DRAM\n",
                  text_of(root, "/knee/hidden_lookup_ns"));
}

static uint64_t thousandths(const cbit_json_t *root, const char *pointer)
{
    const cbit_json_t *number = cbit_json_at(root, pointer);
    bool negative = false;
    uint64_t value = 0;
    return number != NULL && cbit_json_scaled(number, 3, &negative, &value) ? value : 0;
}

static void add_learnt(cbit_text_t *text, const cbit_json_t *root)
{
    uint64_t plain = thousandths(root, "/modes/plain/idle_latency_ns");
    uint64_t sev = thousandths(root, "/modes/sev/idle_latency_ns");
    uint64_t more = sev > plain ? sev - plain : 0;
    const cbit_json_t *first = cbit_json_at(root, "/saturates_first");
    cbit_text_add(text,
                  "\nencryption adds %" PRIu64 ".%" PRIu64 " ns to an idle read of %" PRIu64
                  ".%" PRIu64 " ns; the %s saturates first\n",
                  (more + 50) / 100 / 10, (more + 50) / 100 % 10, (plain + 50) / 100 / 10,
                  (plain + 50) / 100 % 10, first == NULL ? "?" : first->text);
}

char *cbit_measure_table(const cbit_json_t *measured)
{
    cbit_text_t text = {.bytes = NULL};
    add_idle(&text, measured);
    for (size_t m = 0; m < MODES; m++) {
        add_curve(&text, measured, modes[m]);
    }
    add_mixes(&text, measured);
    add_costs(&text, measured);
    add_ciphers(&text, measured);
    add_knee(&text, measured);
    add_learnt(&text, measured);
    return cbit_text_take(&text);
}

char *cbit_measure_csv(const cbit_json_t *measured)
{
    static const char *const keys[] = {"delay_ns", "gbs", "mean_ns", "p50_ns", "p99_ns", "p999_ns"};
    cbit_text_t text = {.bytes = NULL};
    cbit_text_add(&text, "mode,delay_ns,gbs,mean_ns,p50_ns,p99_ns,p999_ns\n");
    for (size_t m = 0; m < MODES; m++) {
        char pointer[64];
        (void)snprintf(pointer, sizeof pointer, "/modes/%s/curve", modes[m]);
        const cbit_json_t *curve = cbit_json_at(measured, pointer);
        for (const cbit_json_t *p = curve == NULL ? NULL : curve->first; p != NULL; p = p->next) {
            cbit_text_add(&text, "%s", modes[m]);
            for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
                cbit_text_add(&text, ",%s", cbit_json_get(p, keys[k])->text);
            }
            cbit_text_add(&text, "\n");
        }
    }
    cbit_text_add(&text, "\ncost,plain_ns,sev_ns\n");
    for (const cbit_cost_row_t *row = cbit_cost_rows; row->key != NULL; row++) {
        cbit_text_add(&text, "%s,%s,%s\n", row->key, cost_of(measured, "plain", row->key),
                      cost_of(measured, "sev", row->key));
    }
    return cbit_text_take(&text);
}
