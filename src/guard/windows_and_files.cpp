// The calls on windows and files that are not like the others.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/rank_set.h"
#include "guard/arrival.h"
#include "guard/call.h"
#include "guard/details.h"
#include "guard/patience.h"

namespace mpirepl::guard {
namespace {

/// How a file looks from one rank, before it is opened together.
struct Sight {
    std::array<char, 64> host{};
    std::array<char, 256> path{};  ///< or its end
    dev_t device = 0;              ///< of its folder
    ino_t folder = 0;
    std::uint64_t name = 0;  ///< in that folder, hashed
    int error = 0;           ///< why it cannot be opened
    bool missing = false;    ///< it is not there
    bool creates = false;    ///< then this rank would create it
};

void copy_end(std::string_view text, std::span<char> to) {
    if (text.size() >= to.size()) text.remove_prefix(text.size() - to.size() + 1);
    text.copy(to.data(), text.size());
}

Sight see(const char* file, int mode) {
    Sight sight;
    ::gethostname(sight.host.data(), sight.host.size() - 1);
    copy_end(file, sight.path);
    sight.creates = (mode & MPI_MODE_CREATE) != 0;
    const std::string_view path = file;
    const std::size_t name = path.rfind('/') + 1;  // 0 if there is none
    const std::string folder(name == 0 ? "." : path.substr(0, name));
    sight.name = std::hash<std::string_view>()(path.substr(name));
    struct stat found {};
    if (::stat(folder.c_str(), &found) != 0) {
        sight.error = errno;
        return sight;
    }
    sight.device = found.st_dev;
    sight.folder = found.st_ino;
    const bool reads = (mode & MPI_MODE_WRONLY) == 0;
    const bool writes = (mode & MPI_MODE_RDONLY) == 0;
    const int access = (reads ? R_OK : 0) | (writes ? W_OK : 0);
    // Not by opening it: to close it would give up this process's locks on it.
    if (::faccessat(AT_FDCWD, file, access, AT_EACCESS) == 0) return sight;
    sight.error = errno;
    sight.missing = sight.error == ENOENT;
    return sight;
}

/// Whether the file can be opened. The first rank creates one that is missing; what some rank sees
/// has come in between. Of another host's files nobody knows.
bool opens(const Sight& sight, const std::vector<Sight>& all) {
    if (!sight.missing) return sight.error == 0;
    return std::ranges::any_of(all, [&](const Sight& other) {
        const bool is_the_same = sight.device == other.device && sight.folder == other.folder &&
                                 sight.name == other.name;
        const bool is_created = other.missing && other.creates && &other == &all.front();
        return (other.error == 0 || is_created) && (is_the_same || sight.host != other.host);
    });
}

/// A rank that cannot open the file leaves the call, and the others would wait for it inside.
/// @return MPI_SUCCESS if all can, or none
int agree_on_file(Call& call, const char* file, int mode) {
    Context& context = *call.context();
    const Sight mine = see(file, mode);
    std::vector<Sight> all(context.members.size());
    constexpr int size = sizeof(Sight);
    PMPI_Allgather(&mine, size, MPI_BYTE, all.data(), size, MPI_BYTE, context.shadow);
    mpirepl::RankSet shut_out;
    const Sight* example = nullptr;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (opens(all[i], all)) continue;
        if (example == nullptr) example = &all[i];
        shut_out.insert(mpirepl::RankSet::single(context.member(static_cast<int>(i))));
    }
    if (shut_out.empty() || shut_out.count() == context.size()) return MPI_SUCCESS;
    note_mismatch(call.name(), context.name(),
                  fmt::format("{} {} cannot open {} in {} on {}, as the others can: {}",
                              shut_out.count() == 1 ? "rank" : "ranks", shut_out.to_string(),
                              example->path.data(), call.name(), context.name(),
                              std::generic_category().message(example->error)));
    return state().broken_off;
}

}  // namespace
}  // namespace mpirepl::guard

using namespace mpirepl::guard;

extern "C" {

int MPI_Win_free(MPI_Win* window) {
    Call call("MPI_Win_free", find_window(*window));
    if (int error = call.arrive(); error != MPI_SUCCESS) return error;
    if (call.context() != nullptr) release(*call.context());
    return PMPI_Win_free(window);
}

int MPI_Win_wait(MPI_Win window) {
    Call call("MPI_Win_wait", find_window(window));
    if (int error = call.refused(); error != MPI_SUCCESS) return error;
    Patience patience(call.thread(), call.name());
    while (true) {
        int done = 0;
        if (int error = PMPI_Win_test(window, &done); error != MPI_SUCCESS || done != 0)
            return error;
        if (!patience.rest([](Waiting& waiting) { waiting.unknown = true; })) return park();
    }
}

int MPI_File_open(MPI_Comm comm, const char* name, int mode, MPI_Info info, MPI_File* file) {
    Call call("MPI_File_open", comm);
    *file = MPI_FILE_NULL;
    if (int error = call.arrive({.detail = details::mode(mode)}); error != MPI_SUCCESS)
        return error;
    if (call.arrives_in_one_group() && name != nullptr)
        if (int error = agree_on_file(call, name, mode); error != MPI_SUCCESS) return error;
    return call.created_file(PMPI_File_open(comm, name, mode, info, file), file);
}

int MPI_File_close(MPI_File* file) {
    Call call("MPI_File_close", find_file(*file));
    if (int error = call.arrive(); error != MPI_SUCCESS) return error;
    if (call.context() != nullptr) release(*call.context());
    return PMPI_File_close(file);
}
}
