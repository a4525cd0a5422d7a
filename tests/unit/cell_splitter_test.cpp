#include "console/cell_splitter.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using mpirepl::CellSplitter;

namespace {

using Cells = std::vector<std::string>;

// A cell that contains "BAD" counts as a syntax error.
void take_all(CellSplitter& splitter, Cells& cells) {
    while (auto cell = splitter.next()) {
        if (cell->find("BAD") != std::string::npos) splitter.skip_after_error();
        cells.push_back(std::move(*cell));
    }
}

Cells split(std::string_view input, std::size_t chunk, bool nested_fstrings) {
    CellSplitter splitter(nested_fstrings);
    Cells cells;
    for (; !input.empty(); input.remove_prefix(std::min(chunk, input.size()))) {
        splitter.feed(input.substr(0, chunk));
        take_all(splitter, cells);
    }
    splitter.finish();
    take_all(splitter, cells);
    return cells;
}

// All at once, having checked that the chunking makes no difference.
Cells split(std::string_view input, bool nested_fstrings = false) {
    const Cells cells = split(input, input.size() + 1, nested_fstrings);
    CHECK(split(input, 1, nested_fstrings) == cells);
    CHECK(split(input, 7, nested_fstrings) == cells);
    return cells;
}

// Splits parts joined, each of which must come out as a cell of its own.
void check_cells(const Cells& parts, bool nested_fstrings = false) {
    std::string input;
    for (const std::string& part : parts) input += part;
    CAPTURE(input);
    CHECK(split(input, nested_fstrings) == parts);
}

void check_one_cell(const std::string& cell, bool nested_fstrings = false) {
    check_cells({"before\n", cell, "after\n"}, nested_fstrings);
}

}  // namespace

TEST_CASE("cell_splitter: simple statements") {
    check_cells({"x = 1\n", "y = 2; z = 3\n", "print(x)\n"});
    CHECK(split("") == Cells{});
    CHECK(split("x") == Cells{"x\n"});
    CHECK(split("\n\n  \n# note\n x\n\n") == Cells{" x\n"});
    check_one_cell("x = (1,\n\n# note )\n2)\n");
    check_one_cell("x = 1 + \\\n  2\n");
    check_one_cell("x = 1 \\\n# no more\n");
    check_one_cell("x = {'a': [1,\n2]}  # note (\n");
}

TEST_CASE("cell_splitter: strings") {
    check_one_cell("x = '''a\n\ny = 1\n'''\n");
    check_one_cell("x = \"\"\"a''' \\\"\"\" '\n\"\"\"\n");
    check_one_cell("x = 'a\\\nb'\n");
    check_one_cell("x = r'\\'' + '#' + '('\n");
    check_one_cell("x = '' + \"\" + ''''''\n");
    check_one_cell("x = 'it\"s' ':'\n");
    check_one_cell("x = rb'''(\n''' + F\"(\"\n");
}

TEST_CASE("cell_splitter: compound statements") {
    check_one_cell("def f():\n  return 1\n");
    check_one_cell("if a:\n  b\n\n  # c\n# d\n  e\n");
    check_one_cell("if a:\n  b\nelif c:\n  d\n\n# note\nelse:\n  e\n");
    check_one_cell("for i in x:\n\ty\nelse:\n\tz\n");
    check_one_cell("while x:\n  y\nelse: z\n");
    check_one_cell("try:\n  a\nexcept* A:\n  b\nexcept B:\n  c\nelse:\n  d\nfinally:\n  e\n");
    check_one_cell("try:\n  a\nfinally:\n  b\n");
    check_one_cell("with a as b, \\\n     c:\n  d\n");
    check_one_cell("class A:\n  x = [\n1,\n]\n  def f(self): pass\n");
    check_one_cell("async for i in x:\n  y\nelse:\n  z\n");
    check_one_cell("match x:\n  case 1:\n    y\n  case _:\n    z\n");
    check_one_cell("if a:  # note\n  '''\nnot the end\n'''\n");
    check_one_cell("def f(a: int,\n      b: str = ':') -> None:\n  pass\n");
}

TEST_CASE("cell_splitter: what may not continue a statement is another one") {
    check_cells({"if a:\n  b\nelse:\n  c\n", "else:\n  d\n"});
    check_cells({"with a:\n  b\n", "else:\n  c\n"});
    check_cells({"x = 1\n", "else: y\n", "except: y\n", "z\n"});
    check_cells({"try:\n  a\nfinally:\n  b\n", "except:\n  c\n"});
    check_cells({"if a:\n  b\n", "elsewhere = 1\n"});
    check_cells({"def f():\n  pass\n", "if a: b\n", "def g(): pass\n"});
}

TEST_CASE("cell_splitter: compound statements in one line") {
    check_one_cell("if a: b\nelse: c\n");
    check_one_cell("if a: b\nelif c: d\n\n# note\nelse:\n  e\n");
    check_one_cell("for i in x: f(i)\nelse: g()\n");
    check_one_cell("while x: y\n");
    check_one_cell("try: x\nexcept A: y\nelse: z\nfinally: w\n");
    check_one_cell("async for i in x: y\nelse: z\n");
    check_cells({"def f(): pass\n", "class A: pass\n", "with a: b\n", "async def f(): pass\n"});
    check_cells({"if a: b\n", "  c\n", "d\n"});
    check_cells({"x: int = 1\n", "f = lambda: 1\n", "(y := 2)\n", "a[1:2]\n"});
}

TEST_CASE("cell_splitter: decorators") {
    check_one_cell("@a\n@b(\n1)\n\n# note\ndef f():\n  pass\n");
    check_one_cell("@a\nclass A: pass\n");
    check_one_cell("@a\nasync def f():\n  pass\n");
    check_cells({"@a\n", "%who\n", "x\n"});
}

TEST_CASE("cell_splitter: cells come as soon as they are known to be complete") {
    const Cells at_once = {"x = 1\n",
                           "def f(): pass\n",
                           "x = 'open\n",
                           "x = 1)\n",
                           "%who\n",
                           "!ls\n",
                           "  x = 1\n",
                           "if a: b\nelse: c\n",
                           "try: a\nfinally: b\n",
                           "if a\n",
                           "else: b\n",
                           "def f():\n  x = (]\n"};
    for (const std::string& cell : at_once) {
        CellSplitter splitter;
        splitter.feed(cell);
        CHECK(splitter.next() == cell);
        CHECK(splitter.next() == std::nullopt);
    }
    const Cells later = {"def f():\n  return 1\n",
                         "if a: b\n",
                         "try: a\nexcept: b\nelse: c\n",
                         "@a\n",
                         "x = (\n",
                         "x = '''\n"};
    for (const std::string& cell : later) {
        CAPTURE(cell);
        CellSplitter splitter;
        splitter.feed(cell);
        CHECK(splitter.next() == std::nullopt);
        splitter.feed("# %");
        CHECK(splitter.next() == std::nullopt);
        splitter.feed("%\n");
        CHECK(splitter.next() == cell);
        CHECK(splitter.next() == std::nullopt);
    }
}

TEST_CASE("cell_splitter: a column 0 line ends a block") {
    CellSplitter splitter;
    splitter.feed("def f():\n  return 1\n\n# note\n");
    CHECK(splitter.next() == std::nullopt);
    splitter.feed("y\n");
    CHECK(splitter.next() == "def f():\n  return 1\n");
    CHECK(splitter.next() == "y\n");
    splitter.finish();
    CHECK(splitter.next() == std::nullopt);
}

TEST_CASE("cell_splitter: errors end the logical line") {
    check_cells({"x = 'abc\n", "y = (1]\n", "z = 1}\n", "w = \\ 1\n", "v\n"});
    check_cells({"if x:\n  y = 'abc\n", "  z\n"});
}

TEST_CASE("cell_splitter: end of input completes what is pending") {
    CHECK(split("def f():\n  return 1\n\n# note") == Cells{"def f():\n  return 1\n"});
    CHECK(split("x = (1,\n\n\n") == Cells{"x = (1,\n"});
    CHECK(split("x = '''a\n  b") == Cells{"x = '''a\n  b\n"});
    CHECK(split("x = 1 \\") == Cells{"x = 1 \\\n"});
    CHECK(split("@a") == Cells{"@a\n"});
}

TEST_CASE("cell_splitter: an empty line that a backslash needs is kept") {
    CHECK(split("x = 1 \\\n\ny\n") == Cells{"x = 1 \\\n\n", "y\n"});
    CHECK(split("# %%\nx = 1 \\\n\n\n") == Cells{"x = 1 \\\n\n"});
}

TEST_CASE("cell_splitter: newlines, byte order mark, form feed and odd bytes") {
    CHECK(split("if a:\r\n  b\r\n\r\nc\r\n") == Cells{"if a:\n  b\n", "c\n"});
    CHECK(split("a\rb\r\rc") == Cells{"a\n", "b\n", "c\n"});
    CHECK(split("# %%\r\na\r\n\r\nb\r\n") == Cells{"a\n\nb\n"});
    CHECK(split("\xef\xbb\xbfx\n\xef\xbb\xbfy\n") == Cells{"x\n", "\xef\xbb\xbfy\n"});
    CHECK(split("\xef\xbb\xbf# %%\nx\n") == Cells{"x\n"});
    CHECK(split("def f():\n  a\n\f\n\fdef g():\n  b\n") ==
          Cells{"def f():\n  a\n", "\fdef g():\n  b\n"});
    const std::string odd("x = '\0\xff'\n", 9);
    CHECK(split(odd) == Cells{odd});
}

TEST_CASE("cell_splitter: markers") {
    CHECK(split("# %%\nx = 1\n\ny = 2\n\n#%% title\nz\n") == Cells{"x = 1\n\ny = 2\n", "z\n"});
    CHECK(split("a\nif b:\n  c\n# %% next\nd\ne") == Cells{"a\n", "if b:\n  c\n", "d\ne\n"});
    CHECK(split("x = (1,\n# %%\ny\n") == Cells{"x = (1,\n", "y\n"});
    CHECK(split("x = '''\n\n#%%\ny\n") == Cells{"x = '''\n", "y\n"});
    CHECK(split("# %%\n\nx\n \n\t\n# %%\n") == Cells{"\nx\n"});
    CHECK(split("# %%\n\n# only this\n# %%\n# %%\n\f\n") == Cells{});
    CHECK(split("# %%\nx = '''\n# %%\ny\n") == Cells{"x = '''\n", "y\n"});
    CHECK(split("if a:\n # %%\n b\n#  %%\n") == Cells{"if a:\n # %%\n b\n"});
}

TEST_CASE("cell_splitter: cell magics") {
    CHECK(split("%%px -t 0\nx\ny\n\n%%time\nz\n") == Cells{"%%px -t 0\nx\ny\n", "%%time\nz\n"});
    CHECK(split("a\nif b:\n  c\n%%px\nd\n# %%\ne\n") ==
          Cells{"a\n", "if b:\n  c\n", "%%px\nd\n", "e\n"});
    CHECK(split("x = (\n%%px\nd\n") == Cells{"x = (\n", "%%px\nd\n"});
    CHECK(split("# %%\n# note\n%%px\n# note\n") == Cells{"%%px\n# note\n"});
    CHECK(split("%%bash") == Cells{"%%bash\n"});
    CHECK(split("%% x\ny\n") == Cells{"%% x\n", "y\n"});
    CHECK(split("# %%\na\n%% x\n%who\nb\n") == Cells{"a\n%% x\n%who\nb\n"});
}

TEST_CASE("cell_splitter: line magics") {
    check_cells({"%targets 0\n", "x\n", "!echo it's (\n", "y\n"});
    check_cells({"if a:\n  b\n", "%who\n", "c\n"});
    check_cells({"if a: b\n", "!ls\n"});
    check_cells({"!ls \\\n  -l \\\n  -a\n", "x\n"});
    CHECK(split("!ls \\\n# %%\nx\n") == Cells{"!ls \\\n", "x\n"});
    check_one_cell("x = (1\n% 2)\n");
    check_one_cell("x = 1 \\\n% 2\n");
    check_one_cell("if a:\n  !echo it's (\n  %who '\n  b\n");
}

TEST_CASE("cell_splitter: skipping after an error") {
    CHECK(split("BAD\nx\n  y\n\n  z\nw\n") == Cells{"BAD\n", "w\n"});
    CHECK(split("BAD\nx\n \t\ny\nz\n") == Cells{"BAD\n", "y\n", "z\n"});
    CHECK(split("BAD\nx = '''\n\n# note\ny\n") == Cells{"BAD\n", "y\n"});
    CHECK(split("BAD\nx\n# %%\ny\n") == Cells{"BAD\n", "y\n"});
    CHECK(split("BAD\nx\n%%px\ny\n") == Cells{"BAD\n", "%%px\ny\n"});
    CHECK(split("BAD\nx\ny") == Cells{"BAD\n"});
    CHECK(split("BAD\nx\n\nBAD\ny\n\nz") == Cells{"BAD\n", "BAD\n", "z\n"});
    CHECK(split("# %%\nBAD\n# %%\ny\n") == Cells{"BAD\n", "y\n"});
    CHECK(split("x = (BAD\n\ny\n# %%\nz\n") == Cells{"x = (BAD\n\ny\n", "z\n"});
}

TEST_CASE("cell_splitter: skipping begins at the end of a compound statement") {
    CHECK(split("if a:\n  BAD\nx\ny\n\nz\n") == Cells{"if a:\n  BAD\n", "z\n"});
    CHECK(split("if a:\n  BAD\n\nx\ny\n") == Cells{"if a:\n  BAD\n", "x\n", "y\n"});
    CHECK(split("if a:\n  BAD\n# note\nx\n") == Cells{"if a:\n  BAD\n"});
}

TEST_CASE("cell_splitter: f-strings before Python 3.12 are strings") {
    check_cells({"x = f'{a[\"b\"]}'\n", "y = f'{\n", "z\n"});
    check_cells({"x = f'{'\n", "y\n"});
}

TEST_CASE("cell_splitter: nested f-strings") {
    const bool nested = true;
    check_one_cell("x = f'{a['b']}' + f\"{f\"{1}\"}\"\n", nested);
    check_one_cell("x = f'{\na # it's }\n}'\n", nested);
    check_one_cell("x = f'{{' + rf'}}' + F'{{{a}}}' + '('\n", nested);
    check_one_cell("x = f'{a!r:>{w}.{p}}' + f'{a:%H:%M}' + f'{a=}'\n", nested);
    check_one_cell("x = f'{a:{b:{c}}}' + f'{a:{1}{0:0}.{p:1}}'\n", nested);
    check_one_cell("x = f'{ {1: 2}[1] }' + f'{(lambda: 1)()}' + f'{a[1:2]}'\n", nested);
    check_one_cell("x = f'''{a:\n}''' + f'''\n'{b}'\n'''\n", nested);
    check_one_cell("x = f'\\{a['b']}' + f'\\'' + f'\\N{LATIN SMALL LETTER A}' + rf'\\N{'a'}'\n",
                   nested);
    check_one_cell("x = t'{a['b']}' + Rt'{a['b']}'\n", nested);
    check_one_cell("x = f'{a:d\n}'\n", nested);
    check_one_cell("x = f'{f'''{\n'a'}'''}'\n", nested);
    check_one_cell("x = 1 if a else'{'; y = b'{'; z = rb'{'\n", nested);
    check_cells({"x = f'abc\n", "y = f'{a)}'\n", "z = f'{'a\n", "w = f'{a:b'\n", "v\n"}, nested);
    CHECK(split("x = f'{\n\ny\n# %%\nz\n", nested) == Cells{"x = f'{\n\ny\n", "z\n"});
}

TEST_CASE("cell_splitter: chunks make no difference to random text") {
    const Cells parts = {"if x:", "else:", "\n",     "\n",    "\n  ", "'",      "\"\"\"",
                         "(",     ")",     "{",      "}",     "f'",   ":",      "\\",
                         "#",     "\r",    "\n# %%", "\n%%a", "@x\n", "def f:", "BAD",
                         "\n\n",  "%ls",   "x",      " ",     "\t",   "\f",     "!"};
    std::mt19937 random(1);
    for (int round = 0; round < 3000; ++round) {
        std::string text;
        for (int i = 0; i < 30; ++i) text += parts[random() % parts.size()];
        for (const std::string& cell : split(text, round % 2 == 0)) CHECK(cell.ends_with('\n'));
    }
}

TEST_CASE("cell_splitter: linear time") {
    const std::clock_t begin = std::clock();  // of this process: others may be busy
    std::string input;
    for (int i = 0; i < 100'000; ++i) input += "x = 1\n";
    CHECK(split(input, 65536, true).size() == 100'000);
    CHECK(split(input, input.size(), true).size() == 100'000);
    CHECK(split(input, 1, true).size() == 100'000);
    const std::string filler(100, 'x');
    std::string block = "if a:\n";
    for (int i = 0; i < 100'000; ++i) block += "  " + filler + "\n";
    CHECK(split(block, 4096, true) == Cells{block});
    CHECK(split("# %%\n" + block, 4096, true) == Cells{block});
    std::string line = "x = f'";
    for (int i = 0; i < 100'000; ++i) line += "{a}\\N{" + filler;
    CHECK(split(line + "'\n", 4096, true) == Cells{line + "'\n"});
    CHECK(split(line, 1, true) == Cells{line + "\n"});
    CHECK(std::clock() - begin < 20 * CLOCKS_PER_SEC);
}
