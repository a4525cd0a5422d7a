"""The scenarios, by what they are about."""

import re

from terminal import ENTER, Terminal, ranks_of

KNOW_RANK = "from mpi4py import MPI; comm = MPI.COMM_WORLD; rank = comm.rank"


def know_rank(t: Terminal) -> None:
    """Run the cell that most scenarios begin with."""
    t.cell(KNOW_RANK)


def answer_everywhere(t: Terminal, question: str, text: str) -> None:
    """Answer a question that three ranks ask, in whatever order they come to it."""
    pattern = rf"\[stdin:\d\] {re.escape(question)}"
    for _ in range(3):
        asked = t.until(lambda: re.fullmatch(pattern, t.last_line()), "a question")
        t.type(text)
        t.asks(f"{asked[0]} ", text)
        t.type(ENTER)


def ranks_that_show(error: str, printed: str) -> list[int]:
    """Return the ranks whose errors end so, as often as that is; they may come apart."""
    folded = re.findall(rf"^\[error:([\d,-]+)\] {error}$", printed, re.MULTILINE)
    return sorted(rank for ranks in folded for rank in ranks_of(ranks))
