#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "guard/census.h"
#include "guard/in_order.h"
#include "guard/verdict.h"

namespace mpirepl::guard {
namespace {

struct Line {
    RankSet ranks;
    std::optional<double> seconds;  // the longest wait
};

/// "psum.py:6 psum"
std::string place(std::string where) {
    const std::size_t in = where.rfind(" in ");
    return in == std::string::npos ? where : where.replace(in, 4, " ");
}

/// "psum.py:6 psum → MPI_Allreduce"
std::string place_and_call(const Wait& wait) {
    return wait.where.empty() ? wait.call : place(wait.where) + " → " + wait.call;
}

/// What the main thread does, unless it waits in MPI.
std::string main_thread(const Picture& picture) {
    switch (picture.state) {
        case Picture::State::not_targeted:
            return "not among the targets";
        case Picture::State::no_task:
            return "without a task";
        case Picture::State::computing:
            return picture.where.empty() ? "computing" : place(picture.where);
        case Picture::State::waiting:
            return "waiting";
        case Picture::State::left:
            break;
    }
    return "done with the cell" + (picture.left_by.empty() ? "" : " (" + picture.left_by + ")");
}

void add_lines(InOrder<Line>& lines, const Picture& picture) {
    const RankSet rank = RankSet::single(picture.rank);
    if (std::ranges::none_of(picture.waits, &Wait::main_thread))
        lines[main_thread(picture)].ranks.insert(rank);
    for (const Wait& wait : picture.waits) {
        Line& line = lines[(wait.main_thread ? "" : "(thread) ") + place_and_call(wait)];
        line.ranks.insert(rank);
        line.seconds = std::max(line.seconds.value_or(0), wait.seconds);
    }
}

}  // namespace

std::string where(const std::vector<Picture>& pictures) {
    const Census census(pictures);
    InOrder<Line> lines;
    for (int rank : census.ranks().ranks()) add_lines(lines, *census.picture(rank));
    std::size_t width = 0;
    for (const auto& [what, line] : lines) width = std::max(width, line.ranks.to_string().size());
    std::string text;
    for (const auto& [what, line] : lines) {
        text += fmt::format("{:<{}}  {}", line.ranks.to_string(), width, what);
        if (line.seconds) text += fmt::format(" ({:.1f} s)", *line.seconds);
        text += '\n';
    }
    return text;
}

}  // namespace mpirepl::guard
