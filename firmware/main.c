/* Boot, and the loop that serves the mailbox. */
#include "drivers/mmio.h"
#include "sev/identity.h"

enum { BOOTLOADER_VERSION = SEV_API_MAJOR << 24 | SEV_API_MINOR << 16 | SEV_BUILD };

int main(void);
void fatal_trap(uint32_t cause, uint32_t epc, uint32_t tval);

/* One system-wide key, new at each reset; after this line no copy of it is left outside the slots.
 */
static void load_host_key(void)
{
    static uint8_t key[SEV_KEY_BYTES];
    ccp_random(key, sizeof key);
    keyport_set(SP_READ(PLATFORM, HOST_SLOT), key);
    wipe(key, sizeof key);
}

static void serve_one(void)
{
    irq_wait(SP_LINE_MAILBOX);
    uint32_t id = mailbox_command();
    uint64_t paddr = SP_READ(MAILBOX, ADDR_LO) | (uint64_t)SP_READ(MAILBOX, ADDR_HI) << 32;
    watchdog_start();
    sev_status_t status = command_execute(id, paddr);
    watchdog_stop();
    mailbox_answer(id, status);
    download_take_effect();
}

/* A trap is a fault of the hardware or of this firmware: no key survives it, nothing else is done.
 */
void fatal_trap(uint32_t cause, uint32_t epc, uint32_t tval)
{
    console_text("sp: trap ");
    console_hex(cause);
    console_text(" at ");
    console_hex(epc);
    console_text(" value ");
    console_hex(tval);
    console_text("\n");
    wipe(&fw, sizeof fw);
    identity_forget();
    for (;;) {
        irq_wait(SP_LINE_MAILBOX);
        mailbox_answer(mailbox_command(), SEV_STATUS_HWERROR_UNSAFE);
    }
}

int main(void)
{
    if (started_again()) {
        /* x86 runs on under the host's key; the guests are gone, and so must be their keys. */
        asid_forget_all();
        console_text("sp: started again\n");
    } else {
        load_host_key();
    }
    core_set_asid_valid(EVERY_CORE, EVERY_ASID, false);
    watchdog_stop(); /* the boot ROM started it */
    console_text("sp: SEV firmware ");
    console_hex(BOOTLOADER_VERSION);
    console_text(" ready\n");
    SP_WRITE(MAILBOX, READY, BOOTLOADER_VERSION);
    for (;;) {
        serve_one();
    }
}
