#include "embed/foreign_mpi.h"

#include <doctest/doctest.h>
#include <elf.h>
#include <link.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "unit/support.h"

using namespace mpirepl;

namespace {

template <typename T>
void append(std::string& bytes, const T& value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

ElfW(Dyn) entry(ElfW(Sxword) tag, ElfW(Xword) value) {
    ElfW(Dyn) dyn{};
    dyn.d_tag = tag;
    dyn.d_un.d_val = value;
    return dyn;
}

/// The least of a shared object that asks for the libraries `needed`: header, segments, dynamic
/// section, names.
std::string shared_object(const std::vector<std::string>& needed) {
    constexpr std::uint64_t base = 0x10000;  // addresses are not offsets
    std::string names(1, '\0');
    std::string dynamic;
    for (const std::string& name : needed) {
        append(dynamic, entry(DT_NEEDED, names.size()));
        names += name + '\0';
    }
    const std::uint64_t dynamic_offset = sizeof(ElfW(Ehdr)) + 2 * sizeof(ElfW(Phdr));
    const std::uint64_t names_offset = dynamic_offset + dynamic.size() + 2 * sizeof(ElfW(Dyn));
    append(dynamic, entry(DT_STRTAB, base + names_offset));
    append(dynamic, entry(DT_NULL, 0));

    ElfW(Ehdr) header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_type = ET_DYN;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(ElfW(Phdr));
    header.e_phnum = 2;
    ElfW(Phdr) load{};
    load.p_type = PT_LOAD;
    load.p_vaddr = base;
    load.p_filesz = names_offset + names.size();
    ElfW(Phdr) section{};
    section.p_type = PT_DYNAMIC;
    section.p_offset = dynamic_offset;
    section.p_filesz = dynamic.size();
    std::string bytes;
    append(bytes, header);
    append(bytes, load);
    append(bytes, section);
    return bytes + dynamic + names;
}

std::string foreign_mpi_in(std::string_view content) {
    const TemporaryFile file(content);
    return foreign_mpi_of(file.path());
}

}  // namespace

TEST_CASE("foreign_mpi: this program's own") {
    CHECK(own_mpi_library().starts_with("libmpi"));
    CHECK(own_mpi_library().find('/') == std::string::npos);
    CHECK(foreign_mpi_loaded() == "");
    CHECK(foreign_mpi_of("/proc/self/exe") == "");
}

TEST_CASE("foreign_mpi: a library that asks for another MPI") {
    CHECK(foreign_mpi_in(shared_object({"libc.so.6", "libmpi.so.99"})) == "libmpi.so.99");
    CHECK(foreign_mpi_in(shared_object({"libmpich.so.12", "libc.so.6"})) == "libmpich.so.12");
    CHECK(foreign_mpi_in(shared_object({own_mpi_library(), "libmpi.so.99"})) == "libmpi.so.99");
}

TEST_CASE("foreign_mpi: a library that does not") {
    CHECK(foreign_mpi_in(shared_object({})) == "");
    CHECK(foreign_mpi_in(shared_object({"libc.so.6", "libmpi_cxx.so.40", "libmpifh.so"})) == "");
    CHECK(foreign_mpi_in(shared_object({"libc.so.6", own_mpi_library()})) == "");
}

TEST_CASE("foreign_mpi: a library cut short anywhere, or with bytes that lie") {
    const std::string whole = shared_object({"libc.so.6", "libmpi.so.99"});
    for (std::size_t size = 0; size < whole.size(); size += 3) {
        const std::string name = foreign_mpi_in(whole.substr(0, size));
        CHECK(std::string_view("libmpi.so.99").starts_with(name));
    }
    for (std::size_t place = SELFMAG; place < whole.size(); place += 5) {
        std::string bytes = whole;
        bytes[place] = '\xff';
        foreign_mpi_in(bytes);  // whatever it says, it comes back
    }
}

TEST_CASE("foreign_mpi: what is no library") {
    CHECK(foreign_mpi_in("") == "");
    CHECK(foreign_mpi_in("#!/bin/sh\nlibmpi.so.99\n") == "");
    CHECK(foreign_mpi_of("/tmp") == "");
    CHECK(foreign_mpi_of("/no/such/file") == "");
    CHECK(foreign_mpi_of("/dev/null") == "");
}

TEST_CASE("foreign_mpi: Debian's mpi4py asks for what this program has") {
    const std::filesystem::path folder = "/usr/lib/python3/dist-packages/mpi4py";
    if (own_mpi_library() != "libmpi.so.40" || !std::filesystem::exists(folder)) return;
    for (const auto& file : std::filesystem::directory_iterator(folder))
        if (file.path().extension() == ".so") CHECK(foreign_mpi_of(file.path()) == "");
}
