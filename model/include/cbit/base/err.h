/**
 * @file
 * Every way in which a cbit function can fail, with the exit status that it leads to.
 */
#ifndef CBIT_BASE_ERR_H
#define CBIT_BASE_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

/* name, number, exit status, text. Append only: the numbers are in results. */
#define CBIT_ERR_MAP(X)                                                                            \
    X(OK, 0, 0, "success")                                                                         \
    X(INTERNAL, 1, 70, "a bug in cbit")                                                            \
    X(NO_MEMORY, 2, 70, "out of memory")                                                           \
    X(SYNTAX, 3, 3, "not valid JSON")                                                              \
    X(UNKNOWN_KEY, 4, 3, "key is not part of the format")                                          \
    X(TYPE, 5, 3, "value has the wrong type")                                                      \
    X(RANGE, 6, 3, "value is outside the permitted range")                                         \
    X(DUPLICATE, 7, 3, "given twice")                                                              \
    X(MISMATCH, 8, 1, "a comparison failed")                                                       \
    X(MISSING, 9, 3, "a required value is missing")                                                \
    X(CONFLICT, 10, 3, "two values contradict each other")                                         \
    X(FORMAT, 11, 3, "a file named by an input is corrupt")                                        \
    X(INPUT_FILE, 12, 3, "a file named by an input cannot be opened")                              \
    X(OPEN, 13, 4, "cannot open a file of the command line")                                       \
    X(WRITE, 14, 4, "cannot write the output")                                                     \
    X(TOOL, 15, 4, "a tool is missing")                                                            \
    X(USAGE, 16, 2, "wrong command line")                                                          \
    X(ADDRESS, 17, 3, "address is outside the memory")                                             \
    X(KEY_NOT_LOADED, 18, 3, "key slot is not loaded")                                             \
    X(UNSUPPORTED, 19, 3, "not supported")                                                         \
    X(UNBOUND, 20, 70, "a port is unbound")

typedef enum cbit_err {
#define CBIT_ERR_ENUM(name, number, exit_status, text) CBIT_ERR_##name = (number),
    CBIT_ERR_MAP(CBIT_ERR_ENUM)
#undef CBIT_ERR_ENUM
} cbit_err_t;

/* The sentence of CBIT_ERR_MAP; "unknown error" for a number that is not in it. */
const char *cbit_err_text(cbit_err_t err);

/* The exit status of CBIT_ERR_MAP: 0, 1, 2, 3, 4 or 70. */
int cbit_err_exit_status(cbit_err_t err);

#ifdef __cplusplus
}
#endif
#endif
