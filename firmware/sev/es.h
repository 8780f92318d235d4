/**
 * @file
 * SEV-ES: VMSAs and their records in the trusted memory region (TMR).
 *
 * A record holds the checksum of one VMSA; the VMSA holds the record's address. Which field of the
 * VMSA that is is not public: the last quadword of the page stands in for it.
 */
#ifndef FIRMWARE_ES_H
#define FIRMWARE_ES_H

#include "sev/state.h"

enum { ES_VMSA_BYTES = 4096 };

/* Allocates a record for a VMSA (RESOURCE_LIMIT: none is free), writes its address into the VMSA
   and the checksum into the record. */
sev_status_t es_open_vmsa(const guest_t *guest, uint8_t vmsa[ES_VMSA_BYTES]);

/* INVALID_PARAM unless the VMSA's record is valid and its checksum matches; takes the address out.
 */
sev_status_t es_close_vmsa(uint8_t vmsa[ES_VMSA_BYTES]);

/* Frees the records of a guest. */
void es_free_records(const guest_t *guest);

/* Makes all records free: a new TMR. */
void es_reset(void);

#endif
