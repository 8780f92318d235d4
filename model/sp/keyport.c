/* The key port: one key slot of one memory controller at a time, each write timed by it. */
#include <string.h>

#include <openssl/crypto.h>

#include "model/sp/sp_internal.h"

void sp_keyport_init(cbit_sp_t *sp)
{
    for (uint32_t i = 0; i < SP_CHANNELS_MAX; i++) {
        sp->keyport.channels[i].sp = sp;
    }
    sp_set_line(sp, SP_LINE_KEYPORT, true);
}

static void on_done(void *self)
{
    sp_keyport_channel_t *channel = self;
    cbit_sp_t *sp = channel->sp;
    OPENSSL_cleanse(channel->key, sizeof channel->key);
    channel->busy = false;
    sp->keyport.busy--;
    sp_set_line(sp, SP_LINE_KEYPORT, sp->keyport.busy == 0);
}

/* A commit to a channel that is still busy, or that does not exist, is dropped: firmware bug. */
static void commit(cbit_sp_t *sp, bool load)
{
    sp_keyport_t *port = &sp->keyport;
    if (port->channel >= sp->parts.hooks.channels || port->channels[port->channel].busy) {
        return;
    }
    sp_keyport_channel_t *channel = &port->channels[port->channel];
    channel->busy = true;
    memcpy(channel->key, port->key, sizeof channel->key);
    port->busy++;
    sp->stats.key_writes++;
    sp_set_line(sp, SP_LINE_KEYPORT, false);
    sp->parts.hooks.write_key(sp->parts.hooks.self, port->channel, (uint16_t)port->slot,
                              load ? channel->key : NULL, on_done, channel);
}

bool sp_keyport_read(cbit_sp_t *sp, uint32_t offset, uint32_t *value)
{
    *value = offset == SP_KEYPORT_BUSY ? sp->keyport.busy : 0; /* keys cannot be read back */
    return offset <= SP_KEYPORT_BUSY;
}

bool sp_keyport_write(cbit_sp_t *sp, uint32_t offset, uint32_t value)
{
    sp_keyport_t *port = &sp->keyport;
    switch (offset) {
    case SP_KEYPORT_CHANNEL:
        port->channel = value;
        return true;
    case SP_KEYPORT_SLOT:
        port->slot = value;
        return true;
    case SP_KEYPORT_KEY0:
    case SP_KEYPORT_KEY1:
    case SP_KEYPORT_KEY2:
    case SP_KEYPORT_KEY3:
        memcpy(port->key + (offset - SP_KEYPORT_KEY0), &value, 4);
        return true;
    case SP_KEYPORT_COMMIT:
        if (value == SP_KEYPORT_LOAD || value == SP_KEYPORT_CLEAR) {
            commit(sp, value == SP_KEYPORT_LOAD);
        }
        return true;
    default:
        return false;
    }
}
