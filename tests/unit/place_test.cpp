#include "embed/place.h"

#include <doctest/doctest.h>

using mpirepl::called_name;

TEST_CASE("place: the name of what an expression calls") {
    CHECK(called_name("allreduce(x)") == "allreduce");
    CHECK(called_name("comm.allreduce(f(x), (1, 2))") == "allreduce");
    CHECK(called_name("world.Dup().bcast(\n    x,\n    root=0)") == "bcast");
    CHECK(called_name("comms[i]['a)'].send(\")\", ']', dest=1)") == "send");
    CHECK(called_name("größe.summe()") == "summe");
    CHECK(called_name("vector.norm") == "norm");
    CHECK(called_name("name") == "name");
}

TEST_CASE("place: no name where nothing is called") {
    for (const char* expression :
         {"", "a + b(c)", "await f(x)", "a @ b", "f(x) + g", "(lambda: 1)()", ")", "f)", "'(",
          "f(\"", "f(x]", "[x for x in y]", "not a"})
        CHECK(called_name(expression).empty());
}
