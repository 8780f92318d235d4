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
    add_u64(object, "key_slots", report->pins.key_slots);
    add_u64(object, "stages_per_round", report->pins.stages_per_round);
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

static void add_coverage(cJSON *root, const cbit_coverage_t *coverage)
{
    cJSON *object = cJSON_AddObjectToObject(root, "coverage");
    for (uint32_t i = 0; i < CBIT_COVERAGE_MAX_BINS; i++) {
        if (coverage->name[i][0] != '\0') {
            add_u64(object, coverage->name[i], coverage->hits[i]);
        }
    }
}

static void add_mismatch(cJSON *root, const cbit_cosim_report_t *report)
{
    const cbit_run_mismatch_t *mismatch = &report->result.mismatch;
    if (!mismatch->any) {
        cJSON_AddNullToObject(root, "first_mismatch");
        cJSON_AddNullToObject(root, "replay");
        return;
    }
    char address[24];
    (void)snprintf(address, sizeof address, "0x%012" PRIx64, mismatch->spa);
    cJSON *object = cJSON_AddObjectToObject(root, "first_mismatch");
    add_u64(object, "case", report->result.failing_case);
    add_u64(object, "cycle", mismatch->cycle);
    add_u64(object, "beat", mismatch->beat);
    cJSON_AddStringToObject(object, "lane",
                            mismatch->lane == CBIT_AES_ENCRYPT ? "encrypt" : "decrypt");
    cJSON_AddStringToObject(object, "address", address);
    add_u64(object, "asid", mismatch->slot);
    cJSON_AddStringToObject(object, "text", mismatch->text);
    cJSON *smallest = cJSON_AddObjectToObject(object, "smallest");
    add_u64(smallest, "lines_encrypted", report->shrunk.line_count[CBIT_AES_ENCRYPT]);
    add_u64(smallest, "lines_decrypted", report->shrunk.line_count[CBIT_AES_DECRYPT]);
    add_u64(smallest, "events", report->shrunk.event_count);
    add_u64(smallest, "runs", report->shrink_runs);
    cJSON_AddStringToObject(root, "replay", report->replay);
}

cbit_err_t cbit_cosim_print_json(const cbit_cosim_report_t *report)
{
    cJSON *root = cJSON_CreateObject();
    bool differs = report->result.mismatch.any;
    bool good = !differs && report->vectors.failed == 0;
    cJSON_AddStringToObject(root, "verdict", good ? "equal" : "mismatch");
    add_u64(root, "seed", report->seed);
    add_parameters(root, report);
    add_counts(root, &report->result.counts);
    add_u64(root, "mismatches", differs ? 1 : 0);
    add_coverage(root, &report->result.coverage);
    add_vectors(root, report);
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
