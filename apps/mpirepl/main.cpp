#include <fmt/format.h>
#include <mpi.h>

#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "broadcast/world.h"
#include "options.h"
#include "session/doctor.h"
#include "session/session.h"

namespace {

using mpirepl::SessionOptions;
using mpirepl::UserError;

int run(const mpirepl::World& world, const SessionOptions& options) {
    switch (options.action) {
        case SessionOptions::Action::help:
            if (world.rank() == 0) fmt::print("{}", mpirepl::usage());
            return 0;
        case SessionOptions::Action::version:
            if (world.rank() == 0) fmt::print("{}\n", mpirepl::version());
            return 0;
        case SessionOptions::Action::doctor:
            return mpirepl::run_doctor(world, options);
        default:
            return mpirepl::run_session(world, options);
    }
}

/// The options, or on every rank the same UserError.
SessionOptions options_from(int argc, char** argv, const mpirepl::World& world) {
    SessionOptions options;
    std::optional<UserError> problem;
    try {
        options = mpirepl::parse_options(argc, argv);
    } catch (const UserError& error) {
        problem = error;
    }
    world.agree(problem);
    return options;
}

int report(const UserError& error) {
    if (*error.what() != '\0') fmt::print(stderr, "mpirepl: {}\n", error.what());
    return error.status();
}

}  // namespace

int main(int argc, char** argv) {
    try {
        mpirepl::open_missing_standard_fds();
        mpirepl::World world;
        try {
            return run(world, options_from(argc, argv, world));
        } catch (const UserError& error) {
            return report(error);
        } catch (const std::exception& error) {
            fmt::print(stderr, "mpirepl: rank {}: {}\n", world.rank(), error.what());
            PMPI_Abort(MPI_COMM_WORLD, 1);
        }
    } catch (const UserError& error) {
        return report(error);
    } catch (const std::exception& error) {
        fmt::print(stderr, "mpirepl: {}\n", error.what());
    }
    return 1;
}
