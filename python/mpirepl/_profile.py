"""What ranks have spent in MPI, as text and as a picture.

A row is (rank, calls, bytes sent, seconds of the cell, of it in MPI, of that waiting for other
ranks, {destination: bytes sent in messages}).
"""

UNITS = ("B", "kB", "MB", "GB", "TB")


def table(rows: list[tuple]) -> str:
    """Return a line for each rank, and one on the balance between them."""
    rows = sorted(rows)
    cells = [("rank", "calls", "sent", "in MPI", "waiting", "of the cell")]
    for rank, calls, sent, elapsed, in_mpi, waiting, _ in rows:
        share = f"{100 * in_mpi / elapsed:.0f} %" if elapsed else "0 %"
        cells.append((str(rank), str(calls), amount(sent), time(in_mpi), time(waiting), share))
    return "\n".join([*_aligned(cells), balance(rows)])


def balance(rows: list[tuple]) -> str:
    """Return how much longer than the mean the busiest rank works outside of waiting."""
    work = {row[0]: max(row[3] - row[5], 0.0) for row in rows}
    mean = sum(work.values()) / len(work)
    busiest = max(work, key=work.__getitem__)
    excess = 100 * (work[busiest] / mean - 1) if mean else 0
    return (
        f"imbalance {excess:.0f} %: rank {busiest} works {time(work[busiest])}, "
        f"the mean is {time(mean)}"
    )


def matrix(rows: list[tuple]) -> str:
    """Return the bytes that messages have carried, senders down, receivers across."""
    partners = _partners(rows)
    if not partners:
        return "no messages between ranks"
    cells = [("from \\ to", *map(str, partners))]
    sent = {row[0]: row[6] for row in rows}
    for rank in partners:
        amounts = (sent.get(rank, {}).get(other, 0) for other in partners)
        cells.append((str(rank), *(amount(n) if n else "-" for n in amounts)))
    return "\n".join(_aligned(cells))


def draw(rows: list[tuple], file: str) -> str:
    """Write the matrix as a picture; returns the file's name, empty without matplotlib."""
    partners = _partners(rows)
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return ""
    if not partners:
        return ""
    sent = {row[0]: row[6] for row in rows}
    figure = Figure()
    axes = figure.add_subplot()
    image = axes.imshow([[sent.get(a, {}).get(b, 0) for b in partners] for a in partners])
    axes.set(xlabel="to rank", ylabel="from rank", title="bytes sent")
    axes.set_xticks(range(len(partners)), map(str, partners))
    axes.set_yticks(range(len(partners)), map(str, partners))
    figure.colorbar(image)
    figure.savefig(file)
    return file


def amount(size: float) -> str:
    """Return a number of bytes in a readable unit."""
    for unit in UNITS:
        if size < 1000 or unit == UNITS[-1]:
            return f"{size:.3g} {unit}"
        size /= 1000
    return ""


def time(seconds: float) -> str:
    """Return a time in a readable unit."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3f} s"


def _partners(rows: list[tuple]) -> list[int]:
    return (
        sorted({rank for row in rows for rank in (row[0], *row[6])})
        if any(row[6] for row in rows)
        else []
    )


def _aligned(cells: list[tuple]) -> list[str]:
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return [
        "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True))
        for row in cells
    ]
