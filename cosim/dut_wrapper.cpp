// Compiled beside what Verilator wrote for a design under test, -DDUT_HEADER, -DDUT_PORTS given:
// its ports by name behind a C interface. cosim/dut.c has the other end.
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include DUT_HEADER
#include "verilated.h"
#include "verilated_sym_props.h"
#include "verilated_syms.h"
#ifdef DUT_COVERAGE
#include "verilated_cov.h"
#endif
#ifdef DUT_WAVES
#include "gtkwave/fstapi.h"
#include "verilated_fst_c.h"
#endif

// A design that calls $fatal or does not settle must not end the tool.
void vl_fatal(const char *file, int line, const char *, const char *text)
{
    throw std::runtime_error(std::string(file) + ":" + std::to_string(line) + ": " + text);
}
void vl_stop(const char *file, int line, const char *)
{
    throw std::runtime_error(std::string(file) + ":" + std::to_string(line) + ": $stop");
}
void vl_finish(const char *file, int line, const char *)
{
    throw std::runtime_error(std::string(file) + ":" + std::to_string(line) + ": $finish");
}

namespace
{
struct Port {
    const char *name;
    unsigned width;
    int input;
    void *data;
};

struct State {
    std::string name;
    VerilatedVar *variable;
};

struct Dut {
    VerilatedContext context;
    std::vector<State> state;
    std::unique_ptr<Vdut> top;
    std::string failure;
    uint64_t time = 0;
#ifdef DUT_WAVES
    std::unique_ptr<VerilatedFstC> waves;
#endif
};

#ifdef DUT_WAVES
// Signals of 8 bits in which a value's sixteen bytes may stand; in many more they would by chance.
const size_t max_byte_signals = 160;

struct Scan {
    const char *const *patterns;
    unsigned count;
    unsigned char *seen;
    std::vector<unsigned> words; // bit k: word k of the pattern has been seen
    std::map<fstHandle, unsigned> bytes;
    unsigned held[256]; // how many signals of 8 bits have this value
    uint64_t time;
};

unsigned to_byte(const char *bits)
{
    unsigned value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value = 2 * value + (bits[i] == '1' ? 1 : 0);
    }
    return value;
}

// A state that a design keeps byte by byte: all sixteen at one time.
void scan_bytes(Scan *scan)
{
    for (unsigned i = 0; i < scan->count && scan->bytes.size() <= max_byte_signals; i++) {
        unsigned needed[256] = {0}, found = 0;
        for (unsigned k = 0; k < 16; k++) {
            const unsigned value = to_byte(scan->patterns[i] + 8 * k);
            found += ++needed[value] <= scan->held[value] ? 1 : 0;
        }
        scan->seen[i] |= found == 16 ? 1 : 0;
    }
}

void scan_value(void *self, uint64_t time, fstHandle handle, const unsigned char *value)
{
    Scan *scan = static_cast<Scan *>(self);
    const char *text = reinterpret_cast<const char *>(value);
    const size_t len = std::strlen(text);
    if (time != scan->time) {
        scan_bytes(scan);
        scan->time = time;
    }
    if (len == 8) {
        auto known = scan->bytes.find(handle);
        if (known != scan->bytes.end()) {
            scan->held[known->second]--;
        }
        scan->held[scan->bytes[handle] = to_byte(text)]++;
    }
    for (unsigned i = 0; i < scan->count; i++) {
        if (len >= 128 && std::strstr(text, scan->patterns[i]) != nullptr) {
            scan->seen[i] = 1;
        }
        for (unsigned word = 0; len == 32 && word < 4; word++) {
            if (std::strncmp(text, scan->patterns[i] + 32 * word, 32) == 0) {
                scan->words[i] |= 1u << word;
            }
        }
    }
}
#endif
} // namespace

extern "C" {

void *dut_new(unsigned seed)
{
    Dut *dut = new Dut;
    dut->context.randReset(2);
    dut->context.randSeed(static_cast<int>(seed & 0x7FFFFFFF));
#ifdef DUT_WAVES
    dut->context.traceEverOn(true);
#endif
    dut->top = std::make_unique<Vdut>(&dut->context);
    return dut;
}

void dut_free(void *self)
{
    Dut *dut = static_cast<Dut *>(self);
#ifdef DUT_WAVES
    if (dut->waves) {
        dut->waves->close();
    }
#endif
    try {
        dut->top->final();
    } catch (const std::exception &) {
    }
    delete dut;
}

unsigned dut_port(void *self, unsigned index, const char **name, unsigned *width, int *input,
                  void **data)
{
    Vdut *top = static_cast<Dut *>(self)->top.get();
    const Port ports[] = {
#define DUT_PORT(port, bits, is_input) {#port, bits, is_input, (void *)&top->port},
#include DUT_PORTS
        {nullptr, 0, 0, nullptr},
    };
    if (index >= sizeof ports / sizeof ports[0] - 1) {
        return 0;
    }
    *name = ports[index].name;
    *width = ports[index].width;
    *input = ports[index].input;
    *data = ports[index].data;
    return 1;
}

// Variables that were made public, by the scope's name and their own; an array counts as one.
unsigned dut_state(void *self, unsigned index, const char **name, unsigned *width, unsigned *words,
                   void **data)
{
    Dut *dut = static_cast<Dut *>(self);
    const VerilatedScopeNameMap *scopes = dut->context.scopeNameMap();
    if (dut->state.empty() && scopes != nullptr) {
        for (const auto &scope : *scopes) {
            VerilatedVarNameMap *variables = scope.second->varsp();
            if (variables == nullptr) {
                continue;
            }
            for (auto &variable : *variables) {
                dut->state.push_back(
                    {std::string(scope.first) + "." + variable.first, &variable.second});
            }
        }
    }
    if (index >= dut->state.size()) {
        return 0;
    }
    const State &state = dut->state[index];
    *name = state.name.c_str();
    *width = static_cast<unsigned>(state.variable->packed().elements());
    *words = state.variable->udims() > 0
                 ? static_cast<unsigned>(state.variable->unpacked().elements())
                 : 1;
    *data = state.variable->datap();
    return 1;
}

// Adds what this instance has covered to the file; 0 when built without.
int dut_coverage(void *self, const char *path)
{
#ifdef DUT_COVERAGE
    static_cast<Dut *>(self)->context.coveragep()->write(path);
    return 1;
#else
    (void)self;
    (void)path;
    return 0;
#endif
}

void dut_eval(void *self)
{
    Dut *dut = static_cast<Dut *>(self);
    if (!dut->failure.empty()) {
        return;
    }
    try {
        dut->top->eval();
#ifdef DUT_WAVES
        if (dut->waves) {
            dut->waves->dump(dut->time++);
        }
#endif
    } catch (const std::exception &error) {
        dut->failure = error.what();
    }
}

const char *dut_failure(void *self)
{
    Dut *dut = static_cast<Dut *>(self);
    return dut->failure.empty() ? nullptr : dut->failure.c_str();
}

int dut_waves(void *self, const char *path)
{
#ifdef DUT_WAVES
    Dut *dut = static_cast<Dut *>(self);
    dut->waves = std::make_unique<VerilatedFstC>();
    dut->top->trace(dut->waves.get(), 99);
    dut->waves->open(path);
    return dut->waves->isOpen();
#else
    (void)self;
    (void)path;
    return 0;
#endif
}

// Which of the patterns ('0' and '1', 128 each) some signal of the waves has had as its value, four
// of 32 bits as its words or sixteen of 8 bits at one time as its bytes. Returns 0 when the file
// cannot be read.
int dut_scan(const char *path, const char *const *patterns, unsigned count, unsigned char *seen)
{
#ifdef DUT_WAVES
    Scan scan{patterns, count, seen, std::vector<unsigned>(count, 0), {}, {}, 0};
    void *reader = fstReaderOpen(path);
    if (reader == nullptr) {
        return 0;
    }
    fstReaderSetFacProcessMaskAll(reader);
    const int done = fstReaderIterBlocks(reader, scan_value, &scan, nullptr);
    fstReaderClose(reader);
    scan_bytes(&scan);
    for (unsigned i = 0; i < count; i++) {
        seen[i] = seen[i] != 0 || scan.words[i] == 0xF ? 1 : 0;
    }
    return done;
#else
    (void)path;
    (void)patterns;
    (void)count;
    (void)seen;
    return 0;
#endif
}
}
