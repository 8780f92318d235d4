/* Digests of the files that a scenario names: a result says what exactly it was made from. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "cbit/workloads/trace.h"
#include "workloads/scenario/file.h"

typedef struct digest {
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    uint64_t bytes;
} digest_t;

static bool digest_stream(FILE *stream, EVP_MD_CTX *context, digest_t *digest)
{
    unsigned char buffer[16384], sum[EVP_MAX_MD_SIZE];
    unsigned int sum_bytes = 0;
    size_t n;
    bool ok = EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    while (ok && (n = fread(buffer, 1, sizeof buffer, stream)) > 0) {
        digest->bytes += n;
        ok = EVP_DigestUpdate(context, buffer, n) == 1;
    }
    ok = ok && ferror(stream) == 0 && EVP_DigestFinal_ex(context, sum, &sum_bytes) == 1;
    for (unsigned int i = 0; i < sum_bytes; i++) {
        (void)snprintf(digest->hex + 2 * (size_t)i, 3, "%02x", sum[i]);
    }
    return ok;
}

static bool digest_file(const char *path, digest_t *digest)
{
    FILE *stream = fopen(path, "rb");
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = stream != NULL && context != NULL && digest_stream(stream, context, digest);
    EVP_MD_CTX_free(context);
    if (stream != NULL) {
        (void)fclose(stream);
    }
    return ok;
}

static bool listed_before(const cbit_scenario_t *s, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(s->guests[i].traffic.file, s->guests[index].traffic.file) == 0) {
            return true;
        }
    }
    return false;
}

/* What the trace says of itself; whether its code is the program's own or a stand-in above all. */
static cbit_err_t describe_trace(const char *path, cbit_arena_t *arena, cbit_json_t *entry,
                                 cbit_diag_t *diag)
{
    cbit_trace_reader_t *reader = NULL;
    cbit_err_t err = cbit_trace_reader_open(path, CBIT_ERR_INPUT_FILE, &reader, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    const cbit_trace_info_t *info = cbit_trace_reader_info(reader);
    (void)cbit_json_add(arena, entry, "program", cbit_json_string(arena, info->program));
    (void)cbit_json_add(arena, entry, "source", cbit_json_string(arena, info->source));
    (void)cbit_json_add(arena, entry, "licence", cbit_json_string(arena, info->licence));
    (void)cbit_json_add(arena, entry, "code_generated",
                        cbit_json_bool(arena, info->code_generated));
    (void)cbit_json_add(arena, entry, "instructions", cbit_json_u64(arena, info->instructions));
    cbit_trace_reader_close(reader);
    return CBIT_ERR_OK;
}

cbit_json_t *cbit_scenario_inputs(const cbit_scenario_file_t *file, cbit_arena_t *arena,
                                  cbit_diag_t *diag)
{
    cbit_json_t *list = cbit_json_new(arena, CBIT_JSON_ARRAY);
    for (uint32_t i = 0; i < file->scenario.guests_count; i++) {
        const cbit_traffic_t *traffic = &file->scenario.guests[i].traffic;
        digest_t digest = {.bytes = 0};
        if (traffic->path == NULL || listed_before(&file->scenario, i)) {
            continue;
        }
        if (!digest_file(traffic->path, &digest)) {
            cbit_diag_set_file(diag, traffic->path);
            (void)cbit_diag_add(diag, CBIT_ERR_INPUT_FILE, NULL, "cannot be read: %s",
                                strerror(errno));
            return NULL;
        }
        cbit_json_t *entry = cbit_json_new(arena, CBIT_JSON_OBJECT);
        entry = cbit_json_add(arena, list, NULL, entry);
        (void)cbit_json_add(arena, entry, "file", cbit_json_string(arena, traffic->file));
        (void)cbit_json_add(arena, entry, "bytes", cbit_json_u64(arena, digest.bytes));
        (void)cbit_json_add(arena, entry, "sha256", cbit_json_string(arena, digest.hex));
        cbit_diag_set_file(diag, traffic->path);
        if (describe_trace(traffic->path, arena, entry, diag) != CBIT_ERR_OK) {
            return NULL;
        }
    }
    return list;
}
