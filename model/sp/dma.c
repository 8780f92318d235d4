/* DMA: real requests into system memory, line by line, several under way. */
#include <string.h>

#include "model/sp/sp_internal.h"

static void pump(cbit_sp_t *sp);

static void on_space(void *self)
{
    cbit_sp_t *sp = self;
    sp->dma.blocked = false;
    pump(sp);
}

static void on_pace(void *self)
{
    pump(self);
}

void sp_dma_init(cbit_sp_t *sp)
{
    cbit_event_init(&sp->dma.pace, on_pace, sp);
    sp->dma.waiter = (cbit_waiter_t){.on_space = on_space, .self = sp};
    for (uint32_t i = 0; i < sp->config.dma_outstanding; i++) {
        sp->dma.txns[i].next = sp->dma.free;
        sp->dma.free = &sp->dma.txns[i];
    }
}

void sp_dma_reset(cbit_sp_t *sp)
{
    sp_dma_t *dma = &sp->dma;
    for (uint32_t i = 0; i < sp->config.dma_outstanding; i++) {
        dma->stale[i] = true;
    }
    for (const cbit_txn_t *txn = dma->free; txn != NULL; txn = txn->next) {
        dma->stale[txn - dma->txns] = false;
    }
    dma->busy = dma->done = false;
    dma->under_way = dma->result = 0;
}

static void finish_if_done(cbit_sp_t *sp)
{
    sp_dma_t *dma = &sp->dma;
    bool stopped = dma->result != 0 || dma->sent == dma->length;
    if (dma->busy && stopped && dma->under_way == 0) {
        dma->busy = false;
        dma->done = true;
        sp_set_line(sp, SP_LINE_DMA, true);
    }
}

static void on_reply(void *self, cbit_txn_t *txn)
{
    cbit_sp_t *sp = self;
    sp_dma_t *dma = &sp->dma;
    if (dma->stale[txn - dma->txns]) {
        dma->stale[txn - dma->txns] = false;
        memset(txn->data, 0, sizeof txn->data);
        txn->next = dma->free;
        dma->free = txn;
        pump(sp);
        return;
    }
    if (txn->status != CBIT_ERR_OK) {
        dma->result |= txn->status == CBIT_ERR_KEY_NOT_LOADED ? (uint32_t)SP_DMA_NO_KEY
                                                              : (uint32_t)SP_DMA_BAD_ADDRESS;
    } else if (!dma->write) {
        uint32_t local = dma->local + (uint32_t)(txn->spa - dma->spa);
        uint8_t *to = sp_memory(sp, local, txn->size_bytes, true);
        if (to == NULL) {
            dma->result |= (uint32_t)SP_DMA_BAD_ADDRESS; /* the rest of a word is lost */
        } else {
            memcpy(to, txn->data, txn->size_bytes);
            hart_memory_written(&sp->hart, local, txn->size_bytes);
        }
    }
    sp->stats.dma_bytes += txn->size_bytes;
    memset(txn->data, 0, sizeof txn->data);
    dma->under_way--;
    txn->next = dma->free;
    dma->free = txn;
    pump(sp);
}

/* Whether the next line may begin; else the pump is called when it may. */
static bool in_pace(cbit_sp_t *sp)
{
    sp_dma_t *dma = &sp->dma;
    if (dma->next_ps <= cbit_kernel_now_ps(sp->kernel)) {
        return true;
    }
    cbit_event_notify_at(sp->kernel, &dma->pace, dma->next_ps);
    return false;
}

/* Sends lines until all are under way, the target is full or none is free. */
static void pump(cbit_sp_t *sp)
{
    sp_dma_t *dma = &sp->dma;
    while (dma->busy && dma->result == 0 && !dma->blocked && dma->sent < dma->length &&
           dma->free != NULL && in_pace(sp)) {
        cbit_txn_t *txn = dma->free, *rest_of_list = txn->next; /* init forgets it */
        cbit_spa_t spa = dma->spa + dma->sent;
        uint32_t rest = dma->length - dma->sent;
        uint32_t line = CBIT_LINE_BYTES - (uint32_t)(spa % CBIT_LINE_BYTES);
        uint32_t size = rest < line ? rest : line;
        const uint8_t *from =
            dma->write ? sp_memory(sp, dma->local + dma->sent, size, false) : NULL;
        if (dma->write && from == NULL) {
            dma->result |= (uint32_t)SP_DMA_BAD_ADDRESS; /* lost: nothing of it leaves */
            break;
        }
        cbit_txn_init(txn, dma->write ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ, spa, size,
                      (cbit_key_t)dma->key, CBIT_SOURCE_SP, cbit_kernel_now_ps(sp->kernel));
        cbit_txn_push_reply(txn, on_reply, sp);
        if (dma->write) {
            memcpy(txn->data, from, size);
        }
        /* Off the list first: the target may answer inside try_send. */
        dma->free = rest_of_list;
        dma->sent += size;
        dma->under_way++;
        if (!sp->parts.memory.try_send(sp->parts.memory.self, txn, &dma->waiter)) {
            dma->under_way--;
            dma->sent -= size;
            txn->next = dma->free;
            dma->free = txn;
            dma->blocked = true;
        } else {
            dma->next_ps = cbit_kernel_now_ps(sp->kernel) + sp->config.dma_line_ns;
        }
    }
    finish_if_done(sp);
}

static void start(cbit_sp_t *sp, bool write)
{
    sp_dma_t *dma = &sp->dma;
    dma->busy = true;
    dma->write = write;
    dma->result = 0;
    dma->sent = 0;
    dma->blocked = false;
    bool in_memory =
        dma->spa < sp->parts.memory_bytes && dma->length <= sp->parts.memory_bytes - dma->spa;
    if (!in_memory || sp_memory_raw(sp, dma->local, dma->length, !write) == NULL) {
        dma->result = SP_DMA_BAD_ADDRESS;
    }
    pump(sp);
}

bool sp_dma_read(cbit_sp_t *sp, uint32_t offset, uint32_t *value)
{
    if (offset != SP_DMA_STATUS) {
        return false;
    }
    *value = sp->dma.result | (sp->dma.busy ? 1 : 0);
    return true;
}

bool sp_dma_write(cbit_sp_t *sp, uint32_t offset, uint32_t value)
{
    sp_dma_t *dma = &sp->dma;
    if (offset == SP_DMA_ACK) {
        dma->done = false;
        sp_set_line(sp, SP_LINE_DMA, false);
        return true;
    }
    if (dma->busy) {
        return true; /* the engine keeps what it was started with */
    }
    switch (offset) {
    case SP_DMA_SPA_LO:
        dma->spa = (dma->spa & ~(uint64_t)UINT32_MAX) | value;
        return true;
    case SP_DMA_SPA_HI:
        dma->spa = (dma->spa & UINT32_MAX) | (uint64_t)value << 32;
        return true;
    case SP_DMA_LOCAL:
        dma->local = value;
        return true;
    case SP_DMA_LENGTH:
        dma->length = value;
        return true;
    case SP_DMA_KEY:
        dma->key = value <= SP_KEY_HOST ? value : SP_KEY_PLAIN;
        return true;
    case SP_DMA_START:
        if (value == SP_DMA_READ || value == SP_DMA_WRITE) {
            start(sp, value == SP_DMA_WRITE);
        }
        return true;
    default:
        return false;
    }
}
