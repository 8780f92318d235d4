/* Entry of hart_programs.c: a0 says which program. */
    .section .text.reset, "ax"
    .globl _start
_start:
    li   sp, 0x20008000
    j    run
