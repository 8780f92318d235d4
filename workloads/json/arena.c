#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/workloads/json.h"

enum { CHUNK_BYTES = 64 * 1024 };

typedef struct chunk {
    struct chunk *next;
    size_t used, capacity;
    alignas(max_align_t) unsigned char bytes[];
} chunk_t;

struct cbit_arena {
    chunk_t *newest;
    bool failed;
};

cbit_arena_t *cbit_arena_create(void)
{
    return calloc(1, sizeof(cbit_arena_t));
}

void cbit_arena_destroy(cbit_arena_t *arena)
{
    if (arena == NULL) {
        return;
    }
    while (arena->newest != NULL) {
        chunk_t *next = arena->newest->next;
        free(arena->newest);
        arena->newest = next;
    }
    free(arena);
}

static bool add_chunk(cbit_arena_t *arena, size_t bytes)
{
    size_t capacity = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
    chunk_t *chunk = calloc(1, sizeof *chunk + capacity);
    if (chunk == NULL) {
        arena->failed = true;
        return false;
    }
    chunk->capacity = capacity;
    chunk->next = arena->newest;
    arena->newest = chunk;
    return true;
}

void *cbit_arena_alloc(cbit_arena_t *arena, size_t bytes)
{
    size_t align = alignof(max_align_t);
    if (arena == NULL || bytes > SIZE_MAX / 2) {
        return NULL;
    }
    bytes = (bytes + align - 1) / align * align;
    chunk_t *chunk = arena->newest;
    if (chunk == NULL || chunk->capacity - chunk->used < bytes) {
        if (!add_chunk(arena, bytes)) {
            return NULL;
        }
        chunk = arena->newest;
    }
    void *memory = chunk->bytes + chunk->used;
    chunk->used += bytes;
    return memory;
}

bool cbit_arena_failed(const cbit_arena_t *arena)
{
    return arena->failed;
}

char *cbit_arena_copy(cbit_arena_t *arena, const char *text, size_t len)
{
    char *copy = cbit_arena_alloc(arena, len + 1);
    if (copy != NULL) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}
