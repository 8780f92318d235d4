/* What an attacker would like the boot ROM to start: it says that it runs, and no more. */
    .section .text.reset, "ax"
    .globl _start
_start:
    li   t0, 0x40003000
    li   t1, 0x666
    sw   t1, 16(t0) /* MAILBOX READY */
1:  j    1b
