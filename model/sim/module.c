#include "cbit/sim/module.h"

#include <string.h>

void cbit_module_init(cbit_module_t *module, cbit_module_t *parent, const char *name,
                      uint32_t index)
{
    *module = (cbit_module_t){.name = name, .index = index, .parent = parent};
    if (parent != NULL) {
        *(parent->last_child != NULL ? &parent->last_child->next : &parent->first_child) = module;
        parent->last_child = module;
    }
}

/* Appends as much as fits; returns the new length. */
static size_t append(char *path, size_t length, const char *text)
{
    while (*text != '\0' && length + 1 < CBIT_MODULE_PATH_BYTES) {
        path[length++] = *text++;
    }
    path[length] = '\0';
    return length;
}

static size_t append_number(char *path, size_t length, uint32_t number)
{
    char digits[11];
    char *digit = digits + sizeof digits - 1;
    *digit = '\0';
    do {
        *--digit = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return append(path, length, digit);
}

static size_t append_module(char *path, const cbit_module_t *module)
{
    size_t length = 0;
    if (module->parent != NULL) {
        length = append(path, append_module(path, module->parent), ".");
    }
    length = append(path, length, module->name);
    return module->index == CBIT_MODULE_SINGLE ? length
                                               : append_number(path, length, module->index);
}

const char *cbit_module_path(const cbit_module_t *module, char path[CBIT_MODULE_PATH_BYTES])
{
    append_module(path, module);
    return path;
}

void cbit_binding_init(cbit_binding_t *binding, cbit_module_t *module, const char *name)
{
    *binding = (cbit_binding_t){.name = name, .module = module};
    *(module->last_binding != NULL ? &module->last_binding->next : &module->first_binding) =
        binding;
    module->last_binding = binding;
}

static cbit_err_t complain(const cbit_binding_t *binding, cbit_diag_t *diag, const char *what)
{
    char path[CBIT_MODULE_PATH_BYTES];
    return cbit_diag_add(diag, CBIT_ERR_UNBOUND, NULL, "port %s.%s is %s",
                         cbit_module_path(binding->module, path), binding->name, what);
}

cbit_err_t cbit_binding_bind(cbit_binding_t *binding, cbit_port_t port, cbit_diag_t *diag)
{
    if (binding->bound) {
        return complain(binding, diag, "bound twice");
    }
    if (port.try_send == NULL) {
        return complain(binding, diag, "bound to a port that takes nothing");
    }
    binding->port = port;
    binding->bound = true;
    return CBIT_ERR_OK;
}

/* Tells of a module whose path an earlier brother has ("umc1" may be umc and 1, or umc1). */
static cbit_err_t check_name(const cbit_module_t *module, cbit_diag_t *diag)
{
    char mine[CBIT_MODULE_PATH_BYTES], other[CBIT_MODULE_PATH_BYTES];
    const cbit_module_t *brother = module->parent != NULL ? module->parent->first_child : module;
    cbit_module_path(module, mine);
    while (brother != module && strcmp(cbit_module_path(brother, other), mine) != 0) {
        brother = brother->next;
    }
    return brother == module
               ? CBIT_ERR_OK
               : cbit_diag_add(diag, CBIT_ERR_UNBOUND, NULL, "two modules are called %s", mine);
}

cbit_err_t cbit_module_elaborate(const cbit_module_t *root, cbit_diag_t *diag)
{
    cbit_err_t err = check_name(root, diag);
    for (const cbit_binding_t *b = root->first_binding; b != NULL; b = b->next) {
        if (!b->bound) {
            err = complain(b, diag, "unbound");
        }
    }
    for (const cbit_module_t *child = root->first_child; child != NULL; child = child->next) {
        const cbit_err_t below = cbit_module_elaborate(child, diag);
        err = below == CBIT_ERR_OK ? err : below;
    }
    return err;
}
