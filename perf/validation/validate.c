/*
 * Writes docs/validation.md: every published figure that cbit can express, beside what the model
 * says now. `validate --json` gives the same as JSON.
 */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "perf/validation/figures.h"

typedef struct answer {
    uint64_t value;
    int64_t off_permille; /* from the nearer end of the published range; 0 inside */
    const char *verdict;
} answer_t;

static const char *const kinds[] = {"predicted", "fitted", "parameter"};

static answer_t ask(const validation_figure_t *f)
{
    answer_t answer = {.value = f->ask(f)};
    const uint64_t end = answer.value < f->low ? f->low : f->high;
    if (answer.value < f->low || answer.value > f->high) {
        answer.off_permille = ((int64_t)answer.value - (int64_t)end) * 1000 / (int64_t)end;
    }
    const int64_t off = answer.off_permille < 0 ? -answer.off_permille : answer.off_permille;
    answer.verdict = off > (int64_t)f->tolerance_percent * 10 ? "differs" : "agrees";
    return answer;
}

static void print_value(uint64_t thousandths)
{
    const uint64_t tenths = (thousandths + 50) / 100; /* to nearest */
    (void)printf("%" PRIu64 ".%" PRIu64, tenths / 10, tenths % 10);
}

static void print_row(const validation_figure_t *f, const answer_t *answer)
{
    (void)printf("| %s | ", f->what);
    const bool ratio = f->unit[0] == '\0';
    if (ratio) {
        (void)printf("0.%03" PRIu64, f->low);
        if (f->high != f->low) {
            (void)printf(" to 0.%03" PRIu64, f->high);
        }
        (void)printf(" | %" PRIu64 ".%03" PRIu64, answer->value / 1000, answer->value % 1000);
    } else {
        print_value(f->low);
        if (f->high != f->low) {
            (void)printf(" to ");
            print_value(f->high);
        }
        (void)printf(" %s | ", f->unit);
        print_value(answer->value);
    }
    (void)printf(" | %s%" PRId64 ".%" PRId64 " %% | %s | %s | %s | %s |\n",
                 answer->off_permille < 0 ? "-" : "+",
                 (answer->off_permille < 0 ? -answer->off_permille : answer->off_permille) / 10,
                 (answer->off_permille < 0 ? -answer->off_permille : answer->off_permille) % 10,
                 kinds[f->kind], answer->verdict, f->source, f->remark);
}

static cJSON *json_of(const validation_figure_t *f, const answer_t *answer)
{
    cJSON *row = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(row, "what", f->what);
    (void)cJSON_AddNumberToObject(row, "published_low", (double)f->low / 1000);
    (void)cJSON_AddNumberToObject(row, "published_high", (double)f->high / 1000);
    (void)cJSON_AddStringToObject(row, "unit", f->unit);
    (void)cJSON_AddNumberToObject(row, "modelled", (double)answer->value / 1000);
    (void)cJSON_AddNumberToObject(row, "difference_percent", (double)answer->off_permille / 10);
    (void)cJSON_AddStringToObject(row, "kind", kinds[f->kind]);
    (void)cJSON_AddStringToObject(row, "verdict", answer->verdict);
    (void)cJSON_AddStringToObject(row, "source", f->source);
    (void)cJSON_AddStringToObject(row, "remark", f->remark);
    return row;
}

static const char head[] =
    "# Validation: the model beside what was published\n"
    "\n"
    "Made by `./dev validate`, which runs the model anew. The column *how* says what agreement "
    "means:\n"
    "\n"
    "| how | meaning |\n"
    "|---|---|\n"
    "| predicted | the figure comes out of the simulation, and nothing was chosen to meet it |\n"
    "| fitted | a parameter was chosen to meet it (the fabric's fixed part of each preset, the "
    "step between quadrants and sockets), so agreement says only that the choice works |\n"
    "| parameter | the figure is itself a value of the configuration |\n"
    "\n"
    "For a published range, the difference counts from its nearer end. *agrees* allows 5 % for "
    "measurements,\n"
    "10 % for briefings and figures from memory, 15 % for ratios read off plots, and 25 % for the "
    "difference of two measurements.\n"
    "\n"
    "| what | published | cbit | difference | how | verdict | source | remark |\n"
    "|---|---|---|---|---|---|---|---|\n";

static const char middle[] = "\n## Published, but not modelled\n\n| what | why not |\n|---|---|\n";

static const char tail[] =
    "\n## What is assumed\n"
    "\n"
    "Every parameter has a source ([parameters.md](parameters.md)). Those whose source begins with "
    "\"assumed\" are guesses\n"
    "with a reason, and each result lists them. The largest ones for a latency are the fabric's "
    "fixed part (fitted above),\n"
    "the engine's depth and rate (from our own RTL, because AMD's are not published), and the "
    "Secure Processor's clock.\n";

int main(int argc, char **argv)
{
    const bool as_json = argc > 1 && strcmp(argv[1], "--json") == 0;
    uint32_t counts[2] = {0, 0};
    cJSON *rows = cJSON_CreateArray();
    (void)fputs(as_json ? "" : head, stdout);
    for (const validation_figure_t *f = validation_figures; f->what != NULL; f++) {
        const answer_t answer = ask(f);
        counts[strcmp(answer.verdict, "agrees") == 0]++;
        if (as_json) {
            (void)cJSON_AddItemToArray(rows, json_of(f, &answer));
        } else {
            print_row(f, &answer);
        }
    }
    if (as_json) {
        char *text = cJSON_Print(rows);
        (void)puts(text);
        cJSON_free(text);
    } else {
        (void)printf("\n%" PRIu32 " agree, %" PRIu32 " differ.\n%s", counts[1], counts[0], middle);
        for (size_t i = 0; validation_left_out[i][0] != NULL; i++) {
            (void)printf("| %s | %s |\n", validation_left_out[i][0], validation_left_out[i][1]);
        }
        (void)fputs(tail, stdout);
    }
    cJSON_Delete(rows);
    return 0;
}
