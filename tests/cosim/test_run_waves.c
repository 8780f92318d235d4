/*
 * Waves of a run, read back with the FST library: what the pins say is what the result says, at
 * the times that the engine's depth gives, and no key is in them.
 */
#define _XOPEN_SOURCE 700
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "cbit_test.h"
#include "gtkwave/fstapi.h"

/* CBIT_TOOL, CBIT_WORK: the program, and a folder of this test's own; from CMake. */
#define SCENARIO CBIT_SOURCE_DIR "/workloads/sweeps/small.json"
#define RUN                                                                                        \
    CBIT_TOOL " run " SCENARIO " --no-baseline --quiet --set /fabric/channels=1 "                  \
              "--set /guests/0/traffic/max_instructions=3000 "

enum { VALID_I, READY_O, TAG_I, BYPASS_I, VALID_O, READY_I, TAG_O, LANE_PINS };
enum { ENC = 0, DEC = LANE_PINS, CLK = 2 * LANE_PINS, DIFFERS, PINS };
static const char *const NAMES[PINS] = {
    "enc_valid_i", "enc_ready_o", "enc_tag_i",   "enc_bypass_i",    "enc_valid_o",  "enc_ready_i",
    "enc_tag_o",   "dec_valid_i", "dec_ready_o", "dec_tag_i",       "dec_bypass_i", "dec_valid_o",
    "dec_ready_i", "dec_tag_o",   "clk_i",       "lockstep_differs"};

enum { PERIOD_PS = 625, DEPTH_ECLK = 11, SIGNALS = 64, NAME = 64, TAGS = 256 };

typedef struct waves {
    char names[SIGNALS][NAME], values[SIGNALS][129];
    uint32_t count, at[PINS];
    /* what was seen */
    uint64_t rises, first_ps, last_ps, off_grid, backwards;
    uint64_t taken[2], left[2], differs, wrong_depth, private_beats;
    uint64_t in_ps[2][TAGS][4];
    bool bypass[2][TAGS];
    uint32_t in_beats[2][TAGS], out_beats[2][TAGS];
} waves_t;

static void shell(const char *command)
{
    ck_assert_msg(system(command) == 0, "this failed: %s", command);
}

/* Which signal is whose pin: "enc_tag_i" is declared as enc_tag_i[7:0]. */
static void find_pins(waves_t *waves)
{
    for (uint32_t pin = 0; pin < PINS; pin++) {
        waves->at[pin] = SIGNALS;
        for (uint32_t i = 0; i < waves->count; i++) {
            if (strncmp(waves->names[i], NAMES[pin], strlen(NAMES[pin])) == 0) {
                waves->at[pin] = i;
            }
        }
        ck_assert_msg(waves->at[pin] < SIGNALS, "there is no signal %s", NAMES[pin]);
    }
}

static uint64_t number_of(const waves_t *waves, uint32_t pin)
{
    return strtoull(waves->values[waves->at[pin]], NULL, 2);
}

/* A rising edge of the clock: what was handed over on each side. */
static void on_edge(waves_t *waves, uint64_t at_ps)
{
    for (uint32_t lane = 0; lane < 2; lane++) {
        const uint32_t first = lane == 0 ? ENC : DEC;
        if (number_of(waves, first + VALID_O) && number_of(waves, first + READY_I)) {
            uint64_t tag = number_of(waves, first + TAG_O);
            uint32_t beat = waves->out_beats[lane][tag]++ % 4;
            waves->left[lane]++;
            if (!waves->bypass[lane][tag]) {
                waves->private_beats++;
                waves->wrong_depth +=
                    at_ps - waves->in_ps[lane][tag][beat] != DEPTH_ECLK * PERIOD_PS;
            }
        }
        if (number_of(waves, first + VALID_I) && number_of(waves, first + READY_O)) {
            uint64_t tag = number_of(waves, first + TAG_I);
            waves->in_ps[lane][tag][waves->in_beats[lane][tag]++ % 4] = at_ps;
            waves->bypass[lane][tag] = number_of(waves, first + BYPASS_I) != 0;
            waves->taken[lane]++;
        }
    }
    waves->rises++;
    waves->differs += number_of(waves, DIFFERS);
    waves->off_grid += at_ps % PERIOD_PS != 0;
    waves->first_ps = waves->rises == 1 ? at_ps : waves->first_ps;
    waves->backwards += at_ps < waves->last_ps;
    waves->last_ps = at_ps;
}

/* The clock rises on its own: the pins have been there for half a period. */
static void on_value(void *self, uint64_t at_ps, fstHandle handle, const unsigned char *value)
{
    waves_t *waves = self;
    ck_assert_uint_lt(handle, SIGNALS + 1);
    char *kept = waves->values[handle - 1];
    const bool rises = handle - 1 == waves->at[CLK] && value[0] == '1' && kept[0] == '0';
    if (rises) {
        on_edge(waves, at_ps);
    }
    (void)snprintf(kept, sizeof waves->values[0], "%s", (const char *)value);
}

static waves_t *read_waves(const char *path)
{
    waves_t *waves = calloc(1, sizeof *waves);
    void *reader = fstReaderOpen(path);
    ck_assert_msg(reader != NULL, "%s is no FST", path);
    ck_assert_int_eq(fstReaderGetTimescale(reader), -12);
    const struct fstHier *hier;
    while ((hier = fstReaderIterateHier(reader)) != NULL) {
        if (hier->htyp == FST_HT_VAR) {
            ck_assert_uint_lt(waves->count, SIGNALS);
            (void)snprintf(waves->names[waves->count], NAME, "%s", hier->u.var.name);
            (void)snprintf(waves->values[waves->count++], 2, "0");
        }
    }
    find_pins(waves);
    fstReaderSetFacProcessMaskAll(reader);
    ck_assert_int_ne(fstReaderIterBlocks(reader, on_value, waves, NULL), 0);
    fstReaderClose(reader);
    return waves;
}

static double result_number(const char *path, const char *section, const char *key)
{
    static char text[1 << 20];
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    cJSON *json = cJSON_Parse(text);
    const cJSON *value = cJSON_GetObjectItem(cJSON_GetObjectItem(json, section), key);
    ck_assert_msg(cJSON_IsNumber(value), "%s has no %s/%s", path, section, key);
    const double number = value->valuedouble;
    cJSON_Delete(json);
    return number;
}

static void setup(void)
{
    shell("rm -rf " CBIT_WORK " && mkdir -p " CBIT_WORK);
    shell(RUN "--engine rtl --waves " CBIT_WORK "/rtl.fst --json >" CBIT_WORK "/rtl.json");
    shell(RUN "--engine lockstep --waves " CBIT_WORK "/lockstep.fst");
}

START_TEST(the_pins_hand_over_what_the_result_counts)
{
    waves_t *waves = read_waves(CBIT_WORK "/rtl.fst");
    const double encrypted = result_number(CBIT_WORK "/rtl.json", "engine", "lines_encrypted");
    const double decrypted = result_number(CBIT_WORK "/rtl.json", "engine", "lines_decrypted");
    const double bypassed = result_number(CBIT_WORK "/rtl.json", "engine", "lines_bypassed");
    ck_assert_double_gt(encrypted, 0);
    ck_assert_double_gt(decrypted, 0);
    ck_assert_uint_eq(waves->left[0] + waves->left[1],
                      (uint64_t)(4 * (encrypted + decrypted + bypassed)));
    ck_assert_uint_eq(waves->taken[0], waves->left[0]);
    ck_assert_uint_eq(waves->taken[1], waves->left[1]);
    ck_assert_uint_eq(waves->private_beats, (uint64_t)(4 * (encrypted + decrypted)));
    free(waves);
}
END_TEST

START_TEST(times_are_those_of_the_engine)
{
    waves_t *waves = read_waves(CBIT_WORK "/rtl.fst");
    ck_assert_uint_gt(waves->rises, 1000);
    ck_assert_uint_eq(waves->off_grid, 0);
    ck_assert_uint_eq(waves->backwards, 0);
    ck_assert_uint_eq(waves->wrong_depth, 0); /* 11 x 625 ps, every private beat */
    ck_assert_uint_gt(waves->last_ps, 1000000);
    free(waves);
}
END_TEST

START_TEST(no_key_is_in_them)
{
    waves_t *waves = read_waves(CBIT_WORK "/rtl.fst");
    ck_assert_uint_gt(waves->count, 30);
    for (uint32_t i = 0; i < waves->count; i++) {
        ck_assert_ptr_null(strstr(waves->names[i], "key_i"));
        ck_assert_ptr_null(strstr(waves->names[i], "tweak_data"));
        /* nothing of 128 bits but the data of both lanes */
        ck_assert(strstr(waves->names[i], "[127:0]") == NULL ||
                  strstr(waves->names[i], "_data_") != NULL);
    }
    free(waves);
}
END_TEST

START_TEST(lock_step_sees_the_same_pins)
{
    waves_t *waves = read_waves(CBIT_WORK "/lockstep.fst");
    ck_assert_uint_gt(waves->rises, 1000);
    ck_assert_uint_eq(waves->differs, 0);
    free(waves);
    shell("cmp " CBIT_WORK "/rtl.fst " CBIT_WORK "/lockstep.fst"); /* to the byte */
}
END_TEST

START_TEST(a_window_bounds_them)
{
    char command[1024];
    waves_t *all = read_waves(CBIT_WORK "/rtl.fst");
    /* the guest runs at the end; before it, the Secure Processor mostly computes */
    const uint64_t from_us = all->last_ps / 1000000 - 40, to_us = all->last_ps / 1000000 - 2;
    ck_assert_uint_lt(from_us, to_us);
    (void)snprintf(command, sizeof command,
                   RUN "--engine rtl --waves " CBIT_WORK "/part.fst --trace-from %llu --trace-to "
                       "%llu",
                   (unsigned long long)from_us, (unsigned long long)to_us);
    shell(command);
    waves_t *waves = read_waves(CBIT_WORK "/part.fst");
    ck_assert_uint_gt(waves->rises, 0);
    ck_assert_uint_lt(waves->rises, all->rises);
    ck_assert_uint_ge(waves->first_ps, from_us * 1000000);
    ck_assert_uint_le(waves->last_ps, to_us * 1000000);
    free(waves);
    free(all);
}
END_TEST

START_TEST(the_view_names_signals_that_are_there)
{
    waves_t *waves = read_waves(CBIT_WORK "/rtl.fst");
    FILE *view = fopen(CBIT_WORK "/rtl.gtkw", "r");
    char line[256];
    uint32_t named = 0;
    bool dump = false;
    ck_assert_ptr_nonnull(view);
    while (fgets(line, sizeof line, view) != NULL) {
        bool known = strncmp(line, "aes_engine.", 11) != 0;
        line[strcspn(line, "\n")] = '\0';
        dump = dump || strcmp(line, "[dumpfile] \"rtl.fst\"") == 0;
        for (uint32_t i = 0; i < waves->count && !known; i++) {
            known = strcmp(line + 11, waves->names[i]) == 0;
            named += known;
        }
        ck_assert_msg(known, "the waves have no %s", line);
    }
    (void)fclose(view);
    ck_assert(dump);
    ck_assert_uint_eq(named, waves->count);
    free(waves);
}
END_TEST

static int status_of(const char *options)
{
    char command[2048];
    (void)snprintf(command, sizeof command, "%s%s 2>" CBIT_WORK "/said", RUN, options);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool said(const char *text)
{
    char line[1024] = "";
    FILE *file = fopen(CBIT_WORK "/said", "r");
    ck_assert_ptr_nonnull(file);
    line[fread(line, 1, sizeof line - 1, file)] = '\0';
    (void)fclose(file);
    return strstr(line, text) != NULL;
}

START_TEST(what_cannot_be_is_said_before_the_run)
{
    ck_assert_int_eq(status_of("--waves " CBIT_WORK "/no.fst"), 2);
    ck_assert(said("--engine rtl or --engine lockstep"));
    ck_assert_int_eq(status_of("--engine rtl --waves " CBIT_WORK "/no.vcd"), 2);
    ck_assert(said("must end with .fst"));
    ck_assert_int_eq(status_of("--engine rtl --waves-channel 1 --waves " CBIT_WORK "/no.fst"), 3);
    ck_assert(said("there is no channel 1"));
    ck_assert_int_eq(status_of("--engine rtl --waves " CBIT_WORK "/rtl.fst"), 4);
    ck_assert(said("is there already"));
    ck_assert_int_eq(status_of("--engine rtl --waves " CBIT_WORK "/rtl.json/no.fst"), 4);
    ck_assert_int_ne(access(CBIT_WORK "/no.fst", F_OK), 0);
    ck_assert_int_ne(access(CBIT_WORK "/no.fst.new", F_OK), 0);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("cosim/run_waves");
    TCase *runs = tcase_create("runs");
    tcase_add_unchecked_fixture(runs, setup, NULL);
    suite_add_tcase(suite, runs);
    tcase_add_test(runs, the_pins_hand_over_what_the_result_counts);
    tcase_add_test(runs, times_are_those_of_the_engine);
    tcase_add_test(runs, no_key_is_in_them);
    tcase_add_test(runs, lock_step_sees_the_same_pins);
    tcase_add_test(runs, a_window_bounds_them);
    tcase_add_test(runs, the_view_names_signals_that_are_there);
    tcase_add_test(runs, what_cannot_be_is_said_before_the_run);
    return suite;
}
