/* SEV-ES: the guest's #VC handler tells its hypervisor through the GHCB what it wants. */
#include <string.h>

#include "cbit/vcpu/ghcb.h"
#include "workloads/guest/state.h"

static void put_le(uint8_t *to, uint64_t value, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static void mark_valid(uint8_t bitmap[16], uint32_t offset)
{
    bitmap[offset / 64] = (uint8_t)(bitmap[offset / 64] | 1u << offset / 8 % 8);
}

/* Exit code and information, RAX, which fields are given, and the protocol's version. */
static void push_request(cbit_guest_cpu_t *cpu, cbit_gva_t ghcb, uint64_t code, uint64_t info)
{
    uint8_t exit[24] = {0}, rax[8], valid[16] = {0}, version[6] = {1};
    put_le(exit, code, 8);
    put_le(exit + 8, info, 8);
    put_le(rax, info, 8);
    mark_valid(valid, CBIT_GHCB_RAX);
    mark_valid(valid, CBIT_GHCB_EXIT_CODE);
    mark_valid(valid, CBIT_GHCB_EXIT_INFO_1);
    mark_valid(valid, CBIT_GHCB_EXIT_INFO_2);
    cbit_guest_push_store(cpu, ghcb + CBIT_GHCB_RAX, rax, sizeof rax, 1);
    cbit_guest_push_store(cpu, ghcb + CBIT_GHCB_EXIT_CODE, exit, sizeof exit, 3);
    cbit_guest_push_store(cpu, ghcb + CBIT_GHCB_VALID_BITMAP, valid, sizeof valid, 4);
    cbit_guest_push_store(cpu, ghcb + CBIT_GHCB_VERSION, version, sizeof version, 2);
}

bool cbit_guest_on_vc(void *self, const cbit_op_t *op, uint64_t error)
{
    cbit_guest_cpu_t *cpu = self;
    uint64_t info = op->value;
    uint32_t left = cpu->queue_count - cpu->queue_at;
    cbit_gva_t ghcb = CBIT_GUEST_GHCB_GVA + (cbit_gva_t)cpu->index * CBIT_PAGE_BYTES;
    /* What the program was about to do comes behind the handler. */
    memcpy(cpu->behind_vc, cpu->queue + cpu->queue_at, left * sizeof cpu->queue[0]);
    cpu->queue_at = 0;
    cpu->queue_count = 0;
    cbit_guest_push_code(cpu, &cbit_guest_code_vc);
    if (cbit_guest_touch(cpu, ghcb)) {
        push_request(cpu, ghcb, error, info);
    }
    cbit_guest_new_op(cpu, CBIT_OP_VMGEXIT)->value = cbit_guest_ghcb_gpa(cpu->guest, cpu->index);
    (void)cbit_guest_push_load(cpu, ghcb + CBIT_GHCB_EXIT_INFO_1, 8, true, 1, CBIT_GUEST_LOAD_RING,
                               NULL, 0);
    cbit_guest_push_code(cpu, &cbit_guest_code_vc_end);
    memcpy(cpu->queue + cpu->queue_count, cpu->behind_vc, left * sizeof cpu->queue[0]);
    cpu->queue_count += left;
    cpu->guest->stats.vc_exceptions++;
    return true;
}
