#include "base/blob.h"

#include <doctest/doctest.h>

using namespace mpirepl;

namespace {

constexpr std::uint64_t large = 8 << 20;

TEST_CASE("large memory is used again when nobody holds it any more") {
    Blob blob = Blob::allocate(large);
    const char* memory = blob.data.get();
    Blob copy = blob;
    blob = {};
    const Blob other = Blob::allocate(large);
    CHECK(other.data.get() != memory);
    copy = {};
    const Blob same = Blob::allocate(large);
    CHECK(same.data.get() == memory);
}

TEST_CASE("memory that was given back serves for a little less, not for much less or more") {
    const char* memory = nullptr;
    {
        const Blob blob = Blob::allocate(3 * large);
        memory = blob.data.get();
    }
    CHECK(Blob::allocate(2 * large).data.get() != memory);
    const Blob more = Blob::allocate(3 * large + 1);
    CHECK(more.data.get() != memory);
    const Blob less = Blob::allocate(3 * large - 8);
    CHECK(less.data.get() == memory);
    CHECK(less.size == 3 * large - 8);
}

TEST_CASE("nothing needs memory too") { CHECK(Blob::allocate(0).data != nullptr); }

}  // namespace
