// decode() of any bytes gives a message that is encoded to the same bytes, or throws WireError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "broadcast/messages.h"

using namespace mpirepl;

namespace {

constexpr unsigned epoch = 0;

void require(bool condition, const char* what) {
    if (condition) return;
    std::cerr << what << '\n';
    std::abort();
}

std::vector<Message> valid_messages() {
    RankSet ranks = RankSet::range(0, 3);
    ranks.insert(RankSet::single(7));
    Report report{.sequence = 5, .streaming = true};
    report.blocks.push_back({.ranks = ranks, .stream = Stream::value, .cell = 2, .text = "1\n"});
    report.blocks.push_back({.ranks = RankSet::single(2), .settled = true, .text = "two\n"});
    report.outcome = {.ranks = 5, .failed = 1, .status = 1, .timings = {Timing{.ranks = 5}}};
    const Need need{.comm = 3, .peer = 2, .tag = 5};
    const Picture picture{
        .rank = 1,
        .state = Picture::State::waiting,
        .waits = {{.call = "MPI_Recv", .needs = {need}, .seconds = 1.5, .where = "a.py:1"}},
        .open_receives = {need},
        .sent = {{.comm = 3, .peer = 2, .tag = 5, .messages = 1}},
        .begun = {{.comm = 3, .arrivals = 1, .latest = {{.number = 1, .call = "a"}}}},
        .communicators = {{.id = 3, .name = "w", .members = ranks}}};
    const BreakOff break_off{.sequence = 6,
                             .diagnoses = {{.ranks = ranks, .call = "MPI_Recv", .missing = ranks}}};
    return {Cell{.sequence = 1, .number = 2, .targets = ranks, .name = "a", .source = "b = 1"},
            report,
            Credit{.bytes = 9},
            StreamNow{.sequence = 3},
            Window{.bytes = 4096},
            Leave{},
            Question{.rank = 3, .number = 2, .hidden = true, .prompt = "name? "},
            Answer{.number = 2, .kind = Answer::Kind::end, .text = "x"},
            Unfinished{.rank = 1, .to_stderr = true, .text = "45%"},
            CloseOutput{},
            AskPicture{.census = 1, .stacks = true, .communicators = {3, 4}},
            picture,
            break_off,
            Parked{.sequence = 6, .rank = 2},
            Recover{.sequence = 6},
            Quiet{.census = 1},
            TaskBatch{.functions = {"f"},
                      .tasks = {{.id = 1, .argument = "x", .blobs = {100'000}, .spread = ranks}}},
            TaskResults{.ends = {{.id = 1, .out = "o", .value = "v", .blobs = {5}}}},
            TaskNote{.id = 1, .kind = TaskNote::Kind::err, .text = "e"},
            TaskControl{.kind = TaskControl::Kind::signal, .signal = 2, .ids = {1, 2}},
            TaskReturn{.ids = {7}}};
}

/// The input itself, or the input laid over a valid message, which its first byte chooses.
std::string message_of(std::string_view input) {
    static const std::vector<Message> valid = valid_messages();
    std::size_t choice = input.empty() ? valid.size() : static_cast<unsigned char>(input[0]) % 24;
    if (choice >= valid.size()) return std::string(input.substr(input.empty() ? 0 : 1));
    std::string bytes = encode(valid[choice], epoch);
    for (input.remove_prefix(1); input.size() >= 2; input.remove_prefix(2))
        bytes[static_cast<unsigned char>(input[0]) % bytes.size()] ^= input[1];
    return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string bytes = message_of({reinterpret_cast<const char*>(data), size});
    try {
        // Compared as bytes, because a duration may be a NaN, which does not equal itself.
        require(encode(decode(bytes, epoch), epoch) == bytes, "another message came back");
    } catch (const WireError&) {
        return 0;
    }
    return 0;
}
