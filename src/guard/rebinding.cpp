#include "guard/rebinding.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "guard/wrappers.h"

namespace mpirepl::guard {
namespace {

#if defined(__aarch64__)
constexpr auto jump_slot = R_AARCH64_JUMP_SLOT, data_slot = R_AARCH64_GLOB_DAT;
#else
constexpr auto jump_slot = R_X86_64_JUMP_SLOT, data_slot = R_X86_64_GLOB_DAT;
#endif

/// The dynamic linker speaks of addresses as numbers.
template <typename T>
T* pointer_to(ElfW(Addr) address) {
    return reinterpret_cast<T*>(address);  // NOLINT(performance-no-int-to-ptr)
}

struct Library {
    ElfW(Addr) base = 0;
    std::string path;
    ElfW(Addr) read_only_begin = 0;  // made so by the dynamic linker when it has set the slots
    ElfW(Addr) read_only_end = 0;

    std::string_view file_name() const {
        return std::string_view(path).substr(path.rfind('/') + 1);
    }
    bool operator==(const Library&) const = default;
};

bool starts_with_one_of(std::string_view text, std::initializer_list<std::string_view> beginnings) {
    return std::ranges::any_of(beginnings, [&](auto b) { return text.starts_with(b); });
}

/// MPI's own calls are part of a call of the user's that is guarded already.
bool belongs_to_mpi(const Library& library) {
    return starts_with_one_of(library.file_name(), {"libmpi.so", "libmpich.so", "libopen-",
                                                    "libompi", "libmca_", "mca_"});
}

bool is_fortran_binding(const Library& library) {
    return starts_with_one_of(library.file_name(), {"libmpi_mpifh", "libmpi_usempi", "libmpifort"});
}

Library library_of(const dl_phdr_info& info) {
    static const auto page = static_cast<ElfW(Addr)>(::sysconf(_SC_PAGESIZE));
    Library library{.base = info.dlpi_addr, .path = info.dlpi_name};
    for (const auto& segment : std::span(info.dlpi_phdr, info.dlpi_phnum)) {
        if (segment.p_type != PT_GNU_RELRO) continue;
        const ElfW(Addr) begin = info.dlpi_addr + segment.p_vaddr;
        library.read_only_begin = begin / page * page;
        library.read_only_end = (begin + segment.p_memsz) / page * page;
    }
    return library;
}

/// The libraries of this process, and how often it has loaded and unloaded one.
struct Loaded {
    unsigned long long additions = 0;
    unsigned long long removals = 0;
    std::vector<Library> libraries;
};

/// What is loaded now; nothing if that has not changed. Then only one library is looked at.
std::optional<Loaded> loaded_since(const Loaded& before) {
    struct Visit {
        const Loaded& before;
        Loaded now;
    } visit{before, {}};
    const int unchanged = ::dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t /*size*/, void* argument) {
            auto& [before, now] = *static_cast<Visit*>(argument);
            now.additions = info->dlpi_adds;
            now.removals = info->dlpi_subs;
            if (now.additions == before.additions && now.removals == before.removals) return 1;
            if (*info->dlpi_name != '\0') now.libraries.push_back(library_of(*info));
            return 0;
        },
        &visit);
    if (unchanged != 0) return std::nullopt;
    return std::move(visit.now);
}

/// The entries of the dynamic section that lead to relocations.
class DynamicSection {
  public:
    explicit DynamicSection(const link_map& map) : map_(map) {
        for (const ElfW(Dyn)* entry = map.l_ld; entry->d_tag != DT_NULL; ++entry) {
            if (entry->d_tag == DT_SYMTAB) symbols_ = at<ElfW(Sym)>(*entry);
            if (entry->d_tag == DT_STRTAB) names_ = at<char>(*entry);
            if (entry->d_tag == DT_JMPREL) calls_ = at<ElfW(Rela)>(*entry);
            if (entry->d_tag == DT_PLTRELSZ) call_bytes_ = entry->d_un.d_val;
            if (entry->d_tag == DT_RELA) others_ = at<ElfW(Rela)>(*entry);
            if (entry->d_tag == DT_RELASZ) other_bytes_ = entry->d_un.d_val;
            if (entry->d_tag == DT_RELACOUNT) without_symbol_ = entry->d_un.d_val;
        }
    }

    /// Calls `visit(name, slot)` for each slot that holds the address of another object's symbol.
    template <typename Visit>
    void for_each_slot(Visit visit) const {
        const std::span calls(calls_, call_bytes_ / sizeof(ElfW(Rela)));
        const std::span others(others_, other_bytes_ / sizeof(ElfW(Rela)));
        for (auto part : {calls, others.subspan(std::min(without_symbol_, others.size()))})
            for (const ElfW(Rela) & relocation : part) {
                const auto type = ELF64_R_TYPE(relocation.r_info);
                if (type != jump_slot && type != data_slot) continue;
                const ElfW(Sym)& symbol = symbols_[ELF64_R_SYM(relocation.r_info)];
                if (symbol.st_shndx != SHN_UNDEF) continue;
                visit(names_ + symbol.st_name,
                      pointer_to<void*>(map_.l_addr + relocation.r_offset));
            }
    }

  private:
    /// The dynamic linker has added the base to addresses, but for a few read-only sections.
    template <typename T>
    const T* at(const ElfW(Dyn) & entry) const {
        const ElfW(Addr) address = entry.d_un.d_ptr;
        return pointer_to<const T>(address < map_.l_addr ? address + map_.l_addr : address);
    }

    const link_map& map_;
    const ElfW(Sym) * symbols_ = nullptr;
    const char* names_ = nullptr;
    const ElfW(Rela) * calls_ = nullptr;
    const ElfW(Rela) * others_ = nullptr;
    std::size_t call_bytes_ = 0;
    std::size_t other_bytes_ = 0;
    std::size_t without_symbol_ = 0;  // so many of the others, at their beginning
};

void* wrapper_of(std::string_view name) {
    const auto all = wrappers();
    const auto found = std::ranges::lower_bound(
        all, name, {}, [](const Wrapper& wrapper) { return std::string_view(wrapper.name); });
    return found != all.end() && found->name == name ? found->address : nullptr;
}

void rebind(const Library& library) {
    // Waits until another thread that is loading the library has done so, and keeps it here.
    const auto close = [](void* handle) { ::dlclose(handle); };
    const std::unique_ptr<void, decltype(close)> handle(
        ::dlopen(library.path.c_str(), RTLD_LAZY | RTLD_NOLOAD));
    if (!handle) return;
    std::vector<std::pair<void**, void*>> changes;
    const bool fortran = is_fortran_binding(library);
    DynamicSection(*static_cast<link_map*>(handle.get()))
        .for_each_slot([&](std::string_view name, void** slot) {
            if (fortran && name.starts_with("PMPI_")) name.remove_prefix(1);
            if (!name.starts_with("MPI_")) return;
            if (void* wrapper = wrapper_of(name); wrapper != nullptr && *slot != wrapper)
                changes.emplace_back(slot, wrapper);
        });
    if (changes.empty()) return;
    void* begin = pointer_to<void>(library.read_only_begin);
    const std::size_t size = library.read_only_end - library.read_only_begin;
    if (size > 0 && ::mprotect(begin, size, PROT_READ | PROT_WRITE) != 0) return;
    for (auto [slot, wrapper] : changes) __atomic_store_n(slot, wrapper, __ATOMIC_RELAXED);
    if (size > 0) ::mprotect(begin, size, PROT_READ);
}

/// A file in memory; what lies outside it is empty.
class MappedFile {
  public:
    explicit MappedFile(const std::string& path) {
        const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        struct stat status {};
        if (!fd || ::fstat(fd.get(), &status) != 0 || status.st_size == 0) return;
        const auto size = static_cast<std::size_t>(status.st_size);
        void* begin = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
        if (begin != MAP_FAILED) bytes_ = {static_cast<const char*>(begin), size};
    }
    ~MappedFile() {
        if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
    }
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    template <typename T>
    std::span<const T> at(std::uint64_t offset, std::uint64_t bytes) const {
        if (offset > bytes_.size() || bytes > bytes_.size() - offset || offset % alignof(T) != 0)
            return {};
        return {reinterpret_cast<const T*>(bytes_.data() + offset), bytes / sizeof(T)};
    }

  private:
    std::string_view bytes_;
};

/// Calls `visit(name, is_defined)` for each function in the symbol tables of a shared object.
template <typename Visit>
void for_each_function(const MappedFile& file, Visit visit) {
    const auto header = file.at<ElfW(Ehdr)>(0, sizeof(ElfW(Ehdr)));
    if (header.empty() || std::memcmp(header[0].e_ident, ELFMAG, SELFMAG) != 0) return;
    const auto sections = file.at<ElfW(Shdr)>(
        header[0].e_shoff, std::uint64_t{header[0].e_shnum} * sizeof(ElfW(Shdr)));
    for (const auto& table : sections) {
        const bool has_symbols = table.sh_type == SHT_SYMTAB || table.sh_type == SHT_DYNSYM;
        if (!has_symbols || table.sh_link >= sections.size()) continue;
        const auto& strings = sections[table.sh_link];
        const auto text = file.at<char>(strings.sh_offset, strings.sh_size);
        if (text.empty() || text.back() != '\0') continue;
        for (const auto& symbol : file.at<ElfW(Sym)>(table.sh_offset, table.sh_size)) {
            const auto type = ELF64_ST_TYPE(symbol.st_info);
            const bool is_defined = symbol.st_shndx != SHN_UNDEF;
            if ((type == STT_FUNC || !is_defined) && symbol.st_name < text.size())
                visit(std::string_view(text.data() + symbol.st_name), is_defined);
        }
    }
}

}  // namespace

void rebind_libraries() {
    static Loaded known;
    auto now = loaded_since(known);
    if (!now) return;
    // Another may have taken the place and the name of one that was unloaded.
    const bool forget = now->removals != known.removals;
    const auto is_known = [&](const Library& library) {
        return !forget && std::ranges::find(known.libraries, library) != known.libraries.end();
    };
    for (const Library& library : now->libraries)
        if (!belongs_to_mpi(library) && !is_known(library)) rebind(library);
    known = std::move(*now);
}

std::string unguarded_mpi_of(const std::string& path) {
    if (belongs_to_mpi({.path = path})) return {};
    std::string_view own;
    bool calls_another = false;  // as a tool does that measures MPI calls
    const MappedFile file(path);
    for_each_function(file, [&](std::string_view name, bool is_defined) {
        if (is_defined && (name == "MPI_Send" || name == "MPI_Init")) own = name;
        if (!is_defined && name.starts_with("PMPI_")) calls_another = true;
    });
    if (own.empty() || calls_another) return {};
    return "it contains an MPI of its own (" + std::string(own) + " is defined in it)";
}

}  // namespace mpirepl::guard
