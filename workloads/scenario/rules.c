/* Rules across fields, and the resolution of names: what no single row can say. */
#include "workloads/scenario/rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "workloads/scenario/value.h"

#define NONE       UINT32_MAX
#define KIND(name) (UINT64_C(1) << (name))

typedef struct checker {
    cbit_scenario_file_t *file;
    cbit_scenario_t *s;
    cbit_diag_t *diag;
} checker_t;

#define TELL(c, err, pointer, ...)                                                                 \
    ((void)cbit_scenario_tell((c)->file, (c)->diag, CBIT_ERR_##err, pointer, __VA_ARGS__))

enum { AT_BYTES = 64 };
static const char *at(char text[AT_BYTES], const char *list, uint32_t index, const char *key)
{
    (void)snprintf(text, AT_BYTES, "/%s/%u/%s", list, (unsigned)index, key);
    return text;
}

static uint32_t guest_named(const cbit_scenario_t *s, const char *name)
{
    for (uint32_t i = 0; i < s->guests_count; i++) {
        if (strcmp(s->guests[i].name, name) == 0) {
            return i;
        }
    }
    return NONE;
}

/* ---- guests ---- */

static void check_names(checker_t *c)
{
    char where[AT_BYTES];
    for (uint32_t i = 0; i < c->s->guests_count; i++) {
        const char *name = c->s->guests[i].name;
        uint32_t first = guest_named(c->s, name);
        if (name[0] != '\0' && first != i) {
            TELL(c, DUPLICATE, at(where, "guests", i, "name"),
                 "\"%s\" is already the name of /guests/%u", name, (unsigned)first);
        }
    }
}

/* Every guest's predecessor, without rings. */
static void check_after(checker_t *c)
{
    char where[AT_BYTES];
    for (uint32_t i = 0; i < c->s->guests_count; i++) {
        cbit_scenario_guest_t *guest = &c->s->guests[i];
        guest->after_guest = NONE;
        if (guest->after[0] == '\0') {
            continue;
        }
        uint32_t before = guest_named(c->s, guest->after);
        if (before == NONE) {
            TELL(c, RANGE, at(where, "guests", i, "after"), "no guest is called \"%s\"",
                 guest->after);
        } else if (before >= i) {
            TELL(c, CONFLICT, at(where, "guests", i, "after"),
                 "\"%s\" does not stand before this guest in the list", guest->after);
        } else {
            guest->after_guest = before;
        }
    }
}

/* Whether guest a has ended before guest b is launched. */
static bool ends_before(const cbit_scenario_t *s, uint32_t a, uint32_t b)
{
    while (b != NONE && b != a) {
        b = s->guests[b].after_guest;
    }
    return b == a;
}

static void check_asid_taken(checker_t *c, uint32_t index)
{
    char where[AT_BYTES];
    const cbit_scenario_guest_t *guests = c->s->guests;
    for (uint32_t i = 0; i < index; i++) {
        if (guests[i].asid == guests[index].asid && !ends_before(c->s, i, index)) {
            TELL(c, CONFLICT, at(where, "guests", index, "asid"),
                 "%u is already used by /guests/%u; one ASID per guest at a time",
                 (unsigned)guests[index].asid, (unsigned)i);
            cbit_diag_hint(c->diag, "\"after\": \"%s\" launches this guest when that one is gone",
                           guests[i].name);
            return;
        }
    }
}

static void check_asids(checker_t *c)
{
    char where[AT_BYTES];
    uint32_t most = c->file->machine.sev.asids;
    for (uint32_t i = 0; i < c->s->guests_count; i++) {
        const cbit_scenario_guest_t *guest = &c->s->guests[i];
        bool sev = guest->protection != CBIT_PROTECTION_NONE;
        if (guest->asid == 0) {
            continue;
        }
        if (!sev) {
            TELL(c, CONFLICT, at(where, "guests", i, "asid"),
                 "%u for a guest without protection; only encrypted guests name theirs",
                 (unsigned)guest->asid);
        } else if (guest->asid > most) {
            TELL(c, RANGE, at(where, "guests", i, "asid"),
                 "%u is outside 1..%u, the encrypted-guest ASIDs of this machine",
                 (unsigned)guest->asid, (unsigned)most);
        } else if ((guest->protection == CBIT_PROTECTION_SEV_ES) !=
                   (guest->asid < c->file->machine.sev.min_sev_asid)) {
            TELL(c, RANGE, at(where, "guests", i, "asid"),
                 "%u is outside the range of this protection: sev_es has the ASIDs below "
                 "/sev/min_sev_asid = %u, sev the others",
                 (unsigned)guest->asid, (unsigned)c->file->machine.sev.min_sev_asid);
        } else {
            check_asid_taken(c, i);
        }
    }
}

/* INIT refuses a platform whose cores have it switched off. */
static void check_encryption(checker_t *c)
{
    for (uint32_t i = 0; i < c->s->guests_count && !c->file->machine.sp.memory_encryption; i++) {
        if (c->s->guests[i].protection != CBIT_PROTECTION_NONE) {
            TELL(c, CONFLICT, "/sp/memory_encryption",
                 "false, but guest %s is encrypted; allowed where all guests are \"protection\": "
                 "\"none\"",
                 c->s->guests[i].name);
            return;
        }
    }
}

static void check_cores(checker_t *c)
{
    char where[AT_BYTES];
    uint32_t cores = c->file->machine.host.cores;
    for (uint32_t i = 0; i < c->s->guests_count; i++) {
        const cbit_scenario_guest_t *guest = &c->s->guests[i];
        for (uint32_t n = 0; n < guest->cores_count; n++) {
            if (guest->cores[n] >= cores) {
                TELL(c, RANGE, at(where, "guests", i, "cores"),
                     "%u is outside 0..%u, the cores of this machine", (unsigned)guest->cores[n],
                     (unsigned)cores - 1);
            }
        }
    }
}

static void check_nodes(checker_t *c)
{
    char where[AT_BYTES];
    const cbit_fabric_config_t *fabric = &c->file->machine.fabric;
    uint32_t nodes = fabric->sockets * fabric->nodes_per_socket;
    for (uint32_t i = 0; i < c->s->guests_count; i++) {
        uint32_t node = c->s->guests[i].node;
        if (node != UINT32_MAX && node >= nodes) {
            TELL(c, RANGE, at(where, "guests", i, "node"),
                 "%u is outside 0..%u, the NUMA nodes of this machine", (unsigned)node,
                 (unsigned)nodes - 1);
        }
    }
}

static void check_memory(checker_t *c)
{
    char where[AT_BYTES], size[32], all[32];
    uint64_t total = 0, machine = c->file->machine.memory.size_bytes;
    for (uint32_t i = 0; i < c->s->guests_count; i++) {
        const cbit_scenario_guest_t *guest = &c->s->guests[i];
        cbit_value_size_text(guest->memory, size, sizeof size);
        if (guest->memory % 4096 != 0) {
            TELL(c, RANGE, at(where, "guests", i, "memory"),
                 "%s is not a whole number of 4 KiB pages", size);
        }
        /* Guests are at most 1024 of 1 TiB, so the sum cannot overflow. */
        total += guest->after_guest == NONE ? guest->memory : 0;
    }
    cbit_value_size_text(total, size, sizeof size);
    cbit_value_size_text(machine, all, sizeof all);
    if (total > machine) {
        TELL(c, RANGE, "/guests", "%s of guest memory at once; this machine has %s", size, all);
    }
}

/* ---- events ---- */

static void check_event_time(checker_t *c, uint32_t i, const cbit_scenario_event_t *event)
{
    char where[AT_BYTES];
    bool at_given = cbit_json_at(c->file->tree, at(where, "events", i, "at_us")) != NULL;
    if (event->when == CBIT_WHEN_TIME && !at_given) {
        TELL(c, MISSING, at(where, "events", i, "at_us"),
             "missing; a time, or \"when\" with another moment than \"time\"");
    } else if (event->when != CBIT_WHEN_TIME && at_given) {
        TELL(c, CONFLICT, at(where, "events", i, "at_us"),
             "a time besides \"when\"; expected one of them");
    }
    bool at_launch = event->kind == CBIT_EVENT_SKIP_ACTIVATE ||
                     event->kind == CBIT_EVENT_TAMPER_LAUNCH ||
                     event->kind == CBIT_EVENT_PERMUTE_LAUNCH;
    if ((event->when == CBIT_WHEN_LAUNCH) != at_launch) {
        TELL(c, CONFLICT, at(where, "events", i, "when"),
             "skip_activate, tamper_launch and permute_launch are possible at \"launch\", and "
             "nothing "
             "else is");
    }
}

static void check_event_guest(checker_t *c, uint32_t i, cbit_scenario_event_t *event)
{
    char where[AT_BYTES];
    event->guest_index = guest_named(c->s, event->guest);
    if (event->guest[0] == '\0') {
        return; /* told as missing */
    }
    if (event->guest_index == NONE) {
        TELL(c, RANGE, at(where, "events", i, "guest"), "no guest is called \"%s\"", event->guest);
        return;
    }
    const cbit_scenario_guest_t *guest = &c->s->guests[event->guest_index];
    const uint64_t about_sev = KIND(CBIT_EVENT_RUN_WITH_ASID) | KIND(CBIT_EVENT_SKIP_ACTIVATE) |
                               KIND(CBIT_EVENT_ACTIVATE_OTHER_KEY) |
                               KIND(CBIT_EVENT_TAMPER_LAUNCH) | KIND(CBIT_EVENT_PERMUTE_LAUNCH);
    const uint64_t about_state = KIND(CBIT_EVENT_ACTIVATE_OTHER_KEY) |
                                 KIND(CBIT_EVENT_CLEAR_NESTED_PRESENT) |
                                 KIND(CBIT_EVENT_REMAP_PAGE) | KIND(CBIT_EVENT_SKIP_TLB_FLUSH);
    bool needs_sev = (about_sev & KIND(event->kind)) != 0;
    bool runs_state = (about_state & KIND(event->kind)) != 0;
    if (runs_state && guest->protection == CBIT_PROTECTION_SEV_ES) {
        TELL(c, CONFLICT, at(where, "events", i, "guest"),
             "\"%s\" has encrypted state, which this event could not put back", event->guest);
    }
    if (needs_sev && guest->protection == CBIT_PROTECTION_NONE) {
        TELL(c, CONFLICT, at(where, "events", i, "guest"),
             "\"%s\" has no protection; this event is about an encrypted guest", event->guest);
    }
    if (event->kind == CBIT_EVENT_MIGRATE && event->vcpu != 0) {
        TELL(c, RANGE, at(where, "events", i, "vcpu"), "%u; all vCPUs of a guest migrate together",
             (unsigned)event->vcpu);
    }
    if (event->kind == CBIT_EVENT_CONVERT_PAGE && event->vcpu != 0) {
        TELL(c, RANGE, at(where, "events", i, "vcpu"), "%u; vCPU 0 is the one that converts pages",
             (unsigned)event->vcpu);
    }
    if (event->vcpu >= guest->vcpus) {
        TELL(c, RANGE, at(where, "events", i, "vcpu"), "%u is outside 0..%u, the vCPUs of \"%s\"",
             (unsigned)event->vcpu, (unsigned)guest->vcpus - 1, guest->name);
    }
}

static uint32_t mask_of(const cbit_engine_list_t *list)
{
    uint32_t mask = list->count == 0 ? (1u << CBIT_ENGINE_MODES) - 1 : 0;
    for (uint32_t i = 0; i < list->count; i++) {
        mask |= 1u << list->items[i];
    }
    return mask;
}

/* One migration for each guest: the second machine is where it ends. */
static void check_migration(checker_t *c, uint32_t index)
{
    char where[AT_BYTES];
    const cbit_scenario_event_t *event = &c->s->events[index];
    if (event->kind != CBIT_EVENT_MIGRATE || event->guest_index == NONE) {
        return;
    }
    for (uint32_t i = 0; i < index; i++) {
        if (c->s->events[i].kind == CBIT_EVENT_MIGRATE &&
            c->s->events[i].guest_index == event->guest_index) {
            TELL(c, DUPLICATE, at(where, "events", index, "guest"),
                 "\"%s\" migrates in /events/%u already, and there is no way back", event->guest,
                 (unsigned)i);
            return;
        }
    }
}

static void check_events(checker_t *c)
{
    char where[AT_BYTES];
    for (uint32_t i = 0; i < c->s->events_count; i++) {
        cbit_scenario_event_t *event = &c->s->events[i];
        event->engines_mask = mask_of(&event->engines);
        check_event_time(c, i, event);
        check_event_guest(c, i, event);
        check_migration(c, i);
        if (event->asid > c->file->machine.sev.asids) {
            TELL(c, RANGE, at(where, "events", i, "asid"),
                 "%u is outside 1..%u, the encrypted-guest ASIDs of this machine",
                 (unsigned)event->asid, (unsigned)c->file->machine.sev.asids);
        }
        if (event->bytes % 64 != 0) {
            TELL(c, RANGE, at(where, "events", i, "bytes"),
                 "%" PRIu64 " is not a multiple of 64, the size of a line", event->bytes);
        }
    }
}

/* ---- expectations ---- */

static bool numbers_only(const cbit_json_t *array)
{
    for (const cbit_json_t *item = array->first; item != NULL; item = item->next) {
        if (item->kind != CBIT_JSON_NUMBER) {
            return false;
        }
    }
    return true;
}

static void check_expects(checker_t *c)
{
    char where[AT_BYTES];
    for (uint32_t i = 0; i < c->s->expect_count; i++) {
        cbit_scenario_expect_t *expect = &c->s->expect[i];
        const cbit_json_t *value = expect->value;
        expect->engines_mask = mask_of(&expect->engines);
        if (expect->path[0] != '/' && expect->path[0] != '\0') {
            TELL(c, RANGE, at(where, "expect", i, "path"),
                 "\"%.80s\" is not a JSON pointer; expected one such as /time_ns", expect->path);
        }
        if (value == NULL) {
            continue; /* told as missing */
        }
        at(where, "expect", i, "value");
        if (expect->op == CBIT_EXPECT_IN && value->kind != CBIT_JSON_ARRAY) {
            TELL(c, TYPE, where, "not an array; op \"in\" takes an array of the allowed values");
        } else if (expect->op == CBIT_EXPECT_BETWEEN &&
                   (value->kind != CBIT_JSON_ARRAY || value->count != 2 || !numbers_only(value))) {
            TELL(c, TYPE, where, "op \"between\" takes an array of two numbers");
        } else if (expect->op >= CBIT_EXPECT_LT && expect->op <= CBIT_EXPECT_GE &&
                   value->kind != CBIT_JSON_NUMBER) {
            TELL(c, TYPE, where, "not a number; this op compares numbers");
        }
    }
}

/* ---- files ---- */

static const cbit_origin_t *origin_of(const checker_t *c, const char *pointer)
{
    const cbit_json_t *json = cbit_json_at(c->file->tree, pointer);
    return &c->file->origins[json == NULL ? CBIT_ORIGIN_FIRST : json->origin];
}

/* The path as seen from here; a file that --set names is relative to the working directory. */
static const char *resolve(checker_t *c, const char *pointer, const char *name)
{
    const char *folder = name[0] == '/' ? "" : origin_of(c, pointer)->folder;
    size_t len = strlen(folder);
    char *path = cbit_arena_alloc(c->file->arena, len + strlen(name) + 1);
    if (path != NULL) {
        memcpy(path, folder, len);
        memcpy(path + len, name, strlen(name));
    }
    return path;
}

/* A trace is read once, however many guests replay it. */
static bool seen_before(const cbit_scenario_t *s, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (s->guests[i].traffic.path != NULL &&
            strcmp(s->guests[i].traffic.path, s->guests[index].traffic.path) == 0) {
            return true;
        }
    }
    return false;
}

static void check_traffic(checker_t *c)
{
    char where[AT_BYTES];
    for (uint32_t i = 0; i < c->s->guests_count; i++) {
        cbit_traffic_t *traffic = &c->s->guests[i].traffic;
        at(where, "guests", i, "traffic");
        (void)cbit_traffic_check(traffic, where, c->diag);
        if (traffic->kind != CBIT_TRAFFIC_TRACE) {
            continue;
        }
        if (traffic->file[0] == '\0') {
            continue;
        }
        at(where, "guests", i, "traffic/file");
        traffic->path = resolve(c, where, traffic->file);
        if (traffic->path == NULL || seen_before(c->s, i)) {
            continue;
        }
        if (access(traffic->path, R_OK) != 0) { /* not opened: that would wait for a pipe */
            TELL(c, INPUT_FILE, where, "%.200s cannot be opened: %s", traffic->file,
                 strerror(errno));
            continue;
        }
        size_t before = cbit_diag_count(c->diag);
        cbit_scenario_check_trace(traffic->path, c->diag);
        if (cbit_diag_count(c->diag) != before) {
            cbit_diag_hint(c->diag, "named by %s: %s", origin_of(c, where)->shown, where);
        }
    }
}

void cbit_scenario_check_rules(cbit_scenario_file_t *file, cbit_diag_t *diag)
{
    static void (*const rules[])(checker_t * c) = {
        check_names, check_after,  check_asids,  check_encryption, check_cores,
        check_nodes, check_memory, check_events, check_expects,    check_traffic};
    checker_t c = {.file = file, .s = &file->scenario, .diag = diag};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        rules[i](&c);
    }
    cbit_diag_set_file(diag, file->origins[CBIT_ORIGIN_FIRST].shown);
    cbit_scenario_check_machine(file, diag);
}
