/* Reset: the hart is in ROM, SRAM is what a watchdog or RESET left of it. */
    .option arch, +zicsr
    .section .text.reset, "ax"
    .globl _start
    .globl rom_jump
_start:
    .option push
    .option norelax
    la   gp, __global_pointer$
    .option pop
    la   sp, __stack
    la   t0, rom_trap
    csrw mtvec, t0
    li   t0, 1 << 11
    csrw mie, t0
    la   a0, __bss_start
    la   a1, __bss_end
1:  bgeu a0, a1, 2f
    sw   zero, 0(a0)
    addi a0, a0, 4
    j    1b
2:  call rom_main
3:  wfi
    j    3b

    .balign 4
rom_trap:
    la   sp, __stack
    csrr a0, mcause
    csrr a1, mepc
    tail rom_fault

/*
 * Locks what SRAM may be used for until the next reset, and jumps to the image. Entries, lowest
 * first: the guard below the stack: nothing; stack, data and staging: read, write; code: read,
 * execute; everything else stays as it is (the image locks the ROM away).
 */
rom_jump:
    li   t0, 0x20000000 >> 2
    csrw 0x3b0, t0
    li   t0, 0x20001000 >> 2
    csrw 0x3b1, t0
    li   t0, 0x200C0000 >> 2
    csrw 0x3b2, t0
    li   t0, 0x20100000 >> 2
    csrw 0x3b3, t0
    li   t0, 0x8d8b8880 /* L TOR r-x, L TOR rw-, L TOR ---, L OFF */
    csrw 0x3a0, t0
    csrr t1, 0x3a0
    bne  t0, t1, 3b /* not locked: nothing is started */
    li   t0, 0x200C0000
    jr   t0
