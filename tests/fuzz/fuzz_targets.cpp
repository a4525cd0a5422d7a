// parse_targets() of any text gives ranks within range whose text gives them again, or throws
// UserError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "base/error.h"
#include "base/targets.h"

using namespace mpirepl;

namespace {

void require(bool condition, const char* what) {
    if (condition) return;
    std::cerr << what << '\n';
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const int ranks = 1 + (data[0] | (data[1] & 3) << 8);
    const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
    try {
        const RankSet set = parse_targets(text, ranks);
        require(!set.empty(), "an empty set");
        require(set.first() >= 0 && set.ranges().back().last < ranks, "a rank out of range");
        require(parse_targets(set.to_string(), ranks) == set, "another set came back");
    } catch (const UserError&) {
        return 0;
    }
    return 0;
}
