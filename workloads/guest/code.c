/*
 * The guest's own code, as bytes. Written by hand, each line with the instruction that it is; the
 * tests decode all of it.
 */
#include <string.h>

#include "workloads/guest/state.h"

/* ---- boot stub ---- */

enum {
    BOOT_GDTR_AT = 5,
    BOOT_CR3_AT = 19,
    BOOT_JUMP_TO_AT = 52,
    BOOT_LONG_CR3_AT = 60,
    BOOT_STACK_AT = 73,
    BOOT_ENTRY_AT = 83,
    BOOT_GDTR_OFFSET = 0x80,
    BOOT_GDT_OFFSET = 0x88,
    BOOT_GDT_BYTES = 24,
};

/* Entered in 32-bit protected mode, flat, without an IDT. Zeros are filled in below. */
static const uint8_t boot_code[] = {
    0xfa,                                              /* 00: cli                               */
    0xfc,                                              /* 01: cld                               */
    0x0f, 0x01, 0x15, 0,    0,    0,    0,             /* 02: lgdt [gdtr]                       */
    0x0f, 0x20, 0xe0,                                  /* 09: mov eax, cr4                      */
    0x83, 0xc8, 0x20,                                  /* 0c: or eax, 0x20        ; PAE         */
    0x0f, 0x22, 0xe0,                                  /* 0f: mov cr4, eax                      */
    0xb8, 0,    0,    0,    0,                         /* 12: mov eax, cr3        ; no C: 32 bit */
    0x0f, 0x22, 0xd8,                                  /* 17: mov cr3, eax                      */
    0xb9, 0x80, 0x00, 0x00, 0xc0,                      /* 1a: mov ecx, 0xc0000080 ; EFER        */
    0x0f, 0x32,                                        /* 1f: rdmsr                             */
    0x0d, 0x00, 0x01, 0x00, 0x00,                      /* 21: or eax, 0x100       ; LME         */
    0x0f, 0x30,                                        /* 26: wrmsr                             */
    0x0f, 0x20, 0xc0,                                  /* 28: mov eax, cr0                      */
    0x0d, 0x01, 0x00, 0x00, 0x80,                      /* 2b: or eax, 0x80000001  ; PG          */
    0x0f, 0x22, 0xc0,                                  /* 30: mov cr0, eax                      */
    0xea, 0,    0,    0,    0,    0x08, 0x00,          /* 33: jmp far 0x08:3a                   */
    0x48, 0xb8, 0,    0,    0,    0,    0,    0, 0, 0, /* 3a: mov rax, cr3 | C                  */
    0x0f, 0x22, 0xd8,                                  /* 44: mov cr3, rax                      */
    0x48, 0xbc, 0,    0,    0,    0,    0,    0, 0, 0, /* 47: mov rsp, stack                    */
    0x48, 0xb8, 0,    0,    0,    0,    0,    0, 0, 0, /* 51: mov rax, kernel                   */
    0xff, 0xe0,                                        /* 5b: jmp rax                           */
};

const cbit_guest_code_t cbit_guest_boot_legacy = {0x00, 0x33, 15};
const cbit_guest_code_t cbit_guest_boot_jump = {0x33, 0x07, 1};
const cbit_guest_code_t cbit_guest_boot_long_cr3 = {0x3a, 0x0d, 2};
const cbit_guest_code_t cbit_guest_boot_long_enter = {0x47, 0x16, 3};

/* Null, 64-bit code, data; all flat, accessed. */
static const uint8_t boot_gdt[BOOT_GDT_BYTES] = {
    0,    0,    0, 0, 0, 0,    0,    0, /* 00 */
    0xff, 0xff, 0, 0, 0, 0x9b, 0xaf, 0, /* 08: L = 1, code, readable */
    0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0, /* 10: data, writable */
};

static void put(uint8_t *to, uint64_t value, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

void cbit_guest_fill_boot(uint8_t page[CBIT_PAGE_BYTES], uint64_t cr3, uint64_t long_mode_cr3)
{
    memset(page, 0xcc, CBIT_PAGE_BYTES); /* int3 */
    memcpy(page, boot_code, sizeof boot_code);
    put(page + BOOT_GDTR_AT, CBIT_GUEST_BOOT_GPA + BOOT_GDTR_OFFSET, 4);
    put(page + BOOT_CR3_AT, cr3, 4);
    put(page + BOOT_JUMP_TO_AT, CBIT_GUEST_BOOT_GPA + cbit_guest_boot_long_cr3.offset, 4);
    put(page + BOOT_LONG_CR3_AT, long_mode_cr3, 8);
    put(page + BOOT_STACK_AT, CBIT_GUEST_STACK_GVA + CBIT_PAGE_BYTES, 8);
    put(page + BOOT_ENTRY_AT, CBIT_GUEST_TEXT_GVA, 8);
    put(page + BOOT_GDTR_OFFSET, BOOT_GDT_BYTES - 1, 2);
    put(page + BOOT_GDTR_OFFSET + 2, CBIT_GUEST_BOOT_GPA + BOOT_GDT_OFFSET, 4);
    memcpy(page + BOOT_GDT_OFFSET, boot_gdt, sizeof boot_gdt);
}

/* ---- kernel ---- */

const cbit_guest_code_t cbit_guest_code_enter = {0x000, 0x05, 3};
const cbit_guest_code_t cbit_guest_code_fault = {0x040, 0x23, 14};
const cbit_guest_code_t cbit_guest_code_clear = {0x080, 0x0b, 4};
const cbit_guest_code_t cbit_guest_code_map = {0x0a0, 0x04, 2};
const cbit_guest_code_t cbit_guest_code_copy = {0x0c0, 0x05, 3};
const cbit_guest_code_t cbit_guest_code_doorbell = {0x100, 0x07, 3};
const cbit_guest_code_t cbit_guest_code_exit = {0x140, 0x01, 1};
const cbit_guest_code_t cbit_guest_code_hypercall = {0x180, 0x09, 3};
const cbit_guest_code_t cbit_guest_code_interrupt = {0x1c0, 0x08, 7};
const cbit_guest_code_t cbit_guest_code_vc = {0x200, 0x12, 5};
const cbit_guest_code_t cbit_guest_code_vc_end = {0x212, 0x08, 4};

static const uint8_t enter_code[] = {
    0x31, 0xed, /* xor ebp, ebp */
    0xfc,       /* cld */
    0x48, 0xcf, /* iretq                 ; to the program */
};
static const uint8_t fault_code[] = {
    0x50,                                     /* 40: push rax */
    0x51,                                     /* 41: push rcx */
    0x56,                                     /* 42: push rsi */
    0x57,                                     /* 43: push rdi */
    0x0f, 0x20, 0xd7,                         /* 44: mov rdi, cr2 */
    0x48, 0x81, 0xe7, 0x00, 0xf0, 0xff, 0xff, /* 47: and rdi, -4096 */
    0xe8, 0x4d, 0x00, 0x00, 0x00,             /* 4e: call map           ; 0x53 + 0x4d = 0xa0 */
    0xe8, 0x28, 0x00, 0x00, 0x00,             /* 53: call clear_page    ; 0x58 + 0x28 = 0x80 */
    0x5f,                                     /* 58: pop rdi */
    0x5e,                                     /* 59: pop rsi */
    0x59,                                     /* 5a: pop rcx */
    0x58,                                     /* 5b: pop rax */
    0x48, 0x8d, 0x64, 0x24, 0x08,             /* 5c: lea rsp, [rsp + 8] ; the error code */
    0x48, 0xcf,                               /* 61: iretq */
};
static const uint8_t clear_code[] = {
    0x31, 0xc0,                   /* xor eax, eax */
    0xb9, 0x00, 0x02, 0x00, 0x00, /* mov ecx, 512 */
    0xf3, 0x48, 0xab,             /* rep stosq */
    0xc3,                         /* ret */
};
static const uint8_t map_code[] = {
    0x48, 0x89, 0x06, /* mov [rsi], rax          ; the entry into the page table */
    0xc3,             /* ret */
};
static const uint8_t copy_code[] = {
    0xfc,             /* cld */
    0xf3, 0x48, 0xa5, /* rep movsq */
    0xc3,             /* ret */
};
static const uint8_t doorbell_code[] = {
    0xba, CBIT_GUEST_DOORBELL_PORT & 0xff, CBIT_GUEST_DOORBELL_PORT >> 8, 0, 0, /* mov edx, port */
    0xef,                                                                       /* out dx, eax */
    0xc3,                                                                       /* ret */
};
static const uint8_t hypercall_code[] = {
    0xb8,
    CBIT_GUEST_HYPERCALL_MEASURE & 0xff,
    CBIT_GUEST_HYPERCALL_MEASURE >> 8,
    0,
    0, /* mov eax, number */
    0x0f,
    0x01,
    0xd9, /* vmmcall */
    0xc3, /* ret */
};
static const uint8_t exit_code[] = {
    0xf4,       /* hlt */
    0xeb, 0xfd, /* jmp hlt */
};

static const uint8_t interrupt_code[] = {
    0x50,       /* push rax */
    0x51,       /* push rcx */
    0x52,       /* push rdx */
    0x5a,       /* pop rdx               ; what it looks at are the program's loads behind this */
    0x59,       /* pop rcx */
    0x58,       /* pop rax */
    0x48, 0xcf, /* iretq */
};

/* Entered with the exit code as error code; r8 holds the GHCB's address. */
static const uint8_t vc_code[] = {
    0x50,                                     /* 200: push rax */
    0x51,                                     /* 201: push rcx */
    0x48, 0x8b, 0x44, 0x24, 0x10,             /* 202: mov rax, [rsp + 16]     ; the exit code */
    0x49, 0x89, 0x80, 0x90, 0x03, 0x00, 0x00, /* 207: mov [r8 + 0x390], rax */
    0xf3, 0x0f, 0x01, 0xd9,                   /* 20e: vmgexit */
    0x59,                                     /* 212: pop rcx */
    0x58,                                     /* 213: pop rax */
    0x48, 0x83, 0xc4, 0x08,                   /* 214: add rsp, 8              ; the error code */
    0x48, 0xcf,                               /* 218: iretq */
};

enum { VC_VECTOR = 29, GATE_BYTES = 16, CODE_SELECTOR = 8 };

/* An interrupt gate for #VC; no other vector is present. */
static void fill_idt(uint8_t *idt)
{
    uint64_t handler = CBIT_GUEST_TEXT_GVA + cbit_guest_code_vc.offset;
    uint8_t *gate = idt + VC_VECTOR * GATE_BYTES;
    memset(idt, 0, CBIT_GUEST_IDT_LIMIT + 1);
    put(gate, handler & 0xffff, 2);
    put(gate + 2, CODE_SELECTOR, 2);
    gate[5] = 0x8e; /* present, DPL 0, 64-bit interrupt gate */
    put(gate + 6, handler >> 16, 2);
    put(gate + 8, handler >> 32, 4);
}

void cbit_guest_fill_text(uint8_t page[CBIT_PAGE_BYTES])
{
    memset(page, 0xcc, CBIT_PAGE_BYTES); /* int3 */
    memcpy(page + cbit_guest_code_enter.offset, enter_code, sizeof enter_code);
    memcpy(page + cbit_guest_code_fault.offset, fault_code, sizeof fault_code);
    memcpy(page + cbit_guest_code_clear.offset, clear_code, sizeof clear_code);
    memcpy(page + cbit_guest_code_map.offset, map_code, sizeof map_code);
    memcpy(page + cbit_guest_code_copy.offset, copy_code, sizeof copy_code);
    memcpy(page + cbit_guest_code_doorbell.offset, doorbell_code, sizeof doorbell_code);
    memcpy(page + cbit_guest_code_exit.offset, exit_code, sizeof exit_code);
    memcpy(page + cbit_guest_code_hypercall.offset, hypercall_code, sizeof hypercall_code);
    memcpy(page + cbit_guest_code_interrupt.offset, interrupt_code, sizeof interrupt_code);
    memcpy(page + cbit_guest_code_vc.offset, vc_code, sizeof vc_code);
    fill_idt(page + CBIT_GUEST_IDT_OFFSET);
}
