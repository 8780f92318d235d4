/**
 * @file
 * Keys between two parties: session blobs, packets.
 */
#ifndef FIRMWARE_SESSION_H
#define FIRMWARE_SESSION_H

#include "sev/identity.h"

/* Reads and checks a peer's certificate and session: TEK and TIK into the guest. */
sev_status_t session_accept(const sev_start_t *start, guest_t *guest_keys);

/* New TEK and TIK for a receiver; the blob that gives them to it. */
sev_status_t session_offer(const p384_point_t *receiver, guest_t *guest, sev_session_t *session);

/* API version and reserved bits. */
sev_status_t policy_check(uint32_t policy);

/* A packet's data, decrypted in place after its MAC was found good. */
sev_status_t packet_receive(const guest_t *guest, uint8_t context, const sev_transport_t *transport,
                            uint8_t **data);

/* Encrypts packet_data() for the receiver and makes its header. */
void packet_send(const guest_t *guest, uint32_t len_bytes, sev_packet_header_t *made);

/* Where packet data stand; SEV_PACKET_MAX_BYTES. */
uint8_t *packet_data(void);
void packet_wipe(void);

#endif
