/* cbit sp map: memory map, registers and costs of the SP as Markdown tables. */
#ifndef CBIT_CLI_SP_MAP_H
#define CBIT_CLI_SP_MAP_H

void sp_map_print(void);

#endif
