/*
 * Runs a fuzz target without libFuzzer: every file of a corpus as it is, then seeded mutations of
 * them. The same seed gives the same inputs everywhere.
 *
 *     fuzz_NAME CORPUS             CBIT_TEST_SEED and CBIT_FUZZ_RUNS change what is tried
 *     fuzz_NAME CORPUS N           writes input N, which the failure named, to standard output
 */
#define _XOPEN_SOURCE 700

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cbit/base/rng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_FILES = 256, MAX_BYTES = 1 << 16, DEFAULT_RUNS = 10000 };

typedef struct input {
    uint8_t bytes[MAX_BYTES];
    size_t len;
} input_t;

static input_t *files;
static size_t files_count;
static volatile sig_atomic_t current;

/* ---- the corpus ---- */

static int read_one(const char *folder, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) {
        perror(path);
        return -1;
    }
    input_t *file = &files[files_count++];
    file->len = fread(file->bytes, 1, sizeof file->bytes, stream);
    return fclose(stream);
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int read_corpus(const char *folder)
{
    struct dirent **names;
    int count = scandir(folder, &names, visible, alphasort), status = 0;
    files = calloc(MAX_FILES, sizeof *files);
    if (count <= 0 || files == NULL) {
        (void)fprintf(stderr, "%s: no corpus\n", folder);
        return -1;
    }
    for (int i = 0; i < count; i++) {
        if (status == 0 && i < MAX_FILES) {
            status = read_one(folder, names[i]->d_name);
        }
        free(names[i]);
    }
    free(names);
    return status;
}

/* ---- mutations ---- */

static void insert(input_t *input, size_t at, const void *bytes, size_t len)
{
    if (input->len + len <= MAX_BYTES) {
        memmove(input->bytes + at + len, input->bytes + at, input->len - at);
        memcpy(input->bytes + at, bytes, len);
        input->len += len;
    }
}

static void cut(input_t *input, size_t at, size_t len)
{
    len = len < input->len - at ? len : input->len - at;
    memmove(input->bytes + at, input->bytes + at + len, input->len - at - len);
    input->len -= len;
}

static void mutate(input_t *input, cbit_rng_t *rng)
{
    static const char *const words[] = {
        "{",  "}",     "[",    "]",    "\"",    ":",    ",",      "0",
        "-1", "1e300", "null", "true", "\\u00", "\xff", "\"0x\"", "99999999999999999999"};
    size_t at = (size_t)cbit_rng_below(rng, input->len + 1);
    size_t len = 1 + (size_t)cbit_rng_below(rng, 32);
    const char *word = words[cbit_rng_below(rng, sizeof words / sizeof words[0])];
    const input_t *other = &files[cbit_rng_below(rng, files_count)];
    size_t from = (size_t)cbit_rng_below(rng, other->len + 1);
    uint8_t piece[32];
    switch (cbit_rng_below(rng, 6)) {
    case 0:
        if (at < input->len) {
            input->bytes[at] ^= (uint8_t)(1u << cbit_rng_below(rng, 8));
        }
        break;
    case 1:
        if (at < input->len) {
            input->bytes[at] = (uint8_t)cbit_rng_u64(rng);
        }
        break;
    case 2:
        cut(input, at, len);
        break;
    case 3:
        insert(input, at, word, strlen(word));
        break;
    case 4:
        len = len < input->len - at ? len : input->len - at;
        memcpy(piece, input->bytes + at, len);
        insert(input, at, piece, len);
        break;
    default:
        len = len < other->len - from ? len : other->len - from;
        insert(input, at, other->bytes + from, len);
        break;
    }
}

/* Input n: first the corpus itself, then one of its files with a few changes. */
static void make_input(input_t *input, uint64_t seed, uint64_t n)
{
    cbit_rng_t rng;
    cbit_rng_init(&rng, seed, n);
    *input = files[n < files_count ? n : cbit_rng_below(&rng, files_count)];
    for (uint64_t i = n < files_count ? 0 : 1 + cbit_rng_below(&rng, 8); i > 0; i--) {
        mutate(input, &rng);
    }
}

/* Sanitizers abort; the number of the input is what one needs to see it again. */
static void on_death(int sig)
{
    char text[64];
    int len = snprintf(text, sizeof text, "died at input %ld\n", (long)current);
    if (write(STDERR_FILENO, text, (size_t)len) != len) {
        _exit(2);
    }
    (void)signal(sig, SIG_DFL);
    (void)raise(sig);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

int main(int argc, char **argv)
{
    static input_t input;
    uint64_t seed = number("CBIT_TEST_SEED", 20261123);
    uint64_t runs = number("CBIT_FUZZ_RUNS", DEFAULT_RUNS);
    if (argc < 2 || read_corpus(argv[1]) != 0) {
        return EXIT_FAILURE;
    }
    if (argc > 2) {
        make_input(&input, seed, strtoull(argv[2], NULL, 0));
        return fwrite(input.bytes, 1, input.len, stdout) == input.len ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    (void)signal(SIGABRT, on_death);
    (void)signal(SIGSEGV, on_death);
    (void)printf("seed %" PRIu64 " (CBIT_TEST_SEED repeats another one)\n", seed);
    (void)fflush(stdout); /* a sanitizer's abort would lose it */
    for (uint64_t n = 0; n < files_count + runs; n++) {
        current = (sig_atomic_t)n;
        make_input(&input, seed, n);
        /* A copy of the exact size, so that reading behind the end is seen. */
        uint8_t *exact = malloc(input.len + 1);
        if (exact == NULL) {
            return EXIT_FAILURE;
        }
        uint8_t *tight = exact + 1; /* ends where the block ends */
        memcpy(tight, input.bytes, input.len);
        (void)LLVMFuzzerTestOneInput(tight, input.len);
        free(exact);
    }
    (void)printf("100%%: Checks: %" PRIu64 ", Failures: 0, Errors: 0\n", files_count + runs);
    free(files);
    return EXIT_SUCCESS;
}
