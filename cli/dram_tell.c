#include "cli/dram_tell.h"

#include <inttypes.h>
#include <stdio.h>

enum { LINE_BYTES = 64 };

static double ns_of(const cbit_stream_result_t *r, double nck)
{
    return nck * (double)r->tck_num_ps / (double)r->tck_den / 1000;
}

static double mean_ns(const cbit_stream_result_t *r, uint64_t sum_nck)
{
    return r->reads == 0 ? 0 : ns_of(r, (double)sum_nck / (double)r->reads);
}

static double gbs(const cbit_stream_result_t *r, uint64_t lines, uint64_t nck)
{
    return nck == 0 ? 0 : (double)lines * LINE_BYTES / ns_of(r, (double)nck);
}

/* Of requests that were taken, as public simulators count: a write is done for its sender then, and
   short streams of them can be faster than the bus. */
static double bandwidth_gbs(const cbit_stream_result_t *r)
{
    return gbs(r, r->requests, r->end_nck);
}

static double hit_rate(const cbit_stream_result_t *r)
{
    return r->column_commands == 0 ? 0 : (double)r->row_hits / (double)r->column_commands;
}

/* pJ / ns is mW. */
static double power_mw(const cbit_stream_result_t *r)
{
    return r->end_nck == 0
               ? 0
               : (double)cbit_dram_energy_total_pj(&r->energy) / ns_of(r, (double)r->end_nck);
}

static void print_energy_json(const cbit_stream_result_t *r)
{
    const cbit_dram_energy_t *e = &r->energy;
    printf("  \"energy_pj\": {\"activate\": %" PRIu64 ", \"read\": %" PRIu64 ", \"write\": %" PRIu64
           ", \"refresh\": %" PRIu64 ", \"background_open\": %" PRIu64
           ", \"background_closed\": %" PRIu64 ", \"power_down_open\": %" PRIu64
           ", \"power_down_closed\": %" PRIu64 ", \"self_refresh\": %" PRIu64 "},\n",
           e->activate_pj, e->read_pj, e->write_pj, e->refresh_pj, e->open_pj, e->closed_pj,
           e->down_open_pj, e->down_closed_pj, e->self_refresh_pj);
    printf("  \"energy_nj_per_request\": %.3f,\n  \"average_power_mw\": %.1f,\n",
           (double)cbit_dram_energy_total_pj(e) / 1000 / (double)r->requests, power_mw(r));
}

static void print_bus_json(const cbit_stream_result_t *r)
{
    printf("  \"bus\": {\"bandwidth_gbs\": %.4f, \"peak_gbs\": %.4f},\n",
           gbs(r, r->column_commands, r->end_nck), gbs(r, 1, r->burst_nck));
}

static void print_reasons_json(const char *name, const cbit_stream_reason_t *reasons,
                               uint32_t count, bool stages, const cbit_stream_result_t *r)
{
    printf("    \"%s\": [", name);
    for (uint32_t i = 0; i < count; i++) {
        double ns = stages ? ns_of(r, (double)reasons[i].nck) : mean_ns(r, reasons[i].nck);
        printf("%s\n      {", i == 0 ? "" : ",");
        if (stages) {
            printf("\"stage\": \"%s\", ", reasons[i].dram ? "dram" : "queue");
        }
        printf("\"reason\": \"%s\", \"ns\": %.3f}", reasons[i].reason, ns);
    }
    printf("%s]", count == 0 ? "" : "\n    ");
}

static void print_explanation_json(const cbit_stream_explain_t *e, const cbit_stream_result_t *r)
{
    printf("  \"explanation\": {\n    \"request\": %" PRIu32 ",\n", e->request);
    print_reasons_json("steps", e->steps, e->step_count, true, r);
    printf(",\n");
    print_reasons_json("means", e->totals, e->total_count, false, r);
    printf("\n  },\n");
}

static void print_counts_json(const cbit_stream_result_t *r)
{
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {
        {"requests", r->requests},
        {"reads", r->reads},
        {"writes", r->writes},
        {"clocks", r->end_nck},
        {"forwarded", r->forwarded},
        {"coalesced", r->coalesced},
        {"merged", r->merged},
        {"activates", r->activates},
        {"precharges", r->precharges},
        {"refreshes", r->refreshes},
        {"commands", r->commands},
        {"power_downs", r->power_downs},
        {"self_refreshes", r->self_refreshes},
    };
    for (uint32_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        printf("  \"%s\": %" PRIu64 ",\n", counts[i].name, counts[i].count);
    }
}

void cbit_dram_tell_json(const cbit_dram_told_t *told)
{
    const cbit_stream_result_t *r = told->result;
    double seconds = told->cpu_seconds;
    printf("{\n  \"preset\": \"%s\",\n  \"mapping\": \"%s\",\n  \"policy\": \"%s\",\n",
           told->preset, told->mapping, told->policy);
    printf("  \"window\": %" PRIu64 ",\n  \"engine\": \"%s\",\n", told->window, told->engine);
    printf("  \"bandwidth_gbs\": %.4f,\n", bandwidth_gbs(r));
    print_bus_json(r);
    printf(
        "  \"read_latency_ns\": {\"mean\": %.3f, \"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f},\n",
        mean_ns(r, r->latency_sum_nck), ns_of(r, (double)cbit_stream_percentile_nck(r, 500)),
        ns_of(r, (double)cbit_stream_percentile_nck(r, 990)), ns_of(r, (double)r->latency_max_nck));
    printf("  \"stages_ns\": {\"queue\": %.3f, \"dram\": %.3f, \"aes\": %.3f},\n",
           mean_ns(r, r->stage_nck[0]), mean_ns(r, r->stage_nck[1]), mean_ns(r, r->stage_nck[2]));
    printf("  \"row_hit_rate\": %.5f,\n", hit_rate(r));
    print_counts_json(r);
    if (told->check) {
        printf("  \"checked\": %" PRIu64 ",\n  \"violations\": %" PRIu64
               ",\n  \"overlaps\": %" PRIu64 ",\n",
               r->checked, r->violations, r->overlaps);
    }
    if (told->with_energy) {
        print_energy_json(r);
    }
    if (told->explain != NULL) {
        print_explanation_json(told->explain, r);
    }
    printf("  \"cpu_seconds\": %.6f,\n  \"requests_per_cpu_second\": %.0f\n}\n", seconds,
           seconds > 0 ? (double)r->requests / seconds : 0);
}

static void print_explanation(const cbit_stream_explain_t *e, const cbit_stream_result_t *r)
{
    uint64_t sum_nck = 0;
    printf("request %" PRIu32 ":\n", e->request);
    for (uint32_t i = 0; i < e->step_count; i++) {
        printf("  %-5s  %-18s %9.3f ns\n", e->steps[i].dram ? "dram" : "queue", e->steps[i].reason,
               ns_of(r, (double)e->steps[i].nck));
        sum_nck += e->steps[i].nck;
    }
    printf("         %-18s %9.3f ns\nall reads, mean:\n", "sum", ns_of(r, (double)sum_nck));
    for (uint32_t i = 0; i < e->total_count; i++) {
        printf("         %-18s %9.3f ns\n", e->totals[i].reason, mean_ns(r, e->totals[i].nck));
    }
}

void cbit_dram_tell_table(const cbit_dram_told_t *told)
{
    const cbit_stream_result_t *r = told->result;
    double seconds = told->cpu_seconds;
    printf("%s, %s, policy %s, window %" PRIu64 ", engine %s\n", told->preset, told->mapping,
           told->policy, told->window, told->engine);
    printf("bandwidth      %9.3f GB/s\n", bandwidth_gbs(r));
    printf("  on the bus   %9.3f GB/s, of %.3f at most\n", gbs(r, r->column_commands, r->end_nck),
           gbs(r, 1, r->burst_nck));
    printf("read latency   %9.2f ns mean, %.2f p50, %.2f p99, %.2f max\n",
           mean_ns(r, r->latency_sum_nck), ns_of(r, (double)cbit_stream_percentile_nck(r, 500)),
           ns_of(r, (double)cbit_stream_percentile_nck(r, 990)),
           ns_of(r, (double)r->latency_max_nck));
    printf("  of which     %9.2f ns queue, %.2f dram, %.2f aes\n", mean_ns(r, r->stage_nck[0]),
           mean_ns(r, r->stage_nck[1]), mean_ns(r, r->stage_nck[2]));
    printf("row-hit rate   %9.5f\n", hit_rate(r));
    printf("requests       %9" PRIu64 " in %" PRIu64 " clocks, %" PRIu64 " ACT, %" PRIu64
           " PRE, %" PRIu64 " REF\n",
           r->requests, r->end_nck, r->activates, r->precharges, r->refreshes);
    if (told->check) {
        printf("checked        %9" PRIu64 " commands, %" PRIu64 " violations", r->checked,
               r->violations);
        if (r->overlaps > 0) {
            printf(", %" PRIu64 " bursts that overlap as this policy's simulator lets them",
                   r->overlaps);
        }
        printf("\n");
    }
    if (told->with_energy) {
        printf("energy         %9.3f nJ a request, %.1f mW\n",
               (double)cbit_dram_energy_total_pj(&r->energy) / 1000 / (double)r->requests,
               power_mw(r));
    }
    printf("simulated in   %9.3f s of CPU, %.2f million requests/s\n", seconds,
           seconds > 0 ? (double)r->requests / seconds * 1e-6 : 0);
    if (told->explain != NULL) {
        print_explanation(told->explain, r);
    }
}
