/* The NOR flash. */
#include "drivers/drivers.h"
#include "drivers/mmio.h"

static bool flash_run(uint32_t op, uint32_t offset, const void *local, uint32_t len_bytes)
{
    SP_WRITE(FLASH, OFFSET, offset);
    SP_WRITE(FLASH, LOCAL, local == NULL ? 0 : sp_address(local));
    SP_WRITE(FLASH, LENGTH, len_bytes);
    SP_WRITE(FLASH, START, op);
    irq_wait(SP_LINE_FLASH);
    bool good = (SP_READ(FLASH, STATUS) & SP_FLASH_REFUSED) == 0;
    SP_WRITE(FLASH, ACK, 1);
    return good;
}

bool flash_read(uint32_t offset, void *to, uint32_t len_bytes)
{
    return flash_run(SP_FLASH_READ, offset, to, len_bytes);
}

bool flash_program(uint32_t offset, const void *from, uint32_t len_bytes)
{
    const uint8_t *bytes = from;
    while (len_bytes > 0) {
        uint32_t room = SP_FLASH_PAGE_BYTES - offset % SP_FLASH_PAGE_BYTES;
        uint32_t part = len_bytes < room ? len_bytes : room;
        if (!flash_run(SP_FLASH_PROGRAM, offset, bytes, part)) {
            return false;
        }
        offset += part;
        bytes += part;
        len_bytes -= part;
    }
    return true;
}

bool flash_erase_sector(uint32_t offset)
{
    return flash_run(SP_FLASH_ERASE, offset, NULL, 0);
}
