/*
 * SRAM with SECDED: each word of 32 bits has 7 check bits of a Hsiao code (M. Y. Hsiao, IBM J. Res.
 * Dev. 14(4), 1970: columns of odd weight). One flipped bit is corrected, counted and written back;
 * two are found and lost; three or more may be taken for one, as in silicon.
 *
 * A code is linear, so what a decoder sees depends on the flipped bits alone. Words without any
 * need no check bits here: only those that were flipped are listed, and only while there are any
 * does the hart leave its fast path.
 */
#include <string.h>

#include "cbit/sp/debug.h"
#include "model/sp/sp_internal.h"

enum { DATA_BITS = 32, CHECK_BITS = 7 };

/* Column of a bit of the code word: weight 3 for data in ascending order, weight 1 for checks. */
static uint32_t column(uint32_t bit)
{
    uint32_t seen = 0;
    if (bit >= DATA_BITS) {
        return 1u << (bit - DATA_BITS);
    }
    for (uint32_t value = 0;; value++) {
        uint32_t weight = 0;
        for (uint32_t i = 0; i < CHECK_BITS; i++) {
            weight += value >> i & 1;
        }
        if (weight == 3 && seen++ == bit) {
            return value;
        }
    }
}

static uint32_t syndrome(uint64_t flipped)
{
    uint32_t sum = 0;
    for (uint32_t bit = 0; bit < DATA_BITS + CHECK_BITS; bit++) {
        sum ^= (flipped >> bit & 1) != 0 ? column(bit) : 0;
    }
    return sum;
}

/* The bit that a decoder turns back, or the length of the code word: none that it knows. */
static uint32_t bit_of(uint32_t sum)
{
    uint32_t bit = 0;
    while (bit < DATA_BITS + CHECK_BITS && column(bit) != sum) {
        bit++;
    }
    return bit;
}

static void flip_data(cbit_sp_t *sp, uint32_t address, uint32_t bits)
{
    uint8_t *at = sp->sram + (address - SP_SRAM_BASE);
    uint32_t word;
    memcpy(&word, at, 4);
    word ^= bits;
    memcpy(at, &word, 4);
    hart_memory_written(&sp->hart, address, 4);
}

static void forget(cbit_sp_t *sp, uint32_t index)
{
    sp->ecc.words[index] = sp->ecc.words[--sp->ecc.count];
    hart_watch_memory(&sp->hart, sp->ecc.count > 0);
}

/* A listed word is read: corrected and off the list, or lost. */
static bool read_word(cbit_sp_t *sp, uint32_t index)
{
    sp_ecc_word_t *word = &sp->ecc.words[index];
    uint32_t sum = syndrome(word->flipped), bit = bit_of(sum);
    if (sum != 0 && bit == DATA_BITS + CHECK_BITS) {
        sp->ecc.lost = word->address;
        return false;
    }
    if (sum != 0) {
        sp->ecc.corrected++;
        flip_data(sp, word->address, bit < DATA_BITS ? 1u << bit : 0);
    }
    forget(sp, index);
    return true;
}

static bool touches(const sp_ecc_word_t *word, uint32_t address, uint32_t len_bytes)
{
    return word->address + 4u > address && word->address < address + len_bytes;
}

static bool covered(const sp_ecc_word_t *word, uint32_t address, uint32_t len_bytes)
{
    return word->address >= address && word->address + 4u <= address + len_bytes;
}

bool sp_ecc_load(void *self, uint32_t address, uint32_t len_bytes)
{
    cbit_sp_t *sp = self;
    bool good = true;
    for (uint32_t i = sp->ecc.count; i-- > 0;) {
        if (touches(&sp->ecc.words[i], address, len_bytes)) {
            good = read_word(sp, i) && good;
        }
    }
    return good;
}

bool sp_ecc_store(void *self, uint32_t address, uint32_t len_bytes)
{
    cbit_sp_t *sp = self;
    bool good = true;
    for (uint32_t i = sp->ecc.count; i-- > 0;) {
        const sp_ecc_word_t *word = &sp->ecc.words[i];
        if (covered(word, address, len_bytes)) {
            forget(sp, i); /* a new word with new check bits */
        } else if (touches(word, address, len_bytes)) {
            good = read_word(sp, i) && good; /* the rest of the word is kept */
        }
    }
    return good;
}

void sp_ecc_init(cbit_sp_t *sp)
{
    sp->hart.ecc = (hart_ecc_t){.self = sp, .load = sp_ecc_load, .store = sp_ecc_store};
}

bool cbit_sp_flip_sram(cbit_sp_t *sp, uint32_t address, uint64_t bits)
{
    uint32_t offset = address - SP_SRAM_BASE;
    if (offset >= SP_SRAM_BYTES || bits >> (DATA_BITS + CHECK_BITS) != 0) {
        return false;
    }
    address &= ~3u;
    uint32_t i = 0;
    while (i < sp->ecc.count && sp->ecc.words[i].address != address) {
        i++;
    }
    if (i == SP_ECC_WORDS) {
        return false;
    }
    if (i == sp->ecc.count) {
        sp->ecc.words[sp->ecc.count++] = (sp_ecc_word_t){.address = address};
    }
    sp->ecc.words[i].flipped ^= bits;
    flip_data(sp, address, (uint32_t)bits);
    hart_watch_memory(&sp->hart, true);
    if (sp->ecc.words[i].flipped == 0) {
        forget(sp, i);
    }
    return true;
}

bool sp_ecc_read(cbit_sp_t *sp, uint32_t offset, uint32_t *value)
{
    *value = offset == SP_ECC_CORRECTED ? sp->ecc.corrected : sp->ecc.lost;
    return offset == SP_ECC_CORRECTED || offset == SP_ECC_LOST;
}

bool sp_ecc_write(cbit_sp_t *sp, uint32_t offset, uint32_t value)
{
    (void)sp;
    (void)offset;
    (void)value;
    return false; /* counters */
}
