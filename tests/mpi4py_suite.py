#!/usr/bin/env python3
"""Run mpi4py's own tests under python3 and under mpirepl, and compare what fails.

    tests/mpi4py_suite.py --program build/release/mpirepl --mpiexec mpiexec --python python3 SOURCES

SOURCES is the unpacked source distribution of the mpi4py that the interpreter imports.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

# They start processes from outside the session, or (MPI-4, Open MPI 5.0) hang beside any thread
# that polls MPI: see "Over MPI" in docs/architecture.md.
LEFT_OUT = ["-e", "spawn", "-e", "dynproc", "-e", "p2p_buf_part", "-x", "CreateFromGroup"]
TIMEOUT = 600


@dataclass(frozen=True)
class Result:
    """What a run of the tests says on all ranks together."""

    tests: set[int]
    failures: set[str]


def run(launch: list[str], command: list[str], sources: Path) -> Result:
    """Run the tests with a command that takes the name of their program."""
    program = "main.py" if (sources / "test" / "main.py").exists() else "runtests.py"
    left_out = LEFT_OUT if program == "main.py" else LEFT_OUT[:6]
    with tempfile.TemporaryDirectory() as folder:
        # A file for each rank, since a launcher tears the lines of several.
        script = f'exec "$@" >"{folder}/$OMPI_COMM_WORLD_RANK" 2>&1'
        arguments = [*command, str(sources / "test" / program), *left_out]
        launched = [*launch, "sh", "-c", script, "sh", *arguments]
        subprocess.run(launched, stdin=subprocess.DEVNULL, timeout=TIMEOUT, check=False)
        output = "\n".join(p.read_text(errors="replace") for p in Path(folder).iterdir())
    tests = {int(count) for count in re.findall(r"Ran (\d+) tests? in", output)}
    failures = set(re.findall(r"(?:FAIL|ERROR): (\w+ \(\S+\))", output))
    if not tests:
        print(output[-4000:])
    return Result(tests, failures)


def main() -> int:
    """Compare both runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--program", "--mpiexec", "--python"):
        parser.add_argument(name, required=True)
    parser.add_argument("--ranks", default="2")
    parser.add_argument("sources", type=Path)
    given = parser.parse_args()
    launch = [given.mpiexec, "-n", given.ranks]
    python = run(launch, [given.python], given.sources)
    ours = run(launch, [given.program], given.sources)
    print(f"{sorted(ours.tests)} tests under mpirepl, {sorted(python.tests)} under python3")
    print(f"fail under mpirepl: {sorted(ours.failures)}, under python3: {sorted(python.failures)}")
    same = ours.tests == python.tests and len(ours.tests) == 1
    return 0 if same and ours.failures <= python.failures else 1


if __name__ == "__main__":
    sys.exit(main())
