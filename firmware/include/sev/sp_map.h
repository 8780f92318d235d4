/**
 * @file
 * The Secure Processor as its firmware sees it: memory map, device registers, interrupt lines.
 *
 * One description for firmware, model and manual. Registers are 32 bits wide and accessed as words.
 * Addresses given to devices are of SRAM or ROM unless they say spa.
 */
#ifndef SEV_SP_MAP_H
#define SEV_SP_MAP_H

/* name, base, bytes, sentence. Address 0 is left unmapped so that a null pointer traps. */
#define SP_REGION_MAP(X)                                                                           \
    X(ROM, 0x00010000u, 0x00008000u, "boot ROM: checks the image in flash, then jumps")            \
    X(SRAM, 0x20000000u, 0x00100000u, "private memory: guest contexts, keys, stack")               \
    X(INTC, 0x40000000u, 0x1000u, "interrupt controller")                                          \
    X(TIMER, 0x40001000u, 0x1000u, "timer")                                                        \
    X(CONSOLE, 0x40002000u, 0x1000u, "console")                                                    \
    X(MAILBOX, 0x40003000u, 0x1000u, "mailbox, SP side")                                           \
    X(CCP, 0x40004000u, 0x1000u, "crypto coprocessor")                                             \
    X(DMA, 0x40005000u, 0x1000u, "DMA into system memory, any key id")                             \
    X(KEYPORT, 0x40006000u, 0x1000u, "key slots of the memory controllers")                        \
    X(CORES, 0x40007000u, 0x1000u, "control of the x86 cores and the data fabric")                 \
    X(PLATFORM, 0x40008000u, 0x1000u, "platform description and fuses, read only")                 \
    X(FLASH, 0x40009000u, 0x1000u, "NOR flash for what outlives the power")                        \
    X(ECC, 0x4000A000u, 0x1000u, "counters of the SRAM's error correction")

/* device, register, offset, sentence. */
#define SP_REGISTER_MAP(X)                                                                         \
    X(INTC, PENDING, 0x00, "bit per line, 1 while the line is up; read only")                      \
    X(INTC, ENABLE, 0x04, "bit per line, 1 passes it to the hart's external interrupt")            \
    X(TIMER, TIME_LO, 0x00, "clocks since reset; reading latches TIME_HI")                         \
    X(TIMER, TIME_HI, 0x04, "upper half as latched")                                               \
    X(TIMER, COMPARE_LO, 0x08, "the line is up from this clock on; writing HI arms")               \
    X(TIMER, COMPARE_HI, 0x0C, "upper half; all ones disarms")                                     \
    X(TIMER, WATCHDOG, 0x10, "write: thousands of clocks until the SP is reset; 0: off")           \
    X(TIMER, CAUSE, 0x14, "of the last reset: 0 power, 1 watchdog, 2 RESET")                       \
    X(TIMER, RESET, 0x18, "write: resets hart and devices; SRAM and a doorbell stay")              \
    X(CONSOLE, TX, 0x00, "write: one byte out")                                                    \
    X(MAILBOX, CMDRESP, 0x00, "read: as x86 wrote it; write with RESPONSE set: the answer")        \
    X(MAILBOX, ADDR_LO, 0x04, "CmdBufAddr_Lo as x86 wrote it")                                     \
    X(MAILBOX, ADDR_HI, 0x08, "CmdBufAddr_Hi as x86 wrote it")                                     \
    X(MAILBOX, STATUS, 0x0C, "bit 0: a doorbell has not been answered yet")                        \
    X(MAILBOX, READY, 0x10, "write: booted; the value is the bootloader version")                  \
    X(MAILBOX, REFUSED, 0x14, "write: nothing to boot, SP_REFUSAL_*; FEATURE reads all ones")      \
    X(CCP, OP, 0x00, "write: starts an operation (SP_CCP_*); read: the last one")                  \
    X(CCP, STATUS, 0x04, "0 idle, 1 busy; bits 31:8 result of the last operation (SP_CCP_*)")      \
    X(CCP, SRC, 0x08, "input")                                                                     \
    X(CCP, DST, 0x0C, "output")                                                                    \
    X(CCP, LENGTH, 0x10, "bytes of the input")                                                     \
    X(CCP, KEY, 0x14, "key")                                                                       \
    X(CCP, KEY_LENGTH, 0x18, "bytes of the key")                                                   \
    X(CCP, AUX, 0x1C, "counter block, hash state, tag or second input, by operation")              \
    X(CCP, AUX_LENGTH, 0x20, "bytes of the second input; RSA: of the salt")                        \
    X(CCP, ACK, 0x24, "write: takes the completion line down")                                     \
    X(DMA, START, 0x00, "write: 1 reads system memory, 2 writes it")                               \
    X(DMA, STATUS, 0x04, "0 idle, 1 busy; bit 8: address not in memory, bit 9: key not loaded")    \
    X(DMA, SPA_LO, 0x08, "system physical address, C-bit off")                                     \
    X(DMA, SPA_HI, 0x0C, "upper half")                                                             \
    X(DMA, LOCAL, 0x10, "SRAM address")                                                            \
    X(DMA, LENGTH, 0x14, "bytes")                                                                  \
    X(DMA, KEY, 0x18, "key id: 0 plain, an ASID, or SP_KEY_HOST")                                  \
    X(DMA, ACK, 0x1C, "write: takes the completion line down")                                     \
    X(KEYPORT, CHANNEL, 0x00, "memory controller")                                                 \
    X(KEYPORT, SLOT, 0x04, "key slot")                                                             \
    X(KEYPORT, KEY0, 0x08, "key, bytes 0..3")                                                      \
    X(KEYPORT, KEY1, 0x0C, "key, bytes 4..7")                                                      \
    X(KEYPORT, KEY2, 0x10, "key, bytes 8..11")                                                     \
    X(KEYPORT, KEY3, 0x14, "key, bytes 12..15")                                                    \
    X(KEYPORT, COMMIT, 0x18, "write: 1 loads the slot, 2 clears it; KEY0..3 read as 0 always")     \
    X(KEYPORT, BUSY, 0x1C, "channels whose last commit is not done")                               \
    X(CORES, CORE, 0x00, "core that WBINVD and ASID are about; all ones: every core")              \
    X(CORES, WBINVD, 0x04, "read: WBINVD_DONE of the core; write: clears it")                      \
    X(CORES, ASID, 0x08, "write: bits 15:0 ASID, bit 31 valid for VMRUN; ASID 0: every ASID")      \
    X(CORES, FLUSH, 0x0C, "write: drains the fabric's write queues; read: 1 while it does")        \
    X(CORES, ACK, 0x10, "write: takes the flush line down")                                        \
    X(PLATFORM, MEMORY_LO, 0x00, "bytes of system memory")                                         \
    X(PLATFORM, MEMORY_HI, 0x04, "upper half")                                                     \
    X(PLATFORM, CHANNELS, 0x08, "memory controllers")                                              \
    X(PLATFORM, CORES, 0x0C, "x86 cores")                                                          \
    X(PLATFORM, CORES_PER_CCX, 0x10, "cores of a core complex")                                    \
    X(PLATFORM, ASID_MAX, 0x14, "highest ASID")                                                    \
    X(PLATFORM, ASID_MIN, 0x18, "lowest ASID of a guest without ES")                               \
    X(PLATFORM, HOST_SLOT, 0x1C, "key slot of the host's key")                                     \
    X(PLATFORM, C_BIT, 0x20, "position of the C-bit")                                              \
    X(PLATFORM, SOCKET, 0x24, "number of this socket")                                             \
    X(PLATFORM, FLAGS, 0x28, "SP_PLATFORM_*")                                                      \
    X(PLATFORM, SECURITY, 0x2C, "oldest security version of an image that may run")                \
    X(PLATFORM, SECRET0, 0x40, "chip-unique key, 32 bytes")                                        \
    X(PLATFORM, KEY_HASH0, 0x60, "SHA-384 of the modulus that may sign images, 48 bytes")          \
    X(FLASH, START, 0x00, "write: 1 reads, 2 programs (bits only clear), 3 erases a sector")       \
    X(FLASH, STATUS, 0x04, "0 idle, 1 busy; bit 8: refused")                                       \
    X(FLASH, OFFSET, 0x08, "byte of the flash; a program stays inside one page of 256")            \
    X(FLASH, LOCAL, 0x0C, "SRAM address")                                                          \
    X(FLASH, LENGTH, 0x10, "bytes")                                                                \
    X(FLASH, ACK, 0x14, "write: takes the completion line down")                                   \
    X(ECC, CORRECTED, 0x00, "words of SRAM that were corrected since power-up")                    \
    X(ECC, LOST, 0x04, "address of the last word that could not be; 0: none")

enum {
#define SP_REGISTER_ENUM(device, name, offset, text) SP_##device##_##name = (offset),
    SP_REGISTER_MAP(SP_REGISTER_ENUM)
#undef SP_REGISTER_ENUM
};

#define SP_ROM_BASE     0x00010000u
#define SP_ROM_BYTES    0x00008000u
#define SP_SRAM_BASE    0x20000000u
#define SP_SRAM_BYTES   0x00100000u
#define SP_DEVICE_BASE  0x40000000u
#define SP_DEVICE_BYTES 0x1000u

/* SRAM from below: a guard, the stack that grows down to it, data, an image that is being checked,
   code. PMP entries that are locked before the image runs hold what each may be used for. */
#define SP_GUARD_BYTES   0x00001000u
#define SP_STACK_TOP     0x20008000u
#define SP_STAGING_BASE  0x200A0000u
#define SP_STAGING_BYTES 0x00020000u
#define SP_CODE_BASE     0x200C0000u
#define SP_CODE_BYTES    0x00040000u

/* Index of a device: its base is SP_DEVICE_BASE + index x SP_DEVICE_BYTES. */
enum {
    SP_DEVICE_INTC,
    SP_DEVICE_TIMER,
    SP_DEVICE_CONSOLE,
    SP_DEVICE_MAILBOX,
    SP_DEVICE_CCP,
    SP_DEVICE_DMA,
    SP_DEVICE_KEYPORT,
    SP_DEVICE_CORES,
    SP_DEVICE_PLATFORM,
    SP_DEVICE_FLASH,
    SP_DEVICE_ECC,
    SP_DEVICES
};

/* Lines of the interrupt controller. */
enum {
    SP_LINE_MAILBOX = 1 << 0, /* a doorbell is unanswered */
    SP_LINE_CCP = 1 << 1,     /* operation done, until ACK */
    SP_LINE_DMA = 1 << 2,     /* transfer done, until ACK */
    SP_LINE_KEYPORT = 1 << 3, /* no channel is busy */
    SP_LINE_FLUSH = 1 << 4,   /* flush done, until ACK */
    SP_LINE_FLASH = 1 << 6,   /* flash operation done, until ACK */
    SP_LINE_TIMER = 1 << 5,   /* also the hart's timer interrupt */
};

/*
 * Operations of the CCP. Scalars and coordinates are 48 bytes, little-endian; a point is X then Y,
 * a signature R then S.
 */
enum {
    SP_CCP_RANDOM = 1,        /* LENGTH random bytes to DST */
    SP_CCP_SHA256_BLOCKS = 2, /* LENGTH (a multiple of 64) at SRC into the state at AUX (8 words) */
    SP_CCP_HMAC_SHA256 = 3,   /* 32 bytes to DST: HMAC of SRC under KEY */
    SP_CCP_AES_CTR = 4,       /* SRC to DST; KEY_LENGTH 16 or 32; counter block at AUX */
    SP_CCP_GCM_SEAL =
        5, /* SRC to DST under KEY (16 or 32); AUX: IV (12), tag out (16), AAD (rest) */
    SP_CCP_GCM_OPEN = 6,     /* the same with the tag in; MISMATCH leaves zeros */
    SP_CCP_SHA384 = 7,       /* 48 bytes to DST: all of SRC */
    SP_CCP_P384_REDUCE = 8,  /* LENGTH bytes at SRC, little-endian, to a scalar: mod (n - 1), + 1 */
    SP_CCP_P384_PUBLIC = 9,  /* scalar at KEY to its point at DST */
    SP_CCP_P384_ECDH = 10,   /* scalar at KEY times point at SRC: X to DST */
    SP_CCP_P384_SIGN = 11,   /* digest (LENGTH) at SRC with the scalar at KEY: signature to DST */
    SP_CCP_P384_VERIFY = 12, /* digest at SRC, point at KEY, signature at AUX */
    SP_CCP_P384_CHECK = 13,  /* whether the point at SRC is one */
    SP_CCP_K256_PUBLIC = 14, /* secp256k1: 32-byte big-endian scalar at KEY to X, Y big-endian */
    SP_CCP_RSA_PSS_VERIFY = 15,  /* digest (32 or 48) at SRC; KEY: exponent then modulus, KEY_LENGTH
                                    / 2 bytes each; signature at AUX; all little-endian; AUX_LENGTH:
                                    bytes of the salt */
    SP_CCP_AES_ECB_ENCRYPT = 16, /* SRC to DST, whole blocks; KEY_LENGTH 16 or 32 */
    SP_CCP_AES_ECB_DECRYPT = 17,
};

/* Result of the last operation, STATUS bits 31:8. */
enum {
    SP_CCP_OK = 0,
    SP_CCP_BAD_OPERATION = 1, /* unknown operation or a length that it cannot take */
    SP_CCP_BAD_ADDRESS = 2,   /* not in SRAM (inputs: or ROM) */
    SP_CCP_MISMATCH = 3,      /* a signature or tag does not match */
    SP_CCP_BAD_POINT = 4,     /* not a point of the curve, or a scalar out of range */
};

enum {
    SP_DMA_READ = 1,
    SP_DMA_WRITE = 2,
    SP_DMA_BAD_ADDRESS = 1 << 8,
    SP_DMA_NO_KEY = 1 << 9,
    SP_KEY_PLAIN = 0,
    SP_KEY_HOST = 1024,
    SP_KEYPORT_LOAD = 1,
    SP_KEYPORT_CLEAR = 2,
    SP_FLASH_READ = 1,
    SP_FLASH_PROGRAM = 2,
    SP_FLASH_ERASE = 3,
    SP_FLASH_REFUSED = 1 << 8, /* outside the flash or SRAM, or across a page */
    SP_FLASH_BYTES = 0x40000,
    SP_FLASH_IMAGE_OFFSET = 0x10000, /* below it stands what the firmware keeps */
    SP_FLASH_SECTOR_BYTES = 4096,
    SP_FLASH_PAGE_BYTES = 256,
    SP_PLATFORM_CHANNEL_KEYS = 1 << 0,  /* a key of its own for each channel */
    SP_PLATFORM_ENCRYPTION_ON = 1 << 1, /* SYSCFG bit 23 on every core */
    SP_PLATFORM_IDENTITY = 1 << 2,      /* the platform has keys and certificates */
    SP_PLATFORM_ROLLBACK = 1 << 3,      /* images of older security versions may run */
    SP_CAUSE_POWER = 0,                 /* TIMER_CAUSE */
    SP_CAUSE_WATCHDOG = 1,
    SP_CAUSE_RESET = 2,
};

#endif
