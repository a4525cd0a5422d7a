#include "broadcast/file_progress.h"

#include <dlfcn.h>
#include <link.h>

#include <cstddef>
#include <string_view>

namespace mpirepl {
namespace {

using Progress = int (*)();
constexpr const char* name = "mca_common_ompio_progress";

thread_local bool keeps_away = false;

/// The function in a library of Open MPI's that programs cannot see, since it was loaded for a
/// component of its own.
int find_in_library(dl_phdr_info* library, std::size_t /*size*/, void* found) {
    if (std::string_view(library->dlpi_name).find("ompio") == std::string_view::npos) return 0;
    void* handle = ::dlopen(library->dlpi_name, RTLD_LAZY | RTLD_NOLOAD);
    if (handle == nullptr) return 0;
    void* function = ::dlsym(handle, name);
    ::dlclose(handle);
    if (function == nullptr) return 0;
    *static_cast<void**>(found) = function;
    return 1;
}

Progress open_mpis_own() {
    void* function = ::dlsym(RTLD_NEXT, name);
    if (function == nullptr) ::dl_iterate_phdr(find_in_library, &function);
    return reinterpret_cast<Progress>(function);
}

}  // namespace

WithoutFileProgress::WithoutFileProgress() { keeps_away = true; }
WithoutFileProgress::~WithoutFileProgress() { keeps_away = false; }

}  // namespace mpirepl

/// Stands in front of Open MPI's function of that name, which its libraries find here: the program
/// exports its symbols, and those come first.
extern "C" __attribute__((visibility("default"))) int mca_common_ompio_progress() {
    static const mpirepl::Progress progress = mpirepl::open_mpis_own();
    return mpirepl::keeps_away || progress == nullptr ? 0 : progress();
}
