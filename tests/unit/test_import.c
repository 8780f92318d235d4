/* Other tools' traces: what each line becomes, and what is said about lines that are none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cbit/workloads/record.h"
#include "tests/support/cbit_test.h"

enum { PATH_BYTES = 64, MAX_RECORDS = 64 };

static void temp_path(char path[PATH_BYTES], const char *suffix)
{
    (void)snprintf(path, PATH_BYTES, "/tmp/cbit-test-import-%ld.%s", (long)getpid(), suffix);
}

static cbit_err_t import_bytes(cbit_import_config_t config, const void *bytes, size_t len,
                               cbit_trace_info_t *info, cbit_diag_t *diag)
{
    char in[PATH_BYTES], out[PATH_BYTES];
    temp_path(in, "txt");
    temp_path(out, "cbt");
    FILE *file = fopen(in, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
    (void)fclose(file);
    cbit_err_t err = cbit_trace_import(&config, in, CBIT_ERR_OPEN, out, info, diag);
    (void)remove(in);
    return err;
}

/* The records of the last import. */
static uint32_t read_back(cbit_trace_record_t records[MAX_RECORDS])
{
    char out[PATH_BYTES];
    cbit_trace_reader_t *reader = NULL;
    uint32_t count = 0;
    temp_path(out, "cbt");
    ck_assert_int_eq(cbit_trace_check(out, CBIT_ERR_OPEN, NULL), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_trace_reader_open(out, CBIT_ERR_OPEN, &reader, NULL), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_trace_reader_read(reader, records, MAX_RECORDS, &count, NULL),
                     CBIT_ERR_OK);
    cbit_trace_reader_close(reader);
    (void)remove(out);
    return count;
}

static void check_records(cbit_import_format_t format, const char *text,
                          const cbit_trace_record_t *wanted, uint32_t wanted_count)
{
    cbit_trace_record_t records[MAX_RECORDS];
    cbit_trace_info_t info;
    const cbit_import_config_t config = {.format = format, .base_gva = 0x10000000};
    ck_assert_int_eq(import_bytes(config, text, strlen(text), &info, NULL), CBIT_ERR_OK);
    uint32_t count = read_back(records);
    ck_assert_uint_eq(count, wanted_count);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_msg(records[i].kind == wanted[i].kind && records[i].gva == wanted[i].gva &&
                          records[i].size_bytes == wanted[i].size_bytes &&
                          records[i].gap == wanted[i].gap &&
                          records[i].depends == wanted[i].depends,
                      "record %u: kind %u, gva %llx, size %u, gap %u", i, records[i].kind,
                      (unsigned long long)records[i].gva, records[i].size_bytes, records[i].gap);
    }
}

/* Three instructions of one line are one fetch; the fourth is in the next line. */
START_TEST(lackey_lines_become_fetches_of_lines_with_gaps)
{
    static const cbit_trace_record_t wanted[] = {
        {.gva = 0x401000, .gap = 1, .kind = CBIT_TRACE_FETCH, .size_bytes = 12},
        {.gva = 0x1ffefff000, .gap = 0, .kind = CBIT_TRACE_LOAD, .size_bytes = 8},
        {.gva = 0x1ffefff008, .gap = 2, .kind = CBIT_TRACE_LOAD, .size_bytes = 4},
        {.gva = 0x1ffefff008, .gap = 0, .kind = CBIT_TRACE_STORE, .size_bytes = 4},
        {.gva = 0x401040, .gap = 1, .kind = CBIT_TRACE_FETCH, .size_bytes = 2},
    };
    check_records(CBIT_IMPORT_LACKEY,
                  "==7== Lackey, an example Valgrind tool\n"
                  "I  00401000,4\n L 1ffefff000,8\nI  00401004,5\nI  00401009,3\n"
                  " M 1ffefff008,4\nI  00401040,2\n==7== \n",
                  wanted, 5);
}
END_TEST

/* 0x3e..0x43 crosses a line: its last four bytes are a fetch of the next one. */
START_TEST(an_instruction_across_two_lines_is_two_fetches)
{
    static const cbit_trace_record_t wanted[] = {
        {.gva = 0x40103e, .gap = 1, .kind = CBIT_TRACE_FETCH, .size_bytes = 2},
        {.gva = 0x401040, .gap = 0, .kind = CBIT_TRACE_FETCH, .size_bytes = 6},
        {.gva = 0x1000, .gap = 1, .kind = CBIT_TRACE_STORE, .size_bytes = 1},
    };
    check_records(CBIT_IMPORT_LACKEY, "I  0040103e,6\nI  00401044,2\n S 1000,1\n", wanted, 3);
}
END_TEST

/* Physical addresses go to 0x10000000 and whole lines; one fetch stands before 16 accesses. */
START_TEST(dramsim3_requests_become_lines_with_clocks_as_gaps)
{
    static const cbit_trace_record_t wanted[] = {
        {.gva = 0x400000, .kind = CBIT_TRACE_FETCH, .size_bytes = 64},
        {.gva = 0x10001fc0, .gap = 10, .kind = CBIT_TRACE_LOAD, .size_bytes = 64},
        {.gva = 0x10000000, .gap = 5, .kind = CBIT_TRACE_STORE, .size_bytes = 64},
        {.gva = 0x10000040, .gap = 1, .kind = CBIT_TRACE_LOAD, .size_bytes = 64},
    };
    check_records(CBIT_IMPORT_DRAMSIM3, "0x1fff READ 10\r\n0x0 WRITE 15\n0x40 READ 15", wanted, 4);
}
END_TEST

START_TEST(ramulator_loads_and_stores_are_taken)
{
    static const cbit_trace_record_t wanted[] = {
        {.gva = 0x400000, .kind = CBIT_TRACE_FETCH, .size_bytes = 64},
        {.gva = 0x10000080, .gap = 1, .kind = CBIT_TRACE_LOAD, .size_bytes = 64},
        {.gva = 0x10000100, .gap = 1, .kind = CBIT_TRACE_STORE, .size_bytes = 64},
    };
    check_records(CBIT_IMPORT_RAMULATOR_LS, "LD 0x80\nST 256\n", wanted, 3);
}
END_TEST

/* 3 bubbles and the load are 4 instructions; the write-back is none. */
START_TEST(ramulator_bubbles_are_gaps)
{
    static const cbit_trace_record_t wanted[] = {
        {.gva = 0x400000, .kind = CBIT_TRACE_FETCH, .size_bytes = 64},
        {.gva = 0x10000040, .gap = 4, .kind = CBIT_TRACE_LOAD, .size_bytes = 64},
        {.gva = 0x10000100, .gap = 0, .kind = CBIT_TRACE_STORE, .size_bytes = 64},
        {.gva = 0x10000000, .gap = 1, .kind = CBIT_TRACE_LOAD, .size_bytes = 64},
    };
    check_records(CBIT_IMPORT_RAMULATOR_O3, "3 100 260\n0 0\n", wanted, 4);
}
END_TEST

START_TEST(csv_is_taken_as_it_is)
{
    static const cbit_trace_record_t wanted[] = {
        {.gva = 0x401000, .gap = 1, .kind = CBIT_TRACE_FETCH, .size_bytes = 16},
        {.gva = 0x2000, .gap = 7, .kind = CBIT_TRACE_LOAD, .size_bytes = 8, .depends = true},
    };
    check_records(CBIT_IMPORT_CSV,
                  "kind,address,size,gap,depends\nfetch,0x401000,16,1,0\nload,8192,8,7,1\n", wanted,
                  2);
}
END_TEST

static void put_u64(uint8_t *to, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

START_TEST(champsim_instructions_are_taken)
{
    uint8_t bytes[2 * 64] = {0};
    cbit_trace_record_t records[MAX_RECORDS];
    cbit_trace_info_t info;
    put_u64(bytes, 0x401000);
    put_u64(bytes + 32, 0x7000); /* first source address */
    put_u64(bytes + 40, 0x7100);
    put_u64(bytes + 16, 0x7200); /* first destination address */
    put_u64(bytes + 64, 0x401004);
    bytes[64 + 8] = 1; /* a branch, taken */
    bytes[64 + 9] = 1;
    const cbit_import_config_t config = {.format = CBIT_IMPORT_CHAMPSIM};
    ck_assert_int_eq(import_bytes(config, bytes, sizeof bytes, &info, NULL), CBIT_ERR_OK);
    ck_assert_uint_eq(read_back(records), 4);
    ck_assert_int_eq(records[0].kind, CBIT_TRACE_FETCH);
    ck_assert_uint_eq(records[0].size_bytes, 8);
    ck_assert_uint_eq(records[1].gva, 0x7000);
    ck_assert_uint_eq(records[2].gva, 0x7100);
    ck_assert_int_eq(records[3].kind, CBIT_TRACE_STORE);
    ck_assert_uint_eq(records[3].gva, 0x7200);
    cbit_diag_t *diag = cbit_diag_create();
    ck_assert_int_eq(import_bytes(config, bytes, 100, &info, diag), CBIT_ERR_FORMAT);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->where, "byte 64");
    ck_assert_str_eq(cbit_diag_at(diag, 0)->text, "file ends within a record");
    bytes[64 + 9] = 2;
    ck_assert_int_eq(import_bytes(config, bytes, sizeof bytes, &info, diag), CBIT_ERR_FORMAT);
    ck_assert_str_eq(cbit_diag_at(diag, 1)->where, "byte 64");
    ck_assert_str_eq(cbit_diag_at(diag, 1)->text,
                     "branch flags are not 0 or 1: not a ChampSim trace, or compressed");
    cbit_diag_destroy(diag);
}
END_TEST

typedef struct bad_line {
    cbit_import_format_t format;
    const char *text, *where, *what;
} bad_line_t;

static const bad_line_t bad_lines[] = {
    {CBIT_IMPORT_LACKEY, "I  00401000,4\n L 1ffefff000\n", "line 2",
     "not \"I  ADDRESS,SIZE\" nor \" L\", \" S\" or \" M ADDRESS,SIZE\""},
    {CBIT_IMPORT_LACKEY, "I  00401000,99999999999999999999\n", "line 1",
     "not \"I  ADDRESS,SIZE\" nor \" L\", \" S\" or \" M ADDRESS,SIZE\""},
    {CBIT_IMPORT_DRAMSIM3, "0x10 READ 1\n0x10 REED 2\n", "line 2",
     "not \"ADDRESS READ|WRITE CLOCK\""},
    {CBIT_IMPORT_DRAMSIM3, "0x10 READ 5\n\n0x10 READ 4\n", "line 3",
     "clock is before that of the line above"},
    {CBIT_IMPORT_DRAMSIM3, "0xffffffffffffffffff READ 5\n", "line 1",
     "not \"ADDRESS READ|WRITE CLOCK\""},
    {CBIT_IMPORT_RAMULATOR_LS, "LD\n", "line 1", "not \"LD ADDRESS\" or \"ST ADDRESS\""},
    {CBIT_IMPORT_RAMULATOR_LS, "LD 0x1000000000000\n", "line 1", "address is not below 2^47"},
    {CBIT_IMPORT_RAMULATOR_O3, "1 2 3 4\n", "line 1", "not \"BUBBLES LOAD [WRITEBACK]\""},
    {CBIT_IMPORT_CSV, "load,0x10,65,0,0\n", "line 1",
     "access is not of 1..64 bytes below 2^47 (a fetch: within a 64-byte line)"},
    {CBIT_IMPORT_CSV, "jump,0x10,6,0,0\n", "line 1",
     "not \"fetch|load|store,ADDRESS,SIZE,GAP,0|1\""},
};

START_TEST(a_line_that_is_none_is_named)
{
    const bad_line_t *bad = &bad_lines[_i];
    char out[PATH_BYTES];
    cbit_trace_info_t info;
    cbit_diag_t *diag = cbit_diag_create();
    const cbit_import_config_t config = {.format = bad->format};
    ck_assert_int_eq(import_bytes(config, bad->text, strlen(bad->text), &info, diag),
                     CBIT_ERR_FORMAT);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->where, bad->where);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->text, bad->what);
    cbit_diag_destroy(diag);
    temp_path(out, "cbt");
    ck_assert_int_ne(access(out, F_OK), 0); /* nothing half done is left behind */
}
END_TEST

START_TEST(a_line_without_end_is_named)
{
    enum { LONG_LINE = 300 << 10 };
    static char text[LONG_LINE];
    cbit_trace_info_t info;
    cbit_diag_t *diag = cbit_diag_create();
    const cbit_import_config_t config = {.format = CBIT_IMPORT_CSV};
    memset(text, '7', sizeof text);
    memcpy(text, "\n\n", 2);
    ck_assert_int_eq(import_bytes(config, text, sizeof text, &info, diag), CBIT_ERR_FORMAT);
    ck_assert_str_eq(cbit_diag_at(diag, 0)->where, "line 3");
    ck_assert_str_eq(cbit_diag_at(diag, 0)->text, "line is longer than 256 KiB");
    cbit_diag_destroy(diag);
}
END_TEST

START_TEST(a_limit_ends_the_import)
{
    cbit_trace_record_t records[MAX_RECORDS];
    cbit_trace_info_t info;
    static const char text[] = "LD 0x0\nLD 0x40\nthis line is not reached\n";
    const cbit_import_config_t config = {.format = CBIT_IMPORT_RAMULATOR_LS, .limit = 2};
    ck_assert_int_eq(import_bytes(config, text, strlen(text), &info, NULL), CBIT_ERR_OK);
    ck_assert_uint_eq(info.loads, 2);
    ck_assert_uint_eq(read_back(records), 3);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("import");
    TCase *formats = tcase_create("formats");
    tcase_add_test(formats, lackey_lines_become_fetches_of_lines_with_gaps);
    tcase_add_test(formats, an_instruction_across_two_lines_is_two_fetches);
    tcase_add_test(formats, dramsim3_requests_become_lines_with_clocks_as_gaps);
    tcase_add_test(formats, ramulator_loads_and_stores_are_taken);
    tcase_add_test(formats, ramulator_bubbles_are_gaps);
    tcase_add_test(formats, csv_is_taken_as_it_is);
    tcase_add_test(formats, champsim_instructions_are_taken);
    tcase_add_test(formats, a_limit_ends_the_import);
    tcase_add_test(formats, a_line_without_end_is_named);
    tcase_add_loop_test(formats, a_line_that_is_none_is_named, 0,
                        sizeof bad_lines / sizeof bad_lines[0]);
    suite_add_tcase(suite, formats);
    return suite;
}
