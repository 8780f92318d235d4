#include "workloads/hypervisor/transfer.h"

#include <string.h>

static void pump(cbit_hv_transfer_t *transfer);

static void on_space(void *self)
{
    pump(self);
}

static void on_reply(void *self, cbit_txn_t *txn)
{
    cbit_hv_transfer_slot_t *slot = self;
    cbit_hv_transfer_t *transfer = slot->owner;
    if (txn->status != CBIT_ERR_OK && transfer->err == CBIT_ERR_OK) {
        transfer->err = txn->status;
    }
    if (transfer->command == CBIT_COMMAND_READ) {
        memcpy(transfer->bytes + slot->at, txn->data, txn->size_bytes);
    }
    slot->busy = false;
    transfer->in_flight--;
    pump(transfer);
}

static cbit_hv_transfer_slot_t *idle_slot(cbit_hv_transfer_t *transfer)
{
    for (uint32_t i = 0; i < CBIT_HV_TRANSFER_WINDOW; i++) {
        if (!transfer->slots[i].busy) {
            return &transfer->slots[i];
        }
    }
    return NULL;
}

/* The bytes from an address to the end of its line, at most left. */
static uint32_t piece_bytes(cbit_spa_t spa, uint64_t left)
{
    uint32_t room = CBIT_LINE_BYTES - (uint32_t)(spa % CBIT_LINE_BYTES);
    return left < room ? (uint32_t)left : room;
}

static bool send_next(cbit_hv_transfer_t *transfer, cbit_hv_transfer_slot_t *slot)
{
    cbit_spa_t spa = transfer->spa + transfer->next;
    uint32_t size = piece_bytes(spa, transfer->len_bytes - transfer->next);
    cbit_txn_t *txn = &slot->txn;
    cbit_txn_init(txn, transfer->command, spa, size, transfer->key, transfer->source,
                  cbit_kernel_now_ps(transfer->kernel));
    txn->source_id = transfer->source_id;
    if (transfer->command == CBIT_COMMAND_WRITE) {
        memcpy(txn->data, transfer->bytes + transfer->next, size);
    }
    cbit_txn_push_reply(txn, on_reply, slot);
    slot->at = transfer->next;
    slot->busy = true;
    transfer->next += size;
    transfer->in_flight++;
    if (transfer->port.try_send(transfer->port.self, txn, &transfer->waiter)) {
        return true;
    }
    slot->busy = false;
    transfer->next -= size;
    transfer->in_flight--;
    return false;
}

static void pump(cbit_hv_transfer_t *transfer)
{
    if (transfer->pumping) {
        return; /* an answer came while sending: the loop below sees it */
    }
    transfer->pumping = true;
    while (transfer->next < transfer->len_bytes) {
        cbit_hv_transfer_slot_t *slot = idle_slot(transfer);
        if (slot == NULL || !send_next(transfer, slot)) {
            break;
        }
    }
    transfer->pumping = false;
    if (transfer->active && transfer->in_flight == 0 && transfer->next == transfer->len_bytes) {
        transfer->active = false;
        transfer->done(transfer->done_self);
    }
}

void cbit_hv_transfer_init(cbit_hv_transfer_t *transfer, cbit_kernel_t *kernel, cbit_port_t port,
                           cbit_source_t source, uint16_t source_id)
{
    *transfer = (cbit_hv_transfer_t){
        .kernel = kernel, .port = port, .source = source, .source_id = source_id};
    transfer->waiter = (cbit_waiter_t){.on_space = on_space, .self = transfer};
    for (uint32_t i = 0; i < CBIT_HV_TRANSFER_WINDOW; i++) {
        transfer->slots[i].owner = transfer;
    }
}

void cbit_hv_transfer_start(cbit_hv_transfer_t *transfer, cbit_command_t command, cbit_spa_t spa,
                            cbit_key_t key, void *bytes, uint64_t len_bytes,
                            void (*done)(void *self), void *done_self)
{
    transfer->command = command;
    transfer->spa = spa;
    transfer->key = key;
    transfer->bytes = bytes;
    transfer->len_bytes = len_bytes;
    transfer->next = 0;
    transfer->err = CBIT_ERR_OK;
    transfer->active = true;
    transfer->done = done;
    transfer->done_self = done_self;
    pump(transfer);
}
