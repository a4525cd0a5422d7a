"""The user's history of cells, in the file that IPython keeps it in.

The tables are IPython's: https://ipython.readthedocs.io/en/stable/api/generated/IPython.core.history.html
"""

import contextlib
import os
import time
from pathlib import Path

import _mpirepl

_TABLES = (
    "CREATE TABLE IF NOT EXISTS sessions (session INTEGER PRIMARY KEY AUTOINCREMENT,"
    " start TIMESTAMP, end TIMESTAMP, num_cmds INTEGER, remark TEXT)",
    "CREATE TABLE IF NOT EXISTS history (session INTEGER, line INTEGER, source TEXT,"
    " source_raw TEXT, PRIMARY KEY (session, line))",
    "CREATE TABLE IF NOT EXISTS output_history (session INTEGER, line INTEGER, output TEXT,"
    " PRIMARY KEY (session, line))",
)
_patience = 10.0  # seconds that another session may hold the file


def file() -> Path:
    """Return where IPython's default profile has its history."""
    home = os.environ.get("IPYTHONDIR") or os.path.join(os.path.expanduser("~"), ".ipython")
    return Path(home) / "profile_default" / "history.sqlite"


class History:
    """The session's part of the file. Where it cannot be used, a sentence says so, once."""

    def __init__(self):
        self._database = None
        self._line = 0
        try:
            import sqlite3

            self._error = (sqlite3.Error, OSError)
            file().parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                file(), timeout=_patience, isolation_level=None, check_same_thread=False
            )
            for table in _TABLES:
                self._database.execute(table)
            self._session = self._database.execute(
                "INSERT INTO sessions (start, remark) VALUES (?, '')", (_now(),)
            ).lastrowid
        except (ImportError, *getattr(self, "_error", (OSError,))) as error:
            self._give_up(error)

    def add(self, text: str) -> None:
        """Write a cell down; it is in the file when this returns."""
        if self._database is None:
            return
        self._line += 1
        text = text.rstrip("\n").encode("utf-8", "replace").decode()
        try:
            self._database.execute(
                "INSERT INTO history VALUES (?, ?, ?, ?)", (self._session, self._line, text, text)
            )
        except self._error as error:
            self._give_up(error)

    def last(self, count: int) -> list[str]:
        """Return the last cells of all sessions, the oldest first."""
        if self._database is None:
            return []
        rows = self._database.execute(
            "SELECT source_raw FROM history ORDER BY session DESC, line DESC LIMIT ?", (count,)
        ).fetchall()
        return [row[0] for row in reversed(rows)]

    def _give_up(self, error: Exception) -> None:
        if self._database is not None:
            with contextlib.suppress(Exception):
                self._database.close()
        self._database = None
        _mpirepl.say(f"mpirepl: the cells are not kept in {file()}: {error}", True)


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")
