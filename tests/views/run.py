#!/usr/bin/env python3
"""Run the tests of the views inside mpirepl, or against ipyparallel itself.

    mpiexec -n 5 mpirepl --targets 0 tests/views/run.py            # all of them
    mpiexec -n 5 mpirepl --targets 0 tests/views/run.py scatter    # test_scatter.py
    mpiexec -n 5 mpirepl --targets 0 tests/views/run.py map.TestMap.test_empty
    PYTHONPATH=tests/views python3 tests/views/run.py --oracle 5   # what does ipyparallel do?

The last form starts a cluster of so many engines, to see what a test's expectation rests on.
"""

import argparse
import sys
import unittest
from pathlib import Path

import support

HERE = Path(__file__).resolve().parent
MAX_HANGS = 4


class Result(unittest.TextTestResult):
    """Tell of failures when they come, and give up after several tests that hung."""

    hangs = 0

    def startTest(self, test):
        super().startTest(test)
        self.stream.flush()

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.tell(self.failures)

    def addError(self, test, err):
        super().addError(test, err)
        self.tell(self.errors)
        if issubclass(err[0], support.Hung):
            self.hangs += 1
            if self.hangs >= MAX_HANGS:
                self.stop()

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.tell(self.failures if issubclass(err[0], test.failureException) else self.errors)

    def tell(self, failed):
        test, what = failed[-1]
        self.stream.write(f"\n{test}\n{what}\n")
        self.stream.flush()

    def printErrors(self):
        """Print nothing: all has been told."""


def choose(names: list[str]) -> unittest.TestSuite:
    """Load the named files, classes or tests; all files without a name."""
    loader = unittest.TestLoader()
    if not names:
        names = sorted(path.stem for path in HERE.glob("test_*.py"))
    return loader.loadTestsFromNames([f"test_{name.removeprefix('test_')}" for name in names])


def main() -> int:
    """Run what the command line names; 1 when any of it failed."""
    parser = argparse.ArgumentParser(description="Run the tests of the views.")
    parser.add_argument("--oracle", type=int, metavar="N", help="use ipyparallel, N engines")
    parser.add_argument("-k", dest="patterns", action="append", help="only tests that match")
    parser.add_argument("-v", "--verbose", action="store_true", help="name each test")
    parser.add_argument("-x", "--failfast", action="store_true")
    parser.add_argument("names", nargs="*", help="files, classes or tests, without test_")
    args = parser.parse_args()
    if args.oracle:
        support.start_cluster(args.oracle)
    if args.patterns:
        unittest.defaultTestLoader.testNamePatterns = args.patterns
    suite = choose(args.names)
    runner = unittest.TextTestRunner(
        stream=sys.stdout,
        verbosity=2 if args.verbose else 0,
        resultclass=Result,
        failfast=args.failfast,
    )
    try:
        result = runner.run(suite)
    finally:
        support.stop_cluster()
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
