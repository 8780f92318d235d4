#define _XOPEN_SOURCE 700

#include "cli/sp_gdb.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BREAKPOINTS = 32, PACKET_BYTES = 8192, MEMORY_BYTES = PACKET_BYTES / 2 - 16 };

struct sp_gdb {
    int fd; /* -1: gone; the hart runs on */
    cbit_sp_t *sp;
    uint32_t breakpoints[BREAKPOINTS], breakpoint_count;
    bool stop; /* before the next instruction */
    char in[PACKET_BYTES + 1], out[PACKET_BYTES + 1];
};

/* What a packet leads to. */
typedef enum next { NEXT_PACKET, NEXT_RUN } next_t;

/* ---- the wire ---- */

static void hang_up(sp_gdb_t *gdb)
{
    if (gdb->fd >= 0) {
        (void)close(gdb->fd);
    }
    gdb->fd = -1;
    cbit_sp_debug_attach(gdb->sp, NULL);
}

static int read_byte(sp_gdb_t *gdb)
{
    unsigned char byte;
    ssize_t got;
    do {
        got = recv(gdb->fd, &byte, 1, 0);
    } while (got < 0 && errno == EINTR);
    return got == 1 ? byte : -1;
}

static void send_packet(sp_gdb_t *gdb, const char *text)
{
    char frame[PACKET_BYTES + 8];
    unsigned sum = 0;
    for (const char *at = text; *at != '\0'; at++) {
        sum += (unsigned char)*at;
    }
    int length = snprintf(frame, sizeof frame, "$%s#%02x", text, sum & 0xff);
    for (int done = 0; done < length && gdb->fd >= 0;) {
        ssize_t sent = send(gdb->fd, frame + done, (size_t)(length - done), MSG_NOSIGNAL);
        if (sent <= 0) {
            hang_up(gdb);
            return;
        }
        done += (int)sent;
    }
}

/* The next packet into gdb->in; false when gdb is gone. Its check sum is TCP's affair. */
static bool receive_packet(sp_gdb_t *gdb)
{
    int byte;
    size_t length = 0;
    do {
        byte = read_byte(gdb);
        if (byte == 3) { /* Ctrl-C while we stand anyway */
            gdb->stop = true;
        }
    } while (byte >= 0 && byte != '$');
    while (byte >= 0 && (byte = read_byte(gdb)) >= 0 && byte != '#') {
        if (length < PACKET_BYTES) {
            gdb->in[length++] = (char)byte;
        }
    }
    gdb->in[length] = '\0';
    if (byte < 0 || read_byte(gdb) < 0 || read_byte(gdb) < 0 ||
        send(gdb->fd, "+", 1, MSG_NOSIGNAL) != 1) {
        return false;
    }
    return true;
}

/* ---- numbers ---- */

static void put_hex(char *text, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
}

/* count bytes of hexadecimal digits; false when there are fewer. */
static bool get_hex(const char *text, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char pair[3] = {text[2 * i], (char)(text[2 * i] == '\0' ? 0 : text[2 * i + 1]), '\0'};
        char *end = pair;
        bytes[i] = (uint8_t)strtoul(pair, &end, 16);
        if (end != pair + 2) {
            return false;
        }
    }
    return true;
}

/* ---- packets ---- */

static next_t registers(sp_gdb_t *gdb)
{
    for (uint32_t i = 0; i < CBIT_SP_DEBUG_REGISTERS; i++) {
        uint32_t value = cbit_sp_debug_register(gdb->sp, i);
        put_hex(gdb->out + 8 * i, (const uint8_t *)&value, 4);
    }
    send_packet(gdb, gdb->out);
    return NEXT_PACKET;
}

static next_t set_registers(sp_gdb_t *gdb)
{
    uint32_t values[CBIT_SP_DEBUG_REGISTERS];
    bool good = get_hex(gdb->in + 1, (uint8_t *)values, sizeof values);
    for (uint32_t i = 0; i < CBIT_SP_DEBUG_REGISTERS && good; i++) {
        cbit_sp_debug_set_register(gdb->sp, i, values[i]);
    }
    send_packet(gdb, good ? "OK" : "E01");
    return NEXT_PACKET;
}

static next_t one_register(sp_gdb_t *gdb)
{
    char *end = NULL;
    uint32_t number = (uint32_t)strtoul(gdb->in + 1, &end, 16), value;
    if (number >= CBIT_SP_DEBUG_REGISTERS) {
        send_packet(gdb, "E01");
    } else if (gdb->in[0] == 'p') {
        value = cbit_sp_debug_register(gdb->sp, number);
        put_hex(gdb->out, (const uint8_t *)&value, 4);
        send_packet(gdb, gdb->out);
    } else if (*end == '=' && get_hex(end + 1, (uint8_t *)&value, 4)) {
        cbit_sp_debug_set_register(gdb->sp, number, value);
        send_packet(gdb, "OK");
    } else {
        send_packet(gdb, "E01");
    }
    return NEXT_PACKET;
}

static next_t memory(sp_gdb_t *gdb)
{
    static uint8_t bytes[MEMORY_BYTES];
    char *end = NULL;
    uint32_t address = (uint32_t)strtoul(gdb->in + 1, &end, 16);
    unsigned long length = *end == ',' ? strtoul(end + 1, &end, 16) : MEMORY_BYTES + 1;
    if (length > MEMORY_BYTES) {
        send_packet(gdb, "E01");
    } else if (gdb->in[0] == 'm' && cbit_sp_debug_read(gdb->sp, address, bytes, (uint32_t)length)) {
        put_hex(gdb->out, bytes, length);
        gdb->out[2 * length] = '\0';
        send_packet(gdb, gdb->out);
    } else if (gdb->in[0] == 'M' && *end == ':' && get_hex(end + 1, bytes, length) &&
               cbit_sp_debug_write(gdb->sp, address, bytes, (uint32_t)length)) {
        send_packet(gdb, "OK");
    } else {
        send_packet(gdb, "E14");
    }
    return NEXT_PACKET;
}

/* Z0, Z1, z0, z1: breakpoints that change no memory, so ROM has them too. */
static next_t breakpoint(sp_gdb_t *gdb)
{
    char *end = NULL;
    uint32_t address = (uint32_t)strtoul(gdb->in + 3, &end, 16), i = 0;
    if (gdb->in[1] > '1' || gdb->in[1] < '0' || gdb->in[2] != ',') {
        send_packet(gdb, ""); /* watchpoints: none */
        return NEXT_PACKET;
    }
    while (i < gdb->breakpoint_count && gdb->breakpoints[i] != address) {
        i++;
    }
    if (gdb->in[0] == 'Z' && i == gdb->breakpoint_count) {
        if (i == BREAKPOINTS) {
            send_packet(gdb, "E01");
            return NEXT_PACKET;
        }
        gdb->breakpoints[gdb->breakpoint_count++] = address;
    } else if (gdb->in[0] == 'z' && i < gdb->breakpoint_count) {
        gdb->breakpoints[i] = gdb->breakpoints[--gdb->breakpoint_count];
    }
    send_packet(gdb, "OK");
    return NEXT_PACKET;
}

static next_t resume(sp_gdb_t *gdb)
{
    gdb->stop = gdb->in[0] == 's';
    if (gdb->in[1] != '\0') {
        cbit_sp_debug_set_register(gdb->sp, CBIT_SP_DEBUG_PC,
                                   (uint32_t)strtoul(gdb->in + 1, NULL, 16));
    }
    return NEXT_RUN;
}

static next_t stopped(sp_gdb_t *gdb)
{
    send_packet(gdb, "S05");
    return NEXT_PACKET;
}

static next_t accepted(sp_gdb_t *gdb)
{
    send_packet(gdb, "OK");
    return NEXT_PACKET;
}

static next_t detach(sp_gdb_t *gdb)
{
    if (gdb->in[0] == 'D') {
        send_packet(gdb, "OK");
    }
    hang_up(gdb);
    return NEXT_RUN;
}

static next_t query(sp_gdb_t *gdb)
{
    static const char target[] =
        "l<?xml version=\"1.0\"?><target><architecture>riscv:rv32</architecture></target>";
    if (strncmp(gdb->in, "qSupported", 10) == 0) {
        send_packet(gdb, "PacketSize=2000;qXfer:features:read+;hwbreak+");
    } else if (strncmp(gdb->in, "qXfer:features:read:target.xml:0,", 33) == 0) {
        send_packet(gdb, target);
    } else if (strcmp(gdb->in, "qAttached") == 0) {
        send_packet(gdb, "1");
    } else {
        send_packet(gdb, "");
    }
    return NEXT_PACKET;
}

static const struct {
    char letter;
    next_t (*serve)(sp_gdb_t *gdb);
} packets[] = {
    {'g', registers}, {'G', set_registers}, {'p', one_register}, {'P', one_register}, {'m', memory},
    {'M', memory},    {'Z', breakpoint},    {'z', breakpoint},   {'c', resume},       {'s', resume},
    {'?', stopped},   {'H', accepted},      {'D', detach},       {'k', detach},       {'q', query},
};

static next_t serve(sp_gdb_t *gdb)
{
    for (size_t i = 0; i < sizeof packets / sizeof packets[0]; i++) {
        if (packets[i].letter == gdb->in[0]) {
            return packets[i].serve(gdb);
        }
    }
    send_packet(gdb, "");
    return NEXT_PACKET;
}

/* ---- the hart's side ---- */

static bool at_breakpoint(const sp_gdb_t *gdb)
{
    uint32_t pc = cbit_sp_debug_register(gdb->sp, CBIT_SP_DEBUG_PC);
    for (uint32_t i = 0; i < gdb->breakpoint_count; i++) {
        if (gdb->breakpoints[i] == pc) {
            return true;
        }
    }
    return false;
}

/* Ctrl-C while the hart runs. */
static bool interrupted(const sp_gdb_t *gdb)
{
    struct pollfd polled = {.fd = gdb->fd, .events = POLLIN};
    return poll(&polled, 1, 0) > 0;
}

static void talk(sp_gdb_t *gdb)
{
    next_t next = NEXT_PACKET;
    gdb->stop = false;
    while (next == NEXT_PACKET && gdb->fd >= 0) {
        if (!receive_packet(gdb)) {
            hang_up(gdb);
            return;
        }
        next = serve(gdb);
    }
}

static void before(void *self, cbit_sp_t *sp)
{
    sp_gdb_t *gdb = self;
    (void)sp;
    if (gdb->stop || at_breakpoint(gdb) || interrupted(gdb)) {
        send_packet(gdb, "S05");
        talk(gdb);
    }
}

static cbit_err_t no_socket(cbit_diag_t *diag)
{
    return cbit_diag_add(diag, CBIT_ERR_OPEN, NULL, "--gdb: %s", strerror(errno));
}

cbit_err_t sp_gdb_open(uint16_t port, cbit_sp_t *sp, sp_gdb_t **out, cbit_diag_t *diag)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t length = sizeof address;
    const int yes = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0) {
        return no_socket(diag);
    }
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        cbit_err_t err = no_socket(diag);
        (void)close(listener);
        return err;
    }
    (void)fprintf(stderr, "gdb: target remote 127.0.0.1:%u\n", ntohs(address.sin_port));
    int fd = accept(listener, NULL, NULL);
    (void)close(listener);
    return fd < 0 ? no_socket(diag) : sp_gdb_attach(fd, sp, out, diag);
}

cbit_err_t sp_gdb_attach(int fd, cbit_sp_t *sp, sp_gdb_t **out, cbit_diag_t *diag)
{
    sp_gdb_t *gdb = calloc(1, sizeof *gdb);
    if (gdb == NULL) {
        (void)close(fd);
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
    }
    gdb->fd = fd;
    gdb->sp = sp;
    const cbit_sp_debug_t debug = {.self = gdb, .before = before};
    cbit_sp_debug_attach(sp, &debug);
    talk(gdb); /* gdb asks first: the hart stands before its first instruction */
    *out = gdb;
    return CBIT_ERR_OK;
}

void sp_gdb_close(sp_gdb_t *gdb)
{
    if (gdb != NULL) {
        if (gdb->fd >= 0) {
            send_packet(gdb, "W00");
        }
        hang_up(gdb);
        free(gdb);
    }
}
