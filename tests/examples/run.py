#!/usr/bin/env python3
"""Run one example and compare what it prints with the regular expressions in NAME.out.

    run.py --program mpirepl --mpiexec mpiexec RANKS NAME [ARGUMENT...]

Each line of NAME.out is for a whole line of standard output, without its prefix.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent.parent / "examples" / "views"


def main() -> int:
    """Return 1, with what came, when it is not what was expected."""
    parser = argparse.ArgumentParser(description="Run one example.")
    parser.add_argument("--program", required=True)
    parser.add_argument("--mpiexec", required=True)
    parser.add_argument("ranks")
    parser.add_argument("name")
    parser.add_argument("arguments", nargs="*")
    args = parser.parse_args()
    command = [args.mpiexec, "-n", args.ranks, args.program, "--targets", "0"]
    command += [str(EXAMPLES / f"{args.name}.py"), *args.arguments]
    run = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    came = [line.removeprefix("[stdout:0]").strip() for line in run.stdout.splitlines()]
    want = (HERE / f"{args.name}.out").read_text().splitlines()
    right = len(came) == len(want) and all(map(re.fullmatch, want, came))
    if run.returncode == 0 and right and not run.stderr:
        return 0
    print(f"exit status {run.returncode}", *came, run.stderr, "expected was:", *want, sep="\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
