/* cbit trace gen --scenario: a whole run of the hypervisor as a trace; and events as text. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/trace.h"
#ifdef CBIT_HAVE_VERB_RUN
#include "cli/engines.h"
#include "cli/load.h"
#include "firmware/image.h"
#endif

/* ---- writing one ---- */

#ifdef CBIT_HAVE_VERB_RUN

static void on_event(void *self, const cbit_trace_event_t *event)
{
    (void)cbit_trace_writer_event(self, event); /* a failed write shows in finish */
}

static cbit_err_t run(const cbit_scenario_file_t *file, const cbit_tool_config_t *config,
                      cbit_trace_writer_t *writer, cbit_diag_t *diag)
{
    cbit_engine_choice_t engine;
    cbit_run_result_t result = {0};
    const cbit_trace_sink_t sink = {.self = writer, .on_event = on_event};
    cbit_err_t err = cbit_engine_choose(CBIT_ENGINE_MODEL, &engine, diag);
    if (err == CBIT_ERR_OK) {
        const cbit_hypervisor_options_t options = {.mode = CBIT_ENGINE_MODEL,
                                                   .engines = engine.factory,
                                                   .config = &config->hypervisor,
                                                   .firmware = &cbit_firmware,
                                                   .trace = &sink};
        err = cbit_hypervisor_run(cbit_scenario_of(file), &options, &result, diag);
    }
    if (err == CBIT_ERR_OK) {
        cbit_run_result_clear(&result);
    }
    return err;
}

static cbit_trace_info_t describe(const cbit_scenario_t *scenario)
{
    cbit_trace_info_t info = {.source = "run", .seed = scenario->seed};
    (void)snprintf(info.program, sizeof info.program, "%s", scenario->title);
    return info;
}

void cbit_trace_of_run(const char *path, const cbit_arg_list_t *sets, const char *output,
                       cbit_diag_t *diag)
{
    cbit_tool_config_t config;
    cbit_scenario_file_t *file = NULL;
    cbit_trace_writer_t *writer = NULL;
    const cbit_load_how_t how = {.sets = sets};
    if (cbit_load_scenario(path, &how, &config, &file, diag) != CBIT_ERR_OK) {
        return;
    }
    const cbit_trace_info_t info = describe(cbit_scenario_of(file));
    if (cbit_trace_writer_create(output, &info, &writer, diag) == CBIT_ERR_OK) {
        if (run(file, &config, writer, diag) == CBIT_ERR_OK) {
            const cbit_trace_info_t written = *cbit_trace_writer_info(writer);
            if (cbit_trace_writer_finish(writer, diag) == CBIT_ERR_OK) {
                cbit_print_trace_info(output, &written, NULL);
            }
        } else {
            cbit_trace_writer_discard(writer);
        }
    }
    cbit_scenario_file_destroy(file);
}

#else /* no cross compiler, no firmware, no run */

void cbit_trace_of_run(const char *path, const cbit_arg_list_t *sets, const char *output,
                       cbit_diag_t *diag)
{
    (void)path;
    (void)sets;
    (void)output;
    (void)cbit_diag_add(diag, CBIT_ERR_TOOL, NULL, "this build has no firmware to run with");
}

#endif

/* ---- reading one ---- */

static bool is_signed(const char *field)
{
    return strcmp(field, "reason") == 0; /* of an exit: INVALID is -1 */
}

static bool is_address(const char *field)
{
    return strcmp(field, "spa") == 0 || strcmp(field, "gpa") == 0 || strcmp(field, "info1") == 0 ||
           strcmp(field, "info2") == 0;
}

static int print_field(FILE *to, const char *field, uint64_t value, bool first)
{
    const char *before = first ? "" : " ";
    if (is_signed(field)) {
        return fprintf(to, "%s%s=%" PRId32, before, field, (int32_t)(uint32_t)value);
    }
    return is_address(field) ? fprintf(to, "%s%s=0x%" PRIx64, before, field, value)
                             : fprintf(to, "%s%s=%" PRIu64, before, field, value);
}

int cbit_print_event(FILE *to, const cbit_trace_event_t *event)
{
    const cbit_trace_event_row_t *row = &cbit_trace_event_rows[event->kind];
    int written = fprintf(to, "%" PRIu64 ",%s,", event->at_ps, row->word);
    for (uint32_t i = 0; i < row->count && written >= 0; i++) {
        written = print_field(to, row->fields[i], event->fields[i], i == 0);
    }
    return written < 0 ? written : fputc('\n', to);
}

static cbit_err_t count(void *self, const cbit_trace_event_t *event)
{
    uint64_t *counts = self;
    counts[event->kind]++;
    return CBIT_ERR_OK;
}

cbit_err_t cbit_print_event_counts(cbit_trace_reader_t *reader, cbit_diag_t *diag)
{
    uint64_t counts[CBIT_TRACE_EVENT_KINDS] = {0};
    cbit_err_t err = cbit_trace_reader_for_each_event(reader, count, counts, diag);
    for (uint32_t i = 0; i < CBIT_TRACE_EVENT_KINDS && err == CBIT_ERR_OK; i++) {
        if (counts[i] != 0) {
            (void)printf("    %-11s %" PRIu64 "\n", cbit_trace_event_rows[i].word, counts[i]);
        }
    }
    return err;
}
