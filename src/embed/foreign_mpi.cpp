#include "embed/foreign_mpi.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <mpi.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>
#include <vector>

namespace mpirepl {
namespace {

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// libmpi.so.N is Open MPI's name and MPICH's; the others belong to variants of these.
bool is_mpi(std::string_view name) {
    return name.starts_with("libmpi.so") || name.starts_with("libmpich.so") ||
           name.starts_with("libmpi_mt.so") || name.starts_with("libpsmpi.so");
}

/// Reads parts of a file; what lies outside it is "nothing".
class ElfFile {
  public:
    explicit ElfFile(const std::string& path) : file_(path, std::ios::binary) {}

    template <typename T>
    std::optional<T> at(std::uint64_t offset) {
        T value;
        file_.clear();
        file_.seekg(static_cast<std::streamoff>(offset));
        if (!file_.read(reinterpret_cast<char*>(&value), sizeof value)) return std::nullopt;
        return value;
    }
    std::string text_at(std::uint64_t offset) {
        std::string text;
        file_.clear();
        file_.seekg(static_cast<std::streamoff>(offset));
        for (char c = 0; text.size() < 256 && file_.get(c) && c != '\0';) text += c;
        return text;
    }

  private:
    std::ifstream file_;
};

/// The names that a shared object's dynamic section asks for (DT_NEEDED).
std::vector<std::string> needed_libraries(const std::string& path) {
    ElfFile file(path);
    auto header = file.at<ElfW(Ehdr)>(0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_phentsize != sizeof(ElfW(Phdr)))
        return {};
    std::vector<ElfW(Phdr)> segments;
    for (unsigned i = 0; i < header->e_phnum; ++i)
        if (auto segment = file.at<ElfW(Phdr)>(header->e_phoff + i * sizeof(ElfW(Phdr))))
            segments.push_back(*segment);
    auto file_offset = [&](std::uint64_t address) -> std::optional<std::uint64_t> {
        for (const auto& s : segments)
            if (s.p_type == PT_LOAD && address >= s.p_vaddr && address - s.p_vaddr < s.p_filesz)
                return address - s.p_vaddr + s.p_offset;
        return std::nullopt;
    };
    std::vector<std::uint64_t> names;
    std::optional<std::uint64_t> strings;
    for (const auto& segment : segments) {
        if (segment.p_type != PT_DYNAMIC) continue;
        for (std::uint64_t at = 0; at < segment.p_filesz; at += sizeof(ElfW(Dyn))) {
            auto entry = file.at<ElfW(Dyn)>(segment.p_offset + at);
            if (!entry || entry->d_tag == DT_NULL) break;
            if (entry->d_tag == DT_NEEDED) names.push_back(entry->d_un.d_val);
            if (entry->d_tag == DT_STRTAB) strings = file_offset(entry->d_un.d_ptr);
        }
    }
    std::vector<std::string> needed;
    if (strings)
        for (std::uint64_t name : names) needed.push_back(file.text_at(*strings + name));
    return needed;
}

}  // namespace

std::string own_mpi_library() {
    static const std::string name = [] {
        Dl_info info{};
        if (::dladdr(reinterpret_cast<void*>(&PMPI_Get_version), &info) == 0) return std::string();
        // The name under which this program asks for it, not the file that a link leads to.
        for (const std::string& needed : needed_libraries("/proc/self/exe"))
            if (is_mpi(needed)) return needed;
        return std::string(file_name(info.dli_fname));
    }();
    return name;
}

std::string foreign_mpi_of(const std::string& file) {
    for (const std::string& name : needed_libraries(file))
        if (is_mpi(name) && name != own_mpi_library()) return name;
    return {};
}

std::string foreign_mpi_loaded() {
    std::string found;
    ::dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t /*size*/, void* result) {
            std::string_view name = file_name(info->dlpi_name);
            if (!is_mpi(name) || name.starts_with(own_mpi_library())) return 0;
            *static_cast<std::string*>(result) = info->dlpi_name;
            return 1;
        },
        &found);
    return found;
}

}  // namespace mpirepl
