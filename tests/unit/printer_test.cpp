#include "console/printer.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <string>
#include <vector>

#include "console/writer.h"
#include "unit/support.h"

using namespace mpirepl;

namespace {

void print(Printer& printer, const std::vector<Block>& blocks) {
    printer.print(blocks);
    wait_until_written(printer);
}

/// A printer into two files.
struct Printed {
    TemporaryFile standard_output;
    TemporaryFile standard_error;
    Writer writer{standard_output.open(O_WRONLY | O_APPEND),
                  standard_error.open(O_WRONLY | O_APPEND)};
    Printer printer{writer};
};

}  // namespace

TEST_CASE("printer: prefixes") {
    CHECK(prefix(out("0", "")) == "[stdout:0] ");
    CHECK(prefix(out("0-3,7", "")) == "[stdout:0-3,7] ");
    CHECK(prefix(err("3", "")) == "[stderr:3] ");
    CHECK(prefix(block("2", Stream::value, "", 7)) == "Out[2:7]: ");
    CHECK(prefix(block("0-1", Stream::report, "")) == "[stdout:0-1] ");
    for (Stream stream : {Stream::error, Stream::exit_status, Stream::exit_message})
        CHECK(prefix(block("0-2,5", stream, "")) == "[error:0-2,5] ");
}

TEST_CASE_FIXTURE(Printed, "printer: every line has the prefix, an empty one no blank after it") {
    print(printer, {out("0", "a\n\nb\n"), value("1", "[1,\n\n 2]\n")});
    CHECK(standard_output.content() ==
          "[stdout:0] a\n[stdout:0]\n[stdout:0] b\n"
          "Out[1:1]: [1,\nOut[1:1]:\nOut[1:1]:  2]\n");
    CHECK(standard_error.content() == "");
}

TEST_CASE_FIXTURE(Printed, "printer: streams go where they belong, in their order") {
    print(printer, {out("0", "a\n"), err("0", "b\n"), out("1", "c\n"), error("1", "d\n"),
                    block("2", Stream::report, "e\n"), block("2", Stream::exit_status, "f\n")});
    printer.say("g", false);
    printer.say("h", true);
    wait_until_written(printer);
    CHECK(standard_output.content() == "[stdout:0] a\n[stdout:1] c\n[stdout:2] e\ng\n");
    CHECK(standard_error.content() == "[stderr:0] b\n[error:1] d\n[error:2] f\nh\n");
    CHECK(printer.waiting() == 0);
    CHECK(printer.failure() == 0);
}

TEST_CASE_FIXTURE(Printed, "printer: odd blocks") {
    print(printer, {});
    print(printer, {out("0", "")});
    CHECK(standard_output.content() == "");
    print(printer, {out("0", "without newline"), out("1", "\n")});
    CHECK(standard_output.content() == "[stdout:0] without newline\n[stdout:1]\n");
}

TEST_CASE("printer: both to one file keep their order") {
    TemporaryFile both;
    Writer writer(both.open(O_WRONLY | O_APPEND), both.open(O_WRONLY | O_APPEND));
    Printer printer(writer);
    print(printer, {out("0", "a\n"), err("0", "b\n"), out("0", "c\n")});
    CHECK(both.content() == "[stdout:0] a\n[stderr:0] b\n[stdout:0] c\n");
}

TEST_CASE("printer: a failure of standard output is known, one of standard error is not") {
    TemporaryFile file;
    Writer to_good(file.open(O_WRONLY), Fd(::open("/dev/full", O_WRONLY | O_CLOEXEC)));
    Printer good(to_good);
    print(good, {out("0", "a\n"), err("0", "b\n")});
    CHECK(good.failure() == 0);
    Writer to_bad(Fd(::open("/dev/full", O_WRONLY | O_CLOEXEC)), file.open(O_WRONLY));
    Printer bad(to_bad);
    print(bad, {out("0", "a\n")});
    CHECK(bad.failure() == ENOSPC);
}

TEST_CASE("printer: quick cells are shown by rank, then stream, errors last") {
    std::vector<Block> blocks = {error("0", "e\n"), value("2", "v\n"),
                                 err("1", "w\n"),   out("1", "a\n"),
                                 value("1", "v\n"), out("0,3", "b\n"),
                                 err("0", "w\n"),   block("1", Stream::exit_status, "1\n")};
    sort_for_display(blocks);
    CHECK(show(blocks) ==
          "0,3 out b; | 0 err w; | 1 out a; | 1 value v; | 1 err w; | 2 value v; | "
          "0 error e; | 1 exit_status 1;");
}

TEST_CASE_FIXTURE(Printed, "printer: colours are the ranks'") {
    const Printer coloured(writer, {.out = true, .err = true});
    CHECK(coloured.start_of_line(out("0", "")) == "\033[32m[stdout:0]\033[0m ");
    CHECK(coloured.start_of_line(err("0-4", "")) == "\033[32m[stderr:0-4]\033[0m ");
    CHECK(coloured.start_of_line(out("1", "")) == "\033[33m[stdout:1]\033[0m ");
    CHECK(coloured.start_of_line(out("5", "")) == coloured.start_of_line(out("5", "")));
    CHECK(coloured.start_of_line(error("1", "")) == "\033[31m[error:1]\033[0m ");
    CHECK(printer.start_of_line(out("0", "")) == "[stdout:0] ");
}
