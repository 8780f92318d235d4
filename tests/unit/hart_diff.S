/*
 * Frame of the differential test: loads the registers from a table, runs the stream that the test
 * has written at 0x80001000, logs every trap and skips it, then prints registers, traps and data
 * through the UART of qemu's virt machine and stops through its test device.
 *
 *   0x80000000 this    0x80001000 stream    0x80008000 first registers
 *   0x80009000 last registers    0x80009080 log of traps (mscratch is its end)
 *   0x80010000 data, 1 KiB: x30 points to its middle and is not written by streams
 */
    .option arch, +zicsr
    .option norvc
    .section .text
    .globl _start
_start:
    la    x1, handler
    csrw  mtvec, x1
    li    x1, 0x80009080
    csrw  mscratch, x1
    li    x31, 0x80008000
    .irp  n,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29
    lw    x\n, (\n * 4)(x31)
    .endr
    li    x30, 0x80010200
    lw    x31, 124(x31)
    j     stream

    .balign 4
handler:
    csrrw x31, mscratch, x31      /* x31: end of the log; x31 of the stream is in mscratch */
    sw    x1, 8(x31)              /* x1 and x2 beyond the end: overwritten by the next entry */
    sw    x2, 12(x31)
    csrr  x1, mcause
    sw    x1, 0(x31)
    csrr  x1, mepc
    sw    x1, 4(x31)
    lhu   x2, 0(x1)
    andi  x2, x2, 3
    addi  x1, x1, 2
    addi  x2, x2, -3
    bnez  x2, 1f
    addi  x1, x1, 2
1:  csrw  mepc, x1
    lw    x1, 8(x31)
    lw    x2, 12(x31)
    addi  x31, x31, 8
    csrrw x31, mscratch, x31
    mret

    /* The stream ends in a jump to 0x80000400. */
    .org  0x400
    csrw  mscratch, x31           /* swap without a free register: the log's end is read after */
    li    x31, 0x80009000
    .irp  n,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    sw    x\n, (\n * 4)(x31)
    .endr
    csrr  x1, mscratch
    sw    x1, 124(x31)
    li    x1, 0x80009000
    li    x2, 0x80009480          /* registers and 128 traps */
    jal   x5, print
    li    x1, 0x80010000
    li    x2, 0x80010400
    jal   x5, print
    li    x1, 0x100000
    li    x2, 0x5555
    sw    x2, 0(x1)
2:  j     2b

print:                            /* words of [x1, x2) in hexadecimal, one a line */
    li    x6, 0x10000000
3:  lw    x3, 0(x1)
    li    x4, 8
4:  srli  x7, x3, 28
    slli  x3, x3, 4
    addi  x7, x7, 48
    li    x8, 58
    blt   x7, x8, 5f
    addi  x7, x7, 39
5:  sw    x7, 0(x6)
    addi  x4, x4, -1
    bnez  x4, 4b
    li    x7, 10
    sw    x7, 0(x6)
    addi  x1, x1, 4
    blt   x1, x2, 3b              /* both negative: the order of signed numbers holds */
    jr    x5

    .org  0x1000
stream:
