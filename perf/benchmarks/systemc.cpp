// SystemC's side of the kernel benchmark: the same work in its own idioms (SC_METHOD, sc_event,
// sc_signal, TLM-2.0 approximately timed). SystemC builds everything before it runs, so all of it
// is built first and each measurement wakes its own part.
#include "perf/benchmarks/bench_kernel.h"

#include <memory>
#include <systemc>
#include <tlm>
#include <tlm_utils/peq_with_cb_and_phase.h>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <vector>

namespace
{

// 1 to 64 clocks, made once: making an sc_time is not what is measured.
std::vector<sc_core::sc_time> spans;

sc_core::sc_time next_span(std::uint64_t &state)
{
    return spans[bench_next(&state)];
}

double run_until_pause(std::uint64_t count)
{
    const double begin = bench_now_ns();
    sc_core::sc_start();
    return (bench_now_ns() - begin) / static_cast<double>(count);
}

struct Timed : sc_core::sc_module {
    std::uint64_t left = 0;

    struct Actor : sc_core::sc_module {
        Timed &timed;
        sc_core::sc_event event;
        std::uint64_t state;

        Actor(sc_core::sc_module_name name, Timed &owner, std::uint64_t seed)
            : sc_module(name), timed(owner), state(seed)
        {
            SC_HAS_PROCESS(Actor);
            SC_METHOD(again);
            sensitive << event;
            dont_initialize();
        }

        void again()
        {
            if (--timed.left == 0) {
                sc_core::sc_pause();
            }
            event.notify(next_span(state));
        }
    };
    std::vector<std::unique_ptr<Actor>> actors;

    Timed(sc_core::sc_module_name name, std::uint32_t pending) : sc_module(name)
    {
        for (std::uint32_t i = 0; i < pending; i++) {
            actors.push_back(
                std::make_unique<Actor>(sc_core::sc_gen_unique_name("actor"), *this, i));
        }
    }

    double measure()
    {
        left = BENCH_EVENTS;
        for (auto &actor : actors) {
            actor->event.notify(next_span(actor->state));
        }
        const double each = run_until_pause(BENCH_EVENTS);
        for (auto &actor : actors) {
            actor->event.cancel();
        }
        return each;
    }
};

struct Delta : sc_core::sc_module {
    sc_core::sc_event event;
    std::uint64_t left = 0;

    explicit Delta(sc_core::sc_module_name name) : sc_module(name)
    {
        SC_HAS_PROCESS(Delta);
        SC_METHOD(again);
        sensitive << event;
        dont_initialize();
    }

    void again()
    {
        if (left-- > 0) {
            event.notify(sc_core::SC_ZERO_TIME);
        } else {
            sc_core::sc_pause();
        }
    }

    double measure()
    {
        left = BENCH_EVENTS;
        event.notify(sc_core::SC_ZERO_TIME);
        return run_until_pause(BENCH_EVENTS);
    }
};

struct Signal : sc_core::sc_module {
    sc_core::sc_signal<std::uint64_t> signal;
    sc_core::sc_event start;
    std::uint64_t end = 0;

    explicit Signal(sc_core::sc_module_name name) : sc_module(name)
    {
        SC_HAS_PROCESS(Signal);
        SC_METHOD(count_on);
        sensitive << signal << start;
        dont_initialize();
    }

    void count_on()
    {
        if (signal.read() < end) {
            signal.write(signal.read() + 1);
        } else {
            sc_core::sc_pause();
        }
    }

    double measure()
    {
        end = signal.read() + BENCH_EVENTS;
        start.notify(sc_core::SC_ZERO_TIME);
        return run_until_pause(BENCH_EVENTS);
    }
};

struct Target : sc_core::sc_module {
    tlm_utils::simple_target_socket<Target> socket;
    tlm_utils::peq_with_cb_and_phase<Target> queue;
    std::uint64_t state = 0;

    explicit Target(sc_core::sc_module_name name)
        : sc_module(name), socket("socket"), queue(this, &Target::answer)
    {
        socket.register_nb_transport_fw(this, &Target::forward);
    }

    tlm::tlm_sync_enum forward(tlm::tlm_generic_payload &payload, tlm::tlm_phase &phase,
                               sc_core::sc_time &)
    {
        if (phase != tlm::BEGIN_REQ) {
            return tlm::TLM_COMPLETED;
        }
        queue.notify(payload, tlm::BEGIN_RESP, next_span(state));
        phase = tlm::END_REQ;
        return tlm::TLM_UPDATED;
    }

    void answer(tlm::tlm_generic_payload &payload, const tlm::tlm_phase &)
    {
        tlm::tlm_phase phase = tlm::BEGIN_RESP;
        sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
        socket->nb_transport_bw(payload, phase, delay);
    }
};

struct Initiator : sc_core::sc_module {
    tlm_utils::simple_initiator_socket<Initiator> socket;
    std::vector<tlm::tlm_generic_payload> payloads;
    sc_core::sc_event start;
    std::uint64_t left = 0;
    std::uint32_t flying = 0;

    Initiator(sc_core::sc_module_name name, std::uint32_t outstanding)
        : sc_module(name), socket("socket"), payloads(outstanding)
    {
        socket.register_nb_transport_bw(this, &Initiator::backward);
        SC_HAS_PROCESS(Initiator);
        SC_METHOD(begin);
        sensitive << start;
        dont_initialize();
    }

    void begin()
    {
        for (auto &payload : payloads) {
            flying++;
            send(payload);
        }
    }

    void send(tlm::tlm_generic_payload &payload)
    {
        payload.set_address(64 * left);
        payload.set_command(tlm::TLM_READ_COMMAND);
        payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
        tlm::tlm_phase phase = tlm::BEGIN_REQ;
        sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
        socket->nb_transport_fw(payload, phase, delay);
    }

    tlm::tlm_sync_enum backward(tlm::tlm_generic_payload &payload, tlm::tlm_phase &phase,
                                sc_core::sc_time &)
    {
        phase = tlm::END_RESP;
        if (left > 0) {
            left--;
            send(payload);
        } else if (--flying == 0) {
            sc_core::sc_pause();
        }
        return tlm::TLM_COMPLETED;
    }

    double measure()
    {
        left = BENCH_EVENTS;
        start.notify(sc_core::SC_ZERO_TIME);
        return run_until_pause(BENCH_EVENTS);
    }
};

struct Bench {
    Timed one{"one", 1}, hundred{"hundred", 100}, many{"many", 10000};
    Delta delta{"delta"};
    Signal signal{"signal"};
    Initiator initiator1{"initiator1", 1}, initiator16{"initiator16", 16};
    Target target1{"target1"}, target16{"target16"};

    Bench()
    {
        initiator1.socket.bind(target1.socket);
        initiator16.socket.bind(target16.socket);
    }
};

Bench *bench;

} // namespace

double bench_systemc_timed_ns(uint32_t pending)
{
    return (pending == 1 ? bench->one : pending == 100 ? bench->hundred : bench->many).measure();
}

double bench_systemc_delta_ns(uint32_t)
{
    return bench->delta.measure();
}

double bench_systemc_signal_ns(uint32_t)
{
    return bench->signal.measure();
}

double bench_systemc_transaction_ns(uint32_t outstanding)
{
    return (outstanding == 1 ? bench->initiator1 : bench->initiator16).measure();
}

int sc_main(int argc, char **argv)
{
    for (int clocks = 0; clocks <= BENCH_SPREAD; clocks++) {
        spans.emplace_back(clocks * BENCH_CLOCK_PS, sc_core::SC_PS);
    }
    Bench built;
    bench = &built;
    return bench_kernel_main(argc, argv);
}
