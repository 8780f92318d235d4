/* cbit cosim --json. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>

#include "cli/cosim.h"

/* cJSON keeps numbers as double: whole ones are written here. */
static void add_u64(cJSON *object, const char *key, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    cJSON_AddRawToObject(object, key, text);
}

static void add_parameters(cJSON *root, const cbit_cosim_report_t *report)
{
    cJSON *object = cJSON_AddObjectToObject(root, "parameters");
    cJSON_AddStringToObject(object, "name", report->name);
    cJSON_AddStringToObject(object, "adapter", report->adapter);
    if (report->core) {
        return;
    }
    add_u64(object, "key_slots", report->pins.key_slots);
    if (!report->any_timing) {
        add_u64(object, "stages_per_round", report->pins.stages_per_round);
    }
    cJSON_AddStringToObject(object, "timing", report->any_timing ? "any" : "exact");
    cJSON_AddBoolToObject(object, "shared_lane", report->pins.shared_lane);
    cJSON_AddBoolToObject(object, "bypass_in_order", report->pins.bypass_in_order);
    cJSON_AddBoolToObject(object, "parity", report->pins.parity);
}

static void add_counts(cJSON *root, const cbit_run_counts_t *counts)
{
    add_u64(root, "beats_compared", counts->beats_compared);
    add_u64(root, "beats_encrypted", counts->beats[CBIT_AES_ENCRYPT]);
    add_u64(root, "beats_decrypted", counts->beats[CBIT_AES_DECRYPT]);
    add_u64(root, "lines_compared", counts->lines_compared);
    add_u64(root, "cycles", counts->cycles);
    add_u64(root, "stalls", counts->stalls);
    add_u64(root, "key_writes", counts->key_writes);
    add_u64(root, "bypassed", counts->bypassed);
    add_u64(root, "errors", counts->errors);
    add_u64(root, "zeroises", counts->zeroises);
    add_u64(root, "resets", counts->resets);
}

static void add_vectors(cJSON *root, const cbit_cosim_report_t *report)
{
    cJSON *object = cJSON_AddObjectToObject(root, "vectors");
    add_u64(object, "run", report->vectors.run);
    add_u64(object, "passed", report->vectors.passed);
    add_u64(object, "failed", report->vectors.failed);
    add_u64(object, "not_applicable", report->vectors.not_applicable);
    if (report->vectors.failed > 0) {
        cJSON_AddStringToObject(object, "first_failure", report->vectors.first_failure);
    }
}

static void add_coverage(cJSON *root, const cbit_cosim_report_t *report)
{
    const cbit_coverage_t *coverage = &report->result.coverage;
    cJSON *object = cJSON_AddObjectToObject(root, "coverage");
    for (uint32_t i = 0; !report->core && i < CBIT_COVERAGE_MAX_BINS; i++) {
        if (coverage->name[i][0] != '\0') {
            add_u64(object, coverage->name[i], coverage->hits[i]);
        }
    }
    for (uint32_t i = 0; report->core && i < CBIT_CORE_BINS; i++) {
        add_u64(object, cbit_core_bin_names[i], report->bare.counts.bins[i]);
    }
}

static void add_hex(cJSON *object, const char *key, const uint8_t bytes[CBIT_BLOCK_BYTES])
{
    char text[2 * CBIT_BLOCK_BYTES + 1];
    for (uint32_t i = 0; i < CBIT_BLOCK_BYTES; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    cJSON_AddStringToObject(object, key, text);
}

static void add_engine_mismatch(cJSON *object, const cbit_cosim_report_t *report)
{
    const cbit_run_mismatch_t *mismatch = &report->result.mismatch;
    char address[24];
    (void)snprintf(address, sizeof address, "0x%012" PRIx64, mismatch->spa);
    add_u64(object, "case", report->result.failing_case);
    add_u64(object, "cycle", mismatch->cycle);
    add_u64(object, "beat", mismatch->beat);
    cJSON_AddStringToObject(object, "lane",
                            mismatch->lane == CBIT_AES_ENCRYPT ? "encrypt" : "decrypt");
    cJSON_AddStringToObject(object, "address", address);
    add_u64(object, "asid", mismatch->slot);
    cJSON_AddStringToObject(object, "text", mismatch->text);
    add_hex(object, "expected", mismatch->expected.lane[mismatch->lane].data);
    add_hex(object, "actual", mismatch->actual.lane[mismatch->lane].data);
    cJSON *smallest = cJSON_AddObjectToObject(object, "smallest");
    add_u64(smallest, "lines_encrypted", report->shrunk.line_count[CBIT_AES_ENCRYPT]);
    add_u64(smallest, "lines_decrypted", report->shrunk.line_count[CBIT_AES_DECRYPT]);
    add_u64(smallest, "events", report->shrunk.event_count);
    add_u64(smallest, "runs", report->shrink_runs);
}

static void add_core_mismatch(cJSON *object, const cbit_cosim_report_t *report)
{
    const cbit_core_mismatch_t *mismatch = &report->bare.mismatch;
    const cbit_core_stream_t *failing = &report->bare.failing;
    cJSON_AddStringToObject(object, "check", cbit_core_check_name(report->bare.failing_check));
    add_u64(object, "cycle", mismatch->cycle);
    add_u64(object, "beat", mismatch->block);
    cJSON_AddStringToObject(object, "lane", mismatch->decrypt ? "decrypt" : "encrypt");
    cJSON_AddStringToObject(object, "text", mismatch->text);
    if (mismatch->with_data) {
        add_hex(object, "key", mismatch->key);
        add_hex(object, "block", mismatch->data);
        add_hex(object, "expected", mismatch->expected);
        add_hex(object, "actual", mismatch->actual);
    }
    cJSON *smallest = cJSON_AddObjectToObject(object, "smallest");
    add_u64(smallest, "first_block", failing->first);
    add_u64(smallest, "blocks", failing->blocks);
    add_u64(smallest, "runs", report->bare.shrink_runs);
}

static void add_text(cJSON *object, const char *key, const char *text)
{
    if (text[0] == '\0') {
        cJSON_AddNullToObject(object, key);
    } else {
        cJSON_AddStringToObject(object, key, text);
    }
}

static void add_mismatch(cJSON *root, const cbit_cosim_report_t *report)
{
    if (!cbit_cosim_differs(report)) {
        cJSON_AddNullToObject(root, "first_mismatch");
        cJSON_AddNullToObject(root, "replay");
        return;
    }
    cJSON *object = cJSON_AddObjectToObject(root, "first_mismatch");
    add_u64(object, "seed", report->failing_seed);
    (report->core ? add_core_mismatch : add_engine_mismatch)(object, report);
    add_text(object, "round", report->round);
    add_text(object, "cause", report->cause);
    add_text(object, "waves", report->waves);
    cJSON_AddStringToObject(root, "replay", report->replay);
}

static void add_milli(cJSON *object, const char *key, uint64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%" PRIu64 ".%03u", value / 1000, (unsigned)(value % 1000));
    cJSON_AddRawToObject(object, key, text);
}

static void add_checks(cJSON *root, const cbit_cosim_report_t *report)
{
    cJSON *list = cJSON_AddArrayToObject(root, "checks");
    for (uint32_t i = 0; i < report->check_count; i++) {
        cJSON *object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "name", report->check[i].name);
        add_u64(object, "run", report->check[i].run);
        add_u64(object, "failed", report->check[i].failed);
        cJSON_AddItemToArray(list, object);
    }
    add_milli(root, "cycles_per_block", report->milli_cycles_per_block);
    add_u64(root, "latency_cycles", report->latency_cycles);
    add_milli(root, "bytes_per_cycle", report->milli_bytes_per_cycle);
    add_u64(root, "lint_warnings", report->warnings);
}

/* A core's counts in an engine's words: a beat is a block. */
static cbit_run_counts_t counts_of(const cbit_cosim_report_t *report)
{
    const cbit_core_counts_t *counts = &report->bare.counts;
    return report->core ? (cbit_run_counts_t){.cycles = counts->cycles,
                                              .beats_compared = counts->blocks,
                                              .stalls = counts->stalls,
                                              .key_writes = counts->key_writes,
                                              .resets = counts->resets}
                        : report->result.counts;
}

cbit_err_t cbit_cosim_print_json(const cbit_cosim_report_t *report)
{
    cJSON *root = cJSON_CreateObject();
    cbit_run_counts_t counts = counts_of(report);
    bool differs = cbit_cosim_differs(report);
    bool good = !differs && report->vectors.failed == 0;
    cJSON_AddStringToObject(root, "verdict", good ? "equal" : "mismatch");
    add_u64(root, "seed", report->seed);
    add_u64(root, "seeds", report->seed_count);
    add_parameters(root, report);
    add_counts(root, &counts);
    add_u64(root, "mismatches", report->core ? report->bare_mismatches : (differs ? 1 : 0));
    add_coverage(root, report);
    add_vectors(root, report);
    if (report->foreign) {
        add_checks(root, report);
    }
    add_mismatch(root, report);
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    if (text == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    (void)puts(text);
    cJSON_free(text);
    return CBIT_ERR_OK;
}
