/* Reading the events of a hypervisor: VM chunks. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "workloads/traffic/trace_reader.h"

typedef cbit_err_t (*visit_t)(void *visitor, const cbit_trace_event_t *event);

static cbit_err_t bad_event(const cbit_trace_reader_t *reader, const cbit_cbt_entry_t *entry,
                            const uint8_t *at, const char *what, cbit_diag_t *diag)
{
    char where[96];
    (void)snprintf(where, sizeof where, "byte %" PRIu64 " (byte %td of the unpacked chunk)",
                   entry->offset, at - reader->vm.raw);
    return cbit_diag_add(diag, CBIT_ERR_FORMAT, where, "%s", what);
}

static cbit_err_t visit_chunk(cbit_trace_reader_t *reader, const cbit_cbt_entry_t *entry,
                              uint64_t *last_ps, visit_t visit, void *visitor, cbit_diag_t *diag)
{
    uint64_t at_ps = 0;
    cbit_err_t err = cbit_cbt_load_chunk(reader, entry, &reader->vm, diag);
    const uint8_t *at = reader->vm.raw, *end = at + reader->vm.bytes;
    for (uint32_t i = 0; i < entry->chunk.records && err == CBIT_ERR_OK; i++) {
        cbit_trace_event_t event;
        const uint8_t *next = cbit_cbt_get_event(at, end, &at_ps, &event);
        if (next == NULL) {
            return bad_event(reader, entry, at, "event is cut off or not valid", diag);
        }
        if (at_ps < *last_ps) {
            return bad_event(reader, entry, at, "event is before the one before it", diag);
        }
        *last_ps = at_ps;
        at = next;
        err = visit(visitor, &event);
    }
    return err != CBIT_ERR_OK || at == end
               ? err
               : bad_event(reader, entry, at, "bytes are left behind the chunk's last event", diag);
}

cbit_err_t cbit_trace_reader_for_each_event(cbit_trace_reader_t *reader, visit_t visit,
                                            void *visitor, cbit_diag_t *diag)
{
    uint64_t last_ps = 0;
    cbit_err_t err = CBIT_ERR_OK;
    for (uint32_t i = 0; i < reader->entry_count && err == CBIT_ERR_OK; i++) {
        if (reader->entries[i].chunk.type != CBIT_CBT_VM) {
            continue;
        }
        if (reader->vm.raw == NULL) {
            reader->vm.raw = malloc(CBIT_TRACE_CHUNK_BYTES);
        }
        err = reader->vm.raw == NULL
                  ? cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory")
                  : visit_chunk(reader, &reader->entries[i], &last_ps, visit, visitor, diag);
    }
    return err;
}
