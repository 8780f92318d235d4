#define _POSIX_C_SOURCE 200809L
#include "workloads/traffic/process_maps.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cbit_process_maps_free(cbit_process_maps_t *maps)
{
    for (uint32_t i = 0; i < maps->count; i++) {
        free(maps->items[i].path);
    }
    free(maps->items);
    *maps = (cbit_process_maps_t){0};
}

/* "00400000-00401000 r-xp 00001000 08:01 1234   /usr/bin/true" */
static bool parse_line(const char *line, cbit_mapping_t *mapping)
{
    char permissions[5] = "";
    int path_at = 0;
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*s %n", &mapping->start,
               &mapping->end, permissions, &mapping->file_offset, &path_at) < 4) {
        return false;
    }
    mapping->readable = permissions[0] == 'r';
    mapping->writable = permissions[1] == 'w';
    mapping->executable = permissions[2] == 'x';
    mapping->path = path_at > 0 && line[path_at] == '/' ? strdup(line + path_at) : NULL;
    if (mapping->path != NULL) {
        mapping->path[strcspn(mapping->path, "\n")] = '\0';
    }
    return true;
}

bool cbit_process_maps_load(cbit_process_maps_t *maps, pid_t pid)
{
    char name[64], line[4096];
    cbit_process_maps_t fresh = {0};
    uint32_t room = 0;
    (void)snprintf(name, sizeof name, "/proc/%ld/maps", (long)pid);
    FILE *file = fopen(name, "r");
    if (file == NULL) {
        return false;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (fresh.count == room) {
            room = room == 0 ? 64 : 2 * room;
            cbit_mapping_t *grown = realloc(fresh.items, room * sizeof *grown);
            if (grown == NULL) {
                break;
            }
            fresh.items = grown;
        }
        fresh.count += parse_line(line, &fresh.items[fresh.count]);
    }
    (void)fclose(file);
    if (fresh.count == 0) { /* a process that has ended has an empty list */
        free(fresh.items);
        return false;
    }
    cbit_process_maps_free(maps);
    *maps = fresh;
    return true;
}

const cbit_mapping_t *cbit_process_maps_find(const cbit_process_maps_t *maps, uint64_t gva)
{
    for (uint32_t i = 0; i < maps->count; i++) {
        if (gva >= maps->items[i].start && gva < maps->items[i].end) {
            return &maps->items[i];
        }
    }
    return NULL;
}

/* As much of the page as the file has; the rest is zero, as the kernel maps it. */
static bool read_page(const char *path, uint64_t offset, uint8_t bytes[CBIT_TRACE_PAGE_BYTES])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    size_t done = 0;
    ssize_t got = 1;
    while (done < CBIT_TRACE_PAGE_BYTES && got > 0) {
        got = pread(fd, bytes + done, CBIT_TRACE_PAGE_BYTES - done, (off_t)(offset + done));
        done += got > 0 ? (size_t)got : 0;
    }
    (void)close(fd);
    memset(bytes + done, 0, CBIT_TRACE_PAGE_BYTES - done);
    return done > 0;
}

bool cbit_process_page(pid_t pid, const cbit_mapping_t *mapping, uint64_t gva,
                       uint8_t bytes[CBIT_TRACE_PAGE_BYTES])
{
    char memory[64];
    uint64_t page = gva - gva % CBIT_TRACE_PAGE_BYTES;
    (void)snprintf(memory, sizeof memory, "/proc/%ld/mem", (long)pid);
    return read_page(memory, page, bytes) ||
           (mapping->path != NULL &&
            read_page(mapping->path, mapping->file_offset + (page - mapping->start), bytes));
}
