#include "cbit/perf/dram_streams.h"

const cbit_dram_fingerprint_t cbit_dram_fingerprints[] = {
    {'a', false, 20000, 0x25a49e3cd00daba5u},   {'a', false, 100000, 0x2f2cc54459cb8be5u},
    {'a', false, 1000000, 0x43dd31e4e4800da5u}, {'a', true, 20000, 0x3d0ca082600eb0e5u},
    {'a', true, 100000, 0x9a82bd199f899685u},   {'a', true, 1000000, 0x6c895c7436d72e25u},
    {'c', false, 20000, 0x260426e77371808bu},   {'c', false, 100000, 0x2d80035bee3e0669u},
    {'c', false, 1000000, 0xe05fff961804e666u}, {'d', false, 20000, 0x889b89e1ee072e6fu},
    {'d', false, 100000, 0x07a9550ead26d92du},  {'d', false, 1000000, 0xf4577f09740cc0a9u},
    {'f', false, 20000, 0xd3293e2af6b59434u},   {'f', false, 100000, 0xa81354b15d055365u},
    {'f', false, 1000000, 0x86c3f6783a9f9854u}, {.letter = 0},
};

enum { D_STRIDE = 7919, D_ROWS = 65536, D_ROW_SHIFT = 17, F_GAP_NCK = 321 };

static uint64_t next(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

bool cbit_dram_stream(char letter, cbit_stream_request_t *requests, uint64_t count)
{
    uint64_t state = 0xc0ffee00u + (uint64_t)(letter - 'a');
    for (uint64_t i = 0; i < count; i++) {
        cbit_stream_request_t *r = &requests[i];
        switch (letter) {
        case 'a':
            *r = (cbit_stream_request_t){.address = 64 * i};
            break;
        case 'c':
            r->address = (next(&state) >> 38) * 64;
            r->arrival_nck = i % 3 == 2 ? CBIT_STREAM_WRITE : 0;
            break;
        case 'd':
            *r = (cbit_stream_request_t){.address = i * D_STRIDE % D_ROWS << D_ROW_SHIFT};
            break;
        case 'f':
            r->address = (next(&state) >> 38) * 64;
            r->arrival_nck = F_GAP_NCK * i;
            break;
        default:
            return false;
        }
    }
    return true;
}

uint64_t cbit_dram_stream_fingerprint(const cbit_stream_request_t *requests, uint64_t count,
                                      bool m1)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t a = requests[i].address;
        if (m1) {
            a = a >> 15 << 15 | (a >> 6 & 3) << 13 | (a >> 8 & 127) << 6 | (a & 63);
        }
        a |= (requests[i].arrival_nck & CBIT_STREAM_WRITE) != 0 ? 1 : 0;
        for (uint32_t byte = 0; byte < 8; byte++) {
            hash = (hash ^ (a >> (8 * byte) & 0xff)) * 0x100000001b3u;
        }
    }
    return hash;
}
