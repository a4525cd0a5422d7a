"""Tests of the list of MPI's functions and of scripts/wrappers.py, which generates from it.

Usage: test_wrappers.py MPI_H; the variable CXX names the compiler.
"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUARD = ROOT / "src" / "guard"
HEADER = Path(sys.argv.pop(1))
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True

import wrappers  # noqa: E402

LIST = (GUARD / "calls.txt").read_text()
ALLREDUCE = """
int MPI_Allreduce_c(const void *sendbuf, void *recvbuf, MPI_Count count,
                    MPI_Datatype datatype, MPI_Op op, MPI_Comm comm);
"""
SEND = """
int MPI_Send_c(const void *buf, MPI_Count count, MPI_Datatype datatype, int dest,
               int tag, MPI_Comm comm) __attribute__((deprecated("old; use another(x)")));
"""
SENDRECV = """
int MPI_Sendrecv_c(const void *sendbuf, MPI_Count sendcount, MPI_Datatype sendtype, int dest,
                   int sendtag, void *recvbuf, MPI_Count recvcount, MPI_Datatype recvtype,
                   int source, int recvtag, MPI_Comm comm, MPI_Status *status);
"""


def generate(header: str, listed: str = LIST) -> str:
    """Return what is generated for the declarations `header`."""
    return wrappers.source(wrappers.read_list(listed), wrappers.parse_prototypes(header))


class TheList(unittest.TestCase):
    """src/guard/calls.txt and the mpi.h of this build."""

    def test_covers_this_mpi_h(self):
        """Each function has an entry, and all wrappers can be generated."""
        functions = wrappers.prototypes(HEADER)
        self.assertIn("MPI_Send", functions)
        self.assertIn("int MPI_Reduce(", wrappers.source(wrappers.read_list(LIST), functions))

    def test_names_what_is_missing(self):
        """A function that only the header knows stops the build."""
        with tempfile.TemporaryDirectory() as directory:
            header = Path(directory, "mpi.h")
            header.write_text("int MPI_Wait_for_ever(int rank); int MPI_Barrier(MPI_Comm comm);")
            done = subprocess.run(
                [sys.executable, wrappers.__file__, GUARD / "calls.txt", header],
                stderr=-1, text=True,
            )  # fmt: skip
        self.assertEqual(done.returncode, 1)
        self.assertIn("not listed: MPI_Wait_for_ever\n", done.stderr)

    def test_written_functions_are_written(self):
        """Each is defined in the file that the list names."""
        missing = []
        functions = wrappers.prototypes(HEADER)
        for entry in wrappers.read_list(LIST).values():
            if entry.kind != "written" or entry.name not in functions:
                continue
            file = GUARD / f"{entry.rest}.cpp"
            text = file.read_text() if file.exists() else ""
            if f"int {entry.name}(" not in text:
                missing.append(f"{entry.name} in {file.name}")
        self.assertEqual(missing, [])


class Generated(unittest.TestCase):
    """The wrappers."""

    def test_large_counts_of_collectives(self):
        """They are wrapped like the small ones, under the name of these."""
        text = generate(ALLREDUCE)
        self.assertIn("int MPI_Allreduce_c(const void *sendbuf, void *recvbuf, MPI_Count", text)
        self.assertIn('Call call("MPI_Allreduce", comm);', text)
        self.assertIn(
            "call.arrive({.op = op, .bytes = bytes, .numbers = details::numbers(datatype)", text
        )
        self.assertIn("PMPI_Allreduce_c(sendbuf, recvbuf, count, datatype, op, call.real())", text)
        self.assertIn('{"MPI_Allreduce_c", reinterpret_cast<void*>(&MPI_Allreduce_c)},', text)

    def test_large_counts_of_what_is_written(self):
        """They go to the small ones, with one element of a large type where the count is large."""
        text = generate(SEND)
        self.assertIn("return MPI_Send(buf, static_cast<int>(count), datatype", text)
        self.assertIn("const AsOne datatype_as_one(count, datatype);", text)
        self.assertIn("return MPI_Send(buf, 1, datatype_as_one.datatype(), dest, tag, comm);", text)
        text = generate(SENDRECV)
        self.assertIn("(sendbuf, 1, sendtype_as_one.datatype(), dest, sendtag, recvbuf, 1", text)
        text = generate(SENDRECV.replace("recv_c", "recv_replace_c").replace("sendbuf", "buf"))
        self.assertIn("return PMPI_Sendrecv_replace_c(", text)

    def test_exchanges_name_what_is_sent_and_received(self):
        """By the parameters that a collective has for it."""
        buffers = "const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, "
        text = generate(
            f"int MPI_Gatherv({buffers}const int recvcounts[], const int displs[], "
            "MPI_Datatype recvtype, int root, MPI_Comm comm);"
        )
        self.assertIn("{.way = Exchange::Way::gather, .sends = {sendcount, sendtype}, ", text)
        self.assertIn(".receives = {recvcounts, recvtype}, .root = root, ", text)
        self.assertIn(".in_place = sendbuf == MPI_IN_PLACE}", text)
        self.assertIn("call.arrive({.root = root}, &exchange)", text)

    def test_creating_calls_cross_the_handle(self):
        """Not the communicator that the user's messages cross."""
        text = generate("extern int MPI_Comm_dup(MPI_Comm comm, MPI_Comm *newcomm);")
        self.assertIn("return call.created(PMPI_Comm_dup(comm, newcomm), newcomm);", text)

    def test_a_list_that_does_not_fit(self):
        """The message names function and parameter."""
        header = "int MPI_Barrier(MPI_Comm comm);"
        for rest, message in {
            "bytes(count,datatype)": "MPI_Barrier has no parameter count",
            "rot": "'rot' is not understood",
        }.items():
            with self.subTest(rest), self.assertRaisesRegex(wrappers.ListError, message):
                generate(header, f"collective MPI_Barrier {rest}")

    def test_types_are_not_taken_for_functions(self):
        """Typedefs of functions, as callbacks have them, and other prefixes do not count."""
        header = "typedef int MPI_Copy_function(MPI_Comm); int PMPI_Foo(int a); int QMPI_Foo(int);"
        self.assertEqual(wrappers.parse_prototypes(header), {})


if __name__ == "__main__":
    unittest.main()
