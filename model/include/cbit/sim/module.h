/**
 * @file
 * Modules: names in a hierarchy, and ports that must be bound before the machine may run.
 *
 * A module is a name and a place, "soc.umc0"; the block that it stands for knows nothing of it. A
 * binding is a port that a module sends through. Whoever builds the machine makes a tree of
 * modules, declares their bindings, binds them and elaborates the tree: what was forgotten is then
 * told by name, all of it at once. All structures belong to the caller and must stay in place.
 */
#ifndef CBIT_SIM_MODULE_H
#define CBIT_SIM_MODULE_H

#include <stddef.h>

#include "cbit/base/diag.h"
#include "cbit/sim/port.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CBIT_MODULE_PATH_BYTES = 128, /* longer paths are cut */
};

#define CBIT_MODULE_SINGLE UINT32_MAX /* index of a module that has no brothers */

typedef struct cbit_binding cbit_binding_t;

typedef struct cbit_module {
    const char *name; /* not copied; without dots */
    uint32_t index;   /* umc 0, umc 1, ...; or CBIT_MODULE_SINGLE */
    struct cbit_module *parent, *first_child, *last_child, *next;
    cbit_binding_t *first_binding, *last_binding;
} cbit_module_t;

struct cbit_binding {
    const char *name; /* not copied */
    cbit_module_t *module;
    cbit_port_t port; /* what to send through, once bound */
    bool bound;
    cbit_binding_t *next;
};

/* A module below parent (NULL: the root), behind the children that parent has already. */
void cbit_module_init(cbit_module_t *module, cbit_module_t *parent, const char *name,
                      uint32_t index);

/* Writes "soc.umc0" into path and returns it. */
const char *cbit_module_path(const cbit_module_t *module, char path[CBIT_MODULE_PATH_BYTES]);

/* Declares that module sends through a port of that name. */
void cbit_binding_init(cbit_binding_t *binding, cbit_module_t *module, const char *name);

/*
 * Binds. UNBOUND with "port soc.umc0.dram is bound twice" or "... to a port that takes nothing"
 * (no try_send); then the binding stays as it was.
 */
cbit_err_t cbit_binding_bind(cbit_binding_t *binding, cbit_port_t port, cbit_diag_t *diag);

/*
 * Checks the tree below root, depth first in the order of construction. OK when every binding is
 * bound and no two modules have one path; otherwise UNBOUND, with one entry per finding: "port
 * soc.umc0.dram is unbound", "two modules are called soc.umc0".
 */
cbit_err_t cbit_module_elaborate(const cbit_module_t *root, cbit_diag_t *diag);

#ifdef __cplusplus
}
#endif
#endif
