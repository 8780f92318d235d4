/* cbit sp kds: the manufacturer's part of a modelled chip's certificates. */
#ifndef CBIT_CLI_SP_KDS_H
#define CBIT_CLI_SP_KDS_H

#include "cli/sp_flow.h"

/* Writes cek.cert (signed), chain.cert (PEK, OCA, signed CEK), pdh.cert, ask_ark.cert and
   SYNTHETIC.txt to options->out. */
int sp_kds_run(sp_host_t *host, const owner_options_t *options);

#endif
