/*
 * The table of cbit sp's commands: one row per command, its fields with their place in the buffer.
 */
#ifndef CBIT_CLI_SP_TABLE_H
#define CBIT_CLI_SP_TABLE_H

#include <stddef.h>
#include <stdint.h>

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
} sp_word_t;

/* Pseudo commands: what the host does itself. */
enum { WORD_WBINVD = 0x10000, WORD_WRITE, WORD_READ };

/* What read and write work with: the transfer area and the place. */
typedef struct host_access {
    uint64_t paddr, spa;
    uint32_t length, asid;
} host_access_t;

extern const sp_word_t sp_words[]; /* a NULL name ends them */

#endif
