#include "base/line_assembler.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <clocale>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using mpirepl::clean_text;
using mpirepl::LineAssembler;

namespace {

constexpr std::size_t mebibyte = 1 << 20;
constexpr std::size_t max_line = 4 * mebibyte;

std::string assemble(std::string_view bytes, std::size_t chunk) {
    LineAssembler assembler;
    std::string lines;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(chunk, bytes.size()))) {
        assembler.feed(bytes.substr(0, chunk), lines);
    }
    assembler.finish(lines);
    return lines;
}

// All at once, having checked that the chunking makes no difference.
std::string assemble(std::string_view bytes) {
    const std::string lines = assemble(bytes, bytes.size() + 1);
    CHECK(assemble(bytes, 1) == lines);
    CHECK(assemble(bytes, 3) == lines);
    return lines;
}

// One line, which clean_text must see in the same way.
std::string line(std::string_view bytes) {
    std::string text = assemble(std::string(bytes) + "\n");
    REQUIRE(text.ends_with('\n'));
    text.pop_back();
    CHECK(clean_text(bytes) == text);
    return text;
}

// For as long as it lives; it decides which characters are wide.
class Utf8Locale {
  public:
    Utf8Locale() { REQUIRE(std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr); }
    ~Utf8Locale() { std::setlocale(LC_CTYPE, before_.c_str()); }
    Utf8Locale(const Utf8Locale&) = delete;
    Utf8Locale& operator=(const Utf8Locale&) = delete;

  private:
    std::string before_ = std::setlocale(LC_CTYPE, nullptr);
};

}  // namespace

TEST_CASE("line_assembler: whole lines come out as they are") {
    CHECK(assemble("one\ntwo\n") == "one\ntwo\n");
    CHECK(assemble("\n\n") == "\n\n");
    CHECK(assemble("tab\there\r\n") == "tab\there\n");
    CHECK(assemble("") == "");
}

TEST_CASE("line_assembler: a line in progress is held back") {
    LineAssembler assembler;
    std::string lines;
    CHECK_FALSE(assembler.in_progress());
    assembler.feed("one\ntw", lines);
    CHECK(lines == "one\n");
    CHECK(assembler.in_progress());
    assembler.feed("o\n", lines);
    CHECK(lines == "one\ntwo\n");
    CHECK_FALSE(assembler.in_progress());
    assembler.feed("three", lines);
    assembler.finish(lines);
    CHECK(lines == "one\ntwo\nthree\n");
    CHECK_FALSE(assembler.in_progress());
    assembler.finish(lines);
    CHECK(lines == "one\ntwo\nthree\n");
}

TEST_CASE("line_assembler: what shows nothing is no line unless a newline ends it") {
    CHECK(assemble("\r") == "");
    CHECK(assemble("a\n\x1b[K\x1b[2A\r") == "a\n");
    CHECK(assemble("\x1b[K\n") == "\n");
    CHECK(assemble("\r\n") == "\n");
}

TEST_CASE("line_assembler: carriage return and backspace overwrite") {
    CHECK(line("50%\r100%") == "100%");
    CHECK(line("abc\rX") == "Xbc");
    CHECK(line("ab\bc") == "ac");
    CHECK(line("ab\b\b\b\bc") == "cb");
    CHECK(line("abc\b\b") == "abc");
    CHECK(line("\rabc\r\r") == "abc");
    CHECK(line("äöü\rx") == "xöü");
    CHECK(line("abc\r€") == "€bc");
    CHECK(line("ab\xff\b\bX") == "aX\\xff");
    CHECK(line("abc\r\xff") == "\\xffbc");
    CHECK(line("-\b\\\b|\b/\bdone") == "done");
}

TEST_CASE("line_assembler: a tab moves to the next multiple of eight") {
    CHECK(line("abc\r\tX") == "abc     X");
    CHECK(line("abcdefghij\r\tX") == "abcdefghXj");
    CHECK(line("abcdefghij\r\t\tX") == "abcdefghij      X");
    CHECK(line("a\tb\rX") == "X\tb");
    CHECK(line("a\tb\rXY") == "XY      b");
    CHECK(line("\tb\b\bX") == "       Xb");
    CHECK(line("a\t\b\bX") == "a     X ");
    CHECK(line("abc\r\t\bX") == "abc    X");
    CHECK(line("\x1b[31mabc\x1b[0m\r\tX") == "\x1b[31mabc\x1b[0m     X");
}

TEST_CASE("line_assembler: a wide character has two columns, one that combines none") {
    const Utf8Locale locale;
    CHECK(line("日本\rab") == "ab本");
    CHECK(line("日本\rX") == "X 本");
    CHECK(line("日本\b\bX") == "日X ");
    CHECK(line("日本\bX") == "日 X");
    CHECK(line("abcd\r日") == "日cd");
    CHECK(line("abc日\b\b\b本") == "ab本 ");
    CHECK(line("a\r日本") == "日本");
    CHECK(line("日\r\x1b[31m本\x1b[0m") == "\x1b[31m本\x1b[0m");
    CHECK(line("e\u0301\bX") == "X");
    CHECK(line("e\u0301a\rX") == "Xa");
    CHECK(line("日\u0301a\b\b\bX") == "X a");
    CHECK(line("\r\u0301a") == "\u0301a");
    CHECK(line("\x01\u0301\rX") == "X\u0301");
}

TEST_CASE("line_assembler: colours pass and take no room") {
    CHECK(line("\x1b[31mred\x1b[0m and \x1b[38;2;1;2;3mmore\x1b[m") ==
          "\x1b[31mred\x1b[0m and \x1b[38;2;1;2;3mmore\x1b[m");
    CHECK(line("\x1b[4:3mcurly") == "\x1b[4:3mcurly");
    CHECK(line("\x1b[31m50%\x1b[0m\r\x1b[32m100%\x1b[0m") == "\x1b[32m100%\x1b[0m");
    CHECK(line("\x1b[31m50%\x1b[0m\r\x1b[1m\x1b[32m60%\x1b[0m") == "\x1b[1m\x1b[32m60%\x1b[0m");
    CHECK(line("a\x1b[31mb\x1b[0m\bX") == "aX\x1b[0m");
    CHECK(line("abc\r\x1b[31mX\x1b[0m") == "\x1b[31mX\x1b[0mbc");
}

TEST_CASE("line_assembler: an overwritten reset does not let a colour leak") {
    CHECK(line("\x1b[31mabc\x1b[0md\bX") == "\x1b[31mabcX\x1b[0m");
}

TEST_CASE("line_assembler: other sequences are dropped") {
    CHECK(line("a\x1b[2Kb\x1b[10;20Hc\x1b[?25ld\x1b[>4;2me\x1b[ qf") == "abcdef");
    CHECK(line("a\x1b]0;title\ab\x1b]8;;http://x\x1b\\c") == "abc");
    CHECK(line("a\x1bPq#0\x1b\\b\x1b_G\x1b\\c") == "abc");
    CHECK(line("a\x1b"
               "7b\x1b"
               "8c\x1b"
               "cd\x1b(Be") == "abcde");
    CHECK(line("\x1b]0;a\rb\ac") == "c");
}

TEST_CASE("line_assembler: an escape that begins nothing known is shown") {
    CHECK(line("a\x1b") == "a\\x1b");
    CHECK(line("a\x1b!") == "a\\x1b!");
    CHECK(line("a\x1b\x1b[Kb") == "a\\x1bb");
    CHECK(line("a\x1b[31") == "a\\x1b[31");
    CHECK(line("a\x1b[3\x01m") == "a\\x1b[3\\x01m");
    CHECK(line("a\x1b]0;never ended") == "a\\x1b]0;never ended");
    CHECK(line("a\x1b]0;\x1b[Kb") == "a\\x1b]0;b");
}

TEST_CASE("line_assembler: control characters are shown") {
    CHECK(line(std::string_view("a\0b", 3)) == "a\\x00b");
    CHECK(line("\a\v\f\x7f") == "\\x07\\x0b\\x0c\\x7f");
    CHECK(line("\xc2\x80\xc2\x9f\xc2\xa0") == "\\x80\\x9f\xc2\xa0");
    CHECK(line("a\xc2\x9b\rb") == "b\\x9b");
}

TEST_CASE("line_assembler: what is not UTF-8 is shown") {
    CHECK(line("ä € 😀 \U0010FFFF") == "ä € 😀 \U0010FFFF");
    CHECK(line("\xff\xfe") == "\\xff\\xfe");
    CHECK(line("\x80") == "\\x80");
    CHECK(line("\xc0\xaf\xc1\xbf") == "\\xc0\\xaf\\xc1\\xbf");
    CHECK(line("\xe0\x9f\xbf") == "\\xe0\\x9f\\xbf");
    CHECK(line("\xed\xa0\x80") == "\\xed\\xa0\\x80");
    CHECK(line("\xf0\x8f\xbf\xbf") == "\\xf0\\x8f\\xbf\\xbf");
    CHECK(line("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
    CHECK(line("\xf5\x80") == "\\xf5\\x80");
    CHECK(line("a\xe2\x82") == "a\\xe2\\x82");
    CHECK(line("\xe2\x82x") == "\\xe2\\x82x");
    CHECK(line("\xf0\x9f\x98") == "\\xf0\\x9f\\x98");
}

TEST_CASE("line_assembler: clean_text keeps the ends of lines") {
    CHECK(clean_text("") == "");
    CHECK(clean_text("a\nb") == "a\nb");
    CHECK(clean_text("a\r\nb\n") == "a\nb\n");
    CHECK(clean_text("\n\n1\r2\n") == "\n\n2\n");
}

TEST_CASE("line_assembler: lines of all lengths around the block size") {
    for (std::size_t size = 0; size < 300; ++size) {
        std::string text(size, 'x');
        CHECK(line(text) == text);
        CHECK(line(text + "ä" + text) == text + "ä" + text);
        CHECK(line(text + "\x01") == text + "\\x01");
        CHECK(line(text + "\xe2") == text + "\\xe2");
    }
}

TEST_CASE("line_assembler: chunks make no difference to random bytes") {
    const std::vector<std::string> parts = {
        "a",    "xyz",      "\n",   "\r",   "\b",      "\x1b", "[",  "31m",    "\x1b[m",
        "\xe2", "\x82",     "\xac", "\x01", "\x1b[2K", "]",    "\a", "\x1b\\", "é",
        "😀",    "\x1b]0;t", "\r\n", "7",    "plain\n", "\xff", "\t", "日",     "\u0301"};
    const Utf8Locale locale;
    std::mt19937 random(1);
    for (int round = 0; round < 2000; ++round) {
        std::string text;
        for (int i = 0; i < 40; ++i) text += parts[random() % parts.size()];
        const std::string whole = assemble(text);
        CHECK(clean_text(whole) == whole);
    }
}

TEST_CASE("line_assembler: a progress bar without newline stays small") {
    LineAssembler assembler;
    std::string lines;
    for (int i = 0; i < 300'000; ++i) {
        assembler.feed("\r\x1b[32mstep " + std::to_string(i) + "\x1b[0m", lines);
    }
    CHECK(lines.empty());
    assembler.finish(lines);
    CHECK(lines == "\x1b[32mstep 299999\x1b[0m\n");
}

TEST_CASE("line_assembler: compacting keeps the cursor and a torn sequence") {
    for (const std::string_view torn : {"\xe2\x82|\xac", "\x1b[3|1m", "|"}) {
        const std::size_t bar = torn.find('|');
        const std::string head(torn.substr(0, bar));
        std::string bytes(max_line - 8 - head.size(), '\r');
        bytes += "abcdef\b\b" + head;
        REQUIRE(bytes.size() == max_line);
        bytes += torn.substr(bar + 1);
        bytes += "XY\bZ\n";
        const std::string glyphs = head + std::string(torn.substr(bar + 1));
        const std::string expected = glyphs == "€" ? "abcd€XZ\n" : "abcd" + glyphs + "XZ\n";
        CHECK(assemble(bytes, 4096) == expected);
        CHECK(assemble(bytes, bytes.size()) == expected);
    }
}

TEST_CASE("line_assembler: compacting keeps the columns of marks and wide characters") {
    const Utf8Locale locale;
    const std::string before = "xyz日日\x1b[2K\u0301\b";
    const std::string after = "e\u0301 \r\b";
    std::string bytes(max_line - before.size(), '\r');
    bytes += before;
    CHECK(assemble(bytes + after + "\n", 4096) == line(before + after) + "\n");
}

TEST_CASE("line_assembler: tabs without end take little more memory than letters") {
    std::string bytes(max_line - 2, '\t');
    CHECK(line(bytes + "\ra").size() == bytes.size() + 7);
}

TEST_CASE("line_assembler: a line that is too long is cut between code points") {
    std::string text;
    while (text.size() < max_line + mebibyte) text += "€";
    std::string lines;
    LineAssembler assembler;
    assembler.feed(text, lines);
    assembler.finish(lines);
    CHECK(assemble(text, 1000) == lines);
    std::string joined;
    std::size_t start = 0;
    for (std::size_t end; (end = lines.find('\n', start)) != std::string::npos; start = end + 1) {
        CHECK(end - start <= max_line);
        CHECK((end - start) % 3 == 0);
        joined += lines.substr(start, end - start);
    }
    CHECK(joined == text);
}

TEST_CASE("line_assembler: a line of exactly the limit is not cut") {
    const std::string text(max_line, 'x');
    CHECK(assemble(text + "\n", 4096) == text + "\n");
    CHECK(assemble(text + "\n", 2 * max_line) == text + "\n");
    CHECK(assemble(text + "y\n", 4096) == text + "\ny\n");
}

TEST_CASE("line_assembler: sequences that never end cost linear time") {
    std::string text;
    while (text.size() < 4 * mebibyte) text += "\x1b]0;x";
    CHECK(assemble(text, 65536).size() > text.size());
    text.clear();
    while (text.size() < 4 * mebibyte) text += "\x1b[1;1";
    CHECK(assemble(text, 65536).size() > text.size());
}
