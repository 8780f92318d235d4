/* Numbers as they are written: sign, digits and a power of ten, without floating point. */
#include <string.h>

#include "cbit/workloads/json.h"

enum { EXPONENT_LIMIT = 1000000000 };

/* value = (+/-) 0.d1 d2 ... dn x 10^exponent with d1 != 0; zero has no digits. */
typedef struct decimal {
    bool negative;
    const char *digits; /* may hold a point among them */
    size_t count;       /* digits up to the last one that is not 0 */
    int64_t exponent;
} decimal_t;

static int64_t read_exponent(const char *text)
{
    bool negative = *text == '-';
    int64_t value = 0;
    for (text += *text == '-' || *text == '+'; *text != '\0'; text++) {
        value = value * 10 + (*text - '0');
        value = value > EXPONENT_LIMIT ? EXPONENT_LIMIT : value;
    }
    return negative ? -value : value;
}

static decimal_t read_decimal(const char *text)
{
    decimal_t d = {.negative = *text == '-'};
    bool point = false;
    size_t seen = 0; /* digits from the first one that is not 0 */
    for (text += *text == '-'; *text != '\0' && *text != 'e' && *text != 'E'; text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        if (seen == 0 && *text == '0') {
            d.exponent -= point;
            continue;
        }
        if (seen++ == 0) {
            d.digits = text;
        }
        d.exponent += !point;
        d.count = *text != '0' ? seen : d.count;
    }
    if (*text != '\0') {
        d.exponent += read_exponent(text + 1);
    }
    if (d.count == 0) {
        return (decimal_t){.digits = ""};
    }
    return d;
}

/* Digit i from the left; 0 behind the last. */
static char digit_at(const decimal_t *d, const char **cursor, size_t i)
{
    if (i >= d->count) {
        return '0';
    }
    *cursor += **cursor == '.';
    return *(*cursor)++;
}

static int compare_magnitude(const decimal_t *a, const decimal_t *b)
{
    if (a->count == 0 || b->count == 0) {
        return (a->count != 0) - (b->count != 0);
    }
    if (a->exponent != b->exponent) {
        return a->exponent < b->exponent ? -1 : 1;
    }
    const char *a_at = a->digits, *b_at = b->digits;
    for (size_t i = 0; i < a->count || i < b->count; i++) {
        char x = digit_at(a, &a_at, i), y = digit_at(b, &b_at, i);
        if (x != y) {
            return x < y ? -1 : 1;
        }
    }
    return 0;
}

int cbit_json_compare_numbers(const cbit_json_t *a, const cbit_json_t *b)
{
    decimal_t x = read_decimal(a->text), y = read_decimal(b->text);
    if (x.negative != y.negative) {
        return x.negative ? -1 : 1;
    }
    return x.negative ? compare_magnitude(&y, &x) : compare_magnitude(&x, &y);
}

bool cbit_json_scaled(const cbit_json_t *number, uint32_t decimals, bool *negative, uint64_t *value)
{
    decimal_t d = read_decimal(number->text);
    *negative = d.negative;
    *value = 0;
    if (d.count == 0) {
        return true;
    }
    int64_t digits = d.exponent + decimals; /* of the integer that results */
    if (digits > 20 || (int64_t)d.count > digits) {
        return false;
    }
    const char *at = d.digits;
    for (int64_t i = 0; i < digits; i++) {
        uint64_t digit = (uint64_t)(digit_at(&d, &at, (size_t)i) - '0');
        if (*value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        *value = *value * 10 + digit;
    }
    return true;
}
