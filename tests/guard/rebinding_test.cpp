#include "guard/rebinding.h"

#define DOCTEST_CONFIG_IMPLEMENT
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <mpi.h>

#include <string>

#include "guard/wrappers.h"

using namespace mpirepl::guard;

static int guarded_barriers = 0;

extern "C" __attribute__((visibility("default"))) int MPI_Barrier(MPI_Comm comm) {
    ++guarded_barriers;
    return PMPI_Barrier(comm);
}

static const Wrapper table[] = {{"MPI_Barrier", reinterpret_cast<void*>(&MPI_Barrier)}};

std::span<const Wrapper> mpirepl::guard::wrappers() { return table; }

namespace {

using Function = void (*)();

Function load(const char* path, int flags, const char* function) {
    void* library = ::dlopen(path, flags);
    REQUIRE_MESSAGE(library != nullptr, ::dlerror());
    return reinterpret_cast<Function>(::dlsym(library, function));
}

int guarded_by(Function function) {
    const int before = guarded_barriers;
    function();
    return guarded_barriers - before;
}

}  // namespace

TEST_CASE("a library that prefers libmpi's functions is led to the wrappers") {
    for (int when : {RTLD_NOW, RTLD_LAZY}) {
        CAPTURE(when);
        const char* path = when == RTLD_NOW ? C_BARRIER : C_BARRIER_TOO;
        const auto barrier = load(path, when | RTLD_DEEPBIND, "c_barrier");
        if (when == RTLD_NOW) CHECK(guarded_by(barrier) == 0);
        rebind_libraries();
        CHECK(guarded_by(barrier) == 1);
    }
}

TEST_CASE("a library that comes again is led to them again") {
    void* library = ::dlopen(C_BARRIER_AGAIN, RTLD_NOW | RTLD_DEEPBIND);
    REQUIRE(library != nullptr);
    rebind_libraries();
    REQUIRE(::dlclose(library) == 0);
    const auto barrier = load(C_BARRIER_AGAIN, RTLD_NOW | RTLD_DEEPBIND, "c_barrier");
    CHECK(guarded_by(barrier) == 0);
    rebind_libraries();
    CHECK(guarded_by(barrier) == 1);
}

#ifdef FORTRAN_BARRIER
TEST_CASE("the Fortran bindings are led to the wrappers") {
    const auto barrier = load(FORTRAN_BARRIER, RTLD_NOW, "fortran_barrier");
    CHECK(guarded_by(barrier) == 0);
    rebind_libraries();
    CHECK(guarded_by(barrier) == 1);
}
#endif

TEST_CASE("a library that contains an MPI is not guarded") {
    CHECK(unguarded_mpi_of(OWN_MPI) == "it contains an MPI of its own (MPI_Send is defined in it)");
    CHECK(unguarded_mpi_of(C_BARRIER).empty());
    CHECK(unguarded_mpi_of("/no/such/file").empty());
}

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    const int result = doctest::Context(argc, argv).run();
    MPI_Finalize();
    return result;
}
