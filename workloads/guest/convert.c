/* A page that changes sides, as the kernel's set_memory_decrypted and _encrypted do it. */
#include <string.h>

#include "workloads/guest/state.h"

enum { LINE = CBIT_LINE_BYTES, OLD = 1, NEW = 2, WAIT_CCLK = 100 };

cbit_err_t cbit_guest_convert(cbit_guest_t *guest, bool flush)
{
    if (guest->convert.step != CONVERT_IDLE || !guest->config.converts) {
        return CBIT_ERR_CONFLICT;
    }
    guest->convert.step = CONVERT_OLD;
    guest->convert.flush = flush;
    guest->convert.at = 0;
    guest->convert.answers = 0;
    guest->convert.asked = false;
    guest->convert.result = (cbit_guest_conversion_t){0};
    return CBIT_ERR_OK;
}

void cbit_guest_conversion(const cbit_guest_t *guest, cbit_guest_conversion_t *conversion)
{
    *conversion = guest->convert.result;
}

static void push_fill(cbit_guest_cpu_t *cpu, uint64_t pattern)
{
    uint8_t bytes[LINE];
    uint32_t at = cpu->guest->convert.at;
    cbit_guest_io_pattern(pattern, at, bytes, LINE);
    if (cbit_guest_touch(cpu, CBIT_GUEST_CONVERT_GVA + at)) {
        cbit_guest_push_store(cpu, CBIT_GUEST_CONVERT_GVA + at, bytes, LINE, 1);
    }
}

/* First the lines go, if they are to, then the entry changes, then the translation goes. */
static bool push_change(cbit_guest_cpu_t *cpu, bool is_private)
{
    cbit_guest_t *guest = cpu->guest;
    cbit_guest_page_t *page = cbit_guest_page_of(cpu, CBIT_GUEST_CONVERT_GVA);
    if (guest->convert.flush && !guest->convert.asked) {
        guest->convert.asked = true;
        cbit_guest_push_code(cpu, &cbit_guest_code_hypercall);
        cbit_guest_new_op(cpu, CBIT_OP_HYPERCALL)->value =
            page->gpa / CBIT_PAGE_BYTES << 16 | CBIT_GUEST_HYPERCALL_FLUSH;
        return false;
    }
    guest->convert.asked = false;
    page->is_private = is_private;
    cbit_guest_push_map(cpu, page);
    cbit_guest_new_op(cpu, CBIT_OP_INVLPG)->gva = CBIT_GUEST_CONVERT_GVA;
    if (guest->config.notices) {
        const cbit_guest_notice_t notice = {.is_private = is_private, .gpa = page->gpa, .pages = 1};
        cbit_guest_push_notice(cpu, &notice);
    }
    return true;
}

static void push_read(cbit_guest_cpu_t *cpu)
{
    (void)cbit_guest_push_load(cpu, CBIT_GUEST_CONVERT_GVA + cpu->guest->convert.at, LINE, false, 1,
                               CBIT_GUEST_LOAD_CONVERTED, NULL, 0);
}

void cbit_guest_convert_answer(cbit_guest_t *guest, uint64_t offset, const uint8_t *bytes)
{
    uint8_t old[LINE], new[LINE];
    cbit_guest_io_pattern(OLD, offset, old, LINE);
    cbit_guest_io_pattern(NEW, offset, new, LINE);
    guest->convert.answers++;
    guest->convert.result.lines++;
    guest->convert.result.old_lines += memcmp(bytes, old, LINE) == 0;
    guest->convert.result.shared_lines += memcmp(bytes, new, LINE) == 0;
}

/* The step's next line; true at its end. */
static bool do_line(cbit_guest_cpu_t *cpu)
{
    cbit_guest_t *guest = cpu->guest;
    switch (guest->convert.step) {
    case CONVERT_SHARE:
        return push_change(cpu, false);
    case CONVERT_HIDE:
        return push_change(cpu, true);
    case CONVERT_WAIT:
        cbit_guest_new_op(cpu, CBIT_OP_THINK)->cclk = WAIT_CCLK;
        return guest->convert.answers == CBIT_PAGE_BYTES / LINE;
    case CONVERT_READ:
        push_read(cpu);
        break;
    default:
        push_fill(cpu, guest->convert.step == CONVERT_NEW ? NEW : OLD);
        break;
    }
    guest->convert.at += LINE;
    return guest->convert.at == CBIT_PAGE_BYTES;
}

bool cbit_guest_convert_advance(cbit_guest_cpu_t *cpu)
{
    cbit_guest_t *guest = cpu->guest;
    if (cpu->index != 0 || guest->convert.step == CONVERT_IDLE) {
        return false;
    }
    if (do_line(cpu)) {
        guest->convert.at = 0;
        if (guest->convert.step == CONVERT_CLEAN) {
            guest->convert.step = CONVERT_IDLE; /* rewritten: it is as any other page again */
            guest->convert.result.done = true;
        } else {
            guest->convert.step++;
        }
    }
    return true;
}
