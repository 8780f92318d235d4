/* The mailbox: the Linux driver's registers on one side, the firmware's on the other. */
#include "model/sp/sp_internal.h"

enum { FEATURE_NOT_ACCESSIBLE_YET = 0 };

static void fire_interrupt(void *self)
{
    cbit_sp_t *sp = self;
    if (sp->parts.on_interrupt != NULL) {
        sp->parts.on_interrupt(sp->parts.interrupt_self);
    }
}

static void fire_ready(void *self)
{
    cbit_sp_t *sp = self;
    if (sp->parts.on_ready != NULL) {
        sp->parts.on_ready(sp->parts.ready_self);
    }
}

void sp_mailbox_init(cbit_sp_t *sp)
{
    cbit_event_init(&sp->mailbox.interrupt_event, fire_interrupt, sp);
    cbit_event_init(&sp->mailbox.ready_event, fire_ready, sp);
    sp->mailbox.cmdresp = SEV_CMDRESP_RESPONSE;
}

/* The version's offset, translated to v2's; 0 when the register does not exist. */
static uint32_t to_v2(const cbit_sp_t *sp, uint32_t offset)
{
    static const uint32_t pairs[][2] = {
#define PAIR(name, v1, v2) {(v1), (v2)},
        SEV_MAILBOX_MAP(PAIR)
#undef PAIR
    };
    if (sp->config.mailbox == CBIT_SP_MAILBOX_V2) {
        return offset;
    }
    for (uint32_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (pairs[i][0] == offset) {
            return pairs[i][1];
        }
    }
    return 0;
}

uint32_t cbit_sp_mmio_read(cbit_sp_t *sp, uint32_t offset)
{
    const sp_mailbox_t *mailbox = &sp->mailbox;
    switch (to_v2(sp, offset)) {
    case SEV_MAILBOX_V2_CMDRESP:
        return mailbox->cmdresp;
    case SEV_MAILBOX_V2_ADDR_LO:
        return mailbox->addr_lo;
    case SEV_MAILBOX_V2_ADDR_HI:
        return mailbox->addr_hi;
    case SEV_MAILBOX_V2_BOOTLOADER:
        return mailbox->bootloader;
    case SEV_MAILBOX_V2_FEATURE:
        if (mailbox->refused != 0) {
            return UINT32_MAX; /* not accessible: drivers give up */
        }
        return sp->ready ? SEV_FEATURE_SEV : FEATURE_NOT_ACCESSIBLE_YET;
    case SEV_MAILBOX_V2_INTEN:
        return mailbox->inten;
    case SEV_MAILBOX_V2_INTSTS:
        return mailbox->intsts;
    default:
        return 0;
    }
}

static void ring(cbit_sp_t *sp, uint32_t value)
{
    sp_mailbox_t *mailbox = &sp->mailbox;
    /* A doorbell while a command is under way is a host bug and changes nothing. */
    if (mailbox->pending || (value & SEV_CMDRESP_RESPONSE) != 0) {
        return;
    }
    mailbox->cmdresp = value;
    mailbox->pending = true;
    mailbox->interrupt_on_completion = (value & SEV_CMDRESP_IOC) != 0;
    mailbox->rung_ps = cbit_kernel_now_ps(sp->kernel);
    sp_set_line(sp, SP_LINE_MAILBOX, true);
}

void cbit_sp_mmio_write(cbit_sp_t *sp, uint32_t offset, uint32_t value)
{
    sp_mailbox_t *mailbox = &sp->mailbox;
    switch (to_v2(sp, offset)) {
    case SEV_MAILBOX_V2_CMDRESP:
        ring(sp, value);
        break;
    case SEV_MAILBOX_V2_ADDR_LO:
        mailbox->addr_lo = value;
        break;
    case SEV_MAILBOX_V2_ADDR_HI:
        mailbox->addr_hi = value;
        break;
    case SEV_MAILBOX_V2_INTEN:
        mailbox->inten = value;
        break;
    case SEV_MAILBOX_V2_INTSTS:
        mailbox->intsts &= ~value;
        break;
    default:
        break;
    }
}

bool sp_mailbox_read(cbit_sp_t *sp, uint32_t offset, uint32_t *value)
{
    switch (offset) {
    case SP_MAILBOX_CMDRESP:
        *value = sp->mailbox.cmdresp;
        return true;
    case SP_MAILBOX_ADDR_LO:
        *value = sp->mailbox.addr_lo;
        return true;
    case SP_MAILBOX_ADDR_HI:
        *value = sp->mailbox.addr_hi;
        return true;
    case SP_MAILBOX_STATUS:
        *value = sp->mailbox.pending ? 1 : 0;
        return true;
    case SP_MAILBOX_READY:
        *value = sp->mailbox.bootloader;
        return true;
    default:
        return false;
    }
}

static void answer(cbit_sp_t *sp, uint32_t value)
{
    sp_mailbox_t *mailbox = &sp->mailbox;
    cbit_ps_t now_ps = cbit_kernel_now_ps(sp->kernel);
    mailbox->cmdresp = value;
    if (!mailbox->pending) {
        return;
    }
    mailbox->pending = false;
    sp->stats.commands++;
    sp->stats.busy_ps += now_ps - mailbox->rung_ps;
    sp_set_line(sp, SP_LINE_MAILBOX, false);
    if (mailbox->interrupt_on_completion) {
        mailbox->intsts |= SEV_INTSTS_COMMAND_COMPLETE;
        if ((mailbox->inten & SEV_INTSTS_COMMAND_COMPLETE) != 0) {
            cbit_event_notify_at(sp->kernel, &mailbox->interrupt_event, now_ps);
        }
    }
}

void sp_mailbox_abandon(cbit_sp_t *sp, uint32_t status)
{
    if (sp->mailbox.pending) {
        uint32_t id = sp->mailbox.cmdresp & SEV_CMDRESP_ID_MASK << SEV_CMDRESP_ID_SHIFT;
        answer(sp, SEV_CMDRESP_RESPONSE | id | status);
    }
}

bool sp_mailbox_write(cbit_sp_t *sp, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case SP_MAILBOX_CMDRESP:
        answer(sp, value | SEV_CMDRESP_RESPONSE);
        return true;
    case SP_MAILBOX_READY:
        sp->mailbox.bootloader = value;
        sp->mailbox.refused = 0;
        if (!sp->ready) {
            sp->ready = true;
            cbit_event_notify_at(sp->kernel, &sp->mailbox.ready_event,
                                 cbit_kernel_now_ps(sp->kernel));
        }
        return true;
    case SP_MAILBOX_REFUSED:
        sp->mailbox.refused = value;
        return true;
    default:
        return false;
    }
}
