/**
 * @file
 * The mailbox as x86 sees it: registers in BAR 2 of the SP's PCI function, by the Linux ccp driver.
 */
#ifndef SEV_MAILBOX_H
#define SEV_MAILBOX_H

/* name, offset on "v1" (1456h, Naples), on "v2" (1486h Rome and Milan, 14CAh Genoa). */
#define SEV_MAILBOX_MAP(X)                                                                         \
    X(CMDRESP, 0x10580, 0x10980)                                                                   \
    X(ADDR_LO, 0x105E0, 0x109E0)                                                                   \
    X(ADDR_HI, 0x105E4, 0x109E4)                                                                   \
    X(BOOTLOADER, 0x105EC, 0x109EC)                                                                \
    X(FEATURE, 0x105FC, 0x109FC)                                                                   \
    X(INTEN, 0x10610, 0x10690)                                                                     \
    X(INTSTS, 0x10614, 0x10694)

enum {
#define SEV_MAILBOX_ENUM(name, v1, v2) SEV_MAILBOX_V1_##name = (v1), SEV_MAILBOX_V2_##name = (v2),
    SEV_MAILBOX_MAP(SEV_MAILBOX_ENUM)
#undef SEV_MAILBOX_ENUM
};

/* CmdResp. The host writes id and IOC with RESPONSE clear; that write is the doorbell. */
#define SEV_CMDRESP_RESPONSE    0x80000000u
#define SEV_CMDRESP_ID_SHIFT    16
#define SEV_CMDRESP_ID_MASK     0x7FFu
#define SEV_CMDRESP_IOC         1u /* interrupt on completion */
#define SEV_CMDRESP_STATUS_MASK 0xFFFFu

#define SEV_INTSTS_COMMAND_COMPLETE 2u /* INTSTS, INTEN: bit 1; write 1 to clear */
#define SEV_FEATURE_SEV             1u

#endif
