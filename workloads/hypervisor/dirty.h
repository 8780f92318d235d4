/**
 * @file
 * Which pages a guest and its devices have written: KVM's dirty log.
 *
 * Pages are write-protected in the nested tables, as KVM does on processors without
 * page-modification logging; the first store to one faults, is noted, and the page is writable
 * again. Walks of guest page tables count as stores (APM volume 2, 15.25.5), so tables that are
 * used are found dirty too. Devices and the hypervisor note what they write themselves.
 */
#ifndef CBIT_WORKLOADS_HYPERVISOR_DIRTY_H
#define CBIT_WORKLOADS_HYPERVISOR_DIRTY_H

#include "workloads/hypervisor/hv.h"

/* Notes from now on; nothing is protected yet. False: out of memory. */
bool cbit_hv_dirty_begin(cbit_hv_guest_t *guest);
/* Notes no more; pages that are still protected become writable when they fault. */
void cbit_hv_dirty_end(cbit_hv_guest_t *guest);

/* Takes a page out of the log and protects it. False: it was not in it. */
bool cbit_hv_dirty_take(cbit_hv_guest_t *guest, cbit_gpa_t gpa);
/* Protects a page; one without a frame is left alone. */
void cbit_hv_dirty_protect(cbit_hv_guest_t *guest, cbit_gpa_t gpa);
uint64_t cbit_hv_dirty_count(const cbit_hv_guest_t *guest);

/* A nested fault with this error code. True: it was a store to a protected page, which is noted. */
bool cbit_hv_dirty_fault(cbit_hv_guest_t *guest, cbit_gpa_t gpa, uint64_t error);
/* Somebody else writes to guest memory. */
void cbit_hv_dirty_mark(cbit_hv_guest_t *guest, cbit_gpa_t gpa, uint64_t len_bytes);

#endif
