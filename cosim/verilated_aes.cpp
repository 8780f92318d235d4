// The only C++ of ours: the Verilated engine behind cbit_device_t, with the assertions of
// rtl/checks and without.
#include <cstring>
#include <memory>

#include "cosim/device.h"
#include "verilated.h"

#include "Vaes_engine.h"
#include "Vaes_unchecked.h"

namespace
{

template <typename Top> struct Engine {
    VerilatedContext context;
    std::unique_ptr<Top> top;
};

// AES byte 0 is the top byte of the vector, whose words come least significant first.
void to_vector(WData *words, const uint8_t *bytes)
{
    for (int w = 0; w < 4; w++) {
        uint32_t word;
        std::memcpy(&word, bytes + 12 - 4 * w, sizeof word);
        words[w] = __builtin_bswap32(word);
    }
}

void from_vector(uint8_t *bytes, const WData *words)
{
    for (int w = 0; w < 4; w++) {
        uint32_t word = __builtin_bswap32(words[w]);
        std::memcpy(bytes + 12 - 4 * w, &word, sizeof word);
    }
}

#define CBIT_DRIVE_LANE(top, prefix, lane)                                                         \
    do {                                                                                           \
        (top).prefix##_valid_i = (lane).valid;                                                     \
        (top).prefix##_ready_i = (lane).out_ready;                                                 \
        if ((lane).valid) {                                                                        \
            to_vector((top).prefix##_data_i, (lane).data);                                         \
            (top).prefix##_addr_i = (lane).spa >> 4 & 0xFFFFFFFFFFFF;                              \
            (top).prefix##_slot_i = (lane).slot & 0x3FF;                                           \
            (top).prefix##_bypass_i = (lane).bypass;                                               \
            (top).prefix##_last_i = (lane).last;                                                   \
            (top).prefix##_tag_i = (lane).tag;                                                     \
        }                                                                                          \
    } while (0)

#define CBIT_SAMPLE_LANE(top, prefix, lane)                                                        \
    do {                                                                                           \
        (lane).ready = (top).prefix##_ready_o != 0;                                                \
        (lane).valid = (top).prefix##_valid_o != 0;                                                \
        (lane).last = (top).prefix##_last_o != 0;                                                  \
        (lane).tag = static_cast<uint8_t>((top).prefix##_tag_o);                                   \
        (lane).error = static_cast<uint8_t>((top).prefix##_error_o);                               \
        if ((lane).valid) {                                                                        \
            from_vector((lane).data, (top).prefix##_data_o);                                       \
        }                                                                                          \
    } while (0)

template <typename Top> void drive(Top &top, const cbit_aes_pins_in_t &in)
{
    top.rst_ni = !in.reset;
    top.zeroise_i = in.zeroise;
    top.cfg_xe_i = in.xe;
    top.key_valid_i = in.key_valid;
    top.key_clear_i = in.key_clear;
    if (in.key_valid) {
        top.key_slot_i = in.key_slot & 0x3FF;
        to_vector(top.key_i, in.key);
    }
    top.tweak_valid_i = in.tweak_valid;
    if (in.tweak_valid) {
        top.tweak_index_i = in.tweak_index & 0x3F;
        to_vector(top.tweak_data_i, in.tweak_data);
    }
    CBIT_DRIVE_LANE(top, enc, in.lane[CBIT_AES_ENCRYPT]);
    CBIT_DRIVE_LANE(top, dec, in.lane[CBIT_AES_DECRYPT]);
}

// Outputs are sampled before the rising edge, inputs driven after the one before: two evaluations.
template <typename Top>
void engine_clock(void *self, const cbit_aes_pins_in_t *in, cbit_aes_pins_out_t *out)
{
    Top &top = *static_cast<Engine<Top> *>(self)->top;
    drive(top, *in);
    top.clk_i = 0;
    top.eval();
    out->key_ready = top.key_ready_o != 0;
    out->zeroise_busy = top.zeroise_busy_o != 0;
    out->fault = top.fault_o != 0;
    CBIT_SAMPLE_LANE(top, enc, out->lane[CBIT_AES_ENCRYPT]);
    CBIT_SAMPLE_LANE(top, dec, out->lane[CBIT_AES_DECRYPT]);
    top.clk_i = 1;
    top.eval();
}

template <typename Top> void engine_destroy(void *self)
{
    auto *engine = static_cast<Engine<Top> *>(self);
    engine->top->final();
    delete engine;
}

template <typename Top> cbit_err_t make(uint64_t seed, cbit_device_t *out)
{
    auto *engine = new Engine<Top>;
    engine->context.randReset(seed == 0 ? 0 : 2); // 0: zeros, 2: random
    engine->context.randSeed(static_cast<int>(seed % 0x7FFFFFFF));
    engine->top = std::make_unique<Top>(&engine->context);
    *out = {engine, engine_clock<Top>, nullptr, engine_destroy<Top>, false};
    return CBIT_ERR_OK;
}

} // namespace

extern "C" cbit_err_t cbit_device_rtl(uint64_t seed, cbit_device_t *out)
{
    return make<Vaes_engine>(seed, out);
}

extern "C" cbit_err_t cbit_device_rtl_unchecked(uint64_t seed, cbit_device_t *out)
{
    return make<Vaes_unchecked>(seed, out);
}
