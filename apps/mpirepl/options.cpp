#include "options.h"

#include <fmt/format.h>
#include <getopt.h>

#include <array>
#include <string_view>

#include "base/error.h"

namespace mpirepl {
namespace {

// Options that are python's and go to it as they are; those with an argument have a colon.
constexpr std::string_view python_flags = "BOubdEIPRsSvx";
constexpr const char* short_options = "+:c:m:io:qhVW:X:BOubdEIPRsSvx";

enum LongOption { targets = 256, keep_going, fold, guard, plain, doctor };
constexpr std::array<option, 9> long_options{{{"targets", required_argument, nullptr, targets},
                                              {"keep-going", no_argument, nullptr, keep_going},
                                              {"fold", required_argument, nullptr, fold},
                                              {"guard", required_argument, nullptr, guard},
                                              {"plain", no_argument, nullptr, plain},
                                              {"doctor", no_argument, nullptr, doctor},
                                              {"version", no_argument, nullptr, 'V'},
                                              {"help", no_argument, nullptr, 'h'},
                                              {nullptr, 0, nullptr, 0}}};

[[noreturn]] void reject(const std::string& what) {
    throw UserError(what + " (mpirepl --help lists the options)");
}

std::string one_of(const char* name, std::string value, std::initializer_list<const char*> values) {
    for (const char* allowed : values)
        if (value == allowed) return value;
    reject(fmt::format("--{} takes {}, not '{}'", name, fmt::join(values, ", "), value));
}

void take_program(SessionOptions& options, Cell::Kind kind, const char* name) {
    options.program = kind;
    options.name = name;
}

void take_option(SessionOptions& options, int letter, char** argv) {
    switch (letter) {
        case 'i':
            options.cells_afterwards = true;
            break;
        case 'o':
            options.output_file = optarg;
            break;
        case 'q':
            options.quiet = true;
            break;
        case 'h':
            options.action = SessionOptions::Action::help;
            break;
        case 'V':
            options.action = SessionOptions::Action::version;
            break;
        case doctor:
            options.action = SessionOptions::Action::doctor;
            break;
        case targets:
            options.targets = optarg;
            break;
        case keep_going:
            options.keep_going = true;
            break;
        case fold:
            options.fold = one_of("fold", optarg, {"auto", "on", "off"});
            break;
        case guard:
            options.guard = one_of("guard", optarg, {"on", "off"}) == "on";
            break;
        case plain:
            options.plain = true;
            break;
        case 'W':
        case 'X':
            options.python.push_back(fmt::format("-{}{}", static_cast<char>(letter), optarg));
            break;
        case ':':
            reject(fmt::format("option {} needs an argument", argv[optind - 1]));
        default:
            if (letter != '?' &&
                python_flags.find(static_cast<char>(letter)) != std::string_view::npos)
                options.python.push_back(fmt::format("-{}", static_cast<char>(letter)));
            else if (optopt > 0 && optopt < 256)
                reject(fmt::format("there is no option -{}", static_cast<char>(optopt)));
            else
                reject(fmt::format("there is no option {}", argv[optind - 1]));
    }
}

}  // namespace

SessionOptions parse_options(int argc, char** argv) {
    SessionOptions options;
    opterr = 0;
    while (options.program == Cell::Kind::cell) {
        int letter = ::getopt_long(argc, argv, short_options, long_options.data(), nullptr);
        if (letter == -1) break;
        if (letter == 'c')
            take_program(options, Cell::Kind::command, optarg);
        else if (letter == 'm')
            take_program(options, Cell::Kind::module, optarg);
        else
            take_option(options, letter, argv);
    }
    int next = optind;
    if (options.program == Cell::Kind::cell && next < argc) {
        if (std::string_view(argv[next]) == "-")
            options.arguments.emplace_back("-");
        else
            take_program(options, Cell::Kind::script, argv[next]);
        ++next;
    }
    options.arguments.insert(options.arguments.end(), argv + next, argv + argc);
    return options;
}

std::string usage() {
    return R"(usage: mpiexec -n N mpirepl [options] [-c CODE | -m MODULE | FILE] [arguments]

An interactive Python session on every MPI rank. Without CODE, MODULE or FILE, cells are read from
standard input and run on all ranks as they arrive.

  -c CODE, -m MODULE, FILE   run a program on every rank, as python does
  -i                         read cells from standard input afterwards
  --targets SPEC             ranks that run cells or the program: 0,2 0-3 -1 ::2 all,!3
  --keep-going               go on after a cell that has failed
  --fold=auto|on|off         print equal output of several ranks once (auto: over 16 ranks)
  -o FILE                    write to FILE what would go to standard output
  -q                         no banner
  --plain                    no IPython at the prompt
  --doctor                   check MPI, Python and what belongs to them, one line each
  --version, --help
  -B -O -W -X -u and other flags of python are passed on to it.
)";
}

}  // namespace mpirepl
