#include "guard/census.h"

namespace mpirepl::guard {
namespace {

template <typename Map>
auto find(const Map& map, const typename Map::key_type& key) {
    auto found = map.find(key);
    return found == map.end() ? nullptr : found->second;
}

std::uint64_t begun(const Picture& picture, const Need& need) {
    for (const Begun& begun : picture.begun)
        if (begun.comm == need.comm)
            return need.kind == Need::Kind::arrival ? begun.arrivals : begun.collectives;
    return 0;
}

}  // namespace

Census::Census(const std::vector<Picture>& pictures) {
    for (const Picture& picture : pictures) {
        const RankSet rank = RankSet::single(picture.rank);
        ranks_.insert(rank);
        if (picture.state == Picture::State::waiting) {
            waiting_.insert(rank);
            if (!picture.left) waiting_in_cell_.insert(rank);
        }
        pictures_.emplace(picture.rank, &picture);
        for (const CommunicatorInfo& info : picture.communicators)
            communicators_.emplace(info.id, &info);
    }
}

const Picture* Census::picture(int rank) const { return find(pictures_, rank); }

const CommunicatorInfo* Census::communicator(std::uint64_t id) const {
    return find(communicators_, id);
}

const RankSet& Census::behind(const Need& need) {
    int peer = need.number == 0 ? need.peer : any_rank;
    auto [known, is_new] = behind_.try_emplace({need.kind, need.comm, need.number, peer});
    if (is_new) known->second = find_behind(need);
    return known->second;
}

std::map<std::string, RankSet> Census::callers(const Need& need) const {
    std::map<std::string, RankSet> callers;
    for (const auto& [rank, picture] : pictures_)
        for (const Begun& begun : picture->begun)
            for (const BegunCollective& collective : begun.latest)
                if (begun.comm == need.comm && collective.number == need.number)
                    callers[collective.call].insert(RankSet::single(rank));
    return callers;
}

RankSet Census::find_behind(const Need& need) const {
    if (need.number == 0) return RankSet::single(need.peer);
    RankSet behind;
    const CommunicatorInfo* info = communicator(need.comm);
    if (!info) return behind;
    for (int rank : info->members.ranks()) {
        const Picture* member = picture(rank);
        if (!member || begun(*member, need) < need.number) behind.insert(RankSet::single(rank));
    }
    return behind;
}

}  // namespace mpirepl::guard
