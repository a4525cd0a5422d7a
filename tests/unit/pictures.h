#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/picture.h"
#include "guard/verdict.h"
#include "unit/support.h"

/// Short names for what ranks tell the guard. All of it is on the communicator `world`, unless on()
/// says otherwise.
namespace mpirepl {

using Pictures = std::vector<Picture>;

constexpr std::uint64_t world = 1;
constexpr std::uint64_t hidden = 2;  // mpi4py's own
constexpr std::uint64_t row = 3;     // ranks 0-1

inline Need receive(int peer, int tag = any_tag, std::uint64_t received = 0) {
    return {.comm = world, .peer = peer, .tag = tag, .received = received};
}
inline Need send(int peer, int tag) {
    return {.kind = Need::Kind::send, .comm = world, .peer = peer, .tag = tag};
}
inline Need arrival(std::uint64_t number, int peer) {
    return {.kind = Need::Kind::arrival, .comm = world, .peer = peer, .number = number};
}
inline Need collective(std::uint64_t number) {
    return {.kind = Need::Kind::collective, .comm = world, .number = number};
}
inline Need on(std::uint64_t comm, Need need) {
    need.comm = comm;
    return need;
}

inline Wait in(std::string call, std::vector<Need> needs) {
    return {.call = std::move(call), .needs = std::move(needs), .where = "f.py:3 in f"};
}
inline Wait in_thread(Wait wait) {
    wait.main_thread = false;
    return wait;
}

inline Picture waiting(int rank, std::vector<Wait> waits) {
    return {.rank = rank, .state = Picture::State::waiting, .waits = std::move(waits)};
}
inline Picture waiting(int rank, std::string call, std::vector<Need> needs) {
    return waiting(rank, {in(std::move(call), std::move(needs))});
}
inline Picture receiving(int rank, int peer, int tag = any_tag) {
    return waiting(rank, "MPI_Recv", {receive(peer, tag)});
}
inline Picture left(int rank, std::string by = "") {
    return {.rank = rank, .state = Picture::State::left, .left_by = std::move(by)};
}
inline Picture not_targeted(int rank) {
    return {.rank = rank, .state = Picture::State::not_targeted};
}
inline Picture without_task(int rank) { return {.rank = rank, .state = Picture::State::no_task}; }
inline Picture computing(int rank, std::string where = "") {
    return {.rank = rank, .state = Picture::State::computing, .where = std::move(where)};
}

inline Picture has_sent(Picture picture, Sent sent) {
    picture.sent.push_back(sent);
    return picture;
}
inline Picture has_sent(Picture picture, int peer, int tag, std::uint64_t messages = 1) {
    return has_sent(std::move(picture),
                    {.comm = world, .peer = peer, .tag = tag_bucket(tag), .messages = messages});
}
inline Picture has_begun(Picture picture, std::uint64_t arrivals, std::uint64_t collectives = 0) {
    picture.begun.push_back({.comm = world, .arrivals = arrivals, .collectives = collectives});
    return picture;
}
inline Picture may_receive(Picture picture, Need need) {
    picture.open_receives.push_back(need);
    return picture;
}

/// The pictures, and one of them tells of the communicators.
inline Pictures all(Pictures pictures) {
    RankSet everybody;
    for (const Picture& picture : pictures) everybody.insert(RankSet::single(picture.rank));
    pictures.back().communicators = {
        {.id = world, .name = "MPI_COMM_WORLD", .members = everybody},
        {.id = hidden, .name = "MPI_COMM_WORLD", .hidden = true, .members = everybody},
        {.id = row, .name = "row", .members = ranks("0-1")}};
    return pictures;
}

inline bool is_deadlock(const Pictures& pictures) {
    return guard::may_be_stuck(pictures) && !guard::something_is_on_its_way(pictures);
}

/// All wait in the first blocking collective but some; each has told the next that it is there.
inline Pictures in_collective(int size, const char* call, const RankSet& but) {
    Pictures pictures;
    for (int rank = 0; rank < size; ++rank) {
        const int before = (rank + size - 1) % size;
        const Sent sent{.arrival = true, .comm = world, .peer = (rank + 1) % size, .messages = 1};
        Need need = arrival(1, before);
        need.received = but.contains(before) ? 0 : 1;
        Picture there = has_begun(has_sent(waiting(rank, call, {need}), sent), 1);
        pictures.push_back(but.contains(rank) ? left(rank, "ValueError") : there);
    }
    return all(pictures);
}

}  // namespace mpirepl
