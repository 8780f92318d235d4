/*
 * The firmware under hostile hosts: any sequence of commands with any buffers over any memory.
 *
 * An input is a program of bytes. Fields are taken from it as indices into lists of values that
 * matter (handles, ASIDs, addresses, lengths, policies) or as they are, so that random bytes get
 * far. After each command the rules of the API that hold always are checked.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/workloads/owner.h"
#include "sev/identity.h"
#include "tests/firmware/host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    BUFFER = 0x1000,
    CERT = 0x10000,
    BLOB = 0x11000,
    CHAIN = 0x12000,
    HEADER = 0x15000,
    DATA = 0x20000,
    GUEST = 0x40000,
    TMR = 0x400000,
    SCRIBBLE = 0x50000, /* memory below this may be changed by the input */
    MAX_COMMANDS = 64,
};

typedef struct input {
    const uint8_t *at, *end;
} input_t;

static uint8_t take(input_t *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

static uint32_t take32(input_t *input)
{
    uint32_t value = take(input);
    for (int i = 1; i < 4; i++) {
        value |= (uint32_t)take(input) << (8 * i);
    }
    return value;
}

static const uint64_t addresses[] = {CERT,
                                     BLOB,
                                     CHAIN,
                                     HEADER,
                                     DATA,
                                     GUEST,
                                     GUEST + 0x1000,
                                     GUEST + 8,
                                     TMR,
                                     TMR + 0x80000,
                                     0,
                                     HOST_MEMORY_BYTES - 16,
                                     HOST_MEMORY_BYTES,
                                     0xA0000,
                                     UINT64_MAX - 15,
                                     (UINT64_C(1) << 47) | GUEST /* C-bit */};
static const uint32_t lengths[] = {0,    16,   48,      52,     128,   208,   2084,       4096,
                                   6252, 8192, 1 << 20, 0x8000, 16384, 16400, UINT32_MAX, 0x24};

/* A field's value: from a list, small, or raw. */
static uint64_t value(input_t *input, bool is_address)
{
    uint8_t kind = take(input);
    if (kind < 16) {
        return is_address ? addresses[kind] : lengths[kind];
    }
    if (kind < 240) {
        return kind & 7;
    }
    return is_address ? take32(input) | (uint64_t)take(input) << 32 : take32(input);
}

/* Which words of a command's buffer are addresses: a bit per word of four bytes. */
static uint32_t address_words(uint32_t id)
{
    switch (id) {
    case SEV_CMD_INIT:
        return 1u << 2;
    case SEV_CMD_INIT_EX:
        return 1u << 2 | 1u << 6;
    case SEV_CMD_PEK_CSR:
    case SEV_CMD_GET_ID:
        return 1u << 0;
    case SEV_CMD_PEK_CERT_IMPORT:
    case SEV_CMD_PDH_CERT_EXPORT:
        return 1u << 0 | 1u << 4;
    case SEV_CMD_SEND_START:
        return 1u << 2 | 1u << 6 | 1u << 10 | 1u << 14;
    case SEV_CMD_COPY:
    case SEV_CMD_DBG_DECRYPT:
    case SEV_CMD_DBG_ENCRYPT:
    case SEV_CMD_SWAP_OUT:
    case SEV_CMD_SWAP_IN:
        return 1u << 2 | 1u << 4 | 1u << 6;
    case SEV_CMD_ACTIVATE_EX:
        return 1u << 4;
    case SEV_CMD_ATTESTATION:
        return 1u << 2;
    default: /* handles first, addresses at 8, 0x10 or 0x18, 0x28 */
        return 1u << 2 | 1u << 6 | 1u << 10;
    }
}

static uint32_t write_buffer(input_t *input, uint32_t id)
{
    uint32_t words[SEV_COMMAND_BUFFER_MAX_BYTES / 4 + 2] = {0};
    const command_row_t *row = command_find(id);
    uint32_t count = row == NULL ? 0 : row->buffer_bytes / 4, addresses_at = address_words(id);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t v = value(input, (addresses_at >> i & 1) != 0);
        words[i] = (uint32_t)v;
        if ((addresses_at >> i & 1) != 0) {
            words[++i] = (uint32_t)(v >> 32);
        }
    }
    memcpy(host->memory + BUFFER, words, sizeof words);
    return count * 4;
}

static void require(bool good, const char *what, uint32_t id, uint32_t status)
{
    if (!good) {
        (void)fprintf(stderr, "command %03x, status %02x: %s\n", id, status, what);
        abort();
    }
}

static void check_invariants(uint32_t id, uint32_t status)
{
    uint32_t guests = 0, owners[ASID_LIMIT] = {0};
    require(status <= SEV_STATUS_SECURE_DATA_INVALID ||
                (status == SEV_STATUS_BAD_SVN && id == SEV_CMD_DOWNLOAD_FIRMWARE),
            "no status of the API", id, status);
    for (uint32_t handle = 1; handle <= SEV_HANDLE_MAX; handle++) {
        const guest_t *guest = &fw.guests[handle];
        guests += guest->state != SEV_GUEST_UNINIT ? 1 : 0;
        require(guest->state < SEV_GUEST_STATES, "no state of a guest", id, status);
        if (guest->asid != 0) {
            require(++owners[guest->asid] == 1, "an ASID has two guests", id, status);
            require(guest->asid <= 15, "an ASID beyond the last", id, status);
            bool es = (guest->policy & SEV_POLICY_ES) != 0;
            require(es == (guest->asid < 5), "an ASID of the other kind", id, status);
        }
    }
    require(guests == fw.guest_count, "the count of guests is wrong", id, status);
    require((fw.platform == SEV_PLATFORM_WORKING) == (guests > 0), "WORKING without guests", id,
            status);
    for (uint32_t asid = 1; asid < 16; asid++) {
        require(host->asid_valid[asid] == 0 || owners[asid] == 1, "VMRUN works without a guest", id,
                status);
    }
}

/* A refused command changes nothing, but for what the API lets stand. */
static bool may_change(uint32_t id, uint32_t status)
{
    return status == SEV_STATUS_SUCCESS || id == SEV_CMD_DF_FLUSH ||
           status == SEV_STATUS_HWERROR_PLATFORM;
}

/* What was tried, said at the end. */
static struct {
    uint64_t inputs, commands, certificates, packets, succeeded;
} tried;

static void tell_tried(void)
{
    (void)printf("%" PRIu64 " inputs: %" PRIu64 " commands, of them %" PRIu64
                 " that read certificates and %" PRIu64 " that read packets; %" PRIu64
                 " succeeded\n",
                 tried.inputs, tried.commands, tried.certificates, tried.packets, tried.succeeded);
}

static void count(uint32_t id, uint32_t status)
{
    tried.commands++;
    tried.certificates += id == SEV_CMD_PEK_CERT_IMPORT || id == SEV_CMD_LAUNCH_START ||
                                  id == SEV_CMD_RECEIVE_START || id == SEV_CMD_SEND_START
                              ? 1
                              : 0;
    tried.packets += id == SEV_CMD_LAUNCH_SECRET || id == SEV_CMD_RECEIVE_UPDATE_DATA ||
                             id == SEV_CMD_RECEIVE_UPDATE_VMSA
                         ? 1
                         : 0;
    tried.succeeded += status == SEV_STATUS_SUCCESS ? 1 : 0;
}

static void one_command(input_t *input, uint32_t id)
{
    static firmware_t *before;
    if (before == NULL) {
        before = malloc(sizeof *before);
    }
    uint32_t bytes = write_buffer(input, id);
    memcpy(before, &fw, sizeof fw);
    uint32_t status = command_execute(id, bytes > 0 ? (uint64_t)BUFFER : 0);
    count(id, status);
    check_invariants(id, status);
    require(may_change(id, status) || memcmp(before, &fw, sizeof fw) == 0,
            "a refused command changed something", id, status);
}

/* The host's own doings between commands. */
static void scribble(input_t *input)
{
    uint32_t at = take32(input) % SCRIBBLE;
    uint8_t count = take(input);
    for (uint32_t i = 0; i < count; i++) {
        host->memory[at + i] = take(input);
    }
}

/* A session of an owner who knows this platform: the way past the MACs. */
static void place_session(input_t *input)
{
    cbit_owner_session_t session;
    cbit_rng_t rng;
    cbit_rng_init(&rng, take(input), 0);
    if (cbit_owner_session(&identity.pdh, (uint32_t)value(input, false), &rng, &session)) {
        memcpy(host->memory + CERT, &session.cert, sizeof session.cert);
        memcpy(host->memory + BLOB, &session.blob, sizeof session.blob);
    }
}

static void place_own_certs(void)
{
    memcpy(host->memory + CERT, &identity.pdh, SEV_CERT_BYTES);
    memcpy(host->memory + CHAIN, &identity.pek, SEV_CERT_BYTES);
    memcpy(host->memory + CHAIN + SEV_CERT_BYTES, &identity.oca, SEV_CERT_BYTES);
}

static uint32_t known_command(uint8_t index)
{
    static const uint32_t ids[] = {
#define ID(name, id, bytes) id,
        SEV_COMMAND_MAP(ID)
#undef ID
    };
    return ids[index % (sizeof ids / sizeof ids[0])];
}

static void step(input_t *input)
{
    uint8_t op = take(input);
    switch (op) {
    case 240:
        memset(host->wbinvd, true, sizeof host->wbinvd);
        break;
    case 241:
        scribble(input);
        break;
    case 242:
        place_session(input);
        break;
    case 243:
        place_own_certs();
        break;
    case 244:
        one_command(input, take32(input) & 0x7ff);
        break;
    case 245:
        host->rewrites = !host->rewrites;
        break;
    case 246: /* a bit of the flash turns */
        host->flash[take32(input) % CBIT_SP_FLASH_BYTES] ^= (uint8_t)(1u << (take(input) & 7));
        break;
    default:
        one_command(input, known_command(op));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t *provisioned;
    input_t input = {data, data + size};
    tried.inputs++;
    if (host == NULL) {
        host_open();
        (void)atexit(tell_tried);
        require(command_execute(SEV_CMD_NOP, 0) == 0, "NOP", 0, 0);
        memset(host->memory + BUFFER, 0, 64);
        require(command_execute(SEV_CMD_INIT, BUFFER) == 0, "INIT", 0, 0);
        provisioned = malloc(CBIT_SP_FLASH_BYTES);
        memcpy(provisioned, host->flash, CBIT_SP_FLASH_BYTES);
    }
    host->rewrites = false;
    (void)command_execute(SEV_CMD_SHUTDOWN, 0);
    memcpy(host->flash, provisioned, CBIT_SP_FLASH_BYTES);
    memset(host->memory, 0, SCRIBBLE);
    for (uint32_t i = 0; i < MAX_COMMANDS && input.at < input.end; i++) {
        step(&input);
    }
    return 0;
}
