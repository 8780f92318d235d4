#include "cli/sp_words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rows.h"
#include "cbit/workloads/spdriver.h"
#include "cli/sp_file.h"
#include "cli/sp_table.h"
#include "sev/abi.h"

enum { BUFFER_BYTES = 128, ITEM_BYTES = 65536, NEAR_ROWS = 64 };

/* A command line's word with the values of its options. */
typedef struct call {
    const sp_word_t *word;
    uint64_t buffer[BUFFER_BYTES / 8];
    const char *files[FIELDS]; /* IN: what to read, OUT: where to save; NULL: not given */
    uint32_t handle;
} call_t;

/* ---- reading the command line ---- */

static const sp_word_t *find_word(const char *name)
{
    for (uint32_t i = 0; sp_words[i].name != NULL; i++) {
        if (strcmp(sp_words[i].name, name) == 0) {
            return &sp_words[i];
        }
    }
    return NULL;
}

static int unknown_word(const char *name)
{
    cbit_row_t rows[NEAR_ROWS];
    memset(rows, 0, sizeof rows);
    for (uint32_t i = 0; sp_words[i].name != NULL; i++) {
        rows[i].key = sp_words[i].name;
    }
    const char *near = cbit_rows_nearest(rows, name);
    (void)fprintf(stderr, "error: cbit sp: there is no command %s\n  hint: %s%s\n", name,
                  near == NULL ? "cbit sp --help lists them" : "did you mean ",
                  near == NULL ? "" : near);
    return cbit_err_exit_status(CBIT_ERR_USAGE);
}

static int bad_option(const sp_word_t *word, const char *option, const char *what)
{
    (void)fprintf(stderr, "error: cbit sp %s: %s: %s\n  hint: its options are", word->name, option,
                  what);
    for (uint32_t i = 0; i < FIELDS; i++) {
        if (word->fields[i].name != NULL) {
            (void)fprintf(stderr, " --%s", word->fields[i].name);
        }
    }
    (void)fputc('\n', stderr);
    return cbit_err_exit_status(CBIT_ERR_USAGE);
}

static void put(call_t *call, uint32_t offset, uint64_t value, size_t bytes)
{
    memcpy((uint8_t *)call->buffer + offset, &value, bytes);
}

static uint32_t get_u32(const call_t *call, uint32_t offset)
{
    uint32_t value;
    memcpy(&value, (const uint8_t *)call->buffer + offset, 4);
    return value;
}

static bool parse_number(const char *text, uint64_t limit, uint64_t *value)
{
    char *end = NULL;
    errno = 0;
    *value = strtoull(text, &end, 0);
    return text[0] >= '0' && text[0] <= '9' && errno == 0 && *end == '\0' && *value <= limit;
}

static bool parse_hex(const char *text, uint8_t *out, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    if (strlen(text) != 2 * bytes) {
        return false;
    }
    for (size_t i = 0; i < 2 * bytes; i++) {
        const char *digit = strchr(digits, text[i]);
        if (digit == NULL) {
            return false;
        }
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | (digit - digits));
    }
    return true;
}

static const char *take_value(call_t *call, uint32_t i, const char *value)
{
    const field_t *field = &call->word->fields[i];
    uint64_t number;
    switch (field->kind) {
    case KIND_U32:
    case KIND_U64:
        if (!parse_number(value, field->kind == KIND_U32 ? UINT32_MAX : UINT64_MAX, &number)) {
            return "expected a number, decimal or 0x";
        }
        put(call, field->offset, number, field->kind == KIND_U32 ? 4 : 8);
        return NULL;
    case KIND_BYTES16:
        return parse_hex(value, (uint8_t *)call->buffer + field->offset, 16)
                   ? NULL
                   : "expected 32 hexadecimal digits";
    default:
        call->files[i] = value;
        return NULL;
    }
}

static void set_defaults(call_t *call, const sp_word_t *word)
{
    memset(call, 0, sizeof *call);
    call->word = word;
    for (uint32_t i = 0; i < FIELDS; i++) {
        const field_t *field = &word->fields[i];
        if (field->name != NULL && (field->kind == KIND_U32 || field->kind == KIND_U64)) {
            put(call, field->offset, field->fallback, field->kind == KIND_U32 ? 4 : 8);
        }
    }
}

/* One word and its options from argv[*at] on. 0 or an exit status. */
static int parse_call(int argc, char **argv, int *at, call_t *call)
{
    const sp_word_t *word = find_word(argv[*at]);
    if (word == NULL) {
        return unknown_word(argv[*at]);
    }
    set_defaults(call, word);
    for (++*at; *at < argc && strncmp(argv[*at], "--", 2) == 0; ++*at) {
        const char *option = argv[*at];
        uint32_t i = 0;
        while (i < FIELDS &&
               (word->fields[i].name == NULL || strcmp(word->fields[i].name, option + 2) != 0)) {
            i++;
        }
        if (i == FIELDS) {
            return bad_option(word, option, "no such option");
        }
        if (++*at == argc) {
            return bad_option(word, option, "a value must follow");
        }
        const char *wrong = take_value(call, i, argv[*at]);
        if (wrong != NULL) {
            return bad_option(word, option, wrong);
        }
    }
    return 0;
}

int sp_words_check(int argc, char **argv)
{
    int at = 0, status = 0;
    while (at < argc && status == 0) {
        call_t call = {0};
        status = parse_call(argc, argv, &at, &call);
    }
    return status;
}

void sp_words_help(void)
{
    for (uint32_t i = 0; sp_words[i].name != NULL; i++) {
        (void)printf("  %-20s", sp_words[i].name);
        for (uint32_t j = 0; j < FIELDS; j++) {
            const field_t *field = &sp_words[i].fields[j];
            if (field->name != NULL) {
                (void)printf(" --%s %s", field->name,
                             field->kind == KIND_IN || field->kind == KIND_OUT ? "FILE"
                             : field->kind == KIND_BYTES16                     ? "HEX"
                                                                               : "N");
            }
        }
        (void)putchar('\n');
    }
}

/* ---- files ---- */

static int file_error(const char *path, const char *what)
{
    (void)fprintf(stderr, "error: %s: %s\n", path, what);
    return cbit_err_exit_status(CBIT_ERR_OPEN);
}

static int load_file(sp_host_t *host, call_t *call, uint32_t i)
{
    static uint8_t bytes[ITEM_BYTES + 1];
    const field_t *field = &call->word->fields[i];
    FILE *file = fopen(call->files[i], "rb");
    if (file == NULL) {
        return file_error(call->files[i], strerror(errno));
    }
    size_t length = fread(bytes, 1, sizeof bytes, file);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed || length > ITEM_BYTES) {
        return file_error(call->files[i], failed ? "cannot be read" : "longer than 65536 bytes");
    }
    uint64_t spa = SP_HOST_AREA0 + (uint64_t)i * SP_HOST_AREA_BYTES;
    (void)sp_host_write(host, spa, 0, bytes, (uint32_t)length);
    put(call, field->offset, spa, 8);
    put(call, field->length_offset, length, 4);
    return 0;
}

static void print_hex(const uint8_t *bytes, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        (void)printf("%02x", bytes[i]);
    }
    (void)putchar('\n');
}

/* Saves what the firmware wrote; without a file, short results go to the terminal. */
static int save_file(sp_host_t *host, const call_t *call, uint32_t i)
{
    static uint8_t bytes[ITEM_BYTES];
    const field_t *field = &call->word->fields[i];
    uint32_t length = get_u32(call, field->length_offset);
    uint64_t spa = SP_HOST_AREA0 + (uint64_t)i * SP_HOST_AREA_BYTES;
    if (length > ITEM_BYTES || !sp_host_read(host, spa, 0, bytes, length)) {
        return file_error(field->name, "the firmware gave a wrong length");
    }
    if (call->files[i] == NULL) {
        if (length <= SEV_REPORT_BYTES) {
            (void)printf("  %s: ", field->name);
            print_hex(bytes, length);
        }
        return 0;
    }
    return sp_file_write(NULL, call->files[i], bytes, length, CBIT_NEW_FILE_PLAIN);
}

/* ---- running ---- */

static const char *const platform_names[] = {"UNINIT", "INIT", "WORKING"};
static const char *const guest_names[] = {"UNINIT",  "LUPDATE", "LSECRET", "RUNNING",
                                          "SUPDATE", "RUPDATE", "SENT"};

/* The commands that lead on from a state. */
static const char *const platform_next[] = {"init", "launch-start, receive-start, shutdown",
                                            "launch-start, shutdown"};
static const char *const guest_next[] = {
    "launch-start",
    "activate, launch-update-data, launch-measure",
    "launch-secret, launch-finish, attestation",
    "send-start, attestation, deactivate",
    "send-update-data, send-finish, send-cancel",
    "activate, receive-update-data, receive-finish",
    "deactivate, decommission",
};

/* Where platform and guest stand now, and what may follow. */
static void print_state(sp_host_t *host, uint32_t handle)
{
    sev_platform_status_t platform = {0};
    sev_guest_status_t guest = {.handle = handle};
    (void)sp_host_command(host, SEV_CMD_PLATFORM_STATUS, &platform, sizeof platform);
    if (platform.state >= SEV_PLATFORM_STATES) {
        return;
    }
    (void)printf("  platform %s, %s, %u guest%s", platform_names[platform.state],
                 platform.owner != 0 ? "externally owned" : "self-owned", platform.guest_count,
                 platform.guest_count == 1 ? "" : "s");
    const char *next = platform_next[platform.state];
    if (platform.state != SEV_PLATFORM_UNINIT && handle != 0 &&
        sp_host_command(host, SEV_CMD_GUEST_STATUS, &guest, sizeof guest) == SEV_STATUS_SUCCESS &&
        guest.state != SEV_GUEST_UNINIT && guest.state < SEV_GUEST_STATES) {
        (void)printf("; guest %u %s, ASID %u", handle, guest_names[guest.state], guest.asid);
        next = guest_next[guest.state];
    }
    (void)printf("\n  next: %s\n", next);
}

static uint32_t host_access(sp_host_t *host, const call_t *call)
{
    static uint8_t bytes[ITEM_BYTES];
    host_access_t access;
    memcpy(&access, call->buffer, sizeof access);
    bool write = call->word->command == WORD_WRITE;
    if (access.length > ITEM_BYTES || access.asid > 1023) {
        return SEV_STATUS_INVALID_LENGTH;
    }
    bool good = sp_host_read(host, write ? access.paddr : access.spa,
                             (uint16_t)(write ? 0 : access.asid), bytes, access.length) &&
                sp_host_write(host, write ? access.spa : access.paddr,
                              (uint16_t)(write ? access.asid : 0), bytes, access.length);
    return good ? SEV_STATUS_SUCCESS : SEV_STATUS_INVALID_ADDRESS;
}

static uint32_t execute(sp_host_t *host, call_t *call)
{
    switch (call->word->command) {
    case WORD_WBINVD:
        sp_host_wbinvd(host);
        return SEV_STATUS_SUCCESS;
    case WORD_WRITE:
    case WORD_READ:
        return host_access(host, call);
    default:
        return sp_host_command(host, call->word->command, call->buffer, call->word->bytes);
    }
}

static int prepare(sp_host_t *host, call_t *call)
{
    int status = 0;
    for (uint32_t i = 0; i < FIELDS && status == 0; i++) {
        const field_t *field = &call->word->fields[i];
        if (field->name == NULL) {
            continue;
        }
        if (field->kind == KIND_IN && call->files[i] != NULL) {
            status = load_file(host, call, i);
        } else if (field->kind == KIND_OUT) {
            put(call, field->offset, SP_HOST_AREA0 + (uint64_t)i * SP_HOST_AREA_BYTES, 8);
            if (get_u32(call, field->length_offset) == 0) { /* no option of its own */
                put(call, field->length_offset, field->fallback, 4);
            }
        } else if (strcmp(field->name, "guest_length") == 0 && get_u32(call, field->offset) == 0) {
            put(call, field->offset, get_u32(call, offsetof(sev_transport_t, trans_length)), 4);
        }
    }
    return status;
}

/* Outputs of a command that succeeded: numbers on the terminal, bytes into files. */
static int show(sp_host_t *host, const call_t *call)
{
    int status = 0;
    for (uint32_t i = 0; i < FIELDS && status == 0; i++) {
        const field_t *field = &call->word->fields[i];
        if (field->shown != NULL) {
            (void)printf("  %s: %u\n", field->shown, get_u32(call, field->offset));
        } else if (field->name != NULL && field->kind == KIND_OUT) {
            status = save_file(host, call, i);
        }
    }
    if (call->word->command == SEV_CMD_PLATFORM_STATUS) {
        sev_platform_status_t platform;
        memcpy(&platform, call->buffer, sizeof platform);
        (void)printf("  API %u.%u, build %u, ES %s\n", platform.api_major, platform.api_minor,
                     platform.build, (platform.config & SEV_STATUS_CONFIG_ES) != 0 ? "on" : "off");
    }
    return status;
}

int sp_words_run(sp_host_t *host, int argc, char **argv)
{
    int at = 0, status = 0;
    uint32_t handle = 0;
    while (at < argc && status == 0) {
        call_t call = {0};
        status = parse_call(argc, argv, &at, &call);
        status = status != 0 ? status : prepare(host, &call);
        if (status != 0) {
            break;
        }
        uint64_t before_ps = sp_host_now_ps(host);
        uint32_t answer = execute(host, &call);
        (void)printf("%s: %s (%02x): %s; %llu.%03llu us\n", call.word->name,
                     cbit_spdriver_status_name(answer), answer & 0xff,
                     cbit_spdriver_status_text(answer),
                     (unsigned long long)((sp_host_now_ps(host) - before_ps) / 1000000),
                     (unsigned long long)((sp_host_now_ps(host) - before_ps) / 1000 % 1000));
        if (answer != SEV_STATUS_SUCCESS) {
            status = cbit_err_exit_status(CBIT_ERR_MISMATCH);
        } else {
            status = show(host, &call);
        }
        if (call.word->fields[0].name != NULL &&
            (strcmp(call.word->fields[0].name, "handle") == 0 ||
             strcmp(call.word->fields[0].name, "share") == 0)) {
            handle = get_u32(&call, call.word->fields[0].offset);
        }
    }
    print_state(host, handle);
    return status;
}
