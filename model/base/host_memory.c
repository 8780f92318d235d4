#ifdef __linux__
#define _DEFAULT_SOURCE /* madvise */
#include <sys/mman.h>
#endif

#include "cbit/base/host_memory.h"

#include <stdlib.h>

enum { LINE_BYTES = 64, LARGE_PAGE_BYTES = 2 << 20 }; /* of most hosts */

void *cbit_host_allocate(size_t bytes)
{
    const size_t unit = bytes >= LARGE_PAGE_BYTES ? LARGE_PAGE_BYTES : LINE_BYTES;
    const size_t whole = (bytes + unit - 1) / unit * unit;
    void *memory = aligned_alloc(unit, whole);
#ifdef MADV_HUGEPAGE
    if (memory != NULL && unit == LARGE_PAGE_BYTES) {
        (void)madvise(memory, whole, MADV_HUGEPAGE); /* as good without */
    }
#endif
    return memory;
}
