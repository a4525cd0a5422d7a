#include "session/display.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <iterator>
#include <utility>

namespace mpirepl {
namespace {

bool is_exit(const Block& block) {
    return block.stream == Stream::exit_status || block.stream == Stream::exit_message;
}

}  // namespace

Display::Display(const World& world, Agent& agent, Capture& capture, Printer& printer)
    : Relay(world, agent, capture), printer_(printer) {}

void Display::dispatch(Cell cell) {
    cell.sequence = ++sequence_;
    auto bytes = agent_.encoded(cell);
    agent_.now([&] {
        announced_streaming_ = false;
        start_cell(std::move(cell), bytes);
    });
}

std::optional<Display::Finished> Display::wait_finished() {
    if (!agent_.work_until([this] { return finished_.has_value(); })) return std::nullopt;
    return agent_.now([this] { return std::exchange(finished_, std::nullopt); });
}

void Display::say(std::string line, bool to_stderr) {
    agent_.post([this, line = std::move(line), to_stderr] { printer_.say(line, to_stderr); });
}

void Display::show(Block block) {
    agent_.post([this, block = std::move(block)] { printer_.print({block}); });
}

void Display::give_on(Report&& report) {
    std::vector<Block>& blocks = report.blocks;
    auto exits = std::stable_partition(blocks.begin(), blocks.end(), std::not_fn(is_exit));
    std::move(exits, blocks.end(), std::back_inserter(exits_));
    blocks.erase(exits, blocks.end());
    bool ended = report.outcome.ranks > 0 && !collector_.running();
    if (ended) finish_cell(blocks);
    if (!report.streaming) sort_for_display(blocks);
    printer_.print(blocks);
    if (!ended) return;
    const Outcome& outcome = collector_.outcome();
    finished_ = {.outcome = outcome,
                 .all_exited = outcome.exited == outcome.ranks,
                 .output_failure = printer_.failure()};
}

void Display::finish_cell(std::vector<Block>& blocks) {
    const Outcome& outcome = collector_.outcome();
    bool all_exited = outcome.exited == outcome.ranks;
    for (Block& exit : exits_) {
        if (all_exited && exit.stream == Stream::exit_status) continue;
        if (!all_exited) exit.text.insert(0, "SystemExit: ");
        blocks.push_back(std::move(exit));
    }
    exits_.clear();
}

void Display::on_turn(Clock::time_point now) {
    Relay::on_turn(now);
    if (!announced_streaming_ && !collector_.holding()) {
        announced_streaming_ = true;
        if (collector_.running())
            pass_down(agent_.encoded(StreamNow{.sequence = collector_.sequence()}));
    }
    if (printer_.failure() != 0 && !output_failed_) {
        output_failed_ = true;
        printer_.say(fmt::format("mpirepl: standard output cannot be written: {}",
                                 std::strerror(printer_.failure())),
                     true);
        pass_down(agent_.encoded(CloseOutput{}));
        close_output();
    }
}

}  // namespace mpirepl
