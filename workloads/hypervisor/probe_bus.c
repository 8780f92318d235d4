/*
 * capture_bus: an analyser at the pins of the memory channels. It sees every line with its address,
 * its direction and its ciphertext, while the guest runs on.
 */
#include "workloads/hypervisor/attacker.h"
#include "workloads/hypervisor/probe.h"

#include <stdlib.h>
#include <string.h>

/* ---- whose line is it? ---- */

static int by_spa(const void *a, const void *b)
{
    const cbit_hv_place_t *x = a, *y = b;
    return x->spa < y->spa ? -1 : x->spa > y->spa;
}

/* Where the guest's private pages lie now. */
static bool find_places(cbit_hv_probe_t *probe, const cbit_hv_guest_t *guest)
{
    uint64_t pages = guest->config->memory / CBIT_PAGE_BYTES;
    probe->places = calloc(pages + 1, sizeof *probe->places);
    for (uint64_t i = 0; probe->places != NULL && i < pages; i++) {
        cbit_gpa_t gpa = i * CBIT_PAGE_BYTES;
        cbit_spa_t spa;
        if (cbit_guest_area_at(guest->soft, gpa) == CBIT_GUEST_AREA_PRIVATE &&
            cbit_hv_nested_backing(&guest->nested, gpa, &spa)) {
            probe->places[probe->places_count++] = (cbit_hv_place_t){.spa = spa, .gpa = gpa};
        }
    }
    if (probe->places != NULL) {
        qsort(probe->places, probe->places_count, sizeof *probe->places, by_spa);
    }
    return probe->places != NULL;
}

/* Counts the line's blocks if it is of one of these pages, and those that say something. */
static void compare(cbit_hv_probe_t *probe, const cbit_bus_line_t *line)
{
    const cbit_hv_guest_t *guest = &probe->hv->guests[probe->event->guest_index];
    const cbit_hv_place_t key = {.spa = line->spa - line->spa % CBIT_PAGE_BYTES};
    const cbit_hv_place_t *place =
        bsearch(&key, probe->places, probe->places_count, sizeof key, by_spa);
    uint8_t plain[CBIT_LINE_BYTES];
    if (place == NULL ||
        !cbit_guest_plaintext(guest->soft, place->gpa + line->spa % CBIT_PAGE_BYTES, plain,
                              sizeof plain)) {
        return;
    }
    for (uint32_t at = 0; at < CBIT_LINE_BYTES; at += CBIT_BLOCK_BYTES) {
        if (cbit_hv_block_is_filler(plain + at)) {
            continue; /* memory that nobody has written looks like that too */
        }
        probe->result->blocks++;
        probe->result->changed_blocks +=
            memcmp(line->bytes + at, plain + at, CBIT_BLOCK_BYTES) != 0;
    }
}

/* ---- the recording ---- */

static void keep(cbit_hv_probe_t *probe, const cbit_bus_line_t *line)
{
    cbit_run_event_t *result = probe->result;
    if (result->lines_count == probe->event->lines) {
        result->info2++; /* not kept */
        return;
    }
    if (result->lines_count == probe->lines_room) {
        uint32_t room = probe->lines_room == 0 ? 4096 : 2 * probe->lines_room;
        room = room < probe->event->lines ? room : probe->event->lines;
        cbit_bus_line_t *lines = realloc(result->lines, room * sizeof *lines);
        if (lines == NULL) {
            probe->short_of_memory = true;
            return;
        }
        result->lines = lines;
        probe->lines_room = room;
    }
    result->lines[result->lines_count++] = *line;
    result->info1 = result->lines_count;
}

static bool captures(const cbit_hv_probe_t *probe)
{
    return probe->event->kind == CBIT_EVENT_CAPTURE_BUS && probe->state == CBIT_HV_PROBE_ACTIVE;
}

static void on_line(void *self, const cbit_bus_line_t *line)
{
    cbit_hv_t *hv = self;
    for (uint32_t i = 0; i < hv->probe_count; i++) {
        if (captures(&hv->probes[i])) {
            keep(&hv->probes[i], line);
            compare(&hv->probes[i], line);
        }
    }
    cbit_hv_attack_bus(hv, line);
}

void cbit_hv_bus_listen(cbit_hv_t *hv)
{
    bool wanted = hv->attack_captures;
    for (uint32_t i = 0; i < hv->probe_count; i++) {
        wanted |= captures(&hv->probes[i]);
    }
    cbit_platform_analyse(hv->platform, wanted ? on_line : NULL, hv);
}

void cbit_hv_probe_capture(cbit_hv_probe_t *probe, cbit_hv_vcpu_t *vcpu)
{
    cbit_hv_t *hv = probe->hv;
    if (!find_places(probe, vcpu->guest)) {
        (void)cbit_hv_fail(hv, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
        return;
    }
    probe->state = CBIT_HV_PROBE_ACTIVE;
    probe->result->skipped = false;
    probe->result->at_ps = cbit_hv_now(hv);
    cbit_hv_bus_listen(hv);
    cbit_event_notify_at(hv->kernel, &probe->alarm, cbit_hv_now(hv) + probe->event->for_us);
}

static int by_time(const void *a, const void *b)
{
    const cbit_bus_line_t *x = a, *y = b;
    if (x->at_ps != y->at_ps) {
        return x->at_ps < y->at_ps ? -1 : 1;
    }
    return x->channel < y->channel ? -1 : x->channel > y->channel;
}

/* plaintext: at least one block passed as the guest has written it. */
void cbit_hv_probe_captured(cbit_hv_probe_t *probe)
{
    cbit_run_event_t *result = probe->result;
    if (!captures(probe)) {
        return;
    }
    probe->state = CBIT_HV_PROBE_DONE;
    cbit_event_cancel(probe->hv->kernel, &probe->alarm);
    cbit_hv_bus_listen(probe->hv);
    if (probe->short_of_memory) {
        (void)cbit_hv_fail(probe->hv, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
        return;
    }
    if (result->lines != NULL) { /* a channel's lines have times of their own: an order is there */
        qsort(result->lines, result->lines_count, sizeof *result->lines, by_time);
    }
    result->span_ps = cbit_hv_now(probe->hv) - result->at_ps;
    result->outcome = result->blocks == 0                        ? "ok"
                      : result->changed_blocks == result->blocks ? "ciphertext"
                                                                 : "plaintext";
}
