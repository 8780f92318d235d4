/* cbit sp map: the SP as its firmware sees it, from the one description that all parts share. */
#include "cli/sp_map.h"

#include <stdio.h>

#include "cbit/sp/config.h"
#include "sev/sp_map.h"

static void print_rows(const char *prefix, const cbit_row_t *rows)
{
    for (; rows->key != NULL; rows++) {
        if (rows->type == CBIT_ROW_OBJECT) {
            print_rows(rows->key, rows->rows);
        } else if (rows->type == CBIT_ROW_U32 && rows->source != NULL) {
            (void)printf("| %s%s%s | %llu %s | %s | %s |\n", prefix, prefix[0] != '\0' ? "/" : "",
                         rows->key, (unsigned long long)rows->fallback,
                         rows->unit == NULL ? "" : rows->unit, rows->help, rows->source);
        }
    }
}

void sp_map_print(void)
{
    (void)printf("| region | base | bytes | what |\n|---|---|---|---|\n");
#define REGION(name, base, bytes, text)                                                            \
    (void)printf("| %s | %08x | %x | %s |\n", #name, (base), (bytes), text);
    SP_REGION_MAP(REGION)
#undef REGION
    (void)printf("\n| device | register | offset | what |\n|---|---|---|---|\n");
#define REGISTER(device, name, offset, text)                                                       \
    (void)printf("| %s | %s | %02x | %s |\n", #device, #name, (unsigned)(offset), text);
    SP_REGISTER_MAP(REGISTER)
#undef REGISTER
    (void)printf("\n| parameter | default | what | source |\n|---|---|---|---|\n");
    print_rows("", cbit_sp_config_rows);
}
