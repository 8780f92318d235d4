/*
 * Interrupts while devices write memory: the main loop counts, starts random numbers and copies the
 * word that they change; every timer interrupt logs clock, program counter, count and word, then
 * arms the next one at a distance that depends on all of them. Ends (READY) after 200.
 */
    .option arch, +zicsr
    .section .text.reset, "ax"
    .globl _start
_start:
    la    t0, handler
    csrw  mtvec, t0
    li    s0, 0x20001000          /* log */
    li    s1, 0                   /* count */
    li    s2, 200                 /* interrupts left */
    li    s3, 0x40001000          /* timer */
    li    s4, 0x40004000          /* CCP */
    li    s5, 0x20000000          /* where random bytes go */
    li    t0, 500
    sw    t0, 8(s3)
    sw    zero, 12(s3)
    sw    s5, 12(s4)              /* DST */
    li    t0, 64
    sw    t0, 16(s4)              /* LENGTH */
    li    t0, 1 << 7
    csrw  mie, t0
    csrsi mstatus, 8
1:  addi  s1, s1, 1
    lw    s6, 16(s5)
    andi  t1, s1, 63
    bnez  t1, 1b
    li    t1, 1
    sw    t1, 0(s4)               /* ignored while busy */
    j     1b

    .balign 4
handler:
    csrr  a0, mcycle
    csrr  a1, mepc
    sw    a0, 0(s0)
    sw    a1, 4(s0)
    sw    s1, 8(s0)
    sw    s6, 12(s0)
    addi  s0, s0, 16
    addi  s2, s2, -1
    beqz  s2, 2f
    xor   a2, a0, s1
    xor   a2, a2, s6
    andi  a2, a2, 255
    addi  a2, a2, 40
    add   a0, a0, a2
    sw    a0, 8(s3)
    sw    zero, 12(s3)
    mret
2:  li    t0, 0x40003000
    sw    t0, 16(t0)
3:  j     3b
