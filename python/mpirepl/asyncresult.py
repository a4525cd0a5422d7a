"""Results of tasks that may still run."""

import builtins

from mpirepl._async_result import AsyncHubResult, AsyncResult
from mpirepl._map_result import AsyncMapResult
from mpirepl._waiting import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, wait

TimeoutError = builtins.TimeoutError

__all__ = [
    "ALL_COMPLETED",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "AsyncHubResult",
    "AsyncMapResult",
    "AsyncResult",
    "TimeoutError",
    "wait",
]
