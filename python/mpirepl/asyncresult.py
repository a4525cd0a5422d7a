"""Results of tasks that may still run."""

import builtins

from mpirepl._async_result import AsyncResult
from mpirepl._map_result import AsyncGatherResult, AsyncMapResult
from mpirepl._waiting import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, wait

TimeoutError = builtins.TimeoutError
AsyncHubResult = AsyncResult  # there is no hub

__all__ = [
    "ALL_COMPLETED",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "AsyncGatherResult",
    "AsyncHubResult",
    "AsyncMapResult",
    "AsyncResult",
    "TimeoutError",
    "wait",
]
