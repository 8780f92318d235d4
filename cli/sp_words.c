#include "cli/sp_words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/base/rows.h"
#include "cbit/workloads/spdriver.h"
#include "sev/abi.h"

typedef enum kind {
    KIND_U32, /* a number in the buffer */
    KIND_U64,
    KIND_BYTES16, /* 32 hexadecimal digits in the buffer */
    KIND_IN,      /* a file's contents go to memory; address and length to the buffer */
    KIND_OUT,     /* memory that the firmware fills; saved when it succeeded */
} kind_t;

typedef struct field {
    const char *name; /* without "--"; NULL ends them */
    kind_t kind;
    uint16_t offset;        /* of the number or address */
    uint16_t length_offset; /* IN, OUT */
    uint32_t fallback;      /* U32, U64: default; OUT: bytes that are asked for */
    const char *shown;      /* what an output number is called; NULL: it is none */
} field_t;

enum { FIELDS = 7 };

typedef struct word {
    const char *name;
    uint32_t command;
    uint32_t bytes;
    field_t fields[FIELDS];
} word_t;

/* Pseudo commands: what the host does itself. */
enum { WORD_WBINVD = 0x10000, WORD_WRITE, WORD_READ };

/* What read and write work with: the transfer area and the place. */
typedef struct host_access {
    uint64_t paddr, spa;
    uint32_t length, asid;
} host_access_t;

#define AT(type, member) (uint16_t) offsetof(type, member)
#define NUMBER(type, member, default_)                                                             \
    {                                                                                              \
#member, KIND_U32, AT(type, member), 0, (default_), NULL                                   \
    }
#define HANDLE(type)                                                                               \
    {                                                                                              \
        "handle", KIND_U32, AT(type, handle), 0, 1, NULL                                           \
    }
#define FILE_IN(name, type, address, length)                                                       \
    {                                                                                              \
        name, KIND_IN, AT(type, address), AT(type, length), 0, NULL                                \
    }
#define FILE_OUT(name, type, address, length, bytes)                                               \
    {                                                                                              \
        name, KIND_OUT, AT(type, address), AT(type, length), (bytes), NULL                         \
    }
#define ADDRESS(name, type, member)                                                                \
    {                                                                                              \
        name, KIND_U64, AT(type, member), 0, SP_HOST_GUEST, NULL                                   \
    }
#define SHOWN(text, type, member)                                                                  \
    {                                                                                              \
        NULL, KIND_U32, AT(type, member), 0, 0, text                                               \
    }

#define TRANSPORT                                                                                  \
    {                                                                                              \
        HANDLE(sev_transport_t), FILE_IN("header", sev_transport_t, header_paddr, header_length),  \
            FILE_IN("data", sev_transport_t, trans_paddr, trans_length),                           \
            ADDRESS("gpa", sev_transport_t, guest_paddr), NUMBER(sev_transport_t, guest_length, 0) \
    }
#define TRANSPORT_OUT                                                                              \
    {                                                                                              \
        HANDLE(sev_transport_t),                                                                   \
            FILE_OUT("header", sev_transport_t, header_paddr, header_length,                       \
                     SEV_PACKET_HEADER_BYTES),                                                     \
            FILE_OUT("data", sev_transport_t, trans_paddr, trans_length, SEV_PACKET_MAX_BYTES),    \
            ADDRESS("gpa", sev_transport_t, guest_paddr),                                          \
            NUMBER(sev_transport_t, guest_length, 4096)                                            \
    }
#define START                                                                                      \
    {                                                                                              \
        {"share", KIND_U32, AT(sev_start_t, handle), 0, 0, "handle"},                              \
            NUMBER(sev_start_t, policy, 0), FILE_IN("cert", sev_start_t, cert_paddr, cert_length), \
            FILE_IN("session", sev_start_t, session_paddr, session_length)                         \
    }
#define LAUNCH_RANGE                                                                               \
    {                                                                                              \
        HANDLE(sev_launch_range_t), ADDRESS("gpa", sev_launch_range_t, paddr),                     \
            NUMBER(sev_launch_range_t, length, 4096)                                               \
    }
#define DEBUG                                                                                      \
    {                                                                                              \
        HANDLE(sev_debug_t), ADDRESS("src", sev_debug_t, src_paddr),                               \
            ADDRESS("dst", sev_debug_t, dst_paddr), NUMBER(sev_debug_t, length, 4096)              \
    }
#define WORD(name, id, type) name, SEV_CMD_##id, sizeof(type)

static const word_t words[] = {
    {WORD("init", INIT, sev_init_t),
     {NUMBER(sev_init_t, flags, 0),
      {"tmr", KIND_U64, AT(sev_init_t, tmr_paddr), 0, 0, NULL},
      NUMBER(sev_init_t, tmr_length, 0)}},
    {"shutdown", SEV_CMD_SHUTDOWN, 0, {{0}}},
    {"platform-reset", SEV_CMD_PLATFORM_RESET, 0, {{0}}},
    {WORD("status", PLATFORM_STATUS, sev_platform_status_t), {{0}}},
    {"pek-gen", SEV_CMD_PEK_GEN, 0, {{0}}},
    {WORD("pek-csr", PEK_CSR, sev_range_t),
     {FILE_OUT("out", sev_range_t, paddr, length, SEV_CERT_BYTES)}},
    {WORD("pek-cert-import", PEK_CERT_IMPORT, sev_two_ranges_t),
     {FILE_IN("pek", sev_two_ranges_t, first_paddr, first_length),
      FILE_IN("oca", sev_two_ranges_t, second_paddr, second_length)}},
    {WORD("pdh-cert-export", PDH_CERT_EXPORT, sev_two_ranges_t),
     {FILE_OUT("pdh", sev_two_ranges_t, first_paddr, first_length, SEV_CERT_BYTES),
      FILE_OUT("chain", sev_two_ranges_t, second_paddr, second_length, SEV_CHAIN_BYTES)}},
    {"pdh-gen", SEV_CMD_PDH_GEN, 0, {{0}}},
    {"df-flush", SEV_CMD_DF_FLUSH, 0, {{0}}},
    {WORD("get-id", GET_ID, sev_range_t),
     {FILE_OUT("out", sev_range_t, paddr, length, SEV_ID_BYTES)}},
    {"nop", SEV_CMD_NOP, 0, {{0}}},
    {WORD("decommission", DECOMMISSION, sev_handle_t), {HANDLE(sev_handle_t)}},
    {WORD("activate", ACTIVATE, sev_activate_t),
     {HANDLE(sev_activate_t), NUMBER(sev_activate_t, asid, 1)}},
    {WORD("deactivate", DEACTIVATE, sev_handle_t), {HANDLE(sev_handle_t)}},
    {WORD("guest-status", GUEST_STATUS, sev_guest_status_t),
     {HANDLE(sev_guest_status_t), SHOWN("policy", sev_guest_status_t, policy),
      SHOWN("asid", sev_guest_status_t, asid)}},
    {WORD("copy", COPY, sev_copy_t),
     {HANDLE(sev_copy_t), NUMBER(sev_copy_t, length, 4096), ADDRESS("src", sev_copy_t, src_paddr),
      ADDRESS("dst", sev_copy_t, dst_paddr)}},
    {WORD("launch-start", LAUNCH_START, sev_start_t), START},
    {WORD("launch-update-data", LAUNCH_UPDATE_DATA, sev_launch_range_t), LAUNCH_RANGE},
    {WORD("launch-update-vmsa", LAUNCH_UPDATE_VMSA, sev_launch_range_t), LAUNCH_RANGE},
    {WORD("launch-measure", LAUNCH_MEASURE, sev_launch_range_t),
     {HANDLE(sev_launch_range_t),
      FILE_OUT("out", sev_launch_range_t, paddr, length, SEV_MEASUREMENT_BYTES)}},
    {WORD("launch-secret", LAUNCH_SECRET, sev_transport_t), TRANSPORT},
    {WORD("launch-finish", LAUNCH_FINISH, sev_handle_t), {HANDLE(sev_handle_t)}},
    {WORD("attestation", ATTESTATION, sev_attestation_t),
     {HANDLE(sev_attestation_t),
      {"mnonce", KIND_BYTES16, AT(sev_attestation_t, mnonce), 0, 0, NULL},
      FILE_OUT("out", sev_attestation_t, paddr, length, SEV_REPORT_BYTES)}},
    {WORD("send-start", SEND_START, sev_send_start_t),
     {HANDLE(sev_send_start_t), FILE_IN("pdh", sev_send_start_t, pdh_paddr, pdh_length),
      FILE_IN("chain", sev_send_start_t, platform_paddr, platform_length),
      FILE_IN("amd", sev_send_start_t, amd_paddr, amd_length),
      FILE_OUT("session", sev_send_start_t, session_paddr, session_length, SEV_SESSION_BYTES),
      SHOWN("policy", sev_send_start_t, policy)}},
    {WORD("send-update-data", SEND_UPDATE_DATA, sev_transport_t), TRANSPORT_OUT},
    {WORD("send-update-vmsa", SEND_UPDATE_VMSA, sev_transport_t), TRANSPORT_OUT},
    {WORD("send-finish", SEND_FINISH, sev_handle_t), {HANDLE(sev_handle_t)}},
    {WORD("send-cancel", SEND_CANCEL, sev_handle_t), {HANDLE(sev_handle_t)}},
    {WORD("receive-start", RECEIVE_START, sev_start_t), START},
    {WORD("receive-update-data", RECEIVE_UPDATE_DATA, sev_transport_t), TRANSPORT},
    {WORD("receive-update-vmsa", RECEIVE_UPDATE_VMSA, sev_transport_t), TRANSPORT},
    {WORD("receive-finish", RECEIVE_FINISH, sev_handle_t), {HANDLE(sev_handle_t)}},
    {WORD("dbg-decrypt", DBG_DECRYPT, sev_debug_t), DEBUG},
    {WORD("dbg-encrypt", DBG_ENCRYPT, sev_debug_t), DEBUG},
    {"wbinvd", WORD_WBINVD, 0, {{0}}},
    {"write",
     WORD_WRITE,
     0,
     {FILE_IN("file", host_access_t, paddr, length), ADDRESS("spa", host_access_t, spa),
      NUMBER(host_access_t, asid, 0)}},
    {"read",
     WORD_READ,
     0,
     {{"out", KIND_OUT, AT(host_access_t, paddr), AT(host_access_t, length), 64, NULL},
      ADDRESS("spa", host_access_t, spa),
      NUMBER(host_access_t, asid, 0)}},
};

enum { WORDS = sizeof words / sizeof words[0], BUFFER_BYTES = 128, ITEM_BYTES = 65536 };

/* A command line's word with the values of its options. */
typedef struct call {
    const word_t *word;
    uint64_t buffer[BUFFER_BYTES / 8];
    const char *files[FIELDS]; /* IN: what to read, OUT: where to save; NULL: not given */
    uint32_t handle;
} call_t;

/* ---- reading the command line ---- */

static const word_t *find_word(const char *name)
{
    for (uint32_t i = 0; i < WORDS; i++) {
        if (strcmp(words[i].name, name) == 0) {
            return &words[i];
        }
    }
    return NULL;
}

static int unknown_word(const char *name)
{
    cbit_row_t rows[WORDS + 1];
    memset(rows, 0, sizeof rows);
    for (uint32_t i = 0; i < WORDS; i++) {
        rows[i].key = words[i].name;
    }
    const char *near = cbit_rows_nearest(rows, name);
    (void)fprintf(stderr, "error: cbit sp: there is no command %s\n  hint: %s%s\n", name,
                  near == NULL ? "cbit sp --help lists them" : "did you mean ",
                  near == NULL ? "" : near);
    return cbit_err_exit_status(CBIT_ERR_USAGE);
}

static int bad_option(const word_t *word, const char *option, const char *what)
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

static void set_defaults(call_t *call, const word_t *word)
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
    const word_t *word = find_word(argv[*at]);
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
        call_t call;
        status = parse_call(argc, argv, &at, &call);
    }
    return status;
}

void sp_words_help(void)
{
    for (uint32_t i = 0; i < WORDS; i++) {
        (void)printf("  %-20s", words[i].name);
        for (uint32_t j = 0; j < FIELDS; j++) {
            const field_t *field = &words[i].fields[j];
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
    FILE *file = fopen(call->files[i], "wb");
    bool good = file != NULL && fwrite(bytes, 1, length, file) == length;
    if (file != NULL) {
        good = fclose(file) == 0 && good;
    }
    return good ? 0 : file_error(call->files[i], strerror(errno));
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
            put(call, field->length_offset, field->fallback, 4);
        } else if (strcmp(field->name, "guest_length") == 0 && get_u32(call, field->offset) == 0) {
            put(call, field->offset, get_u32(call, AT(sev_transport_t, trans_length)), 4);
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
        call_t call;
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
