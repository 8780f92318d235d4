/* Entry from the boot ROM, which has locked what SRAM may be used for; traps. */
    .option arch, +zicsr
    .section .text.reset, "ax"
    .globl _start
_start:
    .option push
    .option norelax
    la   gp, __global_pointer$
    .option pop
    la   sp, __stack
    la   t0, trap_entry
    csrw mtvec, t0
    /* The ROM (32 KiB at 0x10000) is not needed until the next reset: entry 4, locked, nothing. */
    li   t0, 0x4fff
    csrw 0x3b4, t0
    li   t0, 0x98
    csrw 0x3a1, t0
    /* The external line wakes WFI; interrupts themselves are never taken. */
    li   t0, 1 << 11
    csrw mie, t0
    la   a0, __data_start
    la   a1, __data_end
    la   a2, __data_load
1:  bgeu a0, a1, 2f
    lw   t0, 0(a2)
    sw   t0, 0(a0)
    addi a0, a0, 4
    addi a2, a2, 4
    j    1b
2:  la   a0, __bss_start
    la   a1, __bss_end
3:  bgeu a0, a1, 4f
    sw   zero, 0(a0)
    addi a0, a0, 4
    j    3b
4:  call main
5:  wfi
    j    5b

    .balign 4
trap_entry:
    la   sp, __stack /* nothing returns from here */
    csrr a0, mcause
    csrr a1, mepc
    csrr a2, mtval
    tail fatal_trap
