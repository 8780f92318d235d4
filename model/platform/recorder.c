#include "model/platform/recorder.h"

#include <string.h>

static void add(cbit_platform_latency_t *latency, const cbit_txn_t *txn, cbit_ps_t total_ps)
{
    cbit_hist_add(&latency->total, total_ps);
    for (int i = 0; i < CBIT_STAGE_COUNT; i++) {
        latency->stage_ps[i] += txn->stage_ps[i];
    }
}

static void on_reply(void *self, cbit_txn_t *txn)
{
    cbit_recorder_t *recorder = self;
    cbit_ps_t total_ps = cbit_kernel_now_ps(recorder->kernel) - txn->born_ps;
    recorder->in_flight--;
    recorder->stage_mismatches += cbit_txn_charged_ps(txn) != total_ps;
    if (txn->command == CBIT_COMMAND_READ) {
        add(&recorder->read, txn, total_ps);
        add(&recorder->read_by_source[txn->source], txn, total_ps);
    } else {
        add(&recorder->write, txn, total_ps);
    }
    if (recorder->listener != NULL) {
        recorder->listener(recorder->listener_self, txn, total_ps);
    }
    cbit_txn_reply(txn);
}

static bool recorder_try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    const cbit_recorder_tap_t *tap = self;
    cbit_recorder_t *recorder = tap->recorder;
    cbit_txn_push_reply(txn, on_reply, recorder);
    recorder->in_flight++;
    if (!tap->below.try_send(tap->below.self, txn, waiter)) {
        txn->hops--;
        recorder->in_flight--;
        return false;
    }
    return true;
}

static bool recorder_try_send_at(void *self, cbit_txn_t *txn, cbit_ps_t at_ps)
{
    const cbit_recorder_tap_t *tap = self;
    cbit_recorder_t *recorder = tap->recorder;
    if (tap->below.try_send_at == NULL) {
        return false;
    }
    cbit_txn_push_reply(txn, on_reply, recorder);
    recorder->in_flight++;
    if (!tap->below.try_send_at(tap->below.self, txn, at_ps)) {
        txn->hops--;
        recorder->in_flight--;
        return false;
    }
    return true;
}

static cbit_err_t recorder_peek(void *self, cbit_spa_t spa, cbit_key_t key, void *bytes,
                                uint32_t len_bytes)
{
    const cbit_recorder_tap_t *tap = self;
    return tap->below.peek(tap->below.self, spa, key, bytes, len_bytes);
}

static cbit_err_t recorder_poke(void *self, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                                uint32_t len_bytes)
{
    const cbit_recorder_tap_t *tap = self;
    return tap->below.poke(tap->below.self, spa, key, bytes, len_bytes);
}

void cbit_recorder_init(cbit_recorder_t *recorder, cbit_kernel_t *kernel, cbit_port_t below)
{
    memset(recorder, 0, sizeof *recorder);
    recorder->kernel = kernel;
    (void)cbit_recorder_tap(recorder, 0, below);
    cbit_hist_init(&recorder->read.total);
    cbit_hist_init(&recorder->write.total);
    for (int i = 0; i < CBIT_SOURCE_COUNT; i++) {
        cbit_hist_init(&recorder->read_by_source[i].total);
    }
}

cbit_port_t cbit_recorder_tap(cbit_recorder_t *recorder, uint32_t tap, cbit_port_t below)
{
    recorder->taps[tap] = (cbit_recorder_tap_t){.recorder = recorder, .below = below};
    return (cbit_port_t){.self = &recorder->taps[tap],
                         .try_send = recorder_try_send,
                         .try_send_at = recorder_try_send_at,
                         .peek = recorder_peek,
                         .poke = recorder_poke};
}

cbit_port_t cbit_recorder_port(cbit_recorder_t *recorder)
{
    return cbit_recorder_tap(recorder, 0, recorder->taps[0].below);
}
