#include "broadcast/messages.h"

#include <doctest/doctest.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "unit/support.h"

using namespace mpirepl;

namespace {

constexpr unsigned epoch = 3;

Picture picture() {
    const Need need{.kind = Need::Kind::arrival,
                    .comm = 0xffff'ffff'ffff'fff0,
                    .peer = 3,
                    .tag = 1023,
                    .number = 1ULL << 40U,
                    .received = 7};
    const Wait wait{.call = "MPI_Waitall",
                    .any = true,
                    .main_thread = false,
                    .needs = {need, Need{}},
                    .seconds = 12.5,
                    .where = "psum.py:6 in psum",
                    .callee = "Waitall"};
    return {.census = 4,
            .rank = 7,
            .state = Picture::State::waiting,
            .left = true,
            .left_by = "ZeroDivisionError",
            .where = "sim.py:40 in step",
            .events = 99,
            .waits = {wait, Wait{}},
            .open_receives = {need},
            .sent = {{.arrival = true, .comm = 1, .peer = 2, .tag = 3, .messages = 4}, Sent{}},
            .begun = {{.comm = 1,
                       .arrivals = 2,
                       .collectives = 3,
                       .latest = {{.number = 3, .call = "MPI_Ibarrier"}}}},
            .communicators = {
                {.id = 1, .name = "MPI_COMM_WORLD", .hidden = true, .members = ranks("0-7")}}};
}

BreakOff break_off() {
    return {.sequence = 8,
            .interrupt = true,
            .diagnoses = {{.ranks = ranks("0-1,3"),
                           .call = "MPI_Recv",
                           .comm = "row",
                           .missing = ranks("2"),
                           .waiting = ranks("0-1,3,5"),
                           .mismatch = true,
                           .text = "rank 2 has left the cell"}}};
}

std::vector<Message> messages() {
    const Cell cell{.kind = Cell::Kind::module,
                    .sequence = 1'000'000,
                    .number = 12,
                    .targets = ranks("0-2,5"),
                    .fold = true,
                    .timed = true,
                    .guarded = false,
                    .grace = 0.25,
                    .profiled = true,
                    .name = "<cell 12>",
                    .code = std::string("x = 1\0\xff\n", 8),
                    .source = "%time x"};
    Report report{.sequence = 9, .streaming = true};
    report.blocks = {out("3", "three\n"), error("0-1,7", lines(10)), value("4", "")};
    report.blocks[1].settled = true;
    report.blocks[1].cell = 77;
    report.outcome = {.ranks = 4, .failed = 1, .exited = 2, .status = -3};
    report.outcome.timings = {
        Timing{
            .least = 0.1, .most = 1e300, .sum = -0.0, .least_rank = 3, .most_rank = 4, .ranks = 2},
        Timing{}};
    return {cell,
            report,
            Credit{.bytes = 0xffff'ffff},
            StreamNow{.sequence = 7},
            Window{.bytes = 4096},
            Leave{},
            Question{.rank = 3, .number = 2, .hidden = true, .prompt = "name? "},
            Answer{.number = 2, .kind = Answer::Kind::end, .text = "x"},
            Unfinished{.rank = 1, .to_stderr = true, .text = "45%"},
            CloseOutput{},
            Cell{},
            Report{},
            AskPicture{.census = 3, .stacks = true, .communicators = {1, 1ULL << 63U}},
            AskPicture{},
            picture(),
            Picture{},
            break_off(),
            BreakOff{},
            Parked{.sequence = 1, .rank = 70'000, .recovered = true},
            Recover{.sequence = 2},
            Quiet{.census = 3, .rank = 4},
            TaskBatch{.functions = {"f", std::string("g\0", 2)},
                      .tasks = {{.id = 1ULL << 40U,
                                 .cell = 3,
                                 .failures = 1,
                                 .function = 1,
                                 .stops = true,
                                 .balanced = true,
                                 .argument = "x",
                                 .blobs = {1ULL << 33U, 0},
                                 .transfer = 9,
                                 .spread = ranks("0-2,5")},
                                Task{}}},
            TaskResults{.ends = {{.id = 5,
                                  .status = TaskEnd::Status::impossible,
                                  .started = 1.5,
                                  .completed = 2.5,
                                  .out = "o",
                                  .err = "e",
                                  .value = "v",
                                  .blobs = {7},
                                  .transfer = 2},
                                 TaskEnd{}}},
            TaskNote{.id = 3, .kind = TaskNote::Kind::data, .text = "d"},
            TaskControl{.kind = TaskControl::Kind::signal, .signal = 15, .ids = {1, 2}},
            TaskReturn{.ids = {4}}};
}

bool is_refused(const std::string& bytes, unsigned expected_epoch = epoch) {
    try {
        decode(bytes, expected_epoch);
        return false;
    } catch (const WireError&) {
        return true;
    }
}

/// `bytes` with the number at `where` replaced.
template <typename Number>
std::string patched(std::string bytes, std::size_t where, Number number) {
    REQUIRE(where + sizeof number <= bytes.size());
    std::memcpy(bytes.data() + where, &number, sizeof number);
    return bytes;
}

/// Where `text` lies in the bytes; its length stands in the four bytes in front of it.
std::size_t place_of(const std::string& bytes, std::string_view text) {
    const std::size_t place = bytes.find(text);
    REQUIRE(place != std::string::npos);
    return place;
}

// Of a Cell: magic, index, epoch, kind, sequence, number, targets (their count first).
constexpr std::size_t index_place = 1;
constexpr std::size_t kind_place = 6;
constexpr std::size_t targets_place = kind_place + 1 + 4 + 4;

std::string cell_for(const RankSet& targets) { return encode(Cell{.targets = targets}, epoch); }

}  // namespace

TEST_CASE("messages: all come back as they were") {
    for (const Message& message : messages()) {
        CAPTURE(message.index());
        CHECK((decode(encode(message, epoch), epoch) == message));
    }
    for (int stream = 0; stream <= static_cast<int>(last_stream); ++stream) {
        Report report;
        report.blocks.push_back(block("0", static_cast<Stream>(stream), "x"));
        CHECK((decode(encode(report, 0), 0) == Message(report)));
    }
    for (int kind = 0; kind <= static_cast<int>(Cell::Kind::finalize); ++kind) {
        const Cell cell{.kind = static_cast<Cell::Kind>(kind)};
        CHECK((decode(encode(cell, 0), 0) == Message(cell)));
    }
}

TEST_CASE("messages: a million of ranks takes few bytes") {
    CHECK(cell_for(RankSet::all(1'000'000)).size() == cell_for(RankSet::single(0)).size());
}

TEST_CASE("messages: cut short anywhere, or followed by something") {
    for (const Message& message : messages()) {
        const std::string bytes = encode(message, epoch);
        CAPTURE(message.index());
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            CAPTURE(size);
            CHECK(is_refused(bytes.substr(0, size)));
        }
        CHECK(is_refused(bytes + '\0'));
        CHECK(is_refused(bytes + bytes));
    }
}

TEST_CASE("messages: of another epoch, of no kind, of something else") {
    for (const Message& message : messages()) {
        const std::string bytes = encode(message, epoch);
        CHECK(is_refused(bytes, epoch + 1));
        CHECK(is_refused(bytes, 0));
        CHECK(is_refused(patched(bytes, 0, 'x')));
        CHECK(is_refused(
            patched(bytes, index_place, static_cast<std::uint8_t>(std::variant_size_v<Message>))));
        CHECK(is_refused(patched(bytes, index_place, std::uint8_t{255})));
    }
}

TEST_CASE("messages: lengths that lie") {
    const std::string bytes = encode(messages()[0], epoch);
    const std::size_t code = place_of(bytes, "x = 1") - 4;
    for (std::uint32_t size : {9U, 7U, 0U, 1000U, 0x7fff'ffffU, 0xffff'ffffU}) {
        CAPTURE(size);
        CHECK(is_refused(patched(bytes, code, size)));
        CHECK(is_refused(patched(bytes, targets_place, size)));
    }
    const std::string report = encode(messages()[1], epoch);
    const std::size_t blocks = index_place + 1 + 4 + 4 + 1;
    for (std::uint32_t count : {0U, 2U, 4U, 0x7fff'ffffU, 0xffff'ffffU}) {
        CAPTURE(count);
        CHECK(is_refused(patched(report, blocks, count)));
    }
}

TEST_CASE("messages: ranks that are not in order") {
    const std::string bytes = cell_for(ranks("2-4,8-9"));
    const std::size_t first = targets_place + 4;
    auto with = [&](int a, int b, int c, int d) {
        return patched(patched(patched(patched(bytes, first, a), first + 4, b), first + 8, c),
                       first + 12, d);
    };
    CHECK_FALSE(is_refused(with(2, 4, 8, 9)));
    CHECK_FALSE(is_refused(with(0, 0, 2, std::numeric_limits<int>::max())));
    CHECK(is_refused(with(8, 9, 2, 4)));
    CHECK(is_refused(with(2, 4, 4, 9)));
    CHECK(is_refused(with(2, 4, 5, 9)));  // one range, then
    CHECK(is_refused(with(4, 2, 8, 9)));
    CHECK(is_refused(with(2, 4, 9, 8)));
    CHECK(is_refused(with(-1, 4, 8, 9)));
    CHECK(is_refused(with(0, std::numeric_limits<int>::max(), 8, 9)));
}

TEST_CASE("messages: enumerations and truth values out of range") {
    const std::string bytes = encode(messages()[0], epoch);
    for (int kind : {6, 7, 255})
        CHECK(is_refused(patched(bytes, kind_place, static_cast<std::uint8_t>(kind))));
    const std::size_t fold = targets_place + 4 + 2 * 8;
    REQUIRE(bytes[fold] == 1);
    const std::size_t interactive = fold + 2;
    const std::size_t guarded = interactive + 1 + 2 + 2;  // columns and lines between
    const std::size_t profiled = guarded + 1 + 8;
    for (std::size_t flag : {fold, fold + 1, interactive, guarded, profiled}) {
        CHECK_FALSE(is_refused(patched(bytes, flag, '\0')));
        CHECK_FALSE(is_refused(patched(bytes, flag, '\1')));
        CHECK(is_refused(patched(bytes, flag, '\2')));
    }
    Report one;
    one.blocks.push_back(out("1", "text"));
    const std::string report = encode(one, epoch);
    const std::size_t text = place_of(report, "text");
    const std::size_t settled = text - 4 - 1;
    const std::size_t stream = settled - 4 - 1;
    CHECK_FALSE(is_refused(patched(report, stream, static_cast<char>(last_stream))));
    CHECK(
        is_refused(patched(report, stream, static_cast<char>(static_cast<int>(last_stream) + 1))));
    CHECK(is_refused(patched(report, settled, '\2')));
}

TEST_CASE("messages: text of no rank is refused") {
    Report report;
    report.blocks = {out("3", "three\n")};
    report.blocks[0].ranks = {};
    CHECK(is_refused(encode(report, epoch)));
}

TEST_CASE("messages: numbers that cannot be") {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK_FALSE(is_refused(encode(Cell{.grace = 0}, epoch)));
    for (double seconds : {-0.5, infinity, -infinity, nan}) {
        CAPTURE(seconds);
        CHECK(is_refused(encode(Cell{.grace = seconds}, epoch)));
        CHECK(is_refused(encode(Picture{.waits = {{.seconds = seconds}}}, epoch)));
    }
    CHECK(is_refused(encode(Picture{.rank = -1}, epoch)));
    CHECK(is_refused(encode(Parked{.rank = -1}, epoch)));
    CHECK(is_refused(encode(Quiet{.rank = -1}, epoch)));
    CHECK(is_refused(encode(Picture{.open_receives = {{.peer = -2}}}, epoch)));
    CHECK(is_refused(encode(Picture{.open_receives = {{.tag = -2}}}, epoch)));
    CHECK(is_refused(encode(Picture{.waits = {{.needs = {{.peer = -2}}}}}, epoch)));
    CHECK(is_refused(encode(Picture{.sent = {{.peer = -1}}}, epoch)));
    CHECK(is_refused(encode(Picture{.sent = {{.tag = -1}}}, epoch)));
    CHECK_FALSE(is_refused(encode(Picture{.sent = {{.tag = tag_buckets - 1}}}, epoch)));
    CHECK(is_refused(encode(Picture{.sent = {{.tag = tag_buckets}}}, epoch)));
}

TEST_CASE("messages: kinds of pictures and needs out of range") {
    const std::string bytes = encode(Picture{.open_receives = {Need{}}}, epoch);
    const std::size_t state = index_place + 1 + 4 + 4 + 4;
    const std::size_t need = state + 1 + 1 + 4 + 4 + 8 + 4 + 4;
    for (char good : {0, 1, 2, 3, 4}) CHECK_FALSE(is_refused(patched(bytes, state, good)));
    for (char good : {0, 1, 2, 3}) CHECK_FALSE(is_refused(patched(bytes, need, good)));
    for (char bad : {5, 127}) CHECK(is_refused(patched(bytes, state, bad)));
    for (char bad : {4, 127}) CHECK(is_refused(patched(bytes, need, bad)));
}

TEST_CASE("messages: a diagnosis for no rank is refused") {
    BreakOff message = break_off();
    message.diagnoses[0].ranks = {};
    CHECK(is_refused(encode(message, epoch)));
}

TEST_CASE("messages: a task of a function that is not there is refused") {
    const TaskBatch batch{.functions = {"f"}, .tasks = {Task{.function = 1}}};
    CHECK(is_refused(encode(batch, epoch)));
}

TEST_CASE("messages: memory of an absurd size is refused") {
    const TaskResults results{.ends = {TaskEnd{.blobs = {1ULL << 60U}}}};
    CHECK(is_refused(encode(results, epoch)));
}
