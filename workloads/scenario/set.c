/* --set /json/pointer=value on the merged tree. */
#include <string.h>

#include "workloads/json/text.h"
#include "workloads/scenario/file.h"

/* The value as JSON; what is not JSON is a string, so that --set /title=Hello needs no quotes. */
static cbit_json_t *read_value(cbit_scenario_file_t *file, const char *text, uint32_t origin)
{
    cbit_diag_t *quiet = cbit_diag_create();
    cbit_json_t *value =
        quiet == NULL ? NULL : cbit_json_parse(file->arena, text, strlen(text), origin, quiet);
    cbit_diag_destroy(quiet);
    if (value == NULL) {
        value = cbit_json_string(file->arena, text);
    }
    return value;
}

static void put_here(cbit_json_t *place, const cbit_json_t *value)
{
    const char *key = place->key;
    cbit_json_t *next = place->next;
    *place = *value;
    place->key = key;
    place->next = next;
}

static void mark(cbit_json_t *value, uint32_t origin)
{
    value->origin = origin;
    for (cbit_json_t *child = value->first; child != NULL; child = child->next) {
        mark(child, origin);
    }
}

/* The member or item that the pointer names, made when an object lacks it. */
static cbit_json_t *find_place(cbit_scenario_file_t *file, const char *pointer, uint32_t origin)
{
    char token[CBIT_JSON_POINTER_BYTES], one[CBIT_JSON_POINTER_BYTES + 2];
    cbit_json_t *place = file->tree;
    int more;
    while ((more = cbit_pointer_next(&pointer, token, sizeof token)) > 0) {
        one[0] = '\0';
        cbit_pointer_push(one, sizeof one, token);
        cbit_json_t *below = (cbit_json_t *)cbit_json_at(place, one);
        if (below == NULL && place->kind == CBIT_JSON_OBJECT) {
            below = cbit_json_new(file->arena, CBIT_JSON_OBJECT);
            below = cbit_json_add(file->arena, place, token, below);
            if (below != NULL) {
                below->origin = origin;
            }
        }
        if (below == NULL) {
            return NULL;
        }
        place = below;
    }
    return more < 0 || place == file->tree ? NULL : place;
}

void cbit_scenario_apply_set(cbit_scenario_file_t *file, const cbit_scenario_set_t *set,
                             uint32_t origin, cbit_diag_t *diag)
{
    cbit_json_t *value = read_value(file, set->value, origin);
    cbit_json_t *place = find_place(file, set->pointer, origin);
    cbit_diag_set_file(diag, "--set");
    if (value == NULL) {
        (void)cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, set->pointer, "out of memory");
    } else if (place == NULL) {
        (void)cbit_diag_add(diag, CBIT_ERR_RANGE, set->pointer,
                            "leads to nothing that can be set; expected /key/... of the scenario "
                            "with indices that it has");
    } else {
        mark(value, origin);
        put_here(place, value);
    }
}
