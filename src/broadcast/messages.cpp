#include "broadcast/messages.h"

#include <cmath>
#include <concepts>
#include <cstring>
#include <limits>
#include <type_traits>

// A message is a magic byte, its index in Message, the epoch, then its fields in order: numbers as
// they lie in memory (ranks of one job share a byte order), strings and lists behind their length.
// One function, `fields`, lists the fields of each type for both directions.

namespace mpirepl {
namespace {

constexpr std::uint8_t magic = 0xb7;

template <typename T>
concept Enumeration = std::is_enum_v<T>;
template <typename T>
concept Number = std::is_arithmetic_v<T>;

constexpr Stream last(Stream) { return last_stream; }
constexpr Cell::Kind last(Cell::Kind) { return Cell::Kind::finalize; }
constexpr Need::Kind last(Need::Kind) { return Need::Kind::collective; }
constexpr Answer::Kind last(Answer::Kind) { return Answer::Kind::interrupted; }
constexpr Picture::State last(Picture::State) { return Picture::State::left; }
constexpr TaskEnd::Status last(TaskEnd::Status) { return TaskEnd::Status::impossible; }
constexpr TaskNote::Kind last(TaskNote::Kind) { return TaskNote::Kind::data; }
constexpr TaskControl::Kind last(TaskControl::Kind) { return TaskControl::Kind::signal; }

bool is_duration(double seconds) { return std::isfinite(seconds) && seconds >= 0; }

class Writer {
  public:
    template <typename... Ts>
    void operator()(const Ts&... values) {
        (put(values), ...);
    }
    void expect(bool /*of what is read*/, const char* /*what*/) {}
    std::string take() { return std::move(bytes_); }

  private:
    template <Number T>
    void put(const T& value) {
        bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    template <Enumeration T>
    void put(const T& value) {
        put(static_cast<std::uint8_t>(value));
    }
    void put_size(std::size_t size) {
        if (size > std::numeric_limits<std::uint32_t>::max()) throw WireError("too long to send");
        put(static_cast<std::uint32_t>(size));
    }
    void put(const std::string& text) {
        put_size(text.size());
        bytes_ += text;
    }
    void put(const RankSet& ranks) {
        put_size(ranks.ranges().size());
        for (const RankSet::Range& range : ranks.ranges()) (*this)(range.first, range.last);
    }
    template <typename T>
    void put(const std::vector<T>& list) {
        put_size(list.size());
        for (const T& item : list) fields(*this, const_cast<T&>(item));
    }

    std::string bytes_;
};

class Reader {
  public:
    explicit Reader(std::string_view bytes) : rest_(bytes) {}
    template <typename... Ts>
    void operator()(Ts&... values) {
        (get(values), ...);
    }
    void expect(bool good, const char* otherwise) {
        if (!good) throw WireError(otherwise);
    }
    bool at_end() const { return rest_.empty(); }

  private:
    std::string_view take(std::size_t size) {
        if (size > rest_.size()) throw WireError("message is cut short");
        std::string_view taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }
    template <Number T>
    void get(T& value) {
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
    }
    void get(bool& value) {
        std::uint8_t byte = 0;
        get(byte);
        if (byte > 1) throw WireError("truth value out of range");
        value = byte != 0;
    }
    template <Enumeration T>
    void get(T& value) {
        std::uint8_t byte = 0;
        get(byte);
        if (byte > static_cast<std::uint8_t>(last(value))) throw WireError("kind out of range");
        value = static_cast<T>(byte);
    }
    /// The length of a list whose items take at least `item_size` bytes each.
    std::size_t get_size(std::size_t item_size) {
        std::uint32_t size = 0;
        get(size);
        if (size > rest_.size() / item_size) throw WireError("length exceeds the message");
        return size;
    }
    void get(std::string& text) { text = take(get_size(1)); }
    void get(RankSet& ranks) {
        long long after = 0;  // ranges ascend and do not touch
        ranks = {};
        for (std::size_t count = get_size(2 * sizeof(int)); count > 0; --count) {
            int first = 0;
            int last = 0;
            (*this)(first, last);
            if (first < after || last < first) throw WireError("ranks are not in order");
            ranks.insert(RankSet::range(first, last));
            after = last + 2LL;
        }
    }
    template <typename T>
    void get(std::vector<T>& list) {
        list.clear();
        for (std::size_t count = get_size(1); count > 0; --count)
            fields(*this, list.emplace_back());
    }

    std::string_view rest_;
};

void fields(auto& io, std::uint64_t& number) { io(number); }
void fields(auto& io, Block& b) {
    io(b.ranks, b.stream, b.cell, b.settled, b.text);
    io.expect(!b.ranks.empty(), "text of no rank");
}
void fields(auto& io, Timing& t) { io(t.least, t.most, t.sum, t.least_rank, t.most_rank, t.ranks); }
void fields(auto& io, std::pair<std::int32_t, std::uint64_t>& p) { io(p.first, p.second); }
void fields(auto& io, MpiProfile& p) {
    io(p.rank, p.calls, p.bytes, p.elapsed, p.in_mpi, p.waiting, p.bytes_to);
    io.expect(p.rank >= 0, "no such rank");
}
void fields(auto& io, Outcome& o) {
    io(o.ranks, o.ended, o.failed, o.exited, o.status, o.timings, o.profiles);
}
void fields(auto& io, Cell& c) {
    io(c.kind, c.sequence, c.number, c.targets, c.fold, c.timed, c.interactive, c.columns, c.lines,
       c.guarded, c.grace, c.profiled, c.name, c.code, c.source);
    io.expect(is_duration(c.grace), "grace is no duration");
}
void fields(auto& io, Report& r) {
    io(r.sequence, r.streaming, r.blocks);
    fields(io, r.outcome);
}
void fields(auto& io, Credit& c) { io(c.bytes); }
void fields(auto& io, Window& w) {
    io(w.bytes);
    io.expect(w.bytes > 0, "no text can pass");
}
void fields(auto& io, StreamNow& s) { io(s.sequence); }
void fields(auto& /*io*/, CloseOutput& /*nothing*/) {}
void fields(auto& /*io*/, Leave& /*nothing*/) {}
void fields(auto& io, AskPicture& a) { io(a.census, a.stacks, a.communicators); }
void fields(auto& io, Need& n) {
    io(n.kind, n.comm, n.peer, n.tag, n.number, n.received);
    io.expect(n.peer >= any_rank && n.tag >= any_tag, "no such rank or tag");
}
void fields(auto& io, Wait& w) {
    io(w.call, w.any, w.main_thread, w.needs, w.seconds, w.where, w.callee);
    io.expect(is_duration(w.seconds), "a wait of no duration");
}
void fields(auto& io, Sent& s) {
    io(s.arrival, s.comm, s.peer, s.tag, s.messages);
    io.expect(s.peer >= 0 && s.tag >= 0 && s.tag < tag_buckets, "no such rank or tag");
}
void fields(auto& io, CommunicatorInfo& c) { io(c.id, c.name, c.hidden, c.members); }
void fields(auto& io, BegunCollective& b) { io(b.number, b.call); }
void fields(auto& io, Begun& b) { io(b.comm, b.arrivals, b.collectives, b.latest); }
void fields(auto& io, Picture& p) {
    io(p.census, p.rank, p.state, p.left, p.left_by, p.where, p.events, p.waits, p.open_receives,
       p.sent, p.begun, p.communicators);
    io.expect(p.rank >= 0, "no such rank");
}
void fields(auto& io, Diagnosis& d) {
    io(d.ranks, d.call, d.comm, d.missing, d.waiting, d.mismatch, d.text);
    io.expect(!d.ranks.empty(), "a diagnosis for no rank");
}
void fields(auto& io, BreakOff& b) { io(b.sequence, b.interrupt, b.diagnoses); }
void fields(auto& io, Parked& p) {
    io(p.sequence, p.rank, p.recovered);
    io.expect(p.rank >= 0, "no such rank");
}
void fields(auto& io, Recover& r) { io(r.sequence); }
void fields(auto& io, Quiet& q) {
    io(q.census, q.rank);
    io.expect(q.rank >= 0, "no such rank");
}

void fields(auto& io, Question& q) {
    io(q.rank, q.number, q.hidden, q.prompt);
    io.expect(q.rank >= 0, "no such rank");
}
void fields(auto& io, Answer& a) { io(a.number, a.kind, a.text); }
void fields(auto& io, Unfinished& u) {
    io(u.rank, u.to_stderr, u.text);
    io.expect(u.rank >= 0, "no such rank");
}
/// The sizes of memory that will be allocated.
void expect_sizes(auto& io, const std::vector<std::uint64_t>& sizes) {
    constexpr std::uint64_t most = std::uint64_t{1} << 48;
    std::uint64_t sum = 0;
    for (std::uint64_t size : sizes) {
        io.expect(size <= most && sum <= most, "more memory than there is");
        sum += size;
    }
}
void fields(auto& io, Task& t) {
    io(t.id, t.cell, t.failures, t.function, t.stops, t.balanced, t.argument, t.blobs, t.transfer,
       t.spread);
    expect_sizes(io, t.blobs);
}
void fields(auto& io, std::string& text) { io(text); }
void fields(auto& io, TaskBatch& b) {
    io(b.functions, b.tasks);
    for (const Task& task : b.tasks)
        io.expect(task.function < b.functions.size(), "no such function");
}
void fields(auto& io, TaskEnd& e) {
    io(e.id, e.status, e.started, e.completed, e.out, e.err, e.value, e.blobs, e.transfer);
    expect_sizes(io, e.blobs);
}
void fields(auto& io, TaskResults& r) { io(r.ends); }
void fields(auto& io, TaskNote& n) { io(n.id, n.kind, n.text); }
void fields(auto& io, TaskControl& c) { io(c.kind, c.signal, c.ids); }
void fields(auto& io, TaskReturn& r) { io(r.ids); }

template <std::size_t Index = 0>
Message read_body(std::size_t index, Reader& reader) {
    if constexpr (Index < std::variant_size_v<Message>) {
        if (index != Index) return read_body<Index + 1>(index, reader);
        std::variant_alternative_t<Index, Message> message;
        fields(reader, message);
        return message;
    } else {
        throw WireError("unknown message");
    }
}

}  // namespace

std::string encode(const Message& message, unsigned epoch) {
    Writer writer;
    writer(magic, static_cast<std::uint8_t>(message.index()), epoch);
    std::visit(
        [&](const auto& body) {
            fields(writer, const_cast<std::remove_cvref_t<decltype(body)>&>(body));
        },
        message);
    return writer.take();
}

Message decode(std::string_view bytes, unsigned epoch) {
    Reader reader(bytes);
    std::uint8_t first = 0;
    std::uint8_t index = 0;
    unsigned sent_in = 0;
    reader(first, index, sent_in);
    if (first != magic) throw WireError("not a message");
    if (sent_in != epoch) throw WireError("message of another epoch");
    Message message = read_body(index, reader);
    if (!reader.at_end()) throw WireError("bytes after the message");
    return message;
}

}  // namespace mpirepl
