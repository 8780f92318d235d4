#include "cli/engines.h"

#include <inttypes.h>
#include <stddef.h>

static cbit_err_t choose_rtl(cbit_engine_choice_t *choice, cbit_diag_t *diag)
{
    if (!cbit_cosim_available()) {
        (void)cbit_diag_add(diag, CBIT_ERR_TOOL, NULL,
                            "--engine %s needs the Verilated engine, which this build lacks",
                            cbit_engine_mode_words[choice->mode]);
        cbit_diag_hint(diag, "install Verilator 5.006 or newer and build again, or --engine model");
        return CBIT_ERR_TOOL;
    }
    choice->lockstep = cbit_aes_lockstep_factory(&choice->report);
    choice->factory = choice->mode == CBIT_ENGINE_RTL ? &cbit_aes_rtl_factory : &choice->lockstep;
    return CBIT_ERR_OK;
}

void cbit_engine_watch(cbit_engine_choice_t *choice, cbit_pin_waves_t *waves)
{
    choice->watched = (cbit_watched_engines_t){
        .report = choice->mode == CBIT_ENGINE_LOCKSTEP ? &choice->report : NULL, .waves = waves};
    choice->watched_factory = cbit_aes_watched_factory(&choice->watched);
    choice->factory = &choice->watched_factory;
}

cbit_json_t *cbit_engine_report(const cbit_engine_choice_t *choice, cbit_arena_t *arena)
{
    const cbit_lockstep_report_t *report = &choice->report;
    const struct {
        const char *key;
        uint64_t value;
    } counts[] = {{"cycles", report->cycles},
                  {"beats_compared", report->beats_compared},
                  {"lines_compared", report->lines_compared},
                  {"mismatches", report->mismatches},
                  {"bypassed", report->bypassed},
                  {"key_writes", report->key_writes}};
    if (choice->mode != CBIT_ENGINE_LOCKSTEP) {
        return NULL;
    }
    cbit_json_t *json = cbit_json_new(arena, CBIT_JSON_OBJECT);
    (void)cbit_json_add(arena, json, "verdict",
                        cbit_json_string(arena, report->any ? "mismatch" : "equal"));
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        (void)cbit_json_add(arena, json, counts[i].key, cbit_json_u64(arena, counts[i].value));
    }
    if (report->any) {
        cbit_json_t *first = cbit_json_new(arena, CBIT_JSON_OBJECT);
        (void)cbit_json_add(arena, first, "channel", cbit_json_u64(arena, report->first_channel));
        (void)cbit_json_add(arena, first, "eclk", cbit_json_u64(arena, report->first_eclk));
        (void)cbit_json_add(arena, first, "text", cbit_json_string(arena, report->first_text));
        (void)cbit_json_add(arena, json, "first_mismatch", first);
    }
    return json;
}

cbit_err_t cbit_engine_verdict(const cbit_engine_choice_t *choice, cbit_diag_t *diag)
{
    const cbit_lockstep_report_t *report = &choice->report;
    if (choice->mode != CBIT_ENGINE_LOCKSTEP || !report->any) {
        return CBIT_ERR_OK;
    }
    return cbit_diag_add(diag, CBIT_ERR_MISMATCH, NULL,
                         "RTL and model differ %" PRIu64
                         " times; first on channel %u, clock %" PRIu64 ": %s",
                         report->mismatches, (unsigned)report->first_channel, report->first_eclk,
                         report->first_text);
}

cbit_err_t cbit_engine_choose(cbit_engine_mode_t mode, cbit_engine_choice_t *choice,
                              cbit_diag_t *diag)
{
    *choice = (cbit_engine_choice_t){.mode = mode};
    if (mode == CBIT_ENGINE_OFF) {
        return CBIT_ERR_OK;
    }
    choice->factory = choice->baselines = &cbit_aes_model_factory;
    return mode == CBIT_ENGINE_MODEL ? CBIT_ERR_OK : choose_rtl(choice, diag);
}
